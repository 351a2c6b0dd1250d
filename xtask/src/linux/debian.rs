// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Debian packages that the guest is made of.
//!
//! They come through an apt state of our own, so that the host's dpkg and its list of architectures stay as they
//! are, from the mirror that the host's own packages come from. What was downloaded stays under `target/cache/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::host::Release;
use crate::host::mirror::{self, Mirrors};
use crate::progress::Spinner;
use crate::{paths, process};

/// The release whose kernel is booted.
const SUITE: &str = "bookworm";

/// The package that depends on the newest headers; their name tells the kernel's version.
const NEWEST_HEADERS: &str = "linux-headers-cloud-arm64:arm64";

const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(600);
const ASK_TIMEOUT: Duration = Duration::from_secs(60);

/// Debian's packages, unpacked into one folder.
pub struct Debian {
    root: PathBuf,
    /// The kernel's release, as `uname -r` says it.
    release: String,
}

impl Debian {
    /// Downloads and unpacks what is not there yet.
    pub fn fetch() -> Result<Self> {
        let root = paths::target().join("linux").join("debian");
        if !root.exists() {
            unpack(&download()?, &root)?;
        }
        let kernels =
            fs::read_dir(root.join("boot"))?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let release = kernels
            .filter_map(|name| name.strip_prefix("vmlinuz-").map(str::to_owned))
            .next()
            .with_context(|| format!("no kernel in {}", root.display()))?;
        Ok(Self { root, release })
    }

    /// Returns the kernel's Image.
    pub fn kernel(&self) -> PathBuf {
        self.root.join("boot").join(format!("vmlinuz-{}", self.release))
    }

    /// Returns the folder of the headers of this kernel's configuration.
    pub fn headers(&self) -> PathBuf {
        self.root.join("usr/src").join(format!("linux-headers-{}", self.release))
    }

    /// Returns the folder of the headers that all configurations of this kernel share.
    pub fn common_headers(&self) -> PathBuf {
        self.root.join("usr/src").join(common_headers(&self.release))
    }

    /// Returns the static busybox.
    pub fn busybox(&self) -> PathBuf {
        self.root.join("bin/busybox")
    }
}

fn common_headers(release: &str) -> String {
    let abi = release.strip_suffix("-cloud-arm64").unwrap_or(release);
    format!("linux-headers-{abi}-common")
}

/// Returns the folder of the package files.
fn download() -> Result<PathBuf> {
    let done = paths::cache().join("debian");
    if done.exists() {
        return Ok(done);
    }
    fs::create_dir_all(paths::cache())?;
    let partial = tempfile::tempdir_in(paths::cache())?;
    let apt = Apt::new(&paths::cache().join("apt"))?;
    apt.run("reading Debian's package lists", "apt-get", &["update"], partial.path())?;
    let answer =
        apt.run("looking for the kernel", "apt-cache", &["depends", NEWEST_HEADERS], partial.path())?;
    let release = newest_release(&answer).context("Debian's package lists name no cloud kernel for arm64")?;
    let packages = [
        &format!("linux-image-{release}:arm64"),
        &format!("linux-headers-{release}:arm64"),
        &common_headers(release),
        "linux-kbuild-6.1",
        "busybox-static:arm64",
    ];
    let words = [&["download"][..], &packages].concat();
    apt.run("downloading Debian's kernel", "apt-get", &words, partial.path())?;
    fs::rename(partial.path(), &done)?;
    Ok(done)
}

/// Finds the kernel's release in what `apt-cache depends` answers.
fn newest_release(answer: &str) -> Option<&str> {
    let package = answer.lines().find_map(|line| line.trim().strip_prefix("Depends: linux-headers-"))?;
    package.split(':').next()
}

fn unpack(packages: &Path, root: &Path) -> Result<()> {
    let parent = root.parent().context("the unpacked packages lie in a folder")?;
    fs::create_dir_all(parent)?;
    let partial = tempfile::tempdir_in(parent)?;
    for package in fs::read_dir(packages)? {
        let mut command = Command::new("dpkg-deb");
        command.arg("-x").arg(package?.path()).arg(partial.path());
        process::step("unpacking Debian's kernel", command, DOWNLOAD_TIMEOUT)?;
    }
    fs::rename(partial.path(), root)?;
    Ok(())
}

/// An apt with a state and an architecture of our own.
struct Apt {
    configuration: PathBuf,
}

impl Apt {
    /// Sets it up in `folder`.
    fn new(folder: &Path) -> Result<Self> {
        for sub in ["state/lists/partial", "cache/archives/partial", "none"] {
            fs::create_dir_all(folder.join(sub))?;
        }
        let host = ask("dpkg", &["--print-architecture"])?;
        let keyring = mirror::keyring().map(|file| format!(" signed-by={file}")).unwrap_or_default();
        let mirrors = Mirrors::of_host()?;
        let uri = mirrors.require(Release::of_host().codename())?;
        // Only the package lists: the host may be set up to fetch translations and more with them.
        let source = format!("deb [target=Packages{keyring}] {uri} {SUITE} main\n");
        fs::write(folder.join("sources.list"), source)?;
        fs::write(folder.join("state/status"), "")?;
        let configuration = folder.join("apt.conf");
        fs::write(&configuration, configure(folder, host.trim()))?;
        Ok(Self { configuration })
    }

    /// Runs one of apt's programs in `folder`; an error is apt's own line.
    fn run(&self, what: &str, program: &str, words: &[&str], folder: &Path) -> Result<String> {
        let mut command = Command::new(program);
        command.args(words).env("APT_CONFIG", &self.configuration).env("LC_ALL", "C").current_dir(folder);
        let spinner = Spinner::start(what);
        let mut output = Vec::new();
        let ended = process::stream(command, DOWNLOAD_TIMEOUT, |chunk| {
            spinner.note(chunk);
            output.extend_from_slice(chunk);
        })?;
        let output = String::from_utf8_lossy(&output).into_owned();
        if !ended.success() {
            let reason = output.lines().find(|line| line.starts_with("E: ")).map(str::to_owned);
            bail!("{what} failed (is there a network?): {}", reason.unwrap_or_else(|| ended.describe()));
        }
        Ok(output)
    }
}

fn configure(folder: &Path, host: &str) -> String {
    let folder = folder.display();
    format!(
        "#clear APT::Architectures;\n\
         APT::Architectures {{ \"{host}\"; \"arm64\"; }};\n\
         APT::Sandbox::User \"\";\n\
         APT::Update::Error-Mode \"any\";\n\
         Acquire::http::Timeout \"30\";\n\
         Dir::State \"{folder}/state\";\n\
         Dir::State::status \"{folder}/state/status\";\n\
         Dir::Cache \"{folder}/cache\";\n\
         Dir::Etc::sourcelist \"{folder}/sources.list\";\n\
         Dir::Etc::sourceparts \"{folder}/none\";\n\
         Dir::Etc::preferencesparts \"{folder}/none\";\n"
    )
}

fn ask(program: &str, words: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(words);
    process::output(command, ASK_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_in_the_name_of_the_headers() {
        let answer = "linux-headers-cloud-arm64:arm64\n  Depends: linux-headers-6.1.0-50-cloud-arm64:arm64\n";
        assert_eq!(newest_release(answer), Some("6.1.0-50-cloud-arm64"));
        assert_eq!(common_headers("6.1.0-50-cloud-arm64"), "linux-headers-6.1.0-50-common");
        assert_eq!(newest_release("W: nothing\n"), None);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Packages of any Debian suite, without a trace on the host.
//!
//! They come through an apt state of our own, so that the host's dpkg, its sources and its list of architectures
//! stay as they are, from the mirror that the host's own packages come from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::host::Release;
use crate::host::mirror::{self, Mirrors};
use crate::progress::Spinner;
use crate::{paths, process};

const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(600);
const ASK_TIMEOUT: Duration = Duration::from_secs(60);

/// An apt that knows some suites, for the host's architecture and arm64.
pub struct Apt {
    configuration: PathBuf,
    /// The suite that packages come from if several have them.
    suite: String,
}

impl Apt {
    /// Sets it up and reads the package lists of the suites, of which the last is preferred.
    pub fn of(suites: &[&str]) -> Result<Self> {
        // Only the package lists: the host may be set up to fetch translations and more with them.
        Self::with_lists(suites, "deb", "Packages")
    }

    /// Sets one up that knows the source packages of a suite.
    pub fn of_sources(suite: &str) -> Result<Self> {
        Self::with_lists(&[suite], "deb-src", "Sources")
    }

    fn with_lists(suites: &[&str], kind: &str, lists: &str) -> Result<Self> {
        let suite = *suites.last().context("packages come from a suite")?;
        let folder = paths::cache().join("apt").join(if kind == "deb" {
            suite.to_owned()
        } else {
            format!("{suite}-{kind}")
        });
        for sub in ["state/lists/partial", "cache/archives/partial", "none"] {
            fs::create_dir_all(folder.join(sub))?;
        }
        let mut command = Command::new("dpkg");
        command.arg("--print-architecture");
        let host = process::output(command, ASK_TIMEOUT)?;
        let keyring = mirror::keyring().map(|file| format!(" signed-by={file}")).unwrap_or_default();
        let mirrors = Mirrors::of_host()?;
        let uri = mirrors.require(Release::of_host().codename())?;
        let source = |suite: &&str| format!("{kind} [target={lists}{keyring}] {uri} {suite} main\n");
        fs::write(folder.join("sources.list"), suites.iter().map(source).collect::<String>())?;
        fs::write(folder.join("state/status"), "")?;
        let apt = Self { configuration: folder.join("apt.conf"), suite: suite.to_owned() };
        fs::write(&apt.configuration, configure(&folder, host.trim()))?;
        apt.run(&format!("reading the package lists of {suite}"), "apt-get", &["update"], &folder)?;
        Ok(apt)
    }

    /// Finds the package with a name of this start that `package` depends on; returns the name without it.
    pub fn newest(&self, package: &str, start: &str) -> Result<String> {
        let what = format!("looking for {package}");
        let answer = self.run(&what, "apt-cache", &["depends", package], &paths::cache())?;
        let name = dependency(&answer, start);
        name.map(str::to_owned).with_context(|| format!("{package} depends on no {start}*"))
    }

    /// Downloads packages into the new folder `done`: all or none.
    pub fn download(&self, what: &str, packages: &[&str], done: &Path) -> Result<()> {
        let partial = tempfile::tempdir_in(paths::cache())?;
        let words = [&["download"][..], packages].concat();
        self.run(&format!("downloading {what}"), "apt-get", &words, partial.path())?;
        fs::rename(partial.path(), done)?;
        Ok(())
    }

    /// Downloads the parts of a source package into the new folder `done`: all or none.
    pub fn download_source(&self, package: &str, done: &Path) -> Result<()> {
        let partial = tempfile::tempdir_in(paths::cache())?;
        let words = ["source", "--download-only", package];
        self.run(&format!("downloading the source of {package}"), "apt-get", &words, partial.path())?;
        fs::rename(partial.path(), done)?;
        Ok(())
    }

    /// Downloads packages of the host's architecture and all that they depend on, the C library included, into the new folder
    /// `done`: all or none.
    pub fn download_with_dependencies(&self, packages: &[&str], done: &Path) -> Result<()> {
        let partial = tempfile::tempdir_in(paths::cache())?;
        fs::create_dir(partial.path().join("partial"))?;
        let archives = format!("Dir::Cache::archives={}", partial.path().display());
        let words = ["install", "-y", "--download-only", "--no-install-recommends", "-o", &archives];
        let words = [&words[..], &["-t", &self.suite], packages].concat();
        self.run(
            &format!("downloading {} of {}", packages[0], self.suite),
            "apt-get",
            &words,
            partial.path(),
        )?;
        fs::rename(partial.path(), done)?;
        Ok(())
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

/// Unpacks a package file into `folder`.
pub fn unpack(package: &Path, folder: &Path) -> Result<()> {
    let mut command = Command::new("dpkg-deb");
    command.arg("-x").arg(package).arg(folder);
    process::step("unpacking Debian's packages", command, DOWNLOAD_TIMEOUT).map(drop)
}

/// Finds the rest of the name of a package that starts with `start` in what `apt-cache depends` answers.
fn dependency<'a>(answer: &'a str, start: &str) -> Option<&'a str> {
    let mut names = answer.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names.find_map(|name| name.strip_prefix(start)?.split(':').next())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_in_the_name_of_a_dependency() {
        let answer = "linux-headers-cloud-arm64:arm64\n  Depends: linux-headers-6.1.0-50-cloud-arm64:arm64\n";
        assert_eq!(dependency(answer, "linux-headers-"), Some("6.1.0-50-cloud-arm64"));
        assert_eq!(dependency("linux-source\n  Depends: linux-source-7.3\n", "linux-source-"), Some("7.3"));
        assert_eq!(dependency("W: nothing\n", "linux-source-"), None);
    }
}

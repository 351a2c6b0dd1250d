// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which QEMU runs: the host's own, one at a path, or one of a Debian release, beside the host's and not installed.
//!
//! A QEMU of a release is unpacked with every library that it needs, the C library included, and started by the dynamic
//! linker that came with them: what the host has does not matter.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};

use crate::apt::{self, Apt};
use crate::host::Version;
use crate::{paths, process};

/// The name of the program.
const NAME: &str = "qemu-system-aarch64";

/// How long it may take to say what it is.
const ASK_TIMEOUT: Duration = Duration::from_secs(30);

/// The QEMU that the user chose.
static CHOSEN: OnceLock<Program> = OnceLock::new();

/// A QEMU that a Debian release packages.
#[derive(Debug, PartialEq, Eq)]
pub struct Release {
    /// How it is called on the command line: as much of its version as tells it from the others.
    name: &'static str,
    /// The suites that it comes from, the one with QEMU last.
    suites: &'static [&'static str],
    /// Packages beside QEMU's own with files that it does not start without.
    extra: &'static [&'static str],
}

/// The oldest that has a usable sbsa-ref, the one that most people have, and the newest.
pub static RELEASES: [Release; 3] = [
    Release { name: "7.2", suites: &["bookworm"], extra: &["ipxe-qemu", "seabios"] },
    Release { name: "10", suites: &["bookworm", "bookworm-backports"], extra: &[] },
    Release { name: "11", suites: &["trixie", "trixie-backports"], extra: &[] },
];

/// A QEMU to start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// The first one on the search path.
    #[default]
    OnPath,
    /// The one at this path.
    At(PathBuf),
    /// One of a Debian release.
    Of(&'static Release),
}

impl FromStr for Program {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        ensure!(!text.is_empty(), "no QEMU is named");
        let release = RELEASES.iter().find(|release| release.name == text);
        Ok(release.map_or_else(|| Self::At(PathBuf::from(text)), Self::Of))
    }
}

impl Program {
    /// Makes all runs that do not say otherwise use this one.
    pub fn choose(self) {
        CHOSEN.set(self).expect("the QEMU is chosen once, from the command line");
    }

    /// Returns the one that the user chose, or the host's own.
    pub fn chosen() -> Self {
        CHOSEN.get().cloned().unwrap_or_default()
    }

    /// Returns the file to start.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::OnPath => PathBuf::from(NAME),
            Self::At(path) => path.clone(),
            Self::Of(release) => release.folder().join(NAME),
        }
    }

    /// Sees that it is there, and can be the machine that the firmware is for. One of a release is fetched.
    pub fn ensure(&self) -> Result<()> {
        if let Self::Of(release) = self {
            release.fetch()?;
        }
        let version = self.version()?;
        ensure!(
            self.lists("-machine", "sbsa-ref")?,
            "{} (version {version}) has no machine sbsa-ref",
            self.path().display()
        );
        Ok(())
    }

    /// Returns the version, as it says it.
    pub fn version(&self) -> Result<Version> {
        let answer = self.ask(&["--version"])?;
        Version::parse(&answer).with_context(|| format!("{} does not say its version", self.path().display()))
    }

    /// Tells whether it has a kind of core.
    pub fn offers_cpu(&self, cpu: &str) -> Result<bool> {
        self.lists("-cpu", cpu)
    }

    /// Tells whether it can put the machine's cores into clusters: it can since it tells the firmware of them.
    pub fn has_clusters(&self) -> Result<bool> {
        // It puts a file of its own in the place of this one, which must be nothing else, and no device.
        let folder = tempfile::tempdir_in(paths::target())?;
        let machine = format!("sbsa-ref,dumpdtb={}", folder.path().join("tree.dtb").display());
        let words = ["-machine", &machine, "-smp", "2,clusters=2", "-display", "none", "-nic", "none"];
        Ok(self.ask(&[&words[..], &["-global", "bochs-display.romfile="]].concat()).is_ok())
    }

    /// Tells whether a name is in its list of what an option takes.
    fn lists(&self, option: &str, name: &str) -> Result<bool> {
        Ok(is_listed(&self.ask(&[option, "help"])?, name))
    }

    fn ask(&self, words: &[&str]) -> Result<String> {
        let mut command = Command::new(self.path());
        command.args(words);
        process::output(command, ASK_TIMEOUT)
    }
}

fn is_listed(help: &str, name: &str) -> bool {
    help.lines().any(|line| line.split_whitespace().next() == Some(name))
}

impl Release {
    /// Returns the name on the command line.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns where it is unpacked.
    fn folder(&self) -> PathBuf {
        paths::target().join("qemu").join(self.name)
    }

    /// Downloads and unpacks it, unless it is there.
    fn fetch(&self) -> Result<()> {
        let folder = self.folder();
        if folder.exists() {
            return Ok(());
        }
        let packages = paths::cache().join(format!("qemu-{}", self.name));
        if !packages.exists() {
            let wanted = [&["qemu-system-arm"][..], self.extra].concat();
            Apt::of(self.suites)?.download_with_dependencies(&wanted, &packages)?;
        }
        let parent = folder.parent().context("it is unpacked into a folder")?;
        fs::create_dir_all(parent)?;
        let partial = tempfile::tempdir_in(parent)?;
        for entry in fs::read_dir(&packages)? {
            let package = entry?.path();
            if package.extension().is_some_and(|extension| extension == "deb") {
                apt::unpack(&package, partial.path())?;
            }
        }
        let wrapper = partial.path().join(NAME);
        fs::write(&wrapper, start(partial.path())?)?;
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
        // The name of the folder says that all of it is there.
        fs::rename(partial.path(), &folder)?;
        Ok(())
    }
}

/// Writes the script that starts the QEMU unpacked in `root`, wherever the folder is then.
fn start(root: &Path) -> Result<String> {
    let mut libraries = BTreeSet::new();
    let mut linker = None;
    walk(root, &mut |file| {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("ld-linux") {
            linker = Some(file.to_path_buf());
        }
        if name.starts_with("lib") && name.contains(".so") {
            libraries.extend(file.parent().map(Path::to_path_buf));
        }
    })?;
    let linker = linker.context("no dynamic linker among the packages")?;
    let here = |path: &Path| format!("$here/{}", path.strip_prefix(root).unwrap_or(path).display());
    let libraries: Vec<_> = libraries.iter().map(|folder| here(folder)).collect();
    Ok(format!(
        "#!/bin/sh\nhere=$(dirname \"$(readlink -f \"$0\")\")\nexec \"{}\" --library-path \"{}\" \
         \"$here/usr/bin/{NAME}\" -L \"$here/usr/share/qemu\" -L \"$here/usr/share/seabios\" \"$@\"\n",
        here(&linker),
        libraries.join(":"),
    ))
}

/// Calls `visit` for every file below a folder. Links to folders are not followed: Debian's lead to names of the host.
fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), visit)?;
        } else {
            visit(&entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_release_or_a_path() {
        assert_eq!("11".parse::<Program>().unwrap(), Program::Of(&RELEASES[2]));
        assert_eq!("10.0".parse::<Program>().unwrap(), Program::At("10.0".into()));
        assert_eq!("/opt/qemu".parse::<Program>().unwrap().path(), Path::new("/opt/qemu"));
        assert!("".parse::<Program>().is_err());
        let error = Program::At("/no/such/qemu".into()).ensure().unwrap_err().to_string();
        assert!(error.contains("/no/such/qemu"), "{error}");
    }

    #[test]
    fn names_in_a_list_of_qemu_are_whole() {
        let machines = "Supported machines are:\nsabrelite  Freescale\nsbsa-ref   QEMU 'SBSA Reference'\n";
        assert!(is_listed(machines, "sbsa-ref"));
        assert!(!is_listed("sbsa-ref-2  another\nvirt  like sbsa-ref\n", "sbsa-ref"));
        assert!(is_listed("Available CPUs:\n  cortex-a57\n  max\n", "max"));
    }

    #[test]
    fn the_script_starts_what_was_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert!(start(root).unwrap_err().to_string().contains("no dynamic linker"));
        for file in
            ["lib64/ld-linux-x86-64.so.2", "usr/lib/a/libc.so.6", "usr/lib/a/b/libpulse.so", "usr/lib/c/x.so"]
        {
            let file = root.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let script = start(root).unwrap();
        assert!(script.contains("\"$here/lib64/ld-linux-x86-64.so.2\""), "{script}");
        assert!(script.contains("--library-path \"$here/usr/lib/a:$here/usr/lib/a/b\""), "{script}");
    }
}

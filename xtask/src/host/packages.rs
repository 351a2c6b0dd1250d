// SPDX-License-Identifier: MIT OR Apache-2.0

//! Installing packages on Debian and its kin.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::mirror::{self, Mirrors};
use super::release::Release;
use super::{ASK_TIMEOUT, answers, brief};
use crate::process;

/// How long apt may take, downloads included.
const APT_TIMEOUT: Duration = Duration::from_secs(900);

/// Where we add the suite with newer packages.
const BACKPORTS_SOURCES: &str = "/etc/apt/sources.list.d/quell-backports.sources";

/// What to install.
#[derive(Default)]
pub struct Packages {
    plain: Vec<&'static str>,
    backports: Vec<&'static str>,
}

impl Packages {
    /// Asks for a package of the release.
    pub fn add(&mut self, name: &'static str) {
        self.plain.push(name);
    }

    /// Asks for a package of the suite with newer versions.
    pub fn add_from_backports(&mut self, name: &'static str) {
        self.backports.push(name);
    }

    fn names(&self) -> String {
        [self.plain.as_slice(), &self.backports].concat().join(", ")
    }

    /// Returns the install commands, one for each suite that is needed.
    fn commands(&self, release: &Release) -> Vec<Vec<String>> {
        let suites = [(&self.plain, None), (&self.backports, Some(release.backports()))];
        suites
            .into_iter()
            .filter(|(names, _)| !names.is_empty())
            .map(|(names, suite)| {
                let options = ["apt-get", "install", "-y", "--no-install-recommends"].map(str::to_owned);
                let suite = suite.into_iter().flat_map(|suite| ["-t".to_owned(), suite]);
                options.into_iter().chain(suite).chain(names.iter().map(|&name| name.to_owned())).collect()
            })
            .collect()
    }
}

/// Installs the packages; the error names them and the commands that would.
pub fn install(packages: &Packages, release: &Release) -> Result<()> {
    let commands = packages.commands(release);
    if commands.is_empty() {
        return Ok(());
    }
    try_install(packages, &commands, release).map_err(|error| {
        let by_hand: Vec<_> = commands.iter().map(|words| format!("sudo {}", words.join(" "))).collect();
        let source = match packages.backports.is_empty() {
            true => String::new(),
            false => format!(" (with {} in apt's sources)", release.backports()),
        };
        let (names, reason, by_hand) = (packages.names(), brief(&error), by_hand.join(" && "));
        anyhow!("missing: {names} ({reason}); install with: {by_hand}{source}")
    })
}

fn try_install(packages: &Packages, commands: &[Vec<String>], release: &Release) -> Result<()> {
    if !answers("apt-get") {
        bail!("this system has no apt-get");
    }
    let become_root = privilege().context("neither root nor sudo without a password")?;
    eprintln!("installing {} with apt-get", packages.names());
    if !packages.backports.is_empty() {
        add_backports(become_root, release)?;
    }
    run(become_root, &["apt-get", "update"].map(str::to_owned))?;
    commands.iter().try_for_each(|command| run(become_root, command))
}

/// Returns what has to stand before a command so that it runs as root.
fn privilege() -> Option<&'static [&'static str]> {
    if rustix::process::geteuid().is_root() {
        return Some(&[]);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", "true"]);
    process::output(command, ASK_TIMEOUT).is_ok().then_some(&["sudo", "-n"])
}

fn run(become_root: &[&str], words: &[String]) -> Result<()> {
    // `env`, because sudo does not pass the environment on.
    let prefix = become_root.iter().copied().chain(["env", "DEBIAN_FRONTEND=noninteractive"]);
    let mut all = prefix.chain(words.iter().map(String::as_str));
    let mut command = Command::new(all.next().context("no command")?);
    command.args(all);
    if words[0] == "apt-get" {
        command.args(["-o", "Acquire::http::Timeout=30", "-o", "DPkg::Lock::Timeout=120"]);
    }
    process::step(&words.join(" "), command, APT_TIMEOUT).map(drop)
}

/// Makes the suite with newer packages known to apt, from where the release's own packages come.
fn add_backports(become_root: &[&str], release: &Release) -> Result<()> {
    let mirrors = Mirrors::of_host()?;
    if mirrors.find(&release.backports()).is_some() {
        return Ok(());
    }
    let uri = mirrors.require(release.codename())?;

    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), stanza(uri, &release.backports(), mirror::keyring()))?;
    let from = file.path().display().to_string();
    run(become_root, &["install", "-m", "644", &from, BACKPORTS_SOURCES].map(str::to_owned))?;
    eprintln!("added {} to apt's sources ({BACKPORTS_SOURCES})", release.backports());
    Ok(())
}

/// Writes a deb822 source of one suite.
fn stanza(uri: &str, suite: &str, keyring: Option<&str>) -> String {
    let signed_by = keyring.map(|path| format!("Signed-By: {path}\n")).unwrap_or_default();
    format!("Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\n{signed_by}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bookworm() -> Release {
        Release::parse("VERSION_CODENAME=bookworm\n")
    }

    #[test]
    fn commands_for_each_suite() {
        let mut packages = Packages::default();
        assert!(packages.commands(&bookworm()).is_empty());
        packages.add("cpio");
        packages.add_from_backports("qemu-system-arm");
        let commands: Vec<_> = packages.commands(&bookworm()).iter().map(|words| words.join(" ")).collect();
        let install = "apt-get install -y --no-install-recommends";
        let expected =
            [format!("{install} cpio"), format!("{install} -t bookworm-backports qemu-system-arm")];
        assert_eq!(commands, expected);
    }

    #[test]
    fn a_stanza_for_apt() {
        let expected = "Types: deb\nURIs: uri:/debian/\nSuites: bookworm-backports\nComponents: main\n\
                        Signed-By: /keys.gpg\n";
        assert_eq!(stanza("uri:/debian/", "bookworm-backports", Some("/keys.gpg")), expected);
        assert!(!stanza("uri:/debian/", "bookworm-backports", None).contains("Signed-By"));
    }
}

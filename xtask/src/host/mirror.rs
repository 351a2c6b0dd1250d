// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the host's own packages come from. Whatever else is fetched from Debian comes from there, too.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, anyhow};

use super::ASK_TIMEOUT;
use crate::process;

/// The keys of Debian's archive, where Debian keeps them.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The sources that the host's apt knows.
pub struct Mirrors(String);

impl Mirrors {
    /// Asks apt.
    pub fn of_host() -> Result<Self> {
        let mut command = Command::new("apt-get");
        command.args(["indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"]);
        process::output(command, ASK_TIMEOUT).map(Self)
    }

    /// Returns where a suite comes from, if apt knows it.
    pub fn find(&self, suite: &str) -> Option<&str> {
        let mut targets = self.0.lines().filter_map(|line| line.split_once(' '));
        targets.find(|(name, _)| *name == suite).map(|(_, uri)| uri)
    }

    /// Returns where a suite comes from, or says that apt does not know it.
    pub fn require(&self, suite: &str) -> Result<&str> {
        self.find(suite).ok_or_else(|| anyhow!("apt knows no source of {suite}"))
    }
}

/// Returns the file with the keys of Debian's archive, if it is there.
pub fn keyring() -> Option<&'static str> {
    Path::new(KEYRING).exists().then_some(KEYRING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_is_found_by_its_whole_name() {
        let targets = "bookworm-updates uri:/updates/\nbookworm uri:/debian/\nbookworm-security uri:/sec/\n";
        let mirrors = Mirrors(targets.to_owned());
        assert_eq!(mirrors.find("bookworm"), Some("uri:/debian/"));
        assert_eq!(mirrors.find("bookworm-backports"), None);
        let error = mirrors.require("trixie").unwrap_err().to_string();
        assert_eq!(error, "apt knows no source of trixie");
    }
}

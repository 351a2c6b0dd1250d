// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which release the host runs, and which version a tool has.

use std::fmt;
use std::fs;

/// The oldest QEMU whose sbsa-ref tells the firmware about its interrupt controller.
const OLDEST_QEMU: Version = Version::new(8, 0);

/// The Debian release whose own QEMU is older than that, and whose backports have a newer one.
const OLD_RELEASE: &str = "bookworm";

/// The version of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    /// Makes a version.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Finds the version in what a tool answers to `--version`.
    pub fn parse(answer: &str) -> Option<Self> {
        answer.lines().next()?.split_whitespace().find_map(|word| {
            let mut numbers = word.split('.');
            let major = numbers.next()?.parse().ok()?;
            let minor = numbers.next()?.parse().ok()?;
            Some(Self { major, minor })
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The release that the host runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// Its code name, such as `bookworm`; empty if it has none.
    codename: String,
}

impl Release {
    /// Reads which release the host runs.
    pub fn of_host() -> Self {
        Self::parse(&fs::read_to_string("/etc/os-release").unwrap_or_default())
    }

    pub(super) fn parse(os_release: &str) -> Self {
        let codename = os_release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
        Self { codename: codename.unwrap_or_default().trim_matches('"').to_owned() }
    }

    /// Returns the release's code name.
    pub fn codename(&self) -> &str {
        &self.codename
    }

    /// Returns the name of the suite with newer versions for this release.
    pub fn backports(&self) -> String {
        format!("{}-backports", self.codename)
    }

    /// Tells whether a newer QEMU than the release's own must be fetched.
    pub fn wants_qemu_of_backports(&self, installed: Option<&Version>) -> bool {
        self.codename == OLD_RELEASE && installed.is_none_or(|version| *version < OLDEST_QEMU)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_tools_say_them() {
        let debian = "QEMU emulator version 7.2.17 (Debian 1:7.2+dfsg-7+deb12u13)\nCopyright (c) 2003-2022\n";
        assert_eq!(Version::parse(debian), Some(Version { major: 7, minor: 2 }));
        assert_eq!(Version::parse("QEMU emulator version 11.1").unwrap().to_string(), "11.1");
        assert_eq!(Version::parse("no version 8"), None);
        assert_eq!(Version::parse(""), None);
        assert!(Version::parse("v 10.0").unwrap() > Version::parse("v 8.2").unwrap());
    }

    #[test]
    fn only_the_old_release_needs_backports() {
        let (old, new) = (Version { major: 7, minor: 2 }, Version { major: 10, minor: 0 });
        let bookworm = Release::parse("ID=debian\nVERSION_CODENAME=bookworm\n");
        assert_eq!(bookworm.backports(), "bookworm-backports");
        assert!(bookworm.wants_qemu_of_backports(None));
        assert!(bookworm.wants_qemu_of_backports(Some(&old)));
        assert!(!bookworm.wants_qemu_of_backports(Some(&new)));
        let trixie = Release::parse("VERSION_CODENAME=\"trixie\"\n");
        assert_eq!(trixie.codename(), "trixie");
        assert!(!trixie.wants_qemu_of_backports(None));
        assert!(!Release::parse("ID=arch\n").wants_qemu_of_backports(Some(&old)));
    }
}

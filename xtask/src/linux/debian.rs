// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Debian packages that the guest is made of. What was downloaded stays under `target/cache/`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::apt::{self, Apt};
use crate::paths;

/// The release whose kernel is booted.
const SUITE: &str = "bookworm";

/// The package that depends on the newest headers; their name tells the kernel's version.
const NEWEST_HEADERS: &str = "linux-headers-cloud-arm64:arm64";

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
    if !done.exists() {
        let apt = Apt::of(&[SUITE])?;
        let release = apt.newest(NEWEST_HEADERS, "linux-headers-")?;
        let packages = [
            &format!("linux-image-{release}:arm64"),
            &format!("linux-headers-{release}:arm64"),
            &common_headers(&release),
            "linux-kbuild-6.1",
            "busybox-static:arm64",
        ];
        apt.download("Debian's kernel", &packages, &done)?;
    }
    Ok(done)
}

fn unpack(packages: &Path, root: &Path) -> Result<()> {
    let parent = root.parent().context("the unpacked packages lie in a folder")?;
    fs::create_dir_all(parent)?;
    let partial = tempfile::tempdir_in(parent)?;
    for package in fs::read_dir(packages)? {
        apt::unpack(&package?.path(), partial.path())?;
    }
    fs::rename(partial.path(), root)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_in_two_packages() {
        assert_eq!(common_headers("6.1.0-50-cloud-arm64"), "linux-headers-6.1.0-50-common");
    }
}

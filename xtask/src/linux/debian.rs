// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Debian packages that the guest is made of. What was downloaded stays under `target/cache/`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::apt::{self, Apt};
use crate::paths;

/// The release whose kernel is booted.
const SUITE: &str = "bookworm";

/// The suite with the newest kernel for Debian's stable release.
pub const BACKPORTS: &str = "trixie-backports";

/// The package that depends on the newest kernel; its name tells the version.
const NEWEST_KERNEL: &str = "linux-image-cloud-arm64:arm64";

/// The package that depends on the newest headers; their name tells the kernel's version.
const NEWEST_HEADERS: &str = "linux-headers-cloud-arm64:arm64";

/// The version of Xen in that release.
const XEN: &str = "4.17";

/// kexec-tools, and what has its libraries: it can start a kernel under Xen, too.
const KEXEC_PACKAGES: [&str; 11] = [
    "kexec-tools",
    "libc6",
    "libxencall1",
    "libxendevicemodel1",
    "libxenevtchn1",
    "libxenforeignmemory1",
    "libxengnttab1",
    "libxenmisc4.17",
    "libxentoolcore1",
    "libxentoollog1",
    "zlib1g",
];

/// Debian's packages, unpacked into one folder.
pub struct Debian {
    root: PathBuf,
    /// The kernel's release, as `uname -r` says it.
    release: String,
}

impl Debian {
    /// Downloads and unpacks what is not there yet.
    pub fn fetch() -> Result<Self> {
        let root = fetch("debian", SUITE, packages)?;
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

/// Returns the Image of the newest kernel that Debian has.
pub fn newest_kernel() -> Result<PathBuf> {
    let root = fetch("debian-newest", BACKPORTS, |apt| {
        let release = apt.newest(NEWEST_KERNEL, "linux-image-")?;
        Ok(vec![format!("linux-binary-{release}:arm64")])
    })?;
    let image = only_entry(&root.join("usr/lib/modules"))?.join("vmlinuz");
    ensure!(is_plain(&fs::read(&image)?), "{} is no uncompressed Image", image.display());
    Ok(image)
}

/// Tells whether a kernel can be started where it was loaded: a compressed one (EFI zboot) has to unpack itself under UEFI.
fn is_plain(image: &[u8]) -> bool {
    image.get(56..).is_some_and(|rest| rest.starts_with(b"ARM\x64"))
}

/// Returns the hypervisor.
pub fn xen() -> Result<PathBuf> {
    let root = fetch("debian-xen", SUITE, |_| Ok(vec![format!("xen-hypervisor-{XEN}-arm64:arm64")]))?;
    Ok(root.join(format!("boot/xen-{XEN}-arm64")))
}

/// Returns the folder with kexec and the libraries that it is linked to.
pub fn kexec_tools() -> Result<PathBuf> {
    fetch("debian-kexec", SUITE, |_| {
        Ok(KEXEC_PACKAGES.iter().map(|package| format!("{package}:arm64")).collect())
    })
}

/// Returns the packages of the release's kernel, of its modules' headers and of its userspace.
fn packages(apt: &Apt) -> Result<Vec<String>> {
    let release = apt.newest(NEWEST_HEADERS, "linux-headers-")?;
    Ok(vec![
        format!("linux-image-{release}:arm64"),
        format!("linux-headers-{release}:arm64"),
        common_headers(&release),
        "linux-kbuild-6.1".to_owned(),
        "busybox-static:arm64".to_owned(),
    ])
}

/// Downloads and unpacks `packages` of `suite` unless they are there; returns the folder `name` that they are in.
fn fetch(name: &str, suite: &str, packages: impl FnOnce(&Apt) -> Result<Vec<String>>) -> Result<PathBuf> {
    let root = paths::target().join("linux").join(name);
    if root.exists() {
        return Ok(root);
    }
    let files = paths::cache().join(name);
    if !files.exists() {
        let apt = Apt::of(&[suite])?;
        let packages = packages(&apt)?;
        apt.download(
            &format!("packages of {suite}"),
            &packages.iter().map(String::as_str).collect::<Vec<_>>(),
            &files,
        )?;
    }
    unpack(&files, &root)?;
    Ok(root)
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

fn only_entry(folder: &Path) -> Result<PathBuf> {
    let entry = fs::read_dir(folder)?.next().with_context(|| format!("{} is empty", folder.display()))?;
    Ok(entry?.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_image_starts_without_uefi() {
        let plain = [&[0; 56][..], b"ARM\x64"].concat();
        assert!(is_plain(&plain));
        assert!(!is_plain(&[b"MZ\0\0zimg", &plain[8..56]].concat()));
        assert!(!is_plain(&plain[1..]));
    }

    #[test]
    fn headers_come_in_two_packages() {
        assert_eq!(common_headers("6.1.0-50-cloud-arm64"), "linux-headers-6.1.0-50-common");
    }
}

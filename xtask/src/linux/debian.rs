// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Debian packages that the guest is made of. What was downloaded stays under `target/cache/`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::runnable;
use crate::apt::{self, Apt};
use crate::paths;

/// The release whose kernel is booted.
const SUITE: &str = "bookworm";

/// The suite with the newest kernel for Debian's stable release.
pub const BACKPORTS: &str = "trixie-backports";

/// Debian's stable release, which that suite is for: the tools of its kernels need its C library.
const STABLE: &str = "trixie";

/// The program of the host that a module is built with and that needs a C library as new as itself.
const MODPOST: &str = "scripts/mod/modpost.real-lsb-64";

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

/// The userspace of a guest.
pub struct Userspace {
    root: PathBuf,
}

impl Userspace {
    /// Downloads and unpacks what is not there yet.
    pub fn fetch() -> Result<Self> {
        Ok(Self { root: fetch("debian", SUITE, packages)? })
    }

    /// Returns the static busybox.
    pub fn busybox(&self) -> PathBuf {
        self.root.join("bin/busybox")
    }
}

/// One of Debian's kernels, and what its modules are built with.
pub struct Kernel {
    root: PathBuf,
    /// What `uname -r` says.
    release: String,
    image: PathBuf,
}

impl Kernel {
    /// The release's own. Downloads and unpacks what is not there yet.
    pub fn stable() -> Result<Self> {
        let root = fetch("debian", SUITE, packages)?;
        let kernels =
            fs::read_dir(root.join("boot"))?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let release = kernels
            .filter_map(|name| name.strip_prefix("vmlinuz-").map(str::to_owned))
            .next()
            .with_context(|| format!("no kernel in {}", root.display()))?;
        let image = root.join("boot").join(format!("vmlinuz-{release}"));
        Ok(Self { root, release, image })
    }

    /// The newest one that Debian has. Downloads and unpacks what is not there yet.
    pub fn newest() -> Result<Self> {
        let root = fetch("debian-backports", BACKPORTS, newest_packages)?;
        let libc = fetch("debian-libc", STABLE, |_| Ok(vec!["libc6".to_owned()]))?;
        let folder = only_entry(&root.join("usr/lib/modules"))?;
        let release =
            folder.file_name().and_then(|name| name.to_str()).context("a release has a name")?.to_owned();
        let image = folder.join("vmlinuz");
        ensure!(is_plain(&fs::read(&image)?), "{} is no uncompressed Image", image.display());
        let kbuild = root.join("usr/lib").join(format!("linux-kbuild-{}", abi(&release)));
        runnable::make(&kbuild.join(MODPOST), &libc)?;
        Ok(Self { root, release, image })
    }

    /// Returns what `uname -r` says.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// Returns the kernel's Image.
    pub fn image(&self) -> &Path {
        &self.image
    }

    /// Returns the folder of the headers of this kernel's configuration.
    pub fn headers(&self) -> PathBuf {
        self.root.join("usr/src").join(format!("linux-headers-{}", self.release))
    }

    /// Returns the folder of the headers that all configurations of this kernel share.
    pub fn common_headers(&self) -> PathBuf {
        self.root.join("usr/src").join(common_headers(&self.release))
    }
}

/// Returns a release without the name of its configuration.
fn abi(release: &str) -> &str {
    release.strip_suffix("-cloud-arm64").unwrap_or(release)
}

fn common_headers(release: &str) -> String {
    format!("linux-headers-{}-common", abi(release))
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

/// Returns the packages of the newest kernel and of its modules' headers.
fn newest_packages(apt: &Apt) -> Result<Vec<String>> {
    let release = apt.newest(NEWEST_HEADERS, "linux-headers-")?;
    Ok(vec![
        format!("linux-binary-{release}:arm64"),
        format!("linux-headers-{release}:arm64"),
        common_headers(&release),
        format!("linux-kbuild-{}", abi(&release)),
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
        assert_eq!(common_headers("7.3.4+deb13-cloud-arm64"), "linux-headers-7.3.4+deb13-common");
    }
}

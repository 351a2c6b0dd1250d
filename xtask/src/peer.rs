// SPDX-License-Identifier: MIT OR Apache-2.0

//! Firmware other than ours: an image that somebody has, or TF-A, which people use today on sbsa-ref, built from Debian's source
//! package. Nothing of it is in this repository; what was built is kept under `target/cache/`, by the package's version.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::apt::Apt;
use crate::board::Board;
use crate::host::{self, Tool};
use crate::{paths, process};

/// Where the package comes from, and its name.
const SUITE: &str = "trixie";
const PACKAGE: &str = "arm-trusted-firmware";

/// The platform's name in its build.
const PLATFORM: &str = "qemu_sbsa";

/// Where the platform expects the package of all later stages in flash, behind the first one.
const FIP_OFFSET: u64 = 0x1_2000;

const UNPACK_TIMEOUT: Duration = Duration::from_secs(120);
const BUILD_TIMEOUT: Duration = Duration::from_secs(900);

/// What stands for TF-A where firmware is named.
const TF_A: &str = "tf-a";

/// Other firmware, as an option names it: an image of the whole first flash bank, or `tf-a`.
#[derive(Clone, Debug)]
pub struct Firmware(PathBuf);

impl From<OsString> for Firmware {
    fn from(name: OsString) -> Self {
        Self(name.into())
    }
}

impl Firmware {
    /// Returns the image of the flash bank.
    pub fn flash0(&self) -> Result<PathBuf> {
        if self.0 == Path::new(TF_A) {
            return tf_a();
        }
        ensure!(self.0.is_file(), "no flash image {}", self.0.display());
        Ok(self.0.clone())
    }

    /// Returns what it is called: TF-A, or as its file without what that ends with.
    pub fn name(&self) -> String {
        if self.0 == Path::new(TF_A) {
            return "TF-A".to_owned();
        }
        self.0.file_stem().unwrap_or(self.0.as_os_str()).to_string_lossy().into_owned()
    }
}

/// Builds TF-A for sbsa-ref, unless it is there; returns it as a whole flash bank.
fn tf_a() -> Result<PathBuf> {
    let source = paths::cache().join("tf-a-source");
    if !source.exists() {
        Apt::of_sources(SUITE)?.download_source(PACKAGE, &source)?;
    }
    let description = description_in(&source)?;
    let bank = paths::cache().join(format!("tf-a-{}.fd", version(&description)?));
    if bank.exists() {
        return Ok(bank);
    }
    host::ensure(Tool::PEER)?;
    let folder = tempfile::tempdir_in(paths::target())?;
    let tree = folder.path().join("tf-a");
    let mut unpack = Command::new("dpkg-source");
    // apt has compared the parts with what Debian has signed.
    unpack.args(["--no-check", "-x"]).arg(&description).arg(&tree);
    process::step("unpacking TF-A", unpack, UNPACK_TIMEOUT)?;
    let built = compile(&tree)?;
    // In two steps, so that what has the name of a flash bank is a whole one.
    let partial = bank.with_extension("partial");
    assemble(&built, &partial)?;
    fs::rename(partial, &bank)?;
    Ok(bank)
}

/// Finds the file that describes a source package.
fn description_in(folder: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let is_description = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "dsc");
    files
        .into_iter()
        .find(is_description)
        .with_context(|| format!("no source package in {}", folder.display()))
}

/// Returns the version in the name of a description, `NAME_VERSION.dsc`.
fn version(description: &Path) -> Result<&str> {
    let name = description.file_stem().and_then(|name| name.to_str());
    let version = name.and_then(|name| name.split('_').nth(1));
    version.with_context(|| format!("{} is not named as a source package", description.display()))
}

/// Builds it; returns the folder with what was built.
fn compile(tree: &Path) -> Result<PathBuf> {
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let mut make = Command::new("make");
    make.current_dir(tree).arg(format!("-j{jobs}")).arg(format!("PLAT={PLATFORM}"));
    make.args(["CROSS_COMPILE=aarch64-linux-gnu-", "DEBUG=0", "bl1", "fip"]);
    // Debian's rules for its own programs are none for firmware.
    for variable in ["CFLAGS", "CPPFLAGS", "LDFLAGS", "MAKEFLAGS", "MAKELEVEL"] {
        make.env_remove(variable);
    }
    process::step("building TF-A", make, BUILD_TIMEOUT)?;
    Ok(tree.join("build").join(PLATFORM).join("release"))
}

/// Writes the first stage and the package of the others into a flash bank.
fn assemble(built: &Path, bank: &Path) -> Result<()> {
    let [first, package] = ["bl1.bin", "fip.bin"]
        .map(|name| fs::read(built.join(name)).with_context(|| format!("TF-A was built without {name}")));
    let (first, package) = (first?, package?);
    let size = Board::SbsaRef.flash_size();
    ensure!(first.len() as u64 <= FIP_OFFSET, "TF-A's first stage has {} bytes", first.len());
    ensure!(FIP_OFFSET + package.len() as u64 <= size, "TF-A does not fit into flash");
    let mut file = File::create(bank)?;
    file.write_all(&first)?;
    file.seek(SeekFrom::Start(FIP_OFFSET))?;
    file.write_all(&package)?;
    file.set_len(size)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_are_in_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let bank = folder.path().join("bank");
        fs::write(folder.path().join("bl1.bin"), b"first").unwrap();
        assert!(assemble(folder.path(), &bank).unwrap_err().to_string().contains("fip.bin"));
        fs::write(folder.path().join("fip.bin"), b"package").unwrap();
        assemble(folder.path(), &bank).unwrap();
        assert_eq!(fs::metadata(&bank).unwrap().len(), Board::SbsaRef.flash_size());
        let mut start = vec![0; FIP_OFFSET as usize + 7];
        std::io::Read::read_exact(&mut File::open(&bank).unwrap(), &mut start).unwrap();
        assert!(start.starts_with(b"first\0") && start.ends_with(b"\0package"));
        fs::write(folder.path().join("bl1.bin"), vec![0; FIP_OFFSET as usize + 1]).unwrap();
        assert!(assemble(folder.path(), &bank).is_err());
    }

    #[test]
    fn a_source_package_says_its_version() {
        let folder = tempfile::tempdir().unwrap();
        assert!(description_in(folder.path()).is_err());
        let file = folder.path().join("firmware_2.12+dfsg-1.dsc");
        fs::write(&file, "").unwrap();
        assert_eq!(description_in(folder.path()).unwrap(), file);
        assert_eq!(version(&file).unwrap(), "2.12+dfsg-1");
        assert!(version(Path::new("firmware.dsc")).is_err());
    }
}

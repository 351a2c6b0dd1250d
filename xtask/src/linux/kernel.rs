// SPDX-License-Identifier: MIT OR Apache-2.0

//! A kernel with a configuration that Debian does not offer, built from Debian's source package.
//!
//! That takes minutes, so the Image is kept under `target/cache/` by the package's version and the configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::debian::BACKPORTS;
use crate::apt::{self, Apt};
use crate::host::{self, Tool};
use crate::{paths, process};

/// The package that depends on the newest source.
const NEWEST_SOURCE: &str = "linux-source";

const UNPACK_TIMEOUT: Duration = Duration::from_secs(600);
const CONFIGURE_TIMEOUT: Duration = Duration::from_secs(300);
const BUILD_TIMEOUT: Duration = Duration::from_secs(3600);

/// Builds a kernel of `tinyconfig` and the options in the file `fragment`, with patches; returns its Image. The files are named
/// from the repository's root.
pub fn build(fragment: &str, patches: &[&str]) -> Result<PathBuf> {
    let package = download()?;
    let read =
        |file: &&str| fs::read_to_string(paths::root().join(file)).with_context(|| format!("no {file}"));
    let options = read(&fragment)?;
    let ingredients = patches.iter().map(read).collect::<Result<String>>()? + &options;
    let images = paths::cache().join("kernel");
    let image = images.join(format!("Image-{}-{:016x}", version(&package)?, hash(ingredients.as_bytes())));
    if image.exists() {
        return Ok(image);
    }
    host::ensure(Tool::KERNEL)?;
    // Two gigabytes, and nothing of them is needed afterwards. What a run that was broken off left goes first.
    let folder = paths::target().join("linux/kernel");
    remove(&folder)?;
    let source = unpack(&package, &folder)?;
    patches.iter().try_for_each(|patch| apply(&source, &paths::root().join(patch)))?;
    let built = compile(&source, &options)?;
    fs::create_dir_all(&images)?;
    // In two steps, so that what has the name of an Image is a whole one.
    let partial = image.with_extension("partial");
    fs::copy(built, &partial)?;
    fs::rename(partial, &image)?;
    remove(&folder)?;
    Ok(image)
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

/// Returns the package file.
fn download() -> Result<PathBuf> {
    let done = paths::cache().join("linux-source");
    if !done.exists() {
        let apt = Apt::of(&[BACKPORTS])?;
        let start = format!("{NEWEST_SOURCE}-");
        let newest = apt.newest(NEWEST_SOURCE, &start)?;
        apt.download("the kernel's source", &[&format!("{start}{newest}")], &done)?;
    }
    only_file(&done)
}

/// Returns the version in the name of a package file, `NAME_VERSION_ARCHITECTURE.deb`.
fn version(package: &Path) -> Result<&str> {
    let name = package.file_name().and_then(|name| name.to_str());
    let version = name.and_then(|name| name.split('_').nth(1));
    version.with_context(|| format!("{} is not named as a package", package.display()))
}

/// Hashes with FNV-1a: a name for the cache must not change with the toolchain.
fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Unpacks the package and the archive in it; returns the source's folder.
fn unpack(package: &Path, folder: &Path) -> Result<PathBuf> {
    let (files, source) = (folder.join("package"), folder.join("source"));
    fs::create_dir_all(&source)?;
    apt::unpack(package, &files)?;
    let mut command = Command::new("tar");
    command.args(["--extract", "--xz", "--strip-components=1", "--file"]);
    command.arg(only_file(&files.join("usr/src"))?).arg("--directory").arg(&source);
    process::step("unpacking the kernel's source", command, UNPACK_TIMEOUT)?;
    Ok(source)
}

/// Applies a patch, which has to be as the kernel's own script wants it.
fn apply(source: &Path, patch: &Path) -> Result<()> {
    let mut check = Command::new("perl");
    check.args(["scripts/checkpatch.pl", "--strict", "--no-tree"]).arg(patch).current_dir(source);
    process::step("checking the patch", check, CONFIGURE_TIMEOUT)?;
    let mut command = Command::new("patch");
    command.args(["--strip=1", "--fuzz=0", "--batch", "--input"]).arg(patch).current_dir(source);
    process::step("patching the kernel", command, CONFIGURE_TIMEOUT)?;
    Ok(())
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let mut files = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    files.next().with_context(|| format!("{} is empty", folder.display()))
}

/// Configures and builds in the source's folder; returns the Image in it.
fn compile(source: &Path, options: &str) -> Result<PathBuf> {
    let make = |target: &str| {
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        let mut command = Command::new("make");
        command.arg("-C").arg(source).arg(format!("-j{jobs}"));
        command.args(["ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-", target]);
        command
    };
    process::step("configuring the kernel", make("tinyconfig"), CONFIGURE_TIMEOUT)?;
    let configuration = source.join(".config");
    // The last word on an option counts.
    fs::write(&configuration, fs::read_to_string(&configuration)? + options)?;
    process::step("configuring the kernel", make("olddefconfig"), CONFIGURE_TIMEOUT)?;
    let lost = lost(options, &fs::read_to_string(&configuration)?);
    ensure!(lost.is_empty(), "the kernel does not take {}: what they depend on is missing", lost.join(", "));
    process::step("building a kernel (some minutes)", make("Image"), BUILD_TIMEOUT)?;
    Ok(source.join("arch/arm64/boot/Image"))
}

/// Returns the options that are not in a configuration.
fn lost<'a>(options: &'a str, configuration: &str) -> Vec<&'a str> {
    let wanted = options.lines().filter(|line| line.starts_with("CONFIG_"));
    wanted.filter(|option| !configuration.lines().any(|line| line == *option)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_by_what_it_is_made_of() {
        let package = Path::new("cache/linux-source-7.3_7.3.4-1~bpo13+1_all.deb");
        assert_eq!(version(package).unwrap(), "7.3.4-1~bpo13+1");
        assert!(version(Path::new("cache/source.tar")).is_err());
        // Values of FNV-1a's authors.
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn an_option_that_the_kernel_drops_is_named() {
        let options = "# The checker\nCONFIG_SMP=y\nCONFIG_PM=y\n";
        assert_eq!(lost(options, "CONFIG_SMP=y\n# CONFIG_PM is not set\n"), ["CONFIG_PM=y"]);
        assert!(lost(options, "CONFIG_PM=y\nCONFIG_SMP=y\n").is_empty());
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What runs on the machine: the firmware's flash image and the payloads that start after it.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};

use crate::flatten::flatten;
use crate::{paths, process, qemu};

/// The target that firmware and payloads are built for: no FP or SIMD register is touched.
pub const TARGET: &str = "aarch64-unknown-none-softfloat";

/// The most that the firmware may take in flash.
const BUDGET: usize = 65536;

/// Where the second flash bank lies, and the payload in it.
const FLASH1_BASE: u64 = 0x1000_0000;

/// Up to which size functions are inlined. Of the values that were tried, the deepest path takes least of the stack for
/// its size in flash.
const INLINE_THRESHOLD: &str = "-Cllvm-args=--inline-threshold=75";

/// How long a build may take, downloads of its dependencies included.
const BUILD_TIMEOUT: Duration = Duration::from_secs(900);

/// The firmware, built.
#[derive(Clone)]
pub struct Image {
    /// The ELF file.
    pub elf: PathBuf,
    /// The image without padding, `target/quell.bin`.
    pub bin: PathBuf,
    /// The size of the image without padding.
    pub size: usize,
    /// The image as a whole flash bank, `target/SBSA_FLASH0.fd`.
    pub flash0: PathBuf,
}

/// Returns a cargo command, to be run in the workspace's root.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(args).current_dir(paths::root());
    command
}

/// Builds the firmware, once in a run of xtask.
pub fn build() -> Result<Image> {
    static BUILT: OnceLock<Result<Image, String>> = OnceLock::new();
    BUILT.get_or_init(|| build_now().map_err(|error| format!("{error:#}"))).clone().map_err(Error::msg)
}

fn build_now() -> Result<Image> {
    let elf = compile("quell-bl31", "bl31")?;
    let image = flatten(&fs::read(&elf)?, 0, qemu::FLASH_SIZE).with_context(|| elf.display().to_string())?;
    let bin = paths::target().join("quell.bin");
    let flash0 = paths::target().join("SBSA_FLASH0.fd");
    fs::write(&bin, &image)?;
    qemu::pad(&bin, &flash0)?;
    within_budget(image.len())?;
    Ok(Image { elf, bin, size: image.len(), flash0 })
}

fn within_budget(size: usize) -> Result<()> {
    ensure!(size <= BUDGET, "the firmware takes {size} bytes of flash, its budget is {BUDGET}");
    Ok(())
}

/// Builds a payload of package `conformance` and returns its flash image.
pub fn payload(bin: &str) -> Result<PathBuf> {
    let elf = compile("conformance", bin)?;
    let image = flatten(&fs::read(&elf)?, FLASH1_BASE, qemu::FLASH_SIZE)
        .with_context(|| elf.display().to_string())?;
    let path = paths::target().join(bin).with_extension("bin");
    fs::write(&path, image)?;
    Ok(path)
}

/// Builds a program for the machine and returns its ELF file.
fn compile(package: &str, bin: &str) -> Result<PathBuf> {
    let args = ["build", "--release", "--target", TARGET, "--package", package, "--bin", bin];
    let mut command = cargo(&args);
    let mut flags = same_everywhere();
    flags.push(INLINE_THRESHOLD.to_owned());
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    process::step(&format!("building {package}"), command, BUILD_TIMEOUT)?;
    Ok(paths::target().join(TARGET).join("release").join(bin))
}

/// Returns the compiler's flags that keep the places of this machine out of the image: messages name
/// the source files of dependencies, wherever cargo has put them.
fn same_everywhere() -> Vec<String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let sources = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok()).into_iter().flatten();
    sources.flatten().map(|source| format!("--remap-path-prefix={}/=", source.path().display())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_a_limit() {
        within_budget(65536).unwrap();
        assert!(within_budget(65537).unwrap_err().to_string().contains("65537"));
    }
}

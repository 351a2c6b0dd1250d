// SPDX-License-Identifier: MIT OR Apache-2.0

//! What runs on the machine: the firmware's flash image and the payloads that start after it.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};

use crate::board::Board;
use crate::flatten::flatten;
use crate::{paths, process, qemu};

/// The target that firmware and payloads are built for: no FP or SIMD register is touched.
pub const TARGET: &str = "aarch64-unknown-none-softfloat";

/// The most that the firmware may take in flash.
const BUDGET: usize = 65536;

/// Up to which size functions are inlined. Of the values that were tried, the deepest path takes least of the stack for
/// its size in flash.
const INLINE_THRESHOLD: &str = "-Cllvm-args=--inline-threshold=25";

/// How long a build may take, downloads of its dependencies included.
const BUILD_TIMEOUT: Duration = Duration::from_secs(900);

/// The firmware, built.
#[derive(Clone)]
pub struct Image {
    /// The ELF file.
    pub elf: PathBuf,
    /// The image without padding.
    pub bin: PathBuf,
    /// The size of the image without padding.
    pub size: usize,
    /// The image as a whole flash bank.
    pub flash0: PathBuf,
}

/// Returns a cargo command, to be run in the workspace's root.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(args).current_dir(paths::root());
    command
}

/// Builds the firmware for a machine, once in a run of xtask.
pub fn build(board: Board) -> Result<Image> {
    static BUILT: [OnceLock<Result<Image, String>>; Board::ALL.len()] =
        [const { OnceLock::new() }; Board::ALL.len()];
    let built = &BUILT[board as usize];
    built.get_or_init(|| build_now(board).map_err(|error| format!("{error:#}"))).clone().map_err(Error::msg)
}

fn build_now(board: Board) -> Result<Image> {
    let built = compile(board, "quell-bl31", "bl31")?;
    let bin = paths::target().join(format!("quell{}.bin", board.suffix()));
    // The next build, for another machine, will be in the same place.
    let elf = bin.with_extension("elf");
    fs::copy(&built, &elf)?;
    let image =
        flatten(&fs::read(&elf)?, 0, board.flash_size()).with_context(|| elf.display().to_string())?;
    let flash0 = paths::target().join(board.flash0());
    fs::write(&bin, &image)?;
    qemu::pad(&bin, &flash0, board.flash_size())?;
    within_budget(image.len())?;
    Ok(Image { elf, bin, size: image.len(), flash0 })
}

fn within_budget(size: usize) -> Result<()> {
    ensure!(size <= BUDGET, "the firmware takes {size} bytes of flash, its budget is {BUDGET}");
    Ok(())
}

/// Builds a payload of package `conformance` for a machine, once in a run of xtask, and returns its flash image; the ELF file
/// lies beside it.
pub fn payload(board: Board, bin: &'static str) -> Result<PathBuf> {
    static BUILT: Mutex<BTreeMap<(&str, &str), PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().expect("nobody panics with it");
    if let Some(path) = built.get(&(board.name(), bin)) {
        return Ok(path.clone());
    }
    let path = payload_now(board, bin)?;
    built.insert((board.name(), bin), path.clone());
    Ok(path)
}

fn payload_now(board: Board, bin: &str) -> Result<PathBuf> {
    let built = compile(board, "conformance", bin)?;
    let path = paths::target().join(format!("{bin}{}.bin", board.suffix()));
    let elf = path.with_extension("elf");
    fs::copy(&built, &elf)?;
    let image = flatten(&fs::read(&elf)?, board.flash1(), board.flash_size())
        .with_context(|| elf.display().to_string())?;
    fs::write(&path, image)?;
    Ok(path)
}

/// Builds a program for a machine and returns its ELF file.
fn compile(board: Board, package: &str, bin: &str) -> Result<PathBuf> {
    let mut args = vec!["build", "--release", "--target", TARGET, "--package", package, "--bin", bin];
    args.extend(board.feature().into_iter().flat_map(|feature| ["--features", feature]));
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

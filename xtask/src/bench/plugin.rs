// SPDX-License-Identifier: MIT OR Apache-2.0

//! The plugin of QEMU's that counts instructions: how it is built, and how QEMU is told to use it.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::board::Board;
use crate::host::Version;
use crate::qemu::{Machine, Program};
use crate::{paths, process};

const SOURCE: &str = "tests/bench/count.c";

/// The QEMUs that it is for: the interface of plugins changes, and with it what the kind of core `max` has.
const QEMU: Range<Version> = Version::new(10, 0)..Version::new(11, 0);

const COMPILE_TIMEOUT: Duration = Duration::from_secs(60);

/// How QEMU cuts code into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// As it likes.
    Long,
    /// One instruction to each.
    OfOne,
}

/// Fails if the QEMU that was chosen is none that the plugin is for.
pub fn ensure_qemu() -> Result<()> {
    let version = Program::chosen().version()?;
    let Range { start, end } = QEMU;
    ensure!(
        (start..end).contains(&version),
        "the plugin that counts is for QEMU {start} and later, below {end}: this is {version}"
    );
    Ok(())
}

/// Builds the plugin with the host's C compiler, which is there: cargo links with it.
pub fn build() -> Result<PathBuf> {
    let folder = paths::target().join("bench");
    fs::create_dir_all(&folder)?;
    let library = folder.join("count.so");
    let mut command = Command::new("cc");
    command.args(["-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]);
    command.arg(&library).arg(paths::root().join(SOURCE));
    process::output(command, COMPILE_TIMEOUT)?;
    Ok(library)
}

/// Makes a machine count what runs in the firmware's memory, into the file `out`, and the same in every run: its cores take turns
/// on one thread, an instruction takes a nanosecond, and what QEMU draws by chance has a seed.
pub fn attach(machine: Machine, plugin: &Path, board: Board, blocks: Blocks, out: &Path) -> Machine {
    let ranges = [0..board.flash_size(), board.secure_ram()];
    let ranges: String =
        ranges.iter().map(|range| format!(",el3={:x}-{:x}", range.start, range.end)).collect();
    let plugin = format!("{}{ranges},out={}", plugin.display(), out.display());
    let accelerator = match blocks {
        Blocks::Long => "tcg,thread=single",
        Blocks::OfOne => "tcg,thread=single,one-insn-per-tb=on",
    };
    let arguments = ["-accel", accelerator, "-icount", "shift=0,sleep=off", "-seed", "1", "-plugin", &plugin];
    arguments.iter().fold(machine, |machine, argument| machine.arg(argument))
}

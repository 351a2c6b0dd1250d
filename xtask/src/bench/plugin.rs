// SPDX-License-Identifier: MIT OR Apache-2.0

//! The plugin of QEMU's that counts instructions: how it is built, and how QEMU is told to use it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::board::Board;
use crate::qemu::Machine;
use crate::{paths, process};

const SOURCE: &str = "tests/bench/count.c";

const COMPILE_TIMEOUT: Duration = Duration::from_secs(60);

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
pub fn attach(machine: Machine, plugin: &Path, board: Board, out: &Path) -> Machine {
    let ranges = [0..board.flash_size(), board.secure_ram()];
    let ranges: String =
        ranges.iter().map(|range| format!(",el3={:x}-{:x}", range.start, range.end)).collect();
    let plugin = format!("{}{ranges},out={}", plugin.display(), out.display());
    let arguments =
        ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-seed", "1", "-plugin", &plugin];
    arguments.iter().fold(machine, |machine, argument| machine.arg(argument))
}

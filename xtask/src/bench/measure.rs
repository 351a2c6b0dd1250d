// SPDX-License-Identifier: MIT OR Apache-2.0

//! One run of the payload on one machine.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::operation::Operation;
use super::{marks, plugin};
use crate::board::Board;
use crate::image;
use crate::paths;
use crate::qemu::Machine;

/// What the payload's last line says.
const DONE: &str = "bench: done";

/// How the lines start in which the payload says what it could not measure.
const LEFT_OUT: &str = "bench: no ";

/// How long a run may take, and how much longer for each core.
const TIMEOUT: Duration = Duration::from_secs(60);
const CORE_TIMEOUT: Duration = Duration::from_millis(500);

/// What one firmware took on one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// The instructions of each operation that could be measured.
    pub instructions: Vec<(Operation, u64)>,
    /// Why others could not.
    pub left_out: Vec<String>,
}

impl Measured {
    /// Returns the instructions of an operation.
    pub fn of(&self, operation: Operation) -> Option<u64> {
        self.instructions.iter().find(|(other, _)| *other == operation).map(|&(_, count)| count)
    }
}

/// Runs the payload on a flash bank of firmware.
pub fn run(board: Board, flash0: &Path, cores: u32, cpu: &str) -> Result<Measured> {
    let payload = image::payload(board, "bench")?;
    let folder = tempfile::tempdir_in(paths::target())?;
    let out = folder.path().join("marks");
    let machine = Machine::new(board, flash0)
        .name("bench")
        .flash1(&payload)
        .smp(cores)
        .cpu(cpu)
        .timeout(TIMEOUT + CORE_TIMEOUT * cores);
    let outcome = plugin::attach(machine, &plugin::build()?, board, &out).run(|_| {})?;
    outcome.check_power_off()?;
    let done = outcome.console.lines().any(|line| line == DONE);
    let last = || format!("the payload did not come to its end:\n{}", outcome.console.trim_end());
    let marks = done.then(|| fs::read_to_string(&out)).with_context(last)??;
    let left_out = outcome.console.lines().filter_map(|line| line.strip_prefix(LEFT_OUT));
    Ok(Measured { instructions: marks::read(&marks)?, left_out: left_out.map(str::to_owned).collect() })
}

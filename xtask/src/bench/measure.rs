// SPDX-License-Identifier: MIT OR Apache-2.0

//! One run of the payload on one machine.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::operation::Operation;
use super::plugin::Blocks;
use super::row::has_row;
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
    /// Others, and why they could not.
    pub left_out: Vec<(Operation, String)>,
}

impl Measured {
    /// Takes what was counted, without what did not do what it should: it was counted nevertheless.
    fn new(mut instructions: Vec<(Operation, u64)>, left_out: Vec<(Operation, String)>) -> Self {
        instructions.retain(|(operation, _)| left_out.iter().all(|(other, _)| other != operation));
        Self { instructions, left_out }
    }

    /// Returns the instructions of an operation.
    pub fn of(&self, operation: Operation) -> Option<u64> {
        self.instructions.iter().find(|(other, _)| *other == operation).map(|&(_, count)| count)
    }

    /// Says which rows of a machine stay empty, and why.
    pub fn missing(&self, whose: &str, cores: u32) -> impl Iterator<Item = String> {
        let rows = self.left_out.iter().filter(move |(operation, _)| has_row(*operation, cores));
        rows.map(move |(operation, why)| format!("{whose}: no {}: {why}", operation.name()))
    }
}

/// Runs the payload on a flash bank of firmware.
pub fn run(board: Board, flash0: &Path, cores: u32, cpu: &str) -> Result<Measured> {
    run_in(board, flash0, cores, cpu, Blocks::Long)
}

/// Runs the payload with code cut into blocks of some kind: that must not change what is counted.
pub fn run_in(board: Board, flash0: &Path, cores: u32, cpu: &str, blocks: Blocks) -> Result<Measured> {
    let payload = image::payload(board, "bench")?;
    let folder = tempfile::tempdir_in(paths::target())?;
    let out = folder.path().join("marks");
    let machine = Machine::new(board, flash0)
        .name("bench")
        .flash1(&payload)
        .smp(cores)
        .cpu(cpu)
        .timeout(TIMEOUT + CORE_TIMEOUT * cores);
    let outcome = plugin::attach(machine, &plugin::build()?, board, blocks, &out).run(|_| {})?;
    outcome.check_power_off()?;
    let done = outcome.console.lines().any(|line| line == DONE);
    let last = || format!("the payload did not come to its end:\n{}", outcome.console.trim_end());
    let marks = done.then(|| fs::read_to_string(&out)).with_context(last)??;
    let left_out = outcome.console.lines().filter_map(left_out).collect();
    Ok(Measured::new(marks::read(&marks)?, left_out))
}

/// Reads a line that says what could not be measured, and why.
fn left_out(line: &str) -> Option<(Operation, String)> {
    let (name, why) = line.strip_prefix(LEFT_OUT)?.split_once(": ")?;
    let operation = Operation::ALL.into_iter().find(|operation| operation.name() == name)?;
    Some((operation, why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_does_not_count() {
        let counted = vec![(Operation::Mask, 5), (Operation::Boot, 7)];
        let measured = Measured::new(counted, vec![(Operation::Mask, "why".to_owned())]);
        assert_eq!((measured.of(Operation::Mask), measured.of(Operation::Boot)), (None, Some(7)));
        assert_eq!(measured.missing("it", 4).collect::<Vec<_>>(), ["it: no mask: why"]);
        assert_eq!(
            Measured { left_out: vec![(Operation::CpuOff, String::new())], ..measured }
                .missing("it", 1)
                .count(),
            0
        );
    }

    #[test]
    fn what_is_left_out_has_a_reason() {
        let expected = (Operation::Mask, "none: at all".to_owned());
        assert_eq!(left_out("bench: no mask: none: at all"), Some(expected));
        assert_eq!(left_out("bench: no such: why"), None);
        assert_eq!(left_out("bench: done"), None);
    }
}

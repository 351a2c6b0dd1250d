// SPDX-License-Identifier: MIT OR Apache-2.0

//! The demonstration: four cores come up, one stops listening, and the firmware stops the machine all the same.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::board::Board;
use crate::conformance::parameters_offset;
use crate::qemu::Machine;
use crate::test::{Log, Tally};
use crate::{image, timeline};

/// The cores of the machine.
const CORES: u32 = 4;

/// The last line of a demonstration that went well.
const PASS: &str = "demo: PASS";

const TIMEOUT: Duration = Duration::from_secs(60);

/// What the demonstration reads to print the times of its stop.
const TIMELINE: &[u8] = b"timeline=1\n\0";

/// Runs the demonstration with each line of the console given to `on_line`; returns a picture of its stop, if one is
/// wanted.
pub fn run(board: Board, timeline: bool, mut on_line: impl FnMut(&str)) -> Result<Option<String>> {
    let firmware = image::build(board)?;
    let payload = image::payload(board, "demo")?;
    let mut machine =
        Machine::new(board, &firmware.flash0).name("demo").smp(CORES).flash1(&payload).timeout(TIMEOUT);
    if timeline {
        machine = machine.flash1_bytes(parameters_offset(board), TIMELINE);
    }
    let outcome = machine.run(|line| on_line(line))?;
    outcome.check()?;
    ensure!(passed(&outcome.console), "the guest powered off, but its last line is not `{PASS}`");
    timeline.then(|| timeline::draw(&outcome.console, CORES)).transpose()
}

/// The case of `cargo xtask test` that looks at the picture.
pub fn timeline(log: &mut Log) -> Result<Tally> {
    let drawing = run(Board::default(), true, |line| log.line(line))?.context("a picture was asked for")?;
    log.line(&drawing);
    timeline::check(&drawing, CORES)?;
    Ok(Tally::pass())
}

fn passed(console: &str) -> bool {
    console.lines().rfind(|line| !line.trim().is_empty()) == Some(PASS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_decides() {
        assert!(passed("core 0 up\ndemo: PASS\n\n"));
        assert!(!passed("demo: PASS\ncore 2 crashed\n"));
        assert!(!passed("demo: FAIL\n"));
        assert!(!passed(""));
    }
}

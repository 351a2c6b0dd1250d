// SPDX-License-Identifier: MIT OR Apache-2.0

//! The demonstration: four cores come up, one stops listening, and the firmware stops the machine all the same.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::image;
use crate::qemu::Machine;

/// The last line of a demonstration that went well.
const PASS: &str = "demo: PASS";

const TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the demonstration with each line of the console given to `on_line`.
pub fn run(mut on_line: impl FnMut(&str)) -> Result<()> {
    let firmware = image::build()?;
    let payload = image::payload("demo")?;
    let machine = Machine::new(&firmware.flash0).name("demo").flash1(&payload).timeout(TIMEOUT);
    let outcome = machine.run(|line| on_line(line))?;
    outcome.check()?;
    ensure!(passed(&outcome.console), "the guest powered off, but its last line is not `{PASS}`");
    Ok(())
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

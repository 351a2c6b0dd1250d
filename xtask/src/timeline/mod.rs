// SPDX-License-Identifier: MIT OR Apache-2.0

//! A stop as a picture: an SVG file with one row for each core.
//!
//! The guest prints the times on its console, in ticks of the system counter: one line of the core that stopped the
//! others, and one line of each other core, with what STATUS says of it (`parse`). The axis leaves out long times in
//! which nothing happens, and says so (`axis`). Each row and each mark carries what it stands for as attributes, which
//! the tests read back (`check`).

mod axis;
mod check;
mod draw;
mod parse;

use anyhow::Result;

pub use check::check;
pub use parse::is_line;

/// Draws the stop that a console tells of, on a machine with `cores` cores; returns the text of the SVG.
pub fn draw(console: &str, cores: u32) -> Result<String> {
    Ok(draw::svg(&parse::stop(console, cores)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What guests print, with a counter of 1 GHz; core 3 slept, and woke up behind the end.
    pub const CONSOLE: &str = "\
Core 0 calls BEGIN
timeline: owner=0 mpidr=0x0 frequency=1000000000 begin=5000000 ipi=5052000 done=106138400
[   19.1] quell: timeline: core=3 mpidr=0x100 why=4 signalled=0 stopped=106900000
timeline: core=1 mpidr=0x1 why=1 signalled=0 stopped=7013000
[   19.1] quell: timeline: core=2 mpidr=0x2 why=2 signalled=105052000 stopped=105946000
demo: PASS
";

    #[test]
    fn a_console_becomes_a_picture() {
        let svg = draw(CONSOLE, 4).unwrap();
        check(&svg, 4).unwrap();
        // The check finds what a wrong picture would have.
        for (good, bad) in [
            ("data-mark=\"stopped\"", "data-mark=\"NMI\""),
            ("data-mark=\"ack\"", "data-mark=\"stopped\""),
            ("data-core=\"2\"", "data-core=\"1\""),
            ("data-mark=\"IPI\" data-time=\"52.0\"", "data-mark=\"IPI\" data-time=\"102000.0\""),
            ("data-mark=\"NMI\" data-time=\"100052.0\"", "data-mark=\"NMI\" data-time=\"101100.0\""),
            ("</g>", ""),
            ("</svg>", ""),
        ] {
            assert!(svg.contains(good), "{good}");
            assert!(check(&svg.replace(good, bad), 4).is_err(), "{bad}");
        }
        assert!(check(&svg, 5).is_err());
        assert!(check("", 4).is_err());
    }

    #[test]
    fn sixteen_cores_have_a_row_each() {
        let owner = CONSOLE.lines().nth(1).unwrap();
        let core = |index: u64| {
            let stopped = 6_000_000 + index * 100_000;
            format!("timeline: core={index} mpidr={index:#x} why=1 signalled=0 stopped={stopped}\n")
        };
        let console = format!("{owner}\n{}", (1..16).map(core).collect::<String>());
        // Nothing to see: no core needed the secure interrupt.
        assert!(check(&draw(&console, 16).unwrap(), 16).is_err());
        let (listening, deaf) =
            ("why=1 signalled=0 stopped=6200000", "why=2 signalled=6100000 stopped=6200000");
        check(&draw(&console.replace(listening, deaf), 16).unwrap(), 16).unwrap();
    }
}

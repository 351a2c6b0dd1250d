// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver's files: what they say, what they refuse, and what all CPUs do while one of them is wedged. And that the driver
//! leaves nothing behind when it is unloaded.

use anyhow::{Context, Result, ensure};

use super::mode::Mode;
use super::{Options, judge};
use crate::test::Case;

/// The CPU that is wedged.
const WEDGED: u32 = 2;

/// Returns the cases of `cargo xtask test`.
pub fn cases() -> [Case; 2] {
    let case = |kernel: &str, options: Options| {
        Case::new(format!("linux snapshot {kernel}smp=4"), move |log| {
            options.tally(|| {
                let mode = Mode::Snapshot { cpu: WEDGED };
                judge(&options.script(&options.guest()?, mode, |line| log.line(line))?, options.smp)
            })
        })
    };
    [case("", Options::on(4)), case("newest ", Options::newest(4)).only_full()]
}

/// Judges a run on `smp` CPUs; returns what the wedged one did.
fn judge(console: &str, smp: u32) -> Result<String> {
    judge::no_trouble(console)?;
    judge::done(console, "snapshot done")?;
    let cores = format!("cores: {smp}");
    for line in ["grace_ms: 0", "nmi_ms: 500", "version: 1.0", &cores] {
        ensure!(console.lines().any(|said| said.trim_end() == line), "the driver did not say `{line}`");
    }
    // Nothing was stopped yet.
    ensure!(!console.contains("last_session: "), "the driver knows of a session that there was not");

    let wedged = wedged(console, "one: ")?;
    self::wedged(console, "all: ")?;
    let all = console.lines().filter(|line| line.starts_with("all: cpu")).count();
    ensure!(all == smp as usize - 1, "a snapshot of all has {all} CPUs, of {} others", smp - 1);
    // One has work to do. Those that sleep have nothing to show.
    let busy = console.lines().filter(|line| line.starts_with("all: cpu") && line.contains(" pc=0x"));
    ensure!(busy.count() >= 2, "a snapshot of all does not show the CPU that has work to do");
    Ok(wedged.to_owned())
}

/// Returns where the wedged CPU was by a snapshot whose lines begin with `start`, and demands its registers and its stack.
fn wedged<'a>(console: &'a str, start: &str) -> Result<&'a str> {
    let mut lines = console.lines().filter_map(|line| line.strip_prefix(start));
    let head = lines.find(|line| line.starts_with(&format!("cpu{WEDGED} pc=0x")));
    let head = head.with_context(|| format!("no snapshot `{start}` of the wedged CPU"))?.trim_end();
    ensure!(head.contains("IRQs masked wedge_loop+"), "the wedged CPU was somewhere else: {head}");
    let rest: Vec<_> = lines.take_while(|line| line.starts_with("  ")).collect();
    for word in ["x29 ffff", "el2: esr", "interrupts: pmr", "wedge+0x", "gic_handle_irq+0x", "el1h_64_irq+0x"]
    {
        ensure!(
            rest.iter().any(|line| line.contains(word)),
            "the snapshot of the wedged CPU has no `{word}`"
        );
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a run prints, shortened.
    const GOOD: &str = "\
grace_ms: 0
nmi_ms: 500
version: 1.0
cores: 4
one: cpu2 pc=0xffffc9634f131008 pstate=0x804003c9 IRQs masked wedge_loop+0x8/0x14 [quell_wedge]
one:   x28 ffff0000062c4100  x29 ffff800008013ee0  x30 ffffc9634f131040
one:   el2: esr 5a000000 far 00000000005d94a0 elr ffffc96353cd953c spsr 60400009
one:   interrupts: pmr f8 rpr ff hppir 26 igrpen 1 isr 40
one:   lr wedge+0x2c/0xfec [quell_wedge]
one:   gic_handle_irq+0x58/0x13c
one:   el1h_64_irq+0x64/0x68
all: cpu1 pc=0x4ff388 pstate=0x80001400 IRQs on
all: cpu3 asleep or without an answer
quell-init: snapshot done
";

    /// The same with the snapshot of all that there was of one.
    fn good() -> String {
        let of_one = GOOD.lines().filter(|line| line.starts_with("one: "));
        let of_all: Vec<_> = of_one.map(|line| line.replacen("one", "all", 1)).collect();
        GOOD.replace("all: cpu3", &format!("{}\nall: cpu3", of_all.join("\n")))
    }

    #[test]
    fn every_cpu_is_shown() {
        assert!(judge(&good(), 4).unwrap().starts_with("cpu2 pc=0xffffc9634f131008 "));
        for (good_word, bad) in [
            ("cores: 4", "cores: 3"),
            ("nmi_ms: 500", "nmi_ms: 1000"),
            ("all: cpu3", "all: nothing"),
            ("wedge_loop+0x8", "something"),
            ("el1h_64_irq", "nothing"),
            ("pc=0x4ff388", "asleep"),
            ("cores: 4", "last_session: generation=1\ncores: 4"),
            ("snapshot done", "snapshot failed: no"),
        ] {
            assert!(judge(&good().replace(good_word, bad), 4).is_err(), "{bad}");
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel with the patch of `include/linux/patches`, under lockdep: the firmware stops the CPU that does not listen, and
//! the crash kernel gets it back, and its registers.

use anyhow::{Context, Result, ensure};

use super::guest::Guest;
use super::mode::Mode;
use super::{Options, judge, kdump, vmcore};
use crate::test::{Case, Log, Tally};

/// The CPU that is wedged in the case.
const WEDGED: u32 = 2;

/// What a lock that is taken where it may not be makes the kernel say, and what else may not be in a panic that was asked for.
const TROUBLE: [&str; 3] = ["WARNING: ", "BUG: ", "Internal error"];

/// Returns the case of `cargo xtask test`.
pub fn case() -> Case {
    Case::new("linux patched smp=4", |log: &mut Log| {
        Ok(Tally { reason: Some(run(&Options::on(4), log)?), ..Tally::pass() })
    })
    .only_full()
}

fn run(options: &Options, log: &mut Log) -> Result<String> {
    let guest = Guest::patched(options.board)?.with_kexec()?;
    let shown = |line: &str| {
        if !vmcore::is_line(line) {
            log.line(line);
        }
    };
    let console = options.script(&guest, Mode::Patched { cpu: WEDGED }, shown)?;
    judge(&console, &vmcore::notes(&vmcore::bytes(&console)?)?, options.smp, WEDGED)
}

/// Judges a run on `smp` CPUs of which `wedged` did not listen.
fn judge(console: &str, notes: &[vmcore::Note], smp: u32, wedged: u32) -> Result<String> {
    let (crashed, captured) = kdump::halves(console)?;
    if let Some(line) = crashed.lines().find(|line| TROUBLE.iter().any(|trouble| line.contains(trouble))) {
        anyhow::bail!("the kernel says: {line}");
    }
    ensure!(!crashed.contains(judge::FAILED_TO_STOP), "the kernel says: {}", judge::FAILED_TO_STOP);
    let said = format!("SMP: stop by firmware for CPUs {wedged}");
    let line = crashed.lines().find(|line| line.trim_end().ends_with(&said));
    let line = line.with_context(|| format!("the kernel did not say `{said}`"))?;
    let online = kdump::online(captured, smp)?;
    ensure!(notes.len() == smp as usize, "the core file has notes of {} CPUs, of {smp}", notes.len());
    ensure!(
        notes.iter().all(|note| note.pc != 0 && note.sp != 0),
        "the core file has an empty note: {notes:x?}"
    );
    let message = line.split_once("SMP: ").map_or(line, |(_, message)| message);
    Ok(format!("{}; the crash kernel has {online}", message.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a run prints, shortened.
    const GOOD: &str = "\
[    7.7] Kernel panic - not syncing: sysrq triggered crash
[    7.8] SMP: stopping secondary CPUs
[    8.8] SMP: stop by firmware for CPUs 2
[    8.9] Starting crashdump kernel...
[    0.0] Kernel command line: console=ttyAMA0 panic=1 quell.mode=capture quell.driver=0
quell-init: capture: cpus online 0-3
quell-init: capture done
";

    #[test]
    fn the_firmware_stops_who_does_not_listen() {
        let notes = || -> Vec<_> {
            (1..5).map(|pid| vmcore::Note { pid, sp: 0x1000, pc: 0x2000, pstate: 0x3c9 }).collect()
        };
        let line = judge(GOOD, &notes(), 4, 2).unwrap();
        assert_eq!(line, "stop by firmware for CPUs 2; the crash kernel has 0-3");
        for (good, bad) in [
            ("CPUs 2", "CPUs 1-2"),
            ("SMP: stop by firmware for CPUs 2", "SMP: failed to stop secondary CPUs 2"),
            ("0-3", "0-1,3"),
            ("Starting", "WARNING: possible circular locking dependency detected"),
            ("quell.mode=capture", "quell.mode=boot"),
        ] {
            assert!(judge(&GOOD.replacen(good, bad, 1), &notes(), 4, 2).is_err(), "{bad}");
        }
        assert!(judge(GOOD, &notes()[1..], 4, 2).is_err());
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Hotplug against stop: CPUs go off and come on in parallel when the kernel panics. The crash kernel gets all of them, which
//! it can only if none was left running.

use std::ops::RangeInclusive;

use anyhow::{Context, Result, ensure};

use super::mode::Mode;
use super::{Options, judge, kdump, vmcore};
use crate::test::{Case, Log, Tally};

/// The seeds of a usual run, and those of a long one.
const SEEDS: RangeInclusive<u32> = 1..=2;
const MORE_SEEDS: RangeInclusive<u32> = 1..=50;

/// The number of CPUs.
const CPUS: u32 = 4;

/// Returns the cases of `cargo xtask test`.
pub fn cases() -> [Case; 2] {
    let case = |seeds: RangeInclusive<u32>| {
        let name = format!("linux hotplug storm seeds={}-{}", seeds.start(), seeds.end());
        Case::new(name, move |log| storms(log, seeds.clone()))
    };
    [case(SEEDS), case(MORE_SEEDS).only_full()]
}

fn storms(log: &mut Log, seeds: RangeInclusive<u32>) -> Result<Tally> {
    let mut total = Ends::default();
    for seed in seeds {
        log.line(&format!("seed {seed}"));
        let ends = ends(&Options::on(CPUS), seed, |line| log.line(line));
        total.add(&ends.with_context(|| format!("seed {seed}"))?);
    }
    Ok(Tally { reason: Some(total.to_string()), ..Tally::pass() })
}

/// Lets a storm loose; returns how the CPUs ended, in words.
pub fn run(options: &Options, seed: u32, on_line: impl FnMut(&str)) -> Result<String> {
    Ok(ends(options, seed, on_line)?.to_string())
}

fn ends(options: &Options, seed: u32, mut on_line: impl FnMut(&str)) -> Result<Ends> {
    let guest = options.guest()?.with_kexec()?;
    let shown = |line: &str| {
        if !vmcore::is_line(line) {
            on_line(line);
        }
    };
    judge(&options.script(&guest, Mode::Storm { seed }, shown)?, options.smp)
}

/// How the CPUs ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ends {
    boots: u32,
    acked: u32,
    nmi: u32,
    off: u32,
}

impl Ends {
    fn add(&mut self, other: &Self) {
        self.boots += other.boots;
        self.acked += other.acked;
        self.nmi += other.nmi;
        self.off += other.off;
    }
}

impl std::fmt::Display for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { boots, acked, nmi, off } = self;
        write!(
            f,
            "{boots} panics among hotplugs: {acked} CPUs acked, {nmi} by the secure interrupt, {off} off, 0 left"
        )
    }
}

/// Judges a run on `smp` CPUs.
fn judge(console: &str, smp: u32) -> Result<Ends> {
    let (crashed, captured) = kdump::halves(console)?;
    let before = crashed.split_once("Kernel panic - not syncing").context("the kernel did not panic")?.0;
    judge::no_trouble(before)?;
    ensure!(before.contains("psci: CPU"), "no CPU went off before the panic");
    let sum = judge::sum_of(crashed, "CRASH")?;
    kdump::online(captured, smp)?;
    Ok(Ends { boots: 1, acked: sum.acked, nmi: sum.nmi, off: sum.off })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a run prints, shortened.
    const GOOD: &str = "\
[    7.1] psci: CPU3 killed (polled 0 ms)
[    7.2] Kernel panic - not syncing: sysrq triggered crash
[    7.3] stop: kind=CRASH targets=2 acked=1 nmi=1 off=0 left=0
[    7.3] Starting crashdump kernel...
quell-init: capture: cpus online 0-3
quell-init: capture done
";

    #[test]
    fn every_cpu_comes_back() {
        assert_eq!(judge(GOOD, 4).unwrap(), Ends { boots: 1, acked: 1, nmi: 1, off: 0 });
        for (good, bad) in [
            ("left=0", "left=1"),
            ("acked=1", "acked=0"),
            ("0-3", "0-1,3"),
            ("psci: CPU3 killed", "nothing"),
            ("Starting crashdump", "Rebooting"),
            ("capture done", "capture failed: no"),
            ("[    7.1]", "BUG: "),
        ] {
            assert!(judge(&GOOD.replace(good, bad), 4).is_err(), "{bad}");
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Hotplug against stop: CPUs go off and come on in parallel when the kernel panics. The crash kernel gets all of them, which
//! it can only if none was left running.

use std::fmt;
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
    ensure!(total.offs > 0 && total.acked + total.nmi + total.suspended > 0, "there was no storm: {total}");
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
    /// How often a CPU had gone off before.
    offs: usize,
    acked: u32,
    nmi: u32,
    suspended: u32,
}

impl Ends {
    fn add(&mut self, other: &Self) {
        self.boots += other.boots;
        self.offs += other.offs;
        self.acked += other.acked;
        self.nmi += other.nmi;
        self.suspended += other.suspended;
    }
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { boots, offs, acked, nmi, suspended } = self;
        write!(
            f,
            "{boots} panics after {offs} times off: {acked} CPUs acked, {nmi} stopped by the secure interrupt, \
             {suspended} asleep; the crash kernels got all CPUs"
        )
    }
}

/// Judges a run on `smp` CPUs.
fn judge(console: &str, smp: u32) -> Result<Ends> {
    let (crashed, captured) = kdump::halves(console)?;
    let before = crashed.split("Kernel panic - not syncing").next().unwrap_or_default();
    judge::no_trouble(before)?;
    // If the driver could say it.
    if crashed.contains("stop: kind=") {
        judge::sum_of(crashed, "CRASH")?;
    }
    kdump::online(captured, smp)?;
    let session = captured.lines().find_map(|line| line.strip_prefix("session: "));
    let session = session.context("the crash kernel did not say what the last session was")?.trim_end();
    // Where no other CPU was on there is no record, and no session to tell of.
    ensure!(session.is_empty() || session.contains(" kind=CRASH "), "another stop came last: {session}");
    let field = |name| judge::field(session, name).unwrap_or(0);
    Ok(Ends {
        boots: 1,
        offs: before.lines().filter(|line| line.contains("psci: CPU") && line.contains(" killed ")).count(),
        acked: field("acked"),
        nmi: field("nmi"),
        suspended: field("suspended"),
    })
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
[    0.0] Kernel command line: console=ttyAMA0 panic=1 quell.mode=capture quell.driver=1
quell-init: capture: cpus online 0-3
session: generation=1 kind=CRASH acked=1 nmi=1 suspended=0 lost=0
quell-init: capture done
";

    #[test]
    fn every_cpu_comes_back() {
        let ends = Ends { boots: 1, offs: 1, acked: 1, nmi: 1, suspended: 0 };
        assert_eq!(judge(GOOD, 4).unwrap(), ends);
        // The first kernel can not say much if a CPU was stopped that held the console.
        let silent: Vec<_> = GOOD.lines().filter(|line| !line.starts_with("[    7.3] ")).collect();
        assert_eq!(judge(&silent.join("\n"), 4).unwrap(), ends);
        for (good, bad) in [
            ("left=0", "left=1"),
            ("targets=2 acked=1", "targets=2 acked=0"),
            ("0-3", "0-1,3"),
            ("1 kind=CRASH", "1 kind=HALT"),
            ("session: ", ""),
            ("quell.mode=capture", "quell.mode=boot"),
            ("capture done", "capture failed: no"),
            ("[    7.1]", "BUG: "),
        ] {
            assert!(judge(&GOOD.replace(good, bad), 4).is_err(), "{bad}");
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! How long a panic takes to stop the other CPUs when one of them is wedged: with the service, and the same kernel alone.
//!
//! It is guest time, by the kernel's own clock: from the stamp of the line "Kernel panic" to that of the line with which the
//! stop ends. Both print the same call trace in between. With the service every CPU is stopped then; alone, the kernel has
//! given up. What the stop takes of it, the driver says by the system counter. The kernel's patience is a loop of delays,
//! each of which is longer where the host is busy.

use anyhow::{Context, Result, ensure};

use super::mode::Mode;
use super::{Options, judge};
use crate::test::{Case, Log};

/// The CPU that is wedged.
const WEDGED: u32 = 2;

/// The case of `cargo xtask test`.
pub fn case() -> Case {
    Case::new("linux panic latency smp=4", |log: &mut Log| {
        let options = Options::on(4);
        options.tally(|| measure(&options, |line| log.line(line)))
    })
    .only_full()
}

/// Lets the kernel panic with the service and without; returns both times in words.
pub fn measure(options: &Options, mut on_line: impl FnMut(&str)) -> Result<String> {
    let guest = options.guest()?;
    let mut boot = |driver| {
        let mode = Mode::Wedge { cpu: WEDGED, timeline: driver, driver };
        options.script(&guest, mode, &mut on_line)
    };
    let (with, alone) = (boot(true)?, boot(false)?);
    compare(&with, &alone, options.smp)
}

fn compare(with: &str, alone: &str, smp: u32) -> Result<String> {
    judge::wedge(with, smp, WEDGED)?;
    let stopped = from_panic_to(with, "stop: kind=CRASH")?;
    let stop = stop_itself(with)?;
    let given_up = from_panic_to(alone, judge::FAILED_TO_STOP)?;
    ensure!(stopped < given_up, "the service takes {stopped:.3} s, the kernel alone {given_up:.3} s");
    let line = alone.lines().find(|line| line.contains(judge::FAILED_TO_STOP)).unwrap_or_default();
    let said = line.split_once("] ").map_or(line, |(_, said)| said).trim_end();
    Ok(format!(
        "from panic to all stopped {:.0} ms, {stop:.0} ms of it in the stop; without the service {:.0} ms to `{said}`",
        stopped * 1e3,
        given_up * 1e3
    ))
}

/// Returns the seconds between the line of the panic and the next one with these words.
fn from_panic_to(console: &str, words: &str) -> Result<f64> {
    let mut lines = console.lines().skip_while(|line| !line.contains("Kernel panic - not syncing"));
    let panic = stamp(lines.next().context("the kernel did not panic")?)?;
    let end = lines
        .find(|line| line.contains(words))
        .with_context(|| format!("the kernel did not say `{words}`"))?;
    Ok(stamp(end)? - panic)
}

/// Returns the time of a line, `[   19.1] text`, in seconds.
fn stamp(line: &str) -> Result<f64> {
    let stamp = line.strip_prefix('[').and_then(|rest| Some(rest.split_once(']')?.0.trim()));
    stamp.and_then(|stamp| stamp.parse().ok()).with_context(|| format!("a line without its time: {line}"))
}

/// Returns the milliseconds of the stop itself, by the counter.
fn stop_itself(console: &str) -> Result<f64> {
    let line =
        console.lines().find(|line| line.contains("timeline: owner=")).context("the driver told no times")?;
    let number = |name: &str| -> Result<f64> {
        let word = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let word = word.with_context(|| format!("no `{name}` in `{line}`"))?;
        word.trim_end().parse().with_context(|| format!("`{name}` is no number in `{line}`"))
    };
    Ok((number("done")? - number("begin")?) / number("frequency")? * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the runs print, shortened.
    const WITH: &str = "\
[    3.830182] Kernel panic - not syncing: sysrq triggered crash
[    3.975000] quell: timeline: owner=0 mpidr=0x0 frequency=1000000 begin=1000 ipi=1000 done=112000
[    3.976834] quell: cpu2 NMI pc=0xffffbb3440ed4008 (wedge_loop+0x8/0x14 [quell_wedge]) pstate=0x804003c9 IRQs masked
[    3.980182] stop: kind=CRASH targets=3 acked=2 nmi=1 off=0 left=0
";
    const ALONE: &str = "\
[    5.033354] Kernel panic - not syncing: sysrq triggered crash
[    5.044844] SMP: stopping secondary CPUs
[    7.064766] SMP: failed to stop secondary CPUs 2-3
";

    #[test]
    fn the_times_are_the_kernels() {
        assert_eq!(
            compare(WITH, ALONE, 4).unwrap(),
            "from panic to all stopped 150 ms, 111 ms of it in the stop; \
             without the service 2031 ms to `SMP: failed to stop secondary CPUs 2-3`"
        );
    }

    #[test]
    fn a_stop_that_is_not_faster_or_not_whole_fails() {
        assert!(compare(&WITH.replace("3.980182", "9.980182"), ALONE, 4).is_err());
        assert!(compare(&WITH.replace("left=0", "left=1"), ALONE, 4).is_err());
        assert!(compare(WITH, &ALONE.replace("failed", "did not fail"), 4).is_err());
        assert!(compare(&WITH.replace("timeline", "nothing"), ALONE, 4).is_err());
    }
}

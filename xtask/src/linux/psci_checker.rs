// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether the kernel's PSCI checker (`drivers/firmware/psci/psci_checker.c`) found the firmware in order.
//!
//! It turns all CPUs off and on, once as one group and once socket by socket, and then lets each CPU enter each idle
//! state some times. A tree without sockets or idle states would make it pass with little done, so what it did is
//! counted, too.

use anyhow::{Context, Result, bail, ensure};

use super::judge::no_trouble;

/// How often a CPU enters each idle state.
const CYCLES: usize = 10;

/// What the checker says when nothing is wrong, up to where lines differ.
const GOOD: [&str; 9] = [
    "PSCI checker started using ",
    "Starting hotplug tests",
    "Trying to turn off and on again ",
    "Hotplug tests passed OK",
    "Starting suspend tests (",
    "entering suspend cycles, states 1 through ",
    "suspend test results: success ",
    "Suspend tests passed OK",
    "PSCI checker completed",
];

/// What the kernel says when a CPU did not go off or come on.
const BAD: [&str; 2] = ["may not have shut down", "failed to boot"];

/// Judges a run on `smp` CPUs with `states` idle states; returns what was done.
pub fn judge(console: &str, smp: u32, states: usize) -> Result<String> {
    if let Some(line) = said(console).find(|line| !GOOD.iter().any(|good| line.contains(good))) {
        bail!("the checker says: {line}");
    }
    no_trouble(console)?;
    if let Some(line) = console.lines().find(|line| BAD.iter().any(|bad| line.contains(bad))) {
        bail!("the kernel says: {line}");
    }
    require(console, &format!("PSCI checker started using {smp} CPUs"))?;
    let hotplug = between(console, "Starting hotplug tests", "Hotplug tests passed OK")?;
    let mut turned_off = 0;
    for cpu in 0..smp {
        let killed = hotplug.lines().filter(|line| line.contains(&format!("psci: CPU{cpu} killed "))).count();
        ensure!(killed > 0 || smp == 1, "CPU {cpu} was not turned off");
        turned_off += killed;
    }
    between(console, "Starting suspend tests", "Suspend tests passed OK")?;
    let each = states * CYCLES;
    for cpu in 0..smp {
        require(
            console,
            &format!("CPU {cpu} suspend test results: success {each}, shallow states 0, errors 0"),
        )?;
    }
    require(console, "PSCI checker completed")?;
    Ok(format!("{turned_off} times off, {smp} CPUs * {states} states * {CYCLES} suspends"))
}

/// Demands that the checker has said a line.
fn require(console: &str, line: &str) -> Result<()> {
    ensure!(said(console).any(|said| said == line), "the checker did not say `{line}`");
    Ok(())
}

/// Returns what the kernel printed between two lines of the checker.
fn between<'a>(console: &'a str, start: &str, end: &str) -> Result<&'a str> {
    let missing = |line| format!("the checker did not say `{line}`");
    let (_, rest) = console.split_once(start).with_context(|| missing(start))?;
    Ok(rest.split_once(end).with_context(|| missing(end))?.0)
}

/// Returns what the checker said, without the time in front.
fn said(console: &str) -> impl Iterator<Item = &str> {
    console.lines().filter_map(|line| Some(line.split_once("psci_checker: ")?.1.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a run prints, shortened.
    const PASSED: &str = "\
[    1.865569] psci_checker: PSCI checker started using 2 CPUs
[    1.865650] psci_checker: Starting hotplug tests
[    1.865726] psci_checker: Trying to turn off and on again all CPUs
[    2.121382] psci: CPU0 killed (polled 0 ms)
[    2.286559] CPU0: Booted secondary processor 0x0000000000 [0x410fd493]
[    2.409532] psci_checker: Trying to turn off and on again group 0 (CPUs 0)
[    2.549092] psci: CPU0 killed (polled 0 ms)
[    2.725625] psci_checker: Trying to turn off and on again group 1 (CPUs 1)
[    2.944965] psci: CPU1 killed (polled 0 ms)
[    3.037347] psci_checker: Hotplug tests passed OK
[    3.037427] psci_checker: Starting suspend tests (10 cycles per state)
[    3.059536] psci_checker: CPU 1 entering suspend cycles, states 1 through 2
[    3.060057] psci_checker: CPU 0 entering suspend cycles, states 1 through 2
[    3.251059] psci_checker: CPU 0 suspend test results: success 20, shallow states 0, errors 0
[    3.253402] psci_checker: CPU 1 suspend test results: success 20, shallow states 0, errors 0
[    3.270920] psci_checker: Suspend tests passed OK
[    3.270967] psci_checker: PSCI checker completed
";

    fn complaint(console: &str) -> String {
        judge(console, 2, 2).unwrap_err().to_string()
    }

    #[test]
    fn a_run_that_did_everything_is_good() {
        assert_eq!(judge(PASSED, 2, 2).unwrap(), "3 times off, 2 CPUs * 2 states * 10 suspends");
        assert!(judge(PASSED, 4, 2).is_err());
        assert!(judge(PASSED, 2, 3).is_err());
    }

    #[test]
    fn what_the_checker_does_not_like_is_quoted() {
        let line = "psci_checker: Failed to suspend CPU 1: error -1 (requested state 2, cycle 0)";
        let failed = PASSED.replace("psci_checker: CPU 0 suspend", &format!("{line}\n{line}"));
        assert_eq!(
            complaint(&failed),
            "the checker says: Failed to suspend CPU 1: error -1 (requested state 2, cycle 0)"
        );
        let failed = PASSED.replace("Suspend tests passed OK", "80 error(s) encountered in suspend tests");
        assert_eq!(complaint(&failed), "the checker says: 80 error(s) encountered in suspend tests");
        let failed = format!(
            "[    2.3] psci: CPU1 may not have shut down cleanly (AFFINITY_INFO reports 0)\n{PASSED}"
        );
        assert!(complaint(&failed).contains("AFFINITY_INFO reports 0"));
        let failed = format!("{PASSED}[    4.0] WARNING: kernel/cpu.c:1 at x, CPU#0: swapper/0/1\n");
        assert!(complaint(&failed).contains("WARNING: kernel/cpu.c"));
    }

    #[test]
    fn nothing_may_be_left_out() {
        let without = |words: &str| {
            let lines = PASSED.lines().filter(|line| !line.contains(words));
            complaint(&lines.collect::<Vec<_>>().join("\n"))
        };
        assert_eq!(without("CPU1 killed"), "CPU 1 was not turned off");
        for words in
            ["Hotplug tests passed", "Starting suspend", "Suspend tests passed", "completed", "CPU 0 suspend"]
        {
            assert!(without(words).starts_with("the checker did not say `"), "{words}");
        }
        for (good, bad) in
            [("success 20, s", "success 10, s"), ("states 0", "states 1"), ("errors 0", "errors 1")]
        {
            assert!(complaint(&PASSED.replace(good, bad)).contains("suspend test results"), "{bad}");
        }
        assert!(complaint("").contains("started using 2 CPUs"));
    }
}

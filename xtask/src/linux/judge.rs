// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether the console tells of a good run.

use anyhow::{Context, Result, bail, ensure};

/// What the stock kernel says when a CPU has not heard it.
pub const FAILED_TO_STOP: &str = "failed to stop secondary CPUs";

/// What the lines of the init script start with.
const INIT: &str = "quell-init: ";

/// What the kernel says when it or a program met what it can not handle.
const TROUBLE: [&str; 10] = [
    "Internal error",
    "Oops",
    "Undefined instruction",
    "undefined instruction",
    "Unhandled",
    "unhandled",
    "kernel BUG",
    "BUG: ",
    "WARNING: ",
    "Call trace:",
];

/// Judges a boot to userspace on `smp` CPUs.
pub fn boot(console: &str, smp: u32) -> Result<()> {
    no_trouble(console)?;
    require(console, &format!(", {smp} cpus online"))?;
    require(console, "boot done")
}

/// Returns the kernel's release, as the init script has printed it.
pub fn release(console: &str) -> Result<String> {
    let release = said(console).find_map(|line| Some(line.split_once(", ")?.0));
    release.map(str::to_owned).context("the guest did not say which kernel it runs")
}

/// Fails with the kernel's own words if it was in trouble.
pub fn no_trouble(console: &str) -> Result<()> {
    console
        .lines()
        .find(|line| TROUBLE.iter().any(|trouble| line.contains(trouble)))
        .map_or(Ok(()), |line| bail!("the kernel says: {line}"))
}

/// Judges a run of `rounds` times off and on over `smp` CPUs.
pub fn hotplug(console: &str, smp: u32, rounds: u32) -> Result<()> {
    require(console, &format!("hotplug {rounds} rounds over {smp} cpus"))
}

/// Judges a run of `rounds` suspends to RAM on `smp` CPUs.
pub fn suspend(console: &str, smp: u32, rounds: u32) -> Result<()> {
    require(console, &format!("suspend {rounds} rounds over {smp} cpus"))?;
    for line in ["PM: suspend entry (deep)", "PM: suspend exit"] {
        let count = console.matches(line).count();
        ensure!(count == rounds as usize, "the kernel said `{line}` {count} times in {rounds} rounds");
    }
    Ok(())
}

/// Judges the stop of `smp` CPUs of which `wedged` did not listen; returns the line that sums it up.
pub fn wedge(console: &str, smp: u32, wedged: u32) -> Result<String> {
    no_failure(console)?;
    ensure!(!console.contains(FAILED_TO_STOP), "the kernel says: {FAILED_TO_STOP}");

    let stopped = format!("quell: cpu{wedged} NMI ");
    let line = console.lines().find(|line| line.contains(&stopped)).with_context(|| {
        format!("CPU {wedged} was not stopped by the secure interrupt: no line `{stopped}`")
    })?;
    ensure!(line.contains("[quell_wedge]"), "CPU {wedged} was not in the wedge module: {line}");

    let sum = sum(console, "CRASH", smp - 1)?;
    // Beside the panicking and the wedged CPU, one that has work to do.
    let busy = smp.saturating_sub(2).min(1);
    ensure!(sum.nmi >= 1 && sum.acked >= busy, "not every CPU was stopped as it should: {}", sum.line);
    Ok(sum.line)
}

/// What the driver says of a whole stop: how many CPUs were to be stopped, and how they ended.
#[derive(Debug)]
pub struct Sum {
    /// The line itself.
    pub line: String,
    /// CPUs that stopped when they were asked.
    pub acked: u32,
    /// CPUs that the secure interrupt stopped.
    pub nmi: u32,
}

/// Demands that the last stop on a console was of a kind, and reached all of so many targets.
pub fn sum(console: &str, kind: &str, targets: u32) -> Result<Sum> {
    let sum = sum_of(console, kind)?;
    ensure!(field(&sum.line, "targets") == Some(targets), "not every CPU was stopped: {}", sum.line);
    Ok(sum)
}

/// Demands that the last stop on a console was of a kind, and reached all.
pub fn sum_of(console: &str, kind: &str) -> Result<Sum> {
    let at =
        console.rfind("stop: kind=").context("no line `stop: kind=...`: the module did not stop the CPUs")?;
    let line = console[at..].lines().next().unwrap_or_default().trim_end();
    let field = |name| field(line, name).with_context(|| format!("no number `{name}` in `{line}`"));
    let (acked, nmi, off) = (field("acked")?, field("nmi")?, field("off")?);
    let all = line.starts_with(&format!("stop: kind={kind} "))
        && field("targets")? == acked + nmi + off
        && field("left")? == 0;
    ensure!(all, "not every CPU was stopped: {line}");
    Ok(Sum { line: line.to_owned(), acked, nmi })
}

/// Demands that the init script came to its end, with this line.
pub fn done(console: &str, line: &str) -> Result<()> {
    require(console, line)
}

/// Demands that the init script has said a line with this end.
fn require(console: &str, end: &str) -> Result<()> {
    no_failure(console)?;
    ensure!(said(console).any(|line| line.ends_with(end)), "the guest did not say `{end}`");
    Ok(())
}

/// Fails with the init script's own words if it gave up.
pub fn no_failure(console: &str) -> Result<()> {
    said(console)
        .find(|line| line.contains(" failed: "))
        .map_or(Ok(()), |line| bail!("the guest says: {line}"))
}

/// Returns what the init script said.
fn said(console: &str) -> impl Iterator<Item = &str> {
    console.lines().filter_map(|line| line.strip_prefix(INIT))
}

/// Finds `name=NUMBER` among the words of a line.
pub fn field(line: &str, name: &str) -> Option<u32> {
    let word = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
    word.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
[   19.1] quell: cpu1 ACK
[   19.1] quell: cpu2 NMI pc=0xffffa6d1 (wedge_loop+0x4/0x10 [quell_wedge]) pstate=0x604003c9 IRQs masked
[   19.1] quell: cpu3 ACK
[   19.1] stop: kind=CRASH targets=3 acked=2 nmi=1 off=0 left=0
[   19.2] Rebooting in 1 seconds..
";

    fn complaint(console: &str) -> String {
        wedge(console, 4, 2).unwrap_err().to_string()
    }

    #[test]
    fn a_complete_stop_is_good() {
        assert_eq!(wedge(GOOD, 4, 2).unwrap(), "stop: kind=CRASH targets=3 acked=2 nmi=1 off=0 left=0");
    }

    #[test]
    fn anything_less_is_not() {
        assert!(complaint("").contains("no line `quell: cpu2 NMI `"));
        assert!(complaint(&GOOD.replace("cpu2 NMI", "cpu2 ACK")).contains("no line `quell: cpu2 NMI `"));
        assert!(complaint(&GOOD.replace("[quell_wedge]", "")).contains("not in the wedge module"));
        assert!(complaint(&GOOD.replace("stop: ", "")).contains("no line `stop: kind=...`"));
        for (good, bad) in [
            ("kind=CRASH", "kind=HALT"),
            ("targets=3", "targets=2"),
            ("acked=2 nmi=1", "acked=3 nmi=0"),
            ("acked=2", "acked=1"),
            ("acked=2 nmi=1 off=0", "acked=0 nmi=1 off=2"),
            ("left=0", "left=1"),
        ] {
            assert!(complaint(&GOOD.replace(good, bad)).contains("not every CPU was stopped"), "{bad}");
        }
        assert!(complaint(&GOOD.replace(" left=0", "")).contains("no number `left`"));
        let stock = format!("SMP: {FAILED_TO_STOP} 2-3\n{GOOD}");
        assert!(complaint(&stock).contains(FAILED_TO_STOP));
    }

    #[test]
    fn the_guest_has_to_say_so() {
        let console = "quell-init: 6.1.0-50-cloud-arm64, 4 cpus online\nquell-init: boot done\n";
        boot(console, 4).unwrap();
        assert_eq!(release(console).unwrap(), "6.1.0-50-cloud-arm64");
        assert!(boot(console, 8).is_err());
        for trouble in [
            "[    0.1] Internal error: Oops - Undefined instruction: 0000000002000000 [#1] SMP",
            "[    0.2] WARNING: CPU: 1 PID: 0 at kernel/x.c:1 f+0x1/0x2",
            "[    0.3] sh[70]: unhandled exception: SP Alignment, ESR 0x0000000002000000",
        ] {
            let error = boot(&format!("{trouble}\n{console}"), 4).unwrap_err().to_string();
            assert_eq!(error, format!("the kernel says: {trouble}"));
        }
        hotplug("quell-init: hotplug 20 rounds over 4 cpus\n", 4, 20).unwrap();
        let failed = hotplug("quell-init: hotplug failed: round 3, cpu1 on\n", 4, 20).unwrap_err();
        assert_eq!(failed.to_string(), "the guest says: hotplug failed: round 3, cpu1 on");
        assert!(hotplug("hotplug 20 rounds over 4 cpus\n", 4, 20).is_err());
    }

    #[test]
    fn a_suspend_is_a_deep_one() {
        let round = "[    2.1] PM: suspend entry (deep)\n[    2.3] PM: suspend exit\n";
        let console = format!("{round}{round}quell-init: suspend 2 rounds over 4 cpus\n");
        suspend(&console, 4, 2).unwrap();
        assert!(suspend(&console, 8, 2).is_err());
        let error = suspend(&console.replace("deep", "s2idle"), 4, 2).unwrap_err().to_string();
        assert_eq!(error, "the kernel said `PM: suspend entry (deep)` 0 times in 2 rounds");
    }
}

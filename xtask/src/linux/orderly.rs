// SPDX-License-Identifier: MIT OR Apache-2.0

//! An orderly reboot, power-off or kexec with a wedged CPU, which a kernel without the driver does not come through: it
//! waits for that CPU for ever, before it stops any.

use anyhow::{Context, Result, ensure};

use super::mode::{Mode, Way};
use super::{Options, judge};
use crate::test::Case;

/// The CPU that is wedged.
const WEDGED: u32 = 2;

/// The number of CPUs.
const CPUS: u32 = 4;

/// Returns the cases of `cargo xtask test`.
pub fn cases() -> impl Iterator<Item = Case> {
    let case = |way: Way, kernel: &str, options: Options| {
        Case::new(format!("linux {} {kernel}wedged smp={CPUS}", way.name()), move |log| {
            options.tally(|| run(&options, WEDGED, way, |line| log.line(line)))
        })
    };
    Way::ALL.into_iter().flat_map(move |way| {
        [case(way, "", Options::on(CPUS)), case(way, "newest ", Options::newest(CPUS)).only_full()]
    })
}

/// Wedges `cpu` and leaves; returns the line about that CPU.
pub fn run(options: &Options, cpu: u32, way: Way, on_line: impl FnMut(&str)) -> Result<String> {
    options.require_wedgeable(cpu)?;
    let guest = options.guest()?;
    let guest = if way == Way::Kexec { guest.with_kexec()? } else { guest };
    let mode = Mode::Leave { cpu, way, driver: !options.no_driver };
    let console = options.script(&guest, mode, on_line)?;
    judge(&console, options.smp, cpu, way)
}

/// Judges a run on `smp` CPUs of which `wedged` did not listen; returns the line about that one.
fn judge(console: &str, smp: u32, wedged: u32, way: Way) -> Result<String> {
    judge::no_trouble(console)?;
    judge::no_failure(console)?;
    let start = format!("quell: cpu{wedged} does not answer: evicted, ");
    let at = console.find(&start).context("the driver did not evict the wedged CPU")?;
    let (said, rest) = console[at..].split_once('\n').context("nothing came after it")?;
    ensure!(said.contains("[quell_wedge]"), "CPU {wedged} was not in the wedge module: {said}");

    // The evicted CPU is OFF and no target.
    let kind = if way == Way::Kexec { "KEXEC" } else { "HALT" };
    judge::sum(rest, kind, smp - 2)?;
    match way {
        Way::Reboot => {
            ensure!(rest.contains("reboot: Restarting system"), "the kernel did not reset the machine")
        }
        Way::PowerOff => {
            ensure!(rest.contains("reboot: Power down"), "the kernel did not switch the machine off")
        }
        Way::Kexec => judge::boot(rest, smp).context("the next kernel")?,
    }
    Ok(said.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reboot prints, shortened.
    const REBOOT: &str = "\
quell-init: 6.1.0-50-cloud-arm64, 4 cpus online
[    4.1] quell: cpu2 does not answer: evicted, pc=0xffffa6d1 (wedge_loop+0x4/0x10 [quell_wedge]) pstate=0x3c9 IRQs masked
[    4.2] reboot: Restarting system
[    4.3] stop: kind=HALT targets=2 acked=1 nmi=0 off=1 left=0
";

    #[test]
    fn a_reboot_resets() {
        let judge_way = |console: &str, way| judge(console, 4, 2, way);
        assert!(judge_way(REBOOT, Way::Reboot).unwrap().starts_with("quell: cpu2 does not answer"));
        for (good, bad) in [
            ("evicted", "nor does"),
            ("[quell_wedge]", ""),
            ("Restarting system", "Power down"),
            ("kind=HALT", "kind=CRASH"),
            ("targets=2", "targets=3"),
            ("left=0", "left=1"),
            ("acked=1", "acked=0"),
        ] {
            assert!(judge_way(&REBOOT.replace(good, bad), Way::Reboot).is_err(), "{bad}");
        }
        assert!(judge_way(REBOOT, Way::PowerOff).is_err());
    }

    #[test]
    fn a_kexec_ends_in_userspace() {
        let judge_way = |console: &str, way| judge(console, 4, 2, way);
        let next = "quell-init: 6.1.0-50-cloud-arm64, 4 cpus online\nquell-init: boot done\n";
        let console = format!("{}{next}", REBOOT.replace("HALT", "KEXEC"));
        judge_way(&console, Way::Kexec).unwrap();
        assert!(judge_way(&console.replace("4 cpus", "3 cpus"), Way::Kexec).is_err());
        assert!(judge_way(&REBOOT.replace("HALT", "KEXEC"), Way::Kexec).is_err());
    }
}

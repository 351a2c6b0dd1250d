// SPDX-License-Identifier: MIT OR Apache-2.0

//! A crash dump with a wedged CPU: the crash kernel gets every CPU back, and the dump has the registers of each.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};

use super::mode::Mode;
use super::{Options, judge, vmcore};
use crate::paths;
use crate::test::{Case, Log};

/// The CPU that is wedged in the case.
const WEDGED: u32 = 2;

/// Returns the cases of `cargo xtask test`.
pub fn cases() -> [Case; 3] {
    let case = |name: &str, options: Options, cpu| {
        Case::new(format!("linux kdump {name}"), move |log: &mut Log| {
            options.tally(|| run(&options, cpu, |line| log.line(line)))
        })
    };
    [
        case("smp=4", Options::on(4), WEDGED),
        // The boot CPU, so that the crash kernel counts the CPUs in another way.
        case("smp=4 wedged=0", Options::on(4), 0).only_full(),
        case("newest smp=4", Options::newest(4), WEDGED).only_full(),
    ]
}

/// Wedges `cpu` and panics with a crash kernel loaded; returns the line that sums up what that kernel found.
pub fn run(options: &Options, cpu: u32, mut on_line: impl FnMut(&str)) -> Result<String> {
    options.require_wedgeable(cpu)?;
    let guest = options.guest()?.with_kexec()?;
    let mode = Mode::Kdump { cpu, driver: !options.no_driver };
    let shown = |line: &str| {
        if !vmcore::is_line(line) {
            on_line(line);
        }
    };
    let console = options.script(&guest, mode, shown)?;
    let file = vmcore::bytes(&console)?;
    // For readelf -n and the like.
    fs::write(paths::target().join("linux/vmcore-notes"), &file)?;
    let mpidr = options.board.affinity_of(cpu);
    judge(&console, &vmcore::notes(&file)?, options.smp, cpu, mpidr)
}

/// Judges a run on `smp` CPUs of which `wedged`, with this MPIDR, did not listen.
fn judge(console: &str, notes: &[vmcore::Note], smp: u32, wedged: u32, mpidr: u64) -> Result<String> {
    let (crashed, captured) = halves(console)?;
    judge::wedge(crashed, smp, wedged)?;
    let online = online(captured, smp)?;

    // The crash kernel counts from the CPU that it was started on: only the MPIDR is the same.
    let mpidr = format!(" mpidr={mpidr:#x} ");
    let mut records = captured.lines().filter(|line| line.starts_with("record: cpu"));
    let record = records.find(|line| line.contains(&mpidr)).context("no record of the wedged CPU")?;
    ensure!(
        record.contains(" NMI "),
        "the record is not of a CPU that the secure interrupt stopped: {record}"
    );
    let pc =
        record.split(' ').find_map(|word| word.strip_prefix("pc=0x")).context("a record without a pc")?;
    let pc = u64::from_str_radix(pc, 16).context("the record's pc is no number")?;

    ensure!(notes.len() == smp as usize, "the core file has notes of {} CPUs, of {smp}", notes.len());
    ensure!(
        notes.iter().all(|note| note.pc != 0 && note.sp != 0),
        "the core file has an empty note: {notes:x?}"
    );
    let pids: BTreeSet<_> = notes.iter().map(|note| note.pid).collect();
    ensure!(pids.len() == notes.len(), "gdb can not tell the CPUs of the core file apart: {notes:x?}");
    let note = notes.iter().find(|note| note.pc == pc);
    note.with_context(|| format!("no note of the core file has the pc {pc:#x}: {notes:x?}"))?;
    Ok(format!("kdump: cpus online {online}, cpu{wedged} record pc={pc:#x}"))
}

/// Splits a console into that of the kernel that crashed, and that of the crash kernel, which must have come to its end.
pub fn halves(console: &str) -> Result<(&str, &str)> {
    // The last words of the first one may be missing, if a CPU was stopped while it held the console.
    let at = console.find("quell.mode=capture").context("the crash kernel was not started")?;
    let (crashed, captured) = console.split_at(at);
    judge::done(captured, "capture done")?;
    judge::no_trouble(captured)?;
    Ok((crashed, captured))
}

/// Demands that the crash kernel has all of `smp` CPUs; returns which.
pub fn online(captured: &str, smp: u32) -> Result<&str> {
    let online = captured.lines().find_map(|line| line.split_once("capture: cpus online "));
    let online = online.context("the crash kernel did not say which CPUs are online")?.1.trim_end();
    let failed = captured.lines().find(|line| line.contains("psci: failed to boot"));
    ensure!(
        online == format!("0-{}", smp - 1),
        "of {smp} CPUs the crash kernel has {online}: {}",
        failed.unwrap_or("it does not say why")
    );
    Ok(online)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a run prints, shortened.
    const GOOD: &str = "\
[    6.6] quell: cpu2 NMI pc=0xffffcf12382ed008 (wedge_loop+0x8/0x14 [quell_wedge]) pstate=0x804003c9 IRQs masked
[    6.6] stop: kind=CRASH targets=3 acked=2 nmi=1 off=0 left=0
[    6.7] Starting crashdump kernel...
[    0.0] Kernel command line: console=ttyAMA0 panic=1 quell.mode=capture quell.driver=1
quell-init: capture: cpus online 0-3
record: cpu1 mpidr=0x1 generation=1 ACK pc=0xffffbe2356a726f4 pstate=0x604003c9 IRQs masked
record: cpu2 mpidr=0x2 generation=1 NMI pc=0xffffcf12382ed008 pstate=0x804003c9 IRQs masked
quell-init: capture done
";

    fn notes() -> Vec<vmcore::Note> {
        let note = |pid, pc| vmcore::Note { pid, sp: 0xffff_8000_0801_3ee0, pc, pstate: 0x3c9 };
        [(1, 0x10), (118, 0x20), (0x40_0002, 0xffff_cf12_382e_d008), (0x40_0003, 0x30)]
            .map(|(pid, pc)| note(pid, pc))
            .into()
    }

    #[test]
    fn the_wedged_cpu_is_in_record_and_dump() {
        let line = judge(GOOD, &notes(), 4, 2, 2).unwrap();
        assert_eq!(line, "kdump: cpus online 0-3, cpu2 record pc=0xffffcf12382ed008");
        for (good, bad) in [
            ("mpidr=0x2", "mpidr=0x3"),
            ("left=0", "left=1"),
            ("0-3", "0-1,3"),
            ("NMI pc=0xffffcf12382ed008 pstate", "NMI pc=0x0 pstate"),
            ("quell.mode=capture", "quell.mode=boot"),
        ] {
            assert!(judge(&GOOD.replace(good, bad), &notes(), 4, 2, 2).is_err(), "{bad}");
        }
        let renumbered = GOOD.replace("record: cpu2", "record: cpu0");
        judge(&renumbered, &notes(), 4, 2, 2).unwrap();
        let stock = GOOD.replace(
            "quell-init: capture: cpus online 0-3",
            "[    0.1] psci: failed to boot CPU2 (-22)\nquell-init: capture: cpus online 0-1,3",
        );
        assert!(
            judge(&stock, &notes(), 4, 2, 2).unwrap_err().to_string().ends_with("failed to boot CPU2 (-22)")
        );
    }

    #[test]
    fn every_cpu_has_a_note_that_says_something() {
        assert!(judge(GOOD, &notes()[..3], 4, 2, 2).is_err());
        let mut alike = notes();
        alike[3].pid = alike[2].pid;
        assert!(judge(GOOD, &alike, 4, 2, 2).is_err());
        let mut empty = notes();
        empty[3].pc = 0;
        assert!(judge(GOOD, &empty, 4, 2, 2).is_err());
    }
}

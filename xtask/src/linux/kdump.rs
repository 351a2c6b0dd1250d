// SPDX-License-Identifier: MIT OR Apache-2.0

//! A crash dump with a wedged CPU: the crash kernel gets every CPU back, and the dump has the registers of each.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::guest::Guest;
use super::mode::Mode;
use super::{Options, judge, vmcore};
use crate::paths;
use crate::test::{Case, Log, Tally};

/// The CPU that is wedged in the case.
const WEDGED: u32 = 2;

/// The case of `cargo xtask test`.
pub fn case() -> Case {
    Case::new("linux kdump smp=4", |log: &mut Log| {
        let line = run(&Options::on(4), WEDGED, |line| log.line(line))?;
        Ok(Tally { reason: Some(line), ..Tally::pass() })
    })
}

/// Wedges `cpu` and panics with a crash kernel loaded; returns the line that sums up what that kernel found.
pub fn run(options: &Options, cpu: u32, mut on_line: impl FnMut(&str)) -> Result<String> {
    options.require_wedgeable(cpu)?;
    let guest = Guest::debian(options.board)?.with_kexec()?;
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
    judge(&console, &vmcore::notes(&file)?, options.smp, cpu)
}

/// Judges a run on `smp` CPUs of which `wedged` did not listen.
fn judge(console: &str, notes: &[vmcore::Note], smp: u32, wedged: u32) -> Result<String> {
    judge::done(console, "capture done")?;
    let (crashed, captured) =
        console.split_once("Starting crashdump kernel...").context("the crash kernel was not started")?;
    judge::wedge(crashed, smp, wedged)?;
    judge::no_trouble(captured)?;

    let online = captured.lines().find_map(|line| line.split_once("capture: cpus online "));
    let online = online.context("the crash kernel did not say which CPUs are online")?.1.trim_end();
    let failed = captured.lines().find(|line| line.contains("psci: failed to boot"));
    ensure!(
        online == format!("0-{}", smp - 1),
        "of {smp} CPUs the crash kernel has {online}: {}",
        failed.unwrap_or("it does not say why")
    );

    let start = format!("record: cpu{wedged} ");
    let record = captured.lines().find_map(|line| line.strip_prefix(&start)).context("no record of the wedged CPU")?;
    let pc = record.split(' ').find_map(|word| word.strip_prefix("pc=0x")).context("a record without a pc")?;
    let pc = u64::from_str_radix(pc, 16).context("the record's pc is no number")?;

    ensure!(notes.len() == smp as usize, "the core file has notes of {} CPUs, of {smp}", notes.len());
    ensure!(notes.iter().all(|note| note.pc != 0 && note.sp != 0), "the core file has an empty note: {notes:x?}");
    let note = notes.iter().find(|note| note.pc == pc);
    note.with_context(|| format!("no note of the core file has the pc {pc:#x}: {notes:x?}"))?;
    Ok(format!("kdump: cpus online {online}, cpu{wedged} record pc={pc:#x}"))
}

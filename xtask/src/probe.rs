// SPDX-License-Identifier: MIT OR Apache-2.0

//! Cases of the conformance suite that a debugger takes part in: it does what no program on the machine can, or sees what
//! none can see.

use std::collections::HashSet;
use std::fs;
use std::ops::Range;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance_events::{Event, Frame};
use object::read::elf::ElfFile64;
use object::{LittleEndian, Object, ObjectSection};

use crate::board::Board;
use crate::conformance::{self, Options};
use crate::gdb::Gdb;
use crate::qemu::Outcome;
use crate::test::{Case, Log, Tally};
use crate::{code, image, paths};

/// The vector of calls from AArch64: the firmware's vectors lie at the start of secure SRAM.
pub const CALL_VECTOR: u64 = 0x2000_0400;

/// Where the firmware's code is.
pub const FIRMWARE: Range<u64> = 0x2000_0000..0x2001_0000;

/// Returns the cases.
pub fn cases() -> Vec<Case> {
    vec![
        Case::new("mem_protect and a reset in its middle", cleared_all_the_same),
        Case::new("off with a virtual interrupt", sleeps_all_the_same),
        Case::new("guarded entries", guarded),
    ]
}

/// Runs the suite while `client` has the debugger, from the suite's first lines on; returns what both left.
pub fn run<T: Send + 'static>(
    options: &Options,
    timeout: Duration,
    log: &mut Log,
    client: impl FnOnce(Gdb) -> Result<T> + Send + 'static,
) -> Result<(Outcome, T)> {
    let folder = tempfile::tempdir_in(paths::target())?;
    let socket = folder.path().join("gdb");
    let (begun, wait_for_begin) = mpsc::channel();
    let mut machine = options.machine()?.timeout(timeout);
    for argument in Gdb::arguments(&socket) {
        machine = machine.arg(&argument);
    }
    let client = thread::spawn(move || {
        wait_for_begin.recv().context("the suite did not begin")?;
        client(Gdb::connect(&socket)?)
    });
    let outcome = machine.run(|line| {
        log.line(line);
        if matches!(Frame::parse(line), Some((_, Frame { event: Event::Start { .. }, .. }))) {
            // The client may have given up already.
            let _ = begun.send(());
        }
    })?;
    drop(begun);
    let result = client.join().expect("the client does not panic")?;
    Ok((outcome, result))
}

/// A reset that comes while memory is being cleared: the next life clears it.
fn cleared_all_the_same(log: &mut Log) -> Result<Tally> {
    let clearing = address_of_dc_zva()?;
    let options =
        Options { filter: "psci.mem_protect.reset_clears_memory".to_owned(), ..Options::on(1, "max") };
    let (outcome, ()) = run(&options, Duration::from_secs(60), log, move |mut gdb| {
        gdb.run_to(clearing)?;
        gdb.monitor("system_reset")?;
        gdb.detach()
    })?;
    conformance::judge(&outcome)?;
    Ok(Tally::pass())
}

/// A core that is off with a virtual interrupt pending sleeps: it does not go round in the firmware.
fn sleeps_all_the_same(log: &mut Log) -> Result<Tally> {
    let name = "psci.cpu_off.stays_off.virtual_interrupt";
    let options = Options { filter: name.to_owned(), ..Options::on(2, "max") };
    let (outcome, seen) = run(&options, Duration::from_secs(60), log, |mut gdb| {
        let mut seen: Vec<u64> = Vec::new();
        for _ in 0..15 {
            gdb.run_for(Duration::from_millis(20))?;
            seen.extend(gdb.pcs(2)?.get(1).filter(|pc| FIRMWARE.contains(pc)));
        }
        gdb.detach()?;
        Ok(seen)
    })?;
    outcome.check()?;
    ensure!(seen.len() >= 5, "core 1 was in the firmware {} times of 15", seen.len());
    let places: HashSet<_> = seen.iter().collect();
    ensure!(places.len() == 1, "core 1 does not sleep: it was at {places:x?}");
    Ok(Tally::pass())
}

/// The kinds of core that need a mitigation at each entry to EL3, and one that needs none.
const GUARDED: [&str; 5] = ["cortex-a57", "cortex-a72", "neoverse-n1", "neoverse-v1", "neoverse-n2"];
const UNGUARDED: &str = "max";

/// Every core that needs it mitigates when it comes up to EL3, the first one and the others; one that does not, does not.
fn guarded(log: &mut Log) -> Result<Tally> {
    let data = code::read(&image::build(Board::SbsaRef)?.elf)?;
    let file = code::parse(&data)?;
    let [mitigation, way_back] = ["bl31::mitigation::enter", "enter_ns"]
        .map(|name| code::place_of(&file, name).map(|place| place.start));
    let (mitigation, way_back) = (mitigation?, way_back?);
    for cpu in GUARDED.into_iter().chain([UNGUARDED]) {
        let options = Options { filter: "psci.cpu_on.every_core".to_owned(), ..Options::on(2, cpu) };
        let is_guarded = cpu != UNGUARDED;
        let (outcome, seen) = run(&options, Duration::from_secs(60), log, move |mut gdb| {
            let mut seen = HashSet::new();
            while seen.len() < 2 {
                match gdb.run_to(mitigation) {
                    Ok(core) => {
                        seen.insert(core);
                        // A core that is there would be there again at once.
                        gdb.run_to(way_back)?;
                    }
                    // It has powered off.
                    Err(_) if !is_guarded => return Ok(seen),
                    Err(error) => return Err(error),
                }
            }
            gdb.detach()?;
            Ok(seen)
        })?;
        conformance::judge(&outcome).context(cpu)?;
        let expected = if is_guarded { 2 } else { 0 };
        ensure!(seen.len() == expected, "of 2 cores of {cpu} {} mitigate when they come to EL3", seen.len());
    }
    Ok(Tally { passed: GUARDED.len() as u32 + 1, ..Tally::default() })
}

/// Finds the one DC ZVA of the firmware: the instruction that clears memory.
fn address_of_dc_zva() -> Result<u64> {
    let data = fs::read(image::build(Board::SbsaRef)?.elf)?;
    let file = ElfFile64::<LittleEndian>::parse(&*data)?;
    let text = file.section_by_name(".text").context("the firmware has no .text")?;
    let words = text.data()?.as_chunks().0.iter().copied().map(u32::from_le_bytes);
    let mut found = (text.address()..).step_by(4).zip(words).filter(|(_, word)| word & !0x1f == 0xd50b_7420);
    let (address, _) = found.next().context("the firmware clears no memory")?;
    ensure!(found.next().is_none(), "the firmware clears memory in two places");
    Ok(address)
}

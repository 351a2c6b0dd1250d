// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the firmware reports when it can not go on. Nothing that an operating system does brings it there, so it is
//! given machines that do not exist (device trees in `tests/trees`), or a debugger sends it astray.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::board::Board;
use crate::conformance::Options;
use crate::gdb::Gdb;
use crate::probe::{self, CALL_VECTOR, FIRMWARE};
use crate::qemu::{Machine, Outcome};
use crate::test::{Case, Log, Tally};
use crate::{code, image, paths, process};

const COMPILE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the firmware gets to report. Then it sleeps for ever, and the run is ended.
const REPORT_TIME: Duration = Duration::from_secs(8);

/// How long every core has to come to rest after the crash.
const REST: Duration = Duration::from_secs(2);

/// From one redistributor to the next.
const GICR_STRIDE: u64 = 0x2_0000;

/// Where a core at EL2 goes without vectors: VBAR_EL2 is 0, and so is secure memory.
const NO_VECTORS: u64 = 0x200;

/// Returns a case for each tree, with what the report must say, one for a machine with too many cores, one for a crash under
/// load and one for a panic. And one that must not be any: there is no BL33.
pub fn cases() -> Vec<Case> {
    let trees = [
        (
            "no-cores",
            &["quell: crash: device tree: no cpu nodes or too many: 0x0\n", "\nquell: on core=0 mpidr="][..],
        ),
        ("short-reg", &["quell: crash: device tree: missing or malformed property: intc reg\n"][..]),
        ("numa-node-128", &["quell: crash: device tree: NUMA node 0x80\n"][..]),
        (
            "gic-in-a-hole",
            &[
                "quell: crash: exception at EL3: synchronous, EL3",
                "\nquell: registers x0=0x",
                " x30=0x2000",
                "\nquell: on core=0 mpidr=0x80000000 esr=0x96000010 elr=0x2000",
                " far=0x44100008 ",
                "\nquell: control phase=FINAL ",
            ][..],
        ),
    ];
    let mut cases: Vec<_> = trees
        .into_iter()
        .map(|(tree, report)| Case::new(format!("crash {tree}"), move |log| with_tree(tree, report, log)))
        .collect();
    cases.push(Case::new("crash machine=virt smp=124", |log| with_too_many_cores(Board::Virt, log)));
    cases.push(Case::new("crash in a call", in_a_call));
    cases.push(Case::new("crash by panic", by_panic));
    cases.push(Case::new("no crash without a BL33", without_bl33));
    cases
}

/// Compiles a tree of `tests/trees` into the folder; returns where.
pub fn compile(tree: &str, folder: &Path) -> Result<PathBuf> {
    let blob = folder.join("tree.dtb");
    let mut dtc = Command::new("dtc");
    dtc.args(["-q", "-O", "dtb", "-o"]).arg(&blob);
    dtc.arg(paths::root().join("tests/trees").join(tree).with_extension("dts"));
    process::output(dtc, COMPILE_TIMEOUT)?;
    Ok(blob)
}

fn with_tree(tree: &str, report: &[&str], log: &mut Log) -> Result<Tally> {
    let folder = tempfile::tempdir_in(paths::target())?;
    let blob = compile(tree, folder.path())?;
    let flash0 = image::build(Board::SbsaRef)?.flash0;
    let machine = Machine::new(Board::SbsaRef, &flash0).name("crash").smp(1).timeout(REPORT_TIME);
    let outcome = machine.arg("-dtb").arg(&blob.display().to_string()).run(|line| log.line(line))?;
    ensure!(outcome.console.is_empty(), "the operating system's console says: {}", outcome.console);
    judge(&outcome, report, log)
}

/// One core more than the firmware knows redistributors for.
fn with_too_many_cores(board: Board, log: &mut Log) -> Result<Tally> {
    let flash0 = image::build(board)?.flash0;
    let smp = u32::try_from(board.max_cores())? + 1;
    let machine = Machine::new(board, &flash0).name("crash").smp(smp).timeout(REPORT_TIME);
    let outcome = machine.run(|line| log.line(line))?;
    judge(&outcome, &[&format!("quell: crash: device tree: no cpu nodes or too many: {smp:#x}\n")], log)
}

/// Four cores turn each other on and off; one of their calls ends at address 0, where nothing is.
fn in_a_call(log: &mut Log) -> Result<Tally> {
    let smp = 4;
    // More rounds than there is time for.
    let rounds = 1_000_000;
    let filter = "psci.cpu_off.every_core_in_a_loop".to_owned();
    let options = Options { rounds, filter, ..Options::on(smp, "max") };
    let (outcome, pcs) = probe::run(&options, REPORT_TIME, log, move |mut gdb| {
        gdb.run_for(Duration::from_millis(500))?;
        gdb.run_to(CALL_VECTOR)?;
        gdb.set_pc(0)?;
        gdb.run_for(REST)?;
        gdb.pcs(smp)
    })?;
    let report = [
        "quell: crash: exception at EL3: synchronous, EL3\n",
        " elr=0x0 ",
        "\nquell: control phase=FINAL kind=CRASH owner=",
        "\nquell: core=0 state=",
        "\nquell: core=3 state=",
        " last_call=0x",
        " CPU_ON=",
        " AFFINITY_INFO=",
    ];
    let tally = judge(&outcome, &report, log)?;
    ensure!(pcs.iter().all(|pc| FIRMWARE.contains(pc)), "a core is not in the firmware: {pcs:x?}");
    Ok(tally)
}

/// Core 1 starts, and the firmware has lost where the redistributors are: core 1's is at 0 now.
fn by_panic(log: &mut Log) -> Result<Tally> {
    let elf = code::read(&image::build(Board::SbsaRef)?.elf)?;
    let redistributors = code::place_of(&code::parse(&elf)?, "bl31::machine::GICR")?.start;
    let options = Options { filter: "psci.cpu_on".to_owned(), ..Options::on(2, "max") };
    let (outcome, pcs) = probe::run(&options, REPORT_TIME, log, move |mut gdb| {
        gdb.run_to(CALL_VECTOR)?;
        gdb.write(redistributors, GICR_STRIDE.wrapping_neg())?;
        gdb.run_for(REST)?;
        gdb.pcs(2)
    })?;
    let report = [
        "quell: crash: panicked at bl31/src/gic.rs:",
        "\nquell: on core=1 mpidr=0x80000001 ",
        // Core 0 waits for core 1 in a call that it has made, whose number is PSCI's.
        "\nquell: core=0 state=",
        " last_call=0xc40000",
        "\nquell: core=1 state=",
    ];
    let tally = judge(&outcome, &report, log)?;
    ensure!(pcs.iter().all(|pc| FIRMWARE.contains(pc)), "a core is not in the firmware: {pcs:x?}");
    Ok(tally)
}

/// Where BL33 should begin there is nothing: its first instruction is none, and what fetches its vectors is an abort. All of that
/// is EL2's own affair.
fn without_bl33(log: &mut Log) -> Result<Tally> {
    let folder = tempfile::tempdir_in(paths::target())?;
    let socket = folder.path().join("gdb");
    let flash0 = image::build(Board::SbsaRef)?.flash0;
    let mut machine = Machine::new(Board::SbsaRef, &flash0).name("crash").smp(2).timeout(REPORT_TIME);
    for argument in Gdb::arguments(&socket) {
        machine = machine.arg(&argument);
    }
    let client = thread::spawn(move || {
        let mut gdb = Gdb::connect(&socket)?;
        gdb.run_for(REST)?;
        gdb.pcs(1)
    });
    let outcome = machine.run(|line| log.line(line))?;
    let pcs = client.join().expect("the client does not panic")?;
    ensure!(outcome.timed_out, "the machine did not stay where it was");
    ensure!(outcome.secure.is_empty(), "the firmware was not quiet{}", outcome.firmware_report());
    ensure!(pcs == [NO_VECTORS], "core 0 is not at EL2's missing vectors: {pcs:x?}");
    Ok(Tally::pass())
}

/// Judges a machine that shall have reported once, and then slept until its time was over.
fn judge(outcome: &Outcome, report: &[&str], log: &mut Log) -> Result<Tally> {
    log.line(&outcome.secure);
    ensure!(outcome.timed_out, "the machine did not stay where it was");
    let text = outcome.secure.replace('\r', "");
    for words in report {
        ensure!(text.contains(words), "the report lacks `{}`:\n{text}", words.trim());
    }
    ensure!(text.ends_with("\nquell: end\n"), "the report does not come to its end:\n{text}");
    ensure!(text.matches("quell: crash:").count() == 1, "more than one report:\n{text}");
    Ok(Tally::pass())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the firmware reports when it can not go on. Nothing that an operating system does brings it there, so it is
//! given machines that do not exist: device trees in `tests/trees`.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::qemu::Machine;
use crate::test::{Case, Log, Tally};
use crate::{image, paths, process};

const COMPILE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the firmware gets to report. Then it sleeps for ever, and the run is ended.
const REPORT_TIME: Duration = Duration::from_secs(8);

/// Returns a case for each tree, with what the report must say.
pub fn cases() -> Vec<Case> {
    [
        (
            "no-cores",
            &["quell: crash: panicked at ", "\ndevice tree: 0 cpu nodes", "\nquell: core=0 mpidr="][..],
        ),
        (
            "gic-in-a-hole",
            &[
                "quell: crash: exception at EL3: synchronous, EL3",
                "\nquell: x30=0x000000002000",
                "\nquell: esr=0x96000010 elr=0x2000",
                "far=0x44100008",
            ][..],
        ),
    ]
    .into_iter()
    .map(|(tree, report)| Case::new(format!("crash {tree}"), move |log| run(tree, report, log)))
    .collect()
}

fn run(tree: &str, report: &[&str], log: &mut Log) -> Result<Tally> {
    let folder = tempfile::tempdir_in(paths::target())?;
    let blob = folder.path().join("tree.dtb");
    let mut dtc = Command::new("dtc");
    dtc.args(["-q", "-O", "dtb", "-o"]).arg(&blob);
    dtc.arg(paths::root().join("tests/trees").join(tree).with_extension("dts"));
    process::output(dtc, COMPILE_TIMEOUT)?;

    let flash0 = image::build()?.flash0;
    let machine = Machine::new(&flash0).name("crash").smp(1).timeout(REPORT_TIME);
    let outcome = machine.arg("-dtb").arg(&blob.display().to_string()).run(|line| log.line(line))?;
    log.line(&outcome.secure);
    ensure!(outcome.timed_out, "the machine did not stay where it was");
    ensure!(outcome.console.is_empty(), "the operating system's console says: {}", outcome.console);
    let text = outcome.secure.replace('\r', "");
    for words in report {
        ensure!(text.contains(words), "the report lacks `{}`:\n{text}", words.trim());
    }
    ensure!(text.matches("quell: crash:").count() == 1, "more than one report:\n{text}");
    Ok(Tally::pass())
}

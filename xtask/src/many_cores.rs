// SPDX-License-Identifier: MIT OR Apache-2.0

//! A machine of 512 cores, all wedged, stopped by one SYNC: what the owner writes to the GIC, and what BEGIN costs it.
//!
//! One processor of the host is all cores in turn and QEMU counts instructions, one to each nanosecond of the machine: the ticks of
//! the counter, at 1 GHz, are the instructions of whoever ran meanwhile, and in BEGIN that is its caller alone. QEMU's trace
//! tells every SGI that is sent; SGIs of the payload mark the beginning and the end.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::conformance::{self, Options};
use crate::paths;
use crate::test::{Log, Tally};

/// The most cores that the machine takes.
pub const CORES: u32 = 512;

/// Cores to a cluster: one write reaches so many.
const CLUSTER: u32 = 8;

/// A machine to compare with.
const FEWER: u32 = 64;

const TIMEOUT: Duration = Duration::from_secs(240);

/// What a session cost its owner.
struct Cost {
    writes: u32,
    instructions: u64,
}

/// Runs both machines and compares them.
pub fn run(log: &mut Log) -> Result<Tally> {
    let [few, many] = [FEWER, CORES].map(|cores| measure(log, cores));
    let (few, many) = (few?, many?);
    for (cores, cost) in [(FEWER, &few), (CORES, &many)] {
        ensure!(
            cost.writes == cores / CLUSTER,
            "the owner of {cores} cores wrote {} SGIs, not one to each cluster",
            cost.writes
        );
    }
    let reason = format!(
        "{CORES} cores: {} SGI writes, BEGIN {} instructions; {FEWER} cores: {}, {}",
        many.writes, many.instructions, few.writes, few.instructions
    );
    log.line(&reason);
    Ok(Tally { reason: Some(reason), ..Tally::pass() })
}

fn measure(log: &mut Log, cores: u32) -> Result<Cost> {
    let folder = tempfile::tempdir_in(paths::target())?;
    let trace = folder.path().join("trace");
    let options = Options { filter: "stop.many.".to_owned(), ..Options::on(cores, "max") };
    let mut machine = options.machine()?.timeout(TIMEOUT);
    let trace_path = trace.display().to_string();
    for argument in [
        "-accel",
        "tcg,thread=single",
        "-icount",
        "shift=0,sleep=off",
        "-trace",
        "gicv3_icc_generate_sgi",
        "-D",
        &trace_path,
    ] {
        machine = machine.arg(argument);
    }
    let outcome = machine.run(|line| log.line(line))?;
    conformance::judge(&outcome)?;
    let took =
        outcome.console.lines().find_map(|line| line.split_once("cores took ")?.1.strip_suffix(" ticks"));
    let instructions = took.context("the suite did not say what BEGIN took")?.parse()?;
    Ok(Cost { writes: writes_of_owner(&fs::read_to_string(&trace)?), instructions })
}

/// Counts the secure SGIs that core 0 sent in the first session that is marked.
fn writes_of_owner(trace: &str) -> u32 {
    let sgis =
        trace.lines().filter_map(|line| line.split_once("CPU i/f 0x0 generating SGI ")?.1.split(' ').next());
    sgis.skip_while(|&sgi| sgi != "5").take_while(|&sgi| sgi != "6").filter(|&sgi| sgi == "8").count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owners_sgis_between_the_marks_count() {
        let line = |core: &str, sgi: u32| {
            format!("gicv3_icc_generate_sgi GICv3 CPU i/f {core} generating SGI {sgi} IRM 0 target\n")
        };
        let trace = [
            line("0x0", 8),
            line("0x0", 5),
            line("0x0", 8),
            line("0x100", 8),
            line("0x0", 8),
            line("0x0", 6),
            line("0x0", 8),
            line("0x0", 5),
            line("0x0", 8),
            line("0x0", 6),
        ];
        assert_eq!(writes_of_owner(&trace.concat()), 2);
    }
}

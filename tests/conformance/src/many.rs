// SPDX-License-Identifier: MIT OR Apache-2.0

//! All other cores at once: what takes long on a host with fewer processors than the machine has cores.

use crate::clock::{self, PATIENCE, wait_until};
use crate::fixture::others;
use crate::machine::{self, mpidr};
use crate::verdict::{Verdict, holds, status};
use crate::{cores, psci};

/// How long something may take that all cores take part in.
pub fn patience() -> u64 {
    PATIENCE * (machine::cores() as u64 / 8 + 1)
}

/// Starts all other cores, then waits until all are there; returns how many milliseconds that took.
pub fn start_all() -> Result<u64, crate::verdict::Finding> {
    let begin = clock::now();
    let boots = || others().map(cores::boots).sum::<u64>();
    let wanted = boots() + others().count() as u64;
    for index in others() {
        cores::prepare(index);
        let reply = psci::cpu_on(mpidr(index), cores::entry_point(), 0);
        status(format_args!("CPU_ON of core {index}"), reply, 0)?;
    }
    holds("all cores start", wait_until(patience(), || boots() == wanted))?;
    Ok(clock::microseconds(clock::now() - begin) / 1000)
}

/// Turns all other cores off, which wait for jobs.
pub fn turn_all_off() -> Verdict {
    for index in others() {
        cores::post(index, cores::power_off, 0);
    }
    let off = || others().all(|index| psci::affinity_info(index) == psci::OFF);
    holds("all cores go off", wait_until(patience(), off))
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Operations on all cores.

use conformance::fixture::others;
use conformance::verdict::{Verdict, equal, status};
use conformance::{cores, machine, psci, stop};
use quell_abi::Call;

use crate::mark::marked;
use crate::wait;

/// How long the cores that are off are watched, in microseconds.
const PARKED: u64 = 10_000;

/// CPU_ON of all other cores; returns the first status that is not 0.
fn call_for_all() -> u64 {
    let calls = others().map(|index| psci::cpu_on(machine::mpidr(index), cores::entry_point(), 0));
    calls.fold(0, |first, status| if first == 0 { status } else { first })
}

/// Starts all other cores by calls between marks, or by ones without, and waits for them.
fn start(is_marked: bool) -> Verdict {
    let boots = || others().map(cores::boots).sum::<u64>();
    let wanted = boots() + others().count() as u64;
    others().for_each(|index| {
        cores::prepare(index);
    });
    let saw = if is_marked { marked!(StartAll, call_for_all()) } else { call_for_all() };
    status("CPU_ON of all cores", saw, 0)?;
    wait::until("all cores to start", || boots() == wanted)
}

/// Starts all other cores.
pub fn start_all() -> Verdict {
    start(false)
}

/// Turns all other cores off, which wait for jobs.
pub fn turn_all_off() -> Verdict {
    others().for_each(|index| cores::post(index, cores::power_off, 0));
    wait::until_off(others())
}

/// All cores are started, and turned off, twice; then they do nothing for a while.
pub fn start_all_and_park() -> Verdict {
    for is_marked in [false, true] {
        start(is_marked)?;
        turn_all_off()?;
    }
    marked!(Parked, wait::sleep(PARKED));
    Ok(())
}

/// The first word of MASK while all cores are on.
pub fn mask() -> Verdict {
    start_all()?;
    let call = || stop::call(Call::Mask, [0; 6]);
    call();
    let reply = marked!(Mask, call());
    turn_all_off()?;
    status("MASK", reply.status, 0)?;
    let on = u64::MAX >> (64 - machine::cores().min(64));
    equal("cores that are on", reply.x[0], on)
}

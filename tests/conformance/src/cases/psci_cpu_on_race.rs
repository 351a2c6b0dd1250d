// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_ON of one core by all others at once.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::clock::{PATIENCE, wait_until};
use crate::entry::EntryState;
use crate::fixture::{StartLine, others, start, turn_off};
use crate::machine::{MAX_CORES, mpidr, this_core};
use crate::psci::{self, ALREADY_ON, ON_PENDING};
use crate::runner::{Case, rounds};
use crate::verdict::{Verdict, equal, failed, holds, register};
use crate::{cores, machine};

/// The cases of this file.
pub const CASES: &[Case] = &[
    Case { name: "psci.cpu_on.all_at_once", cores: 3, run: all_at_once },
    Case { name: "psci.cpu_on.in_the_tail_of_cpu_off", cores: 2, run: in_the_tail_of_cpu_off },
];

const TARGET: usize = 1;

static LINE: StartLine = StartLine::new();
static RESULTS: [AtomicU64; MAX_CORES] = [const { AtomicU64::new(0) }; MAX_CORES];

/// Job: starts the target at the same time as others; the context id says who.
extern "C" fn race(_: u64) -> u64 {
    LINE.wait();
    let context = this_core() as u64;
    RESULTS[this_core()].store(psci::cpu_on(mpidr(TARGET), cores::entry_point(), context), Ordering::Relaxed);
    0
}

fn all_at_once() -> Verdict {
    let racers = || (0..machine::cores()).filter(|&index| index != TARGET);
    for index in others().filter(|&index| index != TARGET) {
        start(index)?;
    }
    for round in rounds() {
        let before = cores::prepare(TARGET);
        LINE.expect(machine::cores() - 1);
        let helpers = || racers().filter(|&index| index != 0);
        let finished: u64 = helpers().map(cores::finished).sum();
        helpers().for_each(|index| cores::post(index, race, 0));
        race(0);
        let all = finished + helpers().count() as u64;
        let returned = wait_until(PATIENCE, || helpers().map(cores::finished).sum::<u64>() >= all);
        holds(format_args!("every caller comes back (round {round})"), returned)?;
        let mut winner = None;
        for index in racers() {
            let saw = RESULTS[index].load(Ordering::Relaxed);
            if saw == 0 {
                holds(
                    format_args!("one CPU_ON succeeds (round {round}), cores {winner:?}, {index}"),
                    winner.is_none(),
                )?;
                winner = Some(index);
            } else if saw != register(ALREADY_ON) && saw != register(ON_PENDING) {
                return Err(failed(
                    format_args!("CPU_ON of core {index} = ALREADY_ON or ON_PENDING (round {round})"),
                    format_args!("{saw:#x}"),
                ));
            }
        }
        holds(format_args!("one CPU_ON succeeds (round {round})"), winner.is_some())?;
        holds(format_args!("core 1 starts (round {round})"), cores::wait_for_boot(TARGET, before))?;
        let winner = winner.unwrap_or_default() as u64;
        equal(format_args!("x0 of the started core (round {round})"), EntryState::of(TARGET).x[0], winner)?;
        turn_off(TARGET)?;
        equal(format_args!("boots (round {round})"), cores::boots(TARGET), before + 1)?;
    }
    Ok(())
}

fn in_the_tail_of_cpu_off() -> Verdict {
    start(TARGET)?;
    for round in rounds() {
        let before = cores::boots(TARGET);
        cores::post(TARGET, cores::power_off, 0);
        let mut wrong = None;
        let accepted = wait_until(PATIENCE, || {
            match psci::cpu_on(mpidr(TARGET), cores::entry_point(), round) {
                0 => return true,
                saw if saw == register(ALREADY_ON) => {}
                saw => wrong = Some(saw),
            }
            wrong.is_some()
        });
        if let Some(saw) = wrong {
            return Err(failed(format_args!("CPU_ON = ALREADY_ON or 0"), format_args!("{saw:#x}")));
        }
        holds(format_args!("CPU_ON is accepted (round {round})"), accepted)?;
        holds(format_args!("core 1 starts (round {round})"), cores::wait_for_boot(TARGET, before))?;
        equal(format_args!("boots (round {round})"), cores::boots(TARGET), before + 1)?;
        equal(format_args!("x0 of the started core (round {round})"), EntryState::of(TARGET).x[0], round)?;
    }
    Ok(())
}

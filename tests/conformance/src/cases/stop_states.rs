// SPDX-License-Identifier: MIT OR Apache-2.0

//! A stop meets cores that are in no loop: never started, off, asleep, or just leaving. What it sends to them must not hit
//! their next life. And a mask that only some cores have.

use quell_abi::{Kind, Why};

use crate::case::cases;
use crate::clock::{self, PATIENCE, wait_until};
use crate::cores;
use crate::fixture::{needs_power_down, others, start, start_with_job, turn_off};
use crate::psci::{self, CLUSTER_POWER_DOWN, CORE_POWER_DOWN, OFF};
use crate::runner::{self, rounds};
use crate::section;
use crate::session::{finish, stop_all};
use crate::sleep::{self, Sleeper};
use crate::stop::{self, Request};
use crate::stopped::{are_still, come_back, is_stopped, record};
use crate::verdict::{Verdict, equal, holds, skipped, status};
use crate::wedge;

cases! {
    [section::STOP_SESSION]
    /// A core with ALLINT set is stopped.
    "stop.nmi.allint", 2, allint;
    /// Cores that never ran are no targets.
    "stop.off.never_started", 2, never_started;
    /// A core that was turned off is no target.
    "stop.off.before_begin", 2, off_before_begin;
    /// A core that goes off meanwhile counts as stopped.
    "stop.off.at_the_same_moment", 2, off_at_the_same_moment;
    /// A core that is powered down is taken to OFF.
    "stop.suspended.power_down", 2, power_down;
    /// A core that is pending is cancelled before its first instruction.
    "stop.on_pending.is_a_target", 2, pending_is_a_target;
    /// An interrupt of an old session stops nobody's next life.
    "stop.stale_sgi", 2, stale_sgi;
}

fn allint() -> Verdict {
    if !wedge::has_allint() {
        return Err(skipped(format_args!("the core has no ALLINT")));
    }
    start_with_job(1, wedge::all_interrupts_masked)?;
    stop_all(Kind::Crash)?;
    is_stopped(1, &[Why::Nmi])?;
    equal("PSTATE.ALLINT in the record", record(1)?.pstate & wedge::ALLINT, wedge::ALLINT)?;
    are_still(1..2)?;
    come_back(1..2)
}

/// Opens a session and passes if it has so many targets.
fn has_targets(expected: u64) -> Verdict {
    let begun = Request::at_once(Kind::Crash).begin();
    status("BEGIN", begun.status, 0)?;
    equal("targets", begun.x[1], expected)?;
    finish(begun.x[0])
}

/// Behind a reset no core was ever started.
fn never_started() -> Verdict {
    if !runner::is_after_reset() {
        runner::reset();
    }
    let boots = |index: usize| cores::boots(index);
    has_targets(0)?;
    clock::pause(2_000);
    for index in others() {
        equal(format_args!("boots of core {index}"), boots(index), 0)?;
        equal(format_args!("AFFINITY_INFO of core {index}"), psci::affinity_info(index), OFF)?;
    }
    come_back(others())
}

fn off_before_begin() -> Verdict {
    start(1)?;
    turn_off(1)?;
    has_targets(0)?;
    come_back(1..2)
}

/// However it ends, the core is off, and its next life is not hit.
fn off_at_the_same_moment() -> Verdict {
    let (mut by_itself, mut by_stop) = (0, 0);
    for round in rounds() {
        start(1)?;
        cores::post(1, cores::power_off, 0);
        clock::pause(round % 12);
        stop_all(Kind::Kexec)?;
        let why = stop::status(1).why();
        equal(format_args!("AFFINITY_INFO (round {round})"), psci::affinity_info(1), OFF)?;
        if why == Some(Why::Nmi) {
            by_stop += 1
        } else {
            by_itself += 1
        }
        come_back(1..2)?;
        turn_off(1)?;
    }
    crate::println!("# {by_itself} went off by themselves, {by_stop} were stopped");
    Ok(())
}

fn power_down() -> Verdict {
    needs_power_down()?;
    for state in [CORE_POWER_DOWN, CLUSTER_POWER_DOWN] {
        start(1)?;
        Sleeper::send(1, sleep::Kind::State(state))?;
        stop_all(Kind::Halt)?;
        is_stopped(1, &[Why::Suspended])?;
        are_still(1..2)?;
        come_back(1..2)?;
        turn_off(1)?;
    }
    Ok(())
}

/// A core that CPU_ON has accepted and that has not run yet counts, unless it came in time to be stopped as one that runs.
fn pending_is_a_target() -> Verdict {
    for _ in rounds().take(20) {
        cores::prepare(1);
        let accepted = psci::cpu_on(crate::machine::mpidr(1), cores::entry_point(), 0);
        let begun = Request::at_once(Kind::Crash).begin();
        finish(begun.x[0])?;
        status("CPU_ON", accepted, 0)?;
        equal("targets", begun.x[1], 1)?;
    }
    Ok(())
}

/// Job: shows for some microseconds that the core runs.
extern "C" fn live_for(time: u64) -> u64 {
    wait_until(time, || {
        cores::beat();
        false
    });
    time
}

/// What was sent to a core that goes off does not stop it when it is on again: each life lasts.
fn stale_sgi() -> Verdict {
    const LIFE: u64 = 300;
    for round in rounds() {
        start(1)?;
        // Several sessions, so that more than one interrupt is on its way to a core that may be gone.
        cores::post(1, cores::power_off, 0);
        clock::pause(round % 7);
        stop_all(Kind::Crash)?;
        start(1)?;
        equal(format_args!("result of core 1 (round {round})"), cores::call(1, live_for, LIFE)?, LIFE)?;
        equal(format_args!("AFFINITY_INFO (round {round})"), psci::affinity_info(1), psci::ON)?;
        turn_off(1)?;
    }
    let still_on = wait_until(PATIENCE, || psci::affinity_info(1) == OFF);
    holds("core 1 goes off in the end", still_on)
}

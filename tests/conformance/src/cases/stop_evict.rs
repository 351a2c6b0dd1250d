// SPDX-License-Identifier: MIT OR Apache-2.0

//! EVICT: one core of a running system goes, and everybody else goes on.

use quell_abi::{Call, Kind, State, Status, Why};

use crate::case::cases;
use crate::cases::psci_cpu_on::not_mpidrs;
use crate::clock::{PATIENCE, wait_until};
use crate::cores::{self, Job};
use crate::fixture::{needs_power_down, others, start, start_with_job, turn_off};
use crate::machine::{self, mpidr};
use crate::psci::{self, OFF, ON};
use crate::runner::{rounds, rounds_up_to};
use crate::section;
use crate::session::{finish, new_generation, stop_all};
use crate::sleep::{self, Sleeper};
use crate::stop::{self, NO_SGI, Reply, Request};
use crate::stopped::{are_still, come_back, is_stopped, record};
use crate::verdict::{Verdict, equal, failed, holds, status};
use crate::{clock, wedge};

cases! {
    [section::STOP_CALLS]
    /// EVICT refuses bad arguments.
    "stop.evict.refused", 1, refused;
    /// EVICT in a session is BUSY.
    "stop.evict.in_session", 2, in_session;
    /// EVICT of a core that is off is DONE.
    "stop.evict.off", 2, of_core_that_is_off;
    /// Every kind of wedge is evicted and can be started again.
    "stop.evict.every_wedge", 2, every_wedge;
    /// A core that sleeps is evicted.
    "stop.evict.asleep", 2, asleep;
    /// Everybody else goes on.
    "stop.evict.others_go_on", 3, others_go_on;
    /// A core is evicted and started, again and again.
    "stop.evict.again_and_again", 2, again_and_again;
    /// An EVICT that ran out of time changes nothing.
    "stop.evict.withdrawn", 2, withdrawn;
    /// EVICT of a pending core is BUSY.
    "stop.evict.on_pending", 2, on_pending;
    /// EVICT of a core that goes off is DONE.
    "stop.evict.against_cpu_off", 2, against_cpu_off;
}

const INVALID: i32 = Status::InvalidParameters as i32;

/// Longer than any answer takes, in microseconds.
const LONG: u64 = 3_000_000;

fn refused() -> Verdict {
    stop::needs(Call::Evict)?;
    for target in not_mpidrs().chain([mpidr(0)]) {
        status(format_args!("EVICT of {target:#x}"), stop::evict(target, 1_000).status, INVALID)?;
    }
    let target = mpidr(machine::cores() - 1);
    for timeout in [10_000_001, 1 << 32, u64::MAX] {
        status(format_args!("EVICT for {timeout:#x}"), stop::evict(target, timeout).status, INVALID)?;
    }
    others().try_for_each(start)
}

fn in_session() -> Verdict {
    stop::needs(Call::Evict)?;
    start_with_job(1, wedge::deaf)?;
    let handle = Request::with_grace(Kind::Halt, 200_000, NO_SGI).begin().x[0];
    let saw = stop::evict(mpidr(1), 1_000);
    let state = psci::affinity_info(1);
    finish(handle)?;
    status("EVICT in a session", saw.status, Status::Busy as i32)?;
    equal("x1 of BUSY, the owner", saw.x[0], mpidr(0))?;
    equal("x2 of BUSY, the kind", saw.x[1], Kind::Halt as u64)?;
    equal("AFFINITY_INFO after a refused EVICT", state, ON)
}

fn of_core_that_is_off() -> Verdict {
    stop::needs(Call::Evict)?;
    for timeout in [0, 1_000, 10_000_000] {
        status("EVICT of a core that is off", stop::evict(mpidr(1), timeout).status, 0)?;
    }
    come_back(1..2)
}

/// Evicts a core, which must go, and is off then.
fn evict(index: usize) -> Verdict {
    status(format_args!("EVICT of core {index}"), stop::evict(mpidr(index), LONG).status, 0)?;
    is_stopped(index, &[Why::Nmi])?;
    are_still(index..index + 1)
}

fn every_wedge() -> Verdict {
    const WEDGES: [Job; 7] = [
        wedge::deaf,
        wedge::deaf_at_el1,
        wedge::priority_masked,
        wedge::in_handler,
        wedge::in_calls,
        wedge::asleep,
        wedge::listening,
    ];
    stop::needs(Call::Evict)?;
    for job in WEDGES {
        let generation = new_generation()?;
        start_with_job(1, job)?;
        evict(1)?;
        let record = record(1)?;
        equal("valid", record.valid.into(), 1)?;
        equal("generation in the record", record.generation.into(), generation)?;
        equal("why in the record (NMI)", record.why.into(), Why::Nmi as u64)?;
        come_back(1..2)?;
        turn_off(1)?;
    }
    Ok(())
}

fn asleep() -> Verdict {
    stop::needs(Call::Evict)?;
    let sleeps = |kind: sleep::Kind| -> Verdict {
        start(1)?;
        let boots = cores::boots(1);
        let sleeper = Sleeper::send(1, kind)?;
        status("EVICT of a core that sleeps", stop::evict(mpidr(1), LONG).status, 0)?;
        equal("AFFINITY_INFO", psci::affinity_info(1), OFF)?;
        sleeper.ring();
        clock::pause(2_000);
        equal("boots of the core", cores::boots(1), boots)?;
        are_still(1..2)?;
        come_back(1..2)?;
        turn_off(1)
    };
    sleeps(sleep::Kind::State(psci::STANDBY))?;
    needs_power_down()?;
    psci::POWER_DOWN.into_iter().try_for_each(|state| sleeps(sleep::Kind::State(state)))
}

fn others_go_on() -> Verdict {
    stop::needs(Call::Evict)?;
    start_with_job(1, wedge::deaf)?;
    start_with_job(2, wedge::deaf)?;
    evict(1)?;
    cores::wait_for_beat(2, cores::heartbeat(2))?;
    equal("AFFINITY_INFO of the other core", psci::affinity_info(2), ON)?;
    // There is no fence.
    start(1)?;
    evict(2)?;
    come_back(2..3)
}

/// A wedged core is evicted and started again 1,000 times.
fn again_and_again() -> Verdict {
    const JOBS: [Job; 4] = [wedge::deaf, wedge::in_calls, wedge::deaf_at_el1, wedge::asleep];
    stop::needs(Call::Evict)?;
    let mut count = 0;
    for round in rounds_up_to(1_000) {
        start_with_job(1, JOBS[round as usize % JOBS.len()])?;
        let beats_until = |reply: Reply| (reply.status, cores::heartbeat(1));
        let (saw, beats) = beats_until(stop::evict(mpidr(1), LONG));
        status(format_args!("EVICT (round {round})"), saw, 0)?;
        is_stopped(1, &[Why::Nmi])?;
        equal(format_args!("heartbeats after DONE (round {round})"), cores::heartbeat(1), beats)?;
        count += 1;
    }
    crate::println!("# {count} times evicted and started again");
    come_back(1..2)
}

/// Passes if what EVICT of core 1 returned is so; the core is off then, or goes on. Returns whether it goes on.
fn is_true(saw: u64) -> Result<bool, crate::verdict::Finding> {
    match Status::from_register(saw) {
        Some(Status::Success) => {
            is_stopped(1, &[Why::Nmi])?;
            Ok(false)
        }
        Some(Status::Pending) => {
            holds(
                "a core that has accepted goes off",
                wait_until(PATIENCE, || psci::affinity_info(1) == OFF),
            )?;
            is_stopped(1, &[Why::Nmi])?;
            Ok(false)
        }
        Some(Status::Partial) => {
            equal("AFFINITY_INFO after a withdrawal", psci::affinity_info(1), ON)?;
            cores::wait_for_beat(1, cores::heartbeat(1))?;
            equal("state after a withdrawal", stop::status(1).state, State::On as u64)?;
            Ok(true)
        }
        _ => Err(failed(format_args!("EVICT = DONE, PENDING or PARTIAL"), format_args!("{saw:#x}"))),
    }
}

/// The request is taken back while the core is about to accept it: exactly one of both happens.
fn withdrawn() -> Verdict {
    stop::needs(Call::Evict)?;
    let mut saw = [0_u64; 3];
    // Cores that spin keep the host from running core 1 at once.
    others().skip(1).take(3).try_for_each(|index| start_with_job(index, wedge::deaf))?;
    start_with_job(1, wedge::deaf)?;
    for round in rounds() {
        let reply = stop::evict(mpidr(1), [0, 1, 5, 20, 50, 100][round as usize % 6]).status;
        if !is_true(reply)? {
            start_with_job(1, wedge::deaf)?;
        }
        saw[(reply as usize).min(2)] += 1;
    }
    let [done, pending, partial] = saw;
    crate::println!("# {done} were done, {pending} accepted, {partial} withdrawn");
    // What was withdrawn does not come later.
    start(1).or_else(|_| if psci::affinity_info(1) == ON { Ok(()) } else { start(1) })?;
    clock::pause(5_000);
    equal("AFFINITY_INFO in the end", psci::affinity_info(1), ON)?;
    stop_all(Kind::Crash)
}

/// A core that is on its way is not evicted, until it has arrived.
fn on_pending() -> Verdict {
    stop::needs(Call::Evict)?;
    let mut busy = 0;
    for round in rounds() {
        let before = cores::prepare(1);
        status("CPU_ON", psci::cpu_on(mpidr(1), cores::entry_point(), 0), 0)?;
        let reply = stop::evict(mpidr(1), LONG);
        match Status::from_register(reply.status) {
            Some(Status::Busy) => {
                busy += 1;
                equal(format_args!("x1 of BUSY, the core (round {round})"), reply.x[0], mpidr(1))?;
                equal(format_args!("x2 of BUSY (round {round})"), reply.x[1], 0)?;
                holds(format_args!("it boots (round {round})"), cores::wait_for_boot(1, before))?;
                turn_off(1)?;
            }
            Some(Status::Success) => is_stopped(1, &[Why::Nmi])?,
            _ => {
                return Err(failed(
                    format_args!("EVICT = BUSY or DONE (round {round})"),
                    format_args!("{:#x}", reply.status),
                ));
            }
        }
    }
    crate::println!("# {busy} were pending");
    come_back(1..2)
}

/// However it ends, the core is off.
fn against_cpu_off() -> Verdict {
    stop::needs(Call::Evict)?;
    let mut evicted = 0;
    for round in rounds() {
        start(1)?;
        cores::post(1, cores::power_off, 0);
        clock::pause(round % 12);
        status(format_args!("EVICT (round {round})"), stop::evict(mpidr(1), LONG).status, 0)?;
        equal(format_args!("AFFINITY_INFO (round {round})"), psci::affinity_info(1), OFF)?;
        evicted += u64::from(stop::status(1).why() == Some(Why::Nmi));
        come_back(1..2)?;
        turn_off(1)?;
    }
    crate::println!("# {evicted} were evicted, the others went by themselves");
    Ok(())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! EVICT while another core starts the same core, evicts it too, or opens a session.

use core::sync::atomic::{AtomicU64, Ordering};

use quell_abi::{Call, Kind, Status};

use crate::anchor::{self, Ending};
use crate::case::cases;
use crate::clock::{self, PATIENCE, wait_until};
use crate::fixture::{StartLine, start, start_with_job, turn_off};
use crate::machine::{self, mpidr};
use crate::psci::{self, ALREADY_ON, OFF, ON_PENDING};
use crate::runner::rounds;
use crate::section;
use crate::stop::{self, Request};
use crate::stopped::{are_still, come_back};
use crate::verdict::{Verdict, equal, failed, holds, register};
use crate::{cores, registers, wedge};

cases! {
    [section::STOP_CALLS]
    /// EVICT and CPU_ON of one core: one happens before the other.
    "stop.evict.against_cpu_on", 3, against_cpu_on;
    /// Two EVICTs of one core are both answered.
    "stop.evict.against_evict", 3, against_evict;
    /// Of cores that evict each other one is left, at least.
    "stop.evict.of_each_other", 3, of_each_other;
    /// EVICT and BEGIN at once: the session comes first.
    "stop.evict.against_begin", 3, against_begin;
}

const LONG: u64 = 3_000_000;

static LINE: StartLine = StartLine::new();

/// Job: starts core 1 at the same moment, until it is accepted or core 1 stays on; returns 0 if it was.
extern "C" fn start_core_1(_: u64) -> u64 {
    registers::mask_all();
    LINE.wait();
    let mut saw = register(ALREADY_ON);
    wait_until(300, || {
        saw = psci::cpu_on(mpidr(1), cores::entry_point(), 0);
        ![ALREADY_ON, ON_PENDING].into_iter().any(|status| saw == register(status))
    });
    saw
}

/// A core that is evicted and started is in its new life, and whoever evicted the old one does not hit it.
fn against_cpu_on() -> Verdict {
    stop::needs(Call::Evict)?;
    start(2)?;
    let mut restarted = 0;
    for round in rounds() {
        start_with_job(1, wedge::deaf)?;
        let boots = cores::prepare(1);
        let finished = cores::finished(2);
        LINE.expect(2);
        cores::post(2, start_core_1, 0);
        LINE.wait();
        let evicted = stop::evict(mpidr(1), LONG).status;
        let started = cores::result(2, finished)?;
        let known = [ALREADY_ON, ON_PENDING, 0].into_iter().any(|status| started == register(status));
        holds(
            format_args!("CPU_ON against EVICT = 0 or ALREADY_ON, saw {started:#x} (round {round})"),
            known,
        )?;
        // BUSY: the core was pending again before the evictor looked.
        let known = [0, Status::Busy.to_register()].contains(&evicted);
        holds(format_args!("EVICT against CPU_ON = DONE or BUSY, saw {evicted:#x} (round {round})"), known)?;
        if started == 0 {
            restarted += 1;
            holds(format_args!("core 1 boots (round {round})"), cores::wait_for_boot(1, boots))?;
            let beats = cores::heartbeat(1);
            clock::pause(100);
            equal(format_args!("heartbeats of its old life (round {round})"), cores::heartbeat(1), beats)?;
        } else {
            equal(format_args!("AFFINITY_INFO (round {round})"), psci::affinity_info(1), OFF)?;
            start(1)?;
        }
        turn_off(1)?;
    }
    crate::println!("# {restarted} were started by the other core");
    Ok(())
}

extern "C" fn evict_core_1(timeout: u64) -> u64 {
    registers::mask_all();
    LINE.wait();
    stop::evict(mpidr(1), timeout).status
}

/// Two want the same core to go. It goes.
fn against_evict() -> Verdict {
    stop::needs(Call::Evict)?;
    start(2)?;
    let mut refused = 0;
    for round in rounds() {
        start_with_job(1, wedge::deaf)?;
        let finished = cores::finished(2);
        LINE.expect(2);
        cores::post(2, evict_core_1, LONG);
        LINE.wait();
        let mine = stop::evict(mpidr(1), LONG).status;
        let theirs = cores::result(2, finished)?;
        for saw in [mine, theirs] {
            let known = Status::from_register(saw)
                .is_some_and(|saw| matches!(saw, Status::Success | Status::Busy | Status::Partial));
            holds(format_args!("EVICT of two = DONE, BUSY or PARTIAL, saw {saw:#x} (round {round})"), known)?;
            refused += u64::from(saw != 0);
        }
        holds(format_args!("one of the two is DONE (round {round})"), mine == 0 || theirs == 0)?;
        equal(format_args!("AFFINITY_INFO (round {round})"), psci::affinity_info(1), OFF)?;
    }
    crate::println!("# {refused} were refused");
    come_back(1..2)
}

static OVER: AtomicU64 = AtomicU64::new(0);

/// Job: starts the boot core whenever it is off.
extern "C" fn guard_core_0(_: u64) -> u64 {
    registers::mask_all();
    cores::beat();
    while OVER.load(Ordering::Acquire) == 0 {
        if psci::affinity_info(0) == OFF {
            psci::cpu_on(mpidr(0), cores::entry_point(), 0);
        }
    }
    0
}

extern "C" fn evict_core_0(_: u64) -> u64 {
    registers::mask_all();
    LINE.wait();
    stop::evict(mpidr(0), LONG).status
}

/// Two cores evict each other: neither waits for ever, and who says DONE is right.
fn of_each_other() -> Verdict {
    stop::needs(Call::Evict)?;
    OVER.store(0, Ordering::Release);
    start_with_job(2, guard_core_0)?;
    let guard = cores::finished(2);
    let verdict = evict_each_other();
    OVER.store(1, Ordering::Release);
    cores::result(2, guard)?;
    verdict
}

fn evict_each_other() -> Verdict {
    let (mut zero, mut one) = (0, 0);
    for round in rounds() {
        start(1)?;
        let finished = cores::finished(1);
        LINE.expect(2);
        cores::post(1, evict_core_0, 0);
        let saw = match anchor::run(evict_core_1, LONG) {
            Ending::Returned(saw) => Some(saw),
            Ending::Restarted => None,
            Ending::Faulted(fault) => {
                return Err(failed(format_args!("no exception"), format_args!("{fault}")));
            }
        };
        zero += u64::from(saw.is_none());
        if let Some(saw) = saw {
            let known =
                Status::from_register(saw).is_some_and(|saw| saw.to_register() < 3 || saw == Status::Busy);
            holds(
                format_args!("EVICT = DONE, PENDING, PARTIAL or BUSY, saw {saw:#x} (round {round})"),
                known,
            )?;
        }
        // Either core 1 has gone, or its own call comes to an end.
        let ended =
            wait_until(2 * PATIENCE, || cores::finished(1) != finished || psci::affinity_info(1) == OFF);
        holds(format_args!("core 1 goes or comes back (round {round})"), ended)?;
        let is_off = psci::affinity_info(1) == OFF;
        if saw == Some(0) {
            holds(format_args!("EVICT is DONE, and core 1 is off (round {round})"), is_off)?;
        }
        one += u64::from(is_off);
        if !is_off {
            turn_off(1)?;
        }
    }
    crate::println!("# core 0 was evicted {zero}, core 1 {one} times");
    Ok(())
}

static OUTCOME: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Job: stops everybody at the same moment, sees whether they are, and starts the boot core.
extern "C" fn stop_everybody(_: u64) -> u64 {
    registers::mask_all();
    LINE.wait();
    let reply = Request::at_once(Kind::Crash).sync();
    let all_off = (0..machine::cores()).all(|index| index == 2 || psci::affinity_info(index) == OFF);
    let still = are_still((0..machine::cores()).filter(|&index| index != 2)).is_ok();
    OUTCOME[0].store(reply.status, Ordering::Relaxed);
    OUTCOME[1].store(u64::from(all_off && still), Ordering::Release);
    psci::cpu_on(mpidr(0), cores::entry_point(), 0)
}

static EVICTED: AtomicU64 = AtomicU64::new(0);

/// Evicts core 1, and waits for the session.
extern "C" fn evict_and_wait(_: u64) -> u64 {
    EVICTED.store(evict_core_1(LONG), Ordering::Release);
    clock::pause(PATIENCE);
    0
}

/// A session that opens while a core is being evicted comes first, and stops the evictor too.
fn against_begin() -> Verdict {
    stop::needs(Call::Evict)?;
    let mut before = 0;
    for round in rounds() {
        EVICTED.store(u64::MAX, Ordering::Relaxed);
        start_with_job(1, wedge::deaf)?;
        start(2)?;
        let finished = cores::finished(2);
        LINE.expect(2);
        cores::post(2, stop_everybody, 0);
        match anchor::run(evict_and_wait, 0) {
            Ending::Restarted => {}
            ending => return Err(failed(format_args!("core 0 to be stopped"), format_args!("{ending:?}"))),
        }
        equal(format_args!("CPU_ON of core 0 (round {round})"), cores::result(2, finished)?, 0)?;
        equal(format_args!("SYNC (round {round})"), OUTCOME[0].load(Ordering::Relaxed), 0)?;
        equal(
            format_args!("all others off and still (round {round})"),
            OUTCOME[1].load(Ordering::Acquire),
            1,
        )?;
        before += u64::from(EVICTED.load(Ordering::Acquire) == 0);
        turn_off(2)?;
    }
    crate::println!("# {before} were evicted before the session stopped them");
    come_back(1..3)
}

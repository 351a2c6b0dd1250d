// SPDX-License-Identifier: MIT OR Apache-2.0

//! PSCI against the stop service: a session meets cores that sleep, go off, start and hand the machine over, and ends with
//! all of them off; inside a session nothing starts and nothing sleeps on.

use quell_abi::{Kind, State};

use crate::case::cases;
use crate::clock::{self, PATIENCE, wait_until};
use crate::fixture::{others, start, start_with_job};
use crate::handover::Handover;
use crate::machine::{self, mpidr};
use crate::psci::{self, CLUSTER_POWER_DOWN, CORE_POWER_DOWN, DENIED, OFF, STANDBY};
use crate::runner::{self, rounds};
use crate::section;
use crate::sleep::{self, Sleeper};
use crate::stop::{self, Counts, Request};
use crate::stopped::{are_still, come_back};
use crate::storm::{self, Weather};
use crate::verdict::{Finding, Verdict, equal, failed, holds, skipped, status};
use crate::{anchor, cores, wedge};

cases! {
    [section::STOP_SESSION]
    /// A session takes a core that is powered down to OFF.
    "psci.stop.core_power_down", 2, core_power_down;
    /// A session takes a core in its cluster's power-down to OFF.
    "psci.stop.cluster_power_down", 2, cluster_power_down;
    /// A session takes a core in CPU_DEFAULT_SUSPEND to OFF.
    "psci.stop.default_suspend", 2, default_suspend;
    /// A frozen core is stopped already.
    "psci.stop.frozen_core", 2, frozen_core;
    /// A session ends cores that turn each other on and off.
    "psci.stop.storm_of_on_and_off", 3, storm_of_on_and_off;
    /// A session ends cores that sleep and wake.
    "psci.stop.storm_of_suspend", 2, storm_of_suspend;
    /// A session ends cores that do everything.
    "psci.stop.storm_of_all", 3, storm_of_all;
    /// A session meets cores that hand the machine over, and stops whoever is on.
    "psci.stop.handover", 3, handover;
    /// A session meets a core that falls asleep.
    "psci.stop.falling_asleep", 2, falling_asleep;
    /// A session meets a core that wakes up.
    "psci.stop.waking", 2, waking;
    /// No CPU_ON succeeds in a session.
    "psci.stop.in_session.cpu_on", 2, in_session_cpu_on;
    /// No SYSTEM_SUSPEND succeeds in a session.
    "psci.stop.in_session.system_suspend", 2, in_session_system_suspend;
    /// AFFINITY_INFO and its likes answer the owner in a session.
    "psci.stop.in_session.reads", 2, in_session_reads;
    /// The owner may reset the machine in a session.
    "psci.stop.in_session.reset", 2, in_session_reset;
    /// After a session cores sleep and wake as ever.
    "psci.stop.then_suspend", 2, then_suspend;
}

fn needs_stop() -> Verdict {
    if stop::is_there() { Ok(()) } else { Err(skipped(format_args!("the firmware has no stop service"))) }
}

/// Stops all other cores; afterwards they are off, nothing of them runs, and `left` says of none that it is there.
fn stop_all(kind: Kind) -> Verdict {
    let reply = Request::at_once(kind).sync();
    status("SYNC", reply.status, 0)?;
    equal("cores left", Counts::of(&reply).left, 0)?;
    for index in others() {
        equal(format_args!("AFFINITY_INFO of core {index}"), psci::affinity_info(index), OFF)?;
        equal(format_args!("state of core {index}"), stop::status(index).state, State::Off as u64)?;
    }
    are_still(others())?;
    // They come back afresh: not to where they slept, nor into a loop that the stop has ended.
    others().for_each(anchor::forget);
    Ok(())
}

/// A core that sleeps is stopped without waking: it never comes to the entry point it slept for.
fn stops_sleeper(kind: sleep::Kind) -> Verdict {
    needs_stop()?;
    start(1)?;
    let boots = cores::boots(1);
    let sleeper = Sleeper::send(1, kind)?;
    stop_all(Kind::Crash)?;
    sleeper.ring();
    clock::pause(5_000);
    equal("boots of the stopped sleeper", cores::boots(1), boots)?;
    equal("AFFINITY_INFO of the stopped sleeper", psci::affinity_info(1), OFF)?;
    come_back(1..2)
}

fn core_power_down() -> Verdict {
    stops_sleeper(sleep::Kind::State(CORE_POWER_DOWN))
}

fn cluster_power_down() -> Verdict {
    stops_sleeper(sleep::Kind::State(CLUSTER_POWER_DOWN))
}

fn default_suspend() -> Verdict {
    stops_sleeper(sleep::Kind::Default)
}

extern "C" fn freeze(_: u64) -> u64 {
    psci::cpu_freeze()
}

fn frozen_core() -> Verdict {
    needs_stop()?;
    start(1)?;
    cores::post(1, freeze, 0);
    holds("core 1 goes off", cores::wait_for_off(1))?;
    let begun = Request::at_once(Kind::Crash).begin();
    equal("targets with the only other core frozen", begun.x[1], 0)?;
    stop_all_again(begun.x[0])?;
    come_back(1..2)
}

/// Polls a session to its end.
fn stop_all_again(handle: u64) -> Verdict {
    let mut last = 0;
    let done = wait_until(PATIENCE, || {
        last = stop::poll(handle, 100).status;
        last != quell_abi::Status::Pending.to_register()
    });
    holds("POLL ends", done)?;
    status("POLL", last, 0)
}

fn stops_storm(weather: Weather) -> Verdict {
    needs_stop()?;
    for round in rounds().take(30) {
        storm::begin(others(), weather)?;
        clock::pause(500 + round * 97 % 3_000);
        stop_all(if round % 2 == 0 { Kind::Kexec } else { Kind::Crash })?;
        storm::was_regular()?;
    }
    come_back(others())
}

fn storm_of_on_and_off() -> Verdict {
    stops_storm(Weather::OnOff)
}

fn storm_of_suspend() -> Verdict {
    stops_storm(Weather::Sleep)
}

fn storm_of_all() -> Verdict {
    stops_storm(Weather::All)
}

/// One of the two is always on or pending: the stop finds it wherever it is.
fn handover() -> Verdict {
    needs_stop()?;
    for round in rounds().take(30) {
        let handover = Handover::begin(1, others().end - 1)?;
        clock::pause(round * 37 % 500);
        stop_all(Kind::Crash)?;
        handover.forget();
    }
    come_back(others())
}

/// The stop comes while the core falls asleep.
fn falling_asleep() -> Verdict {
    needs_stop()?;
    for round in rounds() {
        start(1)?;
        let called = sleep::called_at(1);
        cores::post(1, sleep::nap, sleep::Kind::POWER_DOWNS[round as usize % 3].argument());
        wait_until(PATIENCE, || sleep::called_at(1) != called);
        clock::pause(round % 10);
        stop_all(Kind::Crash)?;
    }
    come_back(1..2)
}

/// The stop comes while the core wakes.
fn waking() -> Verdict {
    needs_stop()?;
    for round in rounds() {
        start(1)?;
        let kind = [STANDBY, CORE_POWER_DOWN, CLUSTER_POWER_DOWN][round as usize % 3];
        let sleeper = Sleeper::send(1, sleep::Kind::State(kind))?;
        sleeper.ring();
        clock::pause(round % 10);
        stop_all(Kind::Crash)?;
    }
    come_back(1..2)
}

/// Opens a session that has a target left for a while: it would answer, and is not asked.
fn with_session(act: impl FnOnce() -> Verdict) -> Verdict {
    needs_stop()?;
    start_with_job(1, wedge::deaf)?;
    let begun = Request::with_grace(Kind::Crash, 300_000, stop::NO_SGI).begin();
    let verdict = act();
    // The deaf core goes by the NMI, when the time of grace is over and somebody polls.
    let ended = end(begun.x[0]);
    verdict.and(ended)
}

fn end(handle: u64) -> Verdict {
    let mut last = 0;
    let done = wait_until(2 * PATIENCE, || {
        last = stop::poll(handle, 1000).status;
        last != quell_abi::Status::Pending.to_register()
    });
    holds("the session ends", done)?;
    status("POLL at the end", last, 0)
}

fn in_session_cpu_on() -> Verdict {
    with_session(|| {
        for index in others() {
            let saw = psci::cpu_on(mpidr(index), cores::entry_point(), 0);
            if index == 1 {
                holds(format_args!("CPU_ON of a target fails, saw {saw:#x}"), saw != 0)?;
            } else {
                status(format_args!("CPU_ON of core {index} in a session"), saw, DENIED)?;
            }
        }
        Ok(())
    })
}

fn in_session_system_suspend() -> Verdict {
    with_session(|| {
        clock::start_timer(1_000);
        let saw = psci::system_suspend(cores::entry_point(), 0);
        cores::serve_interrupts();
        status("SYSTEM_SUSPEND in a session", saw, DENIED)
    })
}

/// What only asks is answered in a session as ever.
fn in_session_reads() -> Verdict {
    with_session(|| {
        equal("VERSION", crate::smc::call0(smccc::psci::PSCI_VERSION), psci::VERSION_1_3)?;
        equal("AFFINITY_INFO of the caller", psci::affinity_info(0), psci::ON)?;
        equal("AFFINITY_INFO of a target that runs", psci::affinity_info(1), psci::ON)?;
        equal("NODE_HW_STATE of the caller", psci::node_hw_state(mpidr(0), 0), psci::HW_ON)?;
        status("MEM_PROTECT_CHECK_RANGE", psci::mem_protect_check_range(machine::DRAM_BASE, 1), 0)
    })
}

/// The owner may reset the machine in its session.
fn in_session_reset() -> Verdict {
    needs_stop()?;
    if runner::is_after_reset() {
        for index in others() {
            equal(format_args!("AFFINITY_INFO of core {index}"), psci::affinity_info(index), OFF)?;
        }
        return come_back(others());
    }
    start_with_job(1, wedge::deaf)?;
    Request::with_grace(Kind::Kexec, 300_000, stop::NO_SGI).begin();
    runner::reset()
}

/// Behind a session everything is as before: cores start, sleep, and wake.
fn then_suspend() -> Verdict {
    needs_stop()?;
    start_with_job(1, wedge::deaf)?;
    stop_all(Kind::Kexec)?;
    let slept: Result<(), Finding> = sleep::must_have_slept(sleep::here(sleep::Kind::System, 5_000));
    slept?;
    start(1)?;
    Sleeper::send(1, sleep::Kind::State(CORE_POWER_DOWN))?.must_resume()?;
    match psci::affinity_info(1) {
        psci::ON => Ok(()),
        saw => Err(failed(format_args!("core 1 on"), format_args!("{saw:#x}"))),
    }
}

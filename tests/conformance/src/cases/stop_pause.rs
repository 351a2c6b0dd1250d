// SPDX-License-Identifier: MIT OR Apache-2.0

//! PAUSE: whatever the cores do, they stand still, and go on where they were.

use quell_abi::{Kind, State, Status, Why};

use crate::case::cases;
use crate::clock::{self, PATIENCE, wait_until};
use crate::cores::{self, Job};
use crate::fixture::{needs_power_down, others, start, start_with_job, turn_off};
use crate::machine::{self, mpidr};
use crate::psci::{self, OFF, ON};
use crate::runner::rounds;
use crate::section;
use crate::session::{LONGEST_PAUSE, is_over, pause, paused, until_in_time};
use crate::sleep::{self, Sleeper};
use crate::stop::{self, Counts, Fate, NO_SGI, Request};
use crate::stopped::{are_still, come_back, is_parked};
use crate::verdict::{Verdict, equal, holds, register, status};
use crate::{gic, wedge};

cases! {
    [section::STOP_SESSION]
    /// A PAUSE without a lease, or with too long a one, is refused.
    "stop.pause.bad_lease", 1, bad_lease;
    /// A PAUSE of nobody is DONE and can be resumed.
    "stop.pause.no_targets", 1, no_targets;
    /// A PAUSE stops every kind of wedge, and lets it go on.
    "stop.pause.every_wedge", 2, every_wedge;
    /// A PAUSE stops all cores and lets all go on.
    "stop.pause.all_cores", 2, all_cores;
    /// SYNC makes a PAUSE, too.
    "stop.pause.by_sync", 2, by_sync;
    /// One PAUSE follows another.
    "stop.pause.again_and_again", 2, again_and_again;
    /// A PAUSE can be resumed before all cores have stopped.
    "stop.pause.resume_before_done", 2, resume_before_done;
    /// A pending core is held, and begins when the PAUSE is over.
    "stop.pause.pending_is_held", 2, pending_is_held;
    /// A core that wakes up in a PAUSE is held.
    "stop.pause.standby_is_held", 2, standby_is_held;
    /// A core that wakes from a power-down in a PAUSE is held.
    "stop.pause.power_down_is_held", 2, power_down_is_held;
    /// A core that is off stays off.
    "stop.pause.off_stays_off", 2, off_stays_off;
    /// A stop follows a PAUSE.
    "stop.pause.then_stop", 2, then_stop;
}

const INVALID: i32 = Status::InvalidParameters as i32;

/// The longest lease: on a busy host a short one is over before all cores have stopped.
const PAUSE: Request = Request::pause(LONGEST_PAUSE);

fn bad_lease() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    for lease in [0, LONGEST_PAUSE + 1, u64::from(u32::MAX), 1 << 32, u64::MAX] {
        status(format_args!("PAUSE with lease {lease:#x}"), Request::pause(lease).begin().status, INVALID)?;
    }
    others().try_for_each(start)
}

/// There is nobody to stop, and the session is open all the same, until RELEASE or the end of the lease.
fn no_targets() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    let ((), resumed) = paused(&PAUSE, |paused| equal("targets", paused.targets, 0))?;
    equal("cores resumed", resumed, 0)?;
    let handle = Request::pause(2_000).begin().x[0];
    clock::pause(4_000);
    status("POLL after the lease", stop::poll(handle, 0).status, Status::NoSession as i32)?;
    others().try_for_each(start)
}

/// The jobs of a PAUSE that all beat when they are rung.
const WEDGES: [(&str, Job); 6] = [
    ("deaf", wedge::deaf),
    ("deaf_at_el1", wedge::deaf_at_el1),
    ("priority_masked", wedge::priority_masked),
    ("in_calls", wedge::in_calls),
    ("asleep", wedge::asleep),
    ("listening", wedge::listening),
];

/// Passes if a core goes on.
fn goes_on(index: usize) -> Verdict {
    let beats = cores::heartbeat(index);
    // One that sleeps wakes.
    gic::send(gic::DOORBELL, index);
    Ok(cores::wait_for_beat(index, beats)?)
}

fn every_wedge() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    for (name, job) in WEDGES {
        start_with_job(1, job)?;
        let ((), resumed) = paused(&PAUSE, |paused| {
            equal(format_args!("targets ({name})"), paused.targets, 1)?;
            is_parked(1)?;
            are_still(1..2)
        })?;
        equal(format_args!("cores resumed ({name})"), resumed, 1)?;
        goes_on(1)?;
        equal(format_args!("state after the PAUSE ({name})"), stop::status(1).state, State::On as u64)?;
        crate::session::stop_all(Kind::Crash)?;
        come_back(1..2)?;
        turn_off(1)?;
    }
    Ok(())
}

/// A few cores that spin, and many that sleep: those that spin take the host's time from each other.
fn wedge_all() -> Verdict {
    others().try_for_each(|index| {
        let job = if index < 6 { WEDGES[index % WEDGES.len()].1 } else { wedge::asleep };
        start_with_job(index, job)
    })
}

fn all_cores() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    wedge_all()?;
    let count = others().count() as u64;
    let ((), resumed) = paused(&PAUSE, |paused| {
        equal("targets", paused.targets, count)?;
        equal("stopped by NMI", paused.counts.nmi, count)?;
        equal("left", paused.counts.left, 0)?;
        others().try_for_each(is_parked)?;
        are_still(others())
    })?;
    equal("cores resumed", resumed, count)?;
    others().try_for_each(goes_on)
}

/// SYNC tells no handle; it is in the STATUS of whoever was stopped.
fn by_sync() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    wedge_all()?;
    until_in_time(|| {
        let reply = PAUSE.sync();
        if is_over(&reply) {
            return Ok(None);
        }
        status("SYNC of PAUSE", reply.status, 0)?;
        equal("left", Counts::of(&reply).left, 0)?;
        let still = are_still(others());
        let saw = stop::status(1);
        let released = stop::release(saw.generation, Fate::Resume);
        if is_over(&released) {
            return Ok(None);
        }
        still?;
        status("RELEASE(RESUME)", released.status, 0)?;
        Ok(Some(()))
    })?;
    others().try_for_each(goes_on)
}

fn again_and_again() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    wedge_all()?;
    for round in rounds() {
        paused(&PAUSE, |_| Ok(()))?;
        if round % 16 == 0 {
            others().try_for_each(goes_on)?;
        }
    }
    others().try_for_each(goes_on)
}

/// RESUME in any phase: right behind BEGIN, while the cores are on their way.
fn resume_before_done() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    wedge_all()?;
    for round in rounds() {
        let grace = [0, 50, 100_000][round as usize % 3];
        let handle = Request { grace, sgi: NO_SGI, ..PAUSE }.begin().x[0];
        clock::pause(round % 50);
        let released = stop::release(handle, Fate::Resume);
        if !is_over(&released) {
            status(format_args!("RELEASE(RESUME) (round {round})"), released.status, 0)?;
        }
        let over = stop::poll(handle, 0).status;
        status(format_args!("POLL after RESUME (round {round})"), over, Status::NoSession as i32)?;
        if round % 16 == 0 {
            others().try_for_each(goes_on)?;
        }
    }
    others().try_for_each(goes_on)
}

/// A core that CPU_ON has accepted does not run in the PAUSE, and boots after it.
fn pending_is_held() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    let (mut held, mut count) = (0, 0);
    for round in rounds() {
        count += 1;
        let before = cores::prepare(1);
        status("CPU_ON", psci::cpu_on(mpidr(1), cores::entry_point(), 0), 0)?;
        if let Some(paused) = pause(&PAUSE)? {
            let boots = cores::boots(1);
            let state = stop::status(1).state();
            let still = are_still(1..2);
            let info = psci::affinity_info(1);
            if !is_over(&stop::release(paused.handle, Fate::Resume)) {
                still?;
                equal(format_args!("targets (round {round})"), paused.targets, 1)?;
                let is_pending = state == Some(State::Pending);
                // It may come as far as the gate meanwhile: then it is parked, and ON.
                let is_told = info == ON || is_pending && info == psci::PENDING;
                holds(format_args!("AFFINITY_INFO {info:#x} of {state:?} (round {round})"), is_told)?;
                if is_pending {
                    held += 1;
                    equal(format_args!("boots in the PAUSE (round {round})"), boots, before)?;
                }
            }
        }
        holds(format_args!("it boots after all (round {round})"), cores::wait_for_boot(1, before))?;
        turn_off(1)?;
    }
    crate::println!("# {held} of {count} starts were held before the first instruction");
    Ok(())
}

/// A core that sleeps is contained; what wakes it in the PAUSE wakes it after the PAUSE.
fn is_held_asleep(kind: sleep::Kind) -> Verdict {
    for round in rounds().take(50) {
        start(1)?;
        let sleeper = Sleeper::send(1, kind)?;
        let paused = pause(&PAUSE)?;
        sleeper.ring();
        clock::pause(2_000);
        let woke = sleeper.is_awake();
        if let Some(paused) = paused
            && !is_over(&stop::release(paused.handle, Fate::Resume))
        {
            equal(format_args!("targets (round {round})"), paused.targets, 1)?;
            equal(format_args!("left (round {round})"), paused.counts.left, 0)?;
            holds(format_args!("it does not wake in the PAUSE (round {round})"), !woke)?;
        }
        // The interrupt is not lost: nobody rings again.
        match kind {
            sleep::Kind::State(psci::STANDBY) => sleeper.returns()?,
            _ => sleeper.resumes()?,
        }
        turn_off(1)?;
    }
    Ok(())
}

fn standby_is_held() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    is_held_asleep(sleep::Kind::State(psci::STANDBY))
}

fn power_down_is_held() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    needs_power_down()?;
    is_held_asleep(sleep::Kind::State(psci::CORE_POWER_DOWN))?;
    is_held_asleep(sleep::Kind::State(psci::CLUSTER_POWER_DOWN))
}

fn off_stays_off() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    others().try_for_each(|index| start_with_job(index, wedge::leaving))?;
    let handle = Request { grace: PATIENCE, sgi: gic::STOP.into(), ..PAUSE }.begin().x[0];
    holds("core 1 goes off", wait_until(PATIENCE, || psci::affinity_info(1) == OFF))?;
    stop::release(handle, Fate::Resume);
    clock::pause(2_000);
    equal("AFFINITY_INFO after the PAUSE", psci::affinity_info(1), OFF)?;
    equal("why core 1 ended (OFF)", stop::status(1).why, Why::Off as u64)?;
    crate::session::stop_all(Kind::Crash)?;
    come_back(others())
}

/// Behind a PAUSE everything is as ever: cores are stopped, and come back.
fn then_stop() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    wedge_all()?;
    paused(&PAUSE, |_| Ok(()))?;
    let reply = Request::at_once(Kind::Crash).sync();
    status("SYNC of CRASH", reply.status, 0)?;
    equal("stopped by NMI", Counts::of(&reply).nmi, machine::cores() as u64 - 1)?;
    are_still(others())?;
    let denied = stop::ack(0).status;
    equal("ACK after all", denied, register(Status::NoSession as i32))?;
    come_back(others())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Owners that say nothing more after BEGIN: the deadlines pass all the same, and what the lease promises happens.

use core::sync::atomic::{AtomicU64, Ordering};

use quell_abi::{Flags, Kind, Status, Why};

use crate::anchor::{self, Ending};
use crate::case::cases;
use crate::clock::{self, PATIENCE, wait_until};
use crate::cores::{self, Job};
use crate::fixture::{others, start, start_with_job};
use crate::machine::{self, mpidr, this_core};
use crate::psci::{self, OFF};
use crate::registers::{mask_all, wait_for_interrupt};
use crate::runner;
use crate::section;
use crate::session::finish;
use crate::stop::{self, NO_SGI, Request};
use crate::stopped::{are_still, come_back, is_stopped};
use crate::verdict::{Verdict, equal, failed, holds, status};
use crate::wedge;

cases! {
    [section::STOP_SESSION]
    /// The deadlines pass without a POLL.
    "stop.orphan.deadlines", 2, deadlines;
    /// They do by a core that is off, too.
    "stop.orphan.deadlines_with_a_core_off", 3, deadlines_with_deputy;
    /// They do while the owner sleeps.
    "stop.orphan.owner_asleep", 2, owner_asleep;
    /// They do when the owner wedges.
    "stop.orphan.wedged_owner", 3, wedged_owner;
    /// ORPHAN_RESET without a lease is refused.
    "stop.orphan.reset_refused", 1, reset_refused;
    /// A session that outlives its lease resets the machine, if that was asked for.
    "stop.orphan.reset", 2, reset;
    /// It does when the owner wedges.
    "stop.orphan.reset_by_a_wedged_owner", 2, reset_by_a_wedged_owner;
    /// It does not once the session is done.
    "stop.orphan.no_reset_after_done", 2, no_reset_after_done;
    /// After the lease the same kind takes the session over.
    "stop.orphan.lease_lets_the_same_kind_in", 2, lease_lets_in;
    /// Before it the same kind does not.
    "stop.orphan.before_the_lease", 2, before_the_lease;
}

/// Only a firmware that has these flags and kinds drives deadlines by itself.
fn needs_deputy() -> Verdict {
    stop::needs_flag(Flags::ORPHAN_RESET)
}

const GRACE: u64 = 10_000;

/// The most cores that spin in these cases.
const SPINNERS: usize = 6;

fn spin(indices: impl Iterator<Item = usize>) -> Verdict {
    indices.take(SPINNERS).try_for_each(|index| start_with_job(index, wedge::deaf))
}

/// Passes if heartbeats stand still within the patience, without a POLL; and are those of cores that are off, for a busy host may
/// let a core wait for long.
fn stand_still(indices: impl Iterator<Item = usize> + Clone) -> Verdict {
    let total = || indices.clone().map(cores::heartbeat).fold(0_u64, u64::wrapping_add);
    let still = wait_until(PATIENCE, || {
        let before = total();
        clock::pause(50_000);
        total() == before && indices.clone().all(|index| psci::affinity_info(index) == OFF)
    });
    holds("cores that are off and stand still without a POLL", still)
}

/// BEGIN, and then nothing: the owner's own timer in EL3 drives the session.
fn deadlines() -> Verdict {
    needs_deputy()?;
    mask_all();
    spin(others())?;
    let begun = Request::with_grace(Kind::Crash, GRACE, NO_SGI).begin();
    stand_still(others())?;
    // By now all have been stopped: this is the first POLL.
    let reply = stop::poll(begun.x[0], 0);
    status("the first POLL", reply.status, 0)?;
    others().take(SPINNERS).try_for_each(|index| is_stopped(index, &[Why::Nmi]))?;
    come_back(others().take(SPINNERS))
}

/// A core that is off when the session begins can be the deputy.
fn deadlines_with_deputy() -> Verdict {
    needs_deputy()?;
    spin(others().skip(1))?;
    let begun = Request::with_grace(Kind::Crash, GRACE, NO_SGI).begin();
    stand_still(others().skip(1))?;
    status("the first POLL", stop::poll(begun.x[0], 0).status, 0)?;
    others().skip(1).take(SPINNERS).try_for_each(|index| is_stopped(index, &[Why::Nmi]))?;
    equal("AFFINITY_INFO of the core that was off", psci::affinity_info(1), OFF)?;
    come_back(others().take(SPINNERS))
}

/// The owner sleeps, in WFI with everything masked.
fn owner_asleep() -> Verdict {
    needs_deputy()?;
    mask_all();
    spin(others())?;
    let begun = Request::with_grace(Kind::Kexec, GRACE, NO_SGI).begin();
    // Its own timer ends its sleep in the end, whatever the firmware does.
    clock::start_timer(1_000_000);
    for _ in 0..3 {
        wait_for_interrupt();
    }
    clock::stop_timer();
    cores::serve_interrupts();
    stand_still(others())?;
    status("the first POLL", stop::poll(begun.x[0], 0).status, 0)?;
    come_back(others().take(SPINNERS))
}

static STOPPED: AtomicU64 = AtomicU64::new(0);

/// Job: stops everybody and listens no more, for a while. Then it looks what became of them, and starts the boot core.
extern "C" fn begin_and_wedge(_: u64) -> u64 {
    mask_all();
    let begun = Request::with_grace(Kind::Crash, GRACE, NO_SGI).begin();
    let others = || (0..machine::cores()).filter(|&index| index != this_core());
    let still = stand_still(others());
    let last = stop::poll(begun.x[0], 0).status;
    STOPPED.store(u64::from(still.is_ok() && last == 0), Ordering::Release);
    psci::cpu_on(mpidr(0), cores::entry_point(), 0)
}

/// Gives core 1 its job from where a stopped core 0 comes back to: on a busy host the stop may come at once.
extern "C" fn be_stopped(_: u64) -> u64 {
    cores::post(1, begin_and_wedge, 0);
    wait_until(2 * PATIENCE, || {
        cores::beat();
        false
    });
    0
}

/// The boot core is one of those that are stopped.
fn wedged_owner() -> Verdict {
    needs_deputy()?;
    spin(others().skip(1))?;
    STOPPED.store(0, Ordering::Relaxed);
    start(1)?;
    match anchor::run(be_stopped, 0) {
        Ending::Restarted => {}
        ending => return Err(failed(format_args!("core 0 to be stopped"), format_args!("{ending:?}"))),
    }
    equal("all others stood still without a POLL, and POLL is DONE", STOPPED.load(Ordering::Acquire), 1)?;
    come_back(others().skip(1).take(SPINNERS))
}

/// An ORPHAN_RESET that could never come.
fn reset_refused() -> Verdict {
    needs_deputy()?;
    let invalid = Status::InvalidParameters as i32;
    for kind in Kind::ALL {
        let lease = if kind == Kind::Pause { 50_000 } else { 0 };
        let request = Request { flags: Flags::ORPHAN_RESET, lease, ..Request::at_once(kind) };
        status(format_args!("ORPHAN_RESET with {kind:?}, lease {lease}"), request.begin().status, invalid)?;
    }
    others().try_for_each(start)
}

const LEASE: u64 = 150_000;

/// The lease is over before the time of grace: the session is open then.
const ORPHAN: Request = Request {
    flags: Flags::ORPHAN_RESET,
    lease: LEASE,
    ..Request::with_grace(Kind::Crash, 20_000_000, NO_SGI)
};

fn resets(kinds: &[Kind], cause: impl FnOnce(Kind) -> Verdict) -> Verdict {
    needs_deputy()?;
    if runner::is_after_reset() {
        for index in others() {
            equal(
                format_args!("AFFINITY_INFO of core {index} after the reset"),
                psci::affinity_info(index),
                OFF,
            )?;
        }
        are_still(others())?;
    }
    let Some(&kind) = kinds.get(runner::step() as usize) else { return come_back(others().take(SPINNERS)) };
    spin(others())?;
    runner::expect_reset();
    cause(kind)?;
    clock::pause(PATIENCE);
    runner::reset_did_not_come();
    Err(failed(format_args!("a reset when the lease of {kind:?} is over"), format_args!("nothing of it")))
}

fn reset() -> Verdict {
    resets(&[Kind::Halt, Kind::Kexec, Kind::Crash], |kind| {
        status("BEGIN with ORPHAN_RESET", Request { kind, ..ORPHAN }.begin().status, 0)
    })
}

/// The owner is core 1, and spins with everything masked; the boot core is its target.
extern "C" fn orphan_and_wedge(kind: u64) -> u64 {
    mask_all();
    let kind = Kind::from_bits(kind).unwrap_or(Kind::Crash);
    Request { kind, ..ORPHAN }.begin();
    wedge::deaf(0)
}

fn reset_by_a_wedged_owner() -> Verdict {
    resets(&[Kind::Crash], |kind| {
        // Core 1 spins: it is stopped to get the job.
        crate::session::stop_all(Kind::Halt)?;
        start(1)?;
        cores::post(1, orphan_and_wedge as Job, kind as u64);
        Ok(())
    })
}

/// A session that is DONE has no orphans.
fn no_reset_after_done() -> Verdict {
    needs_deputy()?;
    spin(others())?;
    let begun = Request { grace: 0, ..ORPHAN }.begin();
    status("BEGIN with ORPHAN_RESET", begun.status, 0)?;
    finish(begun.x[0])?;
    clock::pause(2 * LEASE);
    come_back(others().take(SPINNERS))
}

static BEGUN: AtomicU64 = AtomicU64::new(0);
static SAW: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// Opens a session that nobody drives to its end for a long time.
extern "C" fn begin_and_wait(lease: u64) -> u64 {
    let begun = Request { lease, ..Request::with_grace(Kind::Crash, 2 * PATIENCE, NO_SGI) }.begin();
    BEGUN.store(begun.x[0], Ordering::Release);
    clock::pause(PATIENCE);
    begun.status
}

/// Job: waits for the session of core 0 and some time, takes it over, and starts core 0 again.
extern "C" fn take_over_after(time: u64) -> u64 {
    mask_all();
    wait_until(PATIENCE, || BEGUN.load(Ordering::Acquire) != 0);
    clock::pause(time);
    let reply = Request { flags: Flags::TRY, ..Request::at_once(Kind::Crash) }.begin();
    SAW[0].store(reply.status, Ordering::Relaxed);
    if reply.status != 0 {
        return reply.status;
    }
    let done = finish(reply.x[0]).is_ok();
    SAW[1].store(reply.x[0], Ordering::Relaxed);
    SAW[2].store(u64::from(done && psci::affinity_info(0) == OFF), Ordering::Relaxed);
    psci::cpu_on(mpidr(0), cores::entry_point(), 0)
}

/// When the lease is over the same kind may take over, and stops the owner.
fn lease_lets_in() -> Verdict {
    const SHORT: u64 = 20_000;
    BEGUN.store(0, Ordering::Relaxed);
    start(1)?;
    let finished = cores::finished(1);
    cores::post(1, take_over_after, 2 * SHORT);
    match anchor::run(begin_and_wait, SHORT) {
        Ending::Restarted => {}
        ending => return Err(failed(format_args!("core 0 to be stopped"), format_args!("{ending:?}"))),
    }
    status("CPU_ON of core 0", cores::result(1, finished)?, 0)?;
    let saw = || SAW.each_ref().map(|word| word.load(Ordering::Acquire));
    status("BEGIN when the lease is over", saw()[0], 0)?;
    equal("its handle", saw()[1], BEGUN.load(Ordering::Acquire) + 1)?;
    equal("core 0 was off", saw()[2], 1)
}

/// Before that it may not.
fn before_the_lease() -> Verdict {
    BEGUN.store(0, Ordering::Relaxed);
    start(1)?;
    let finished = cores::finished(1);
    cores::post(1, take_over_after, 0);
    let begun = Request { lease: 2 * PATIENCE, ..Request::with_grace(Kind::Crash, 200_000, NO_SGI) }.begin();
    BEGUN.store(begun.x[0], Ordering::Release);
    let saw = cores::result(1, finished);
    finish(begun.x[0])?;
    status("BEGIN with TRY before the lease is over", saw?, Status::Busy as i32)
}

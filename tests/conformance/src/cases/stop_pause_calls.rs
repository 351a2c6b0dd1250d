// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls that a PAUSE holds: they finish when it is over.
//!
//! And the PAUSEs that end in another way than by RELEASE: the lease is over, or a higher kind takes them over.

use core::sync::atomic::{AtomicU64, Ordering};

use quell_abi::{Kind, Status, Why};

use crate::anchor::{self, Ending};
use crate::case::cases;
use crate::clock::{self, PATIENCE, wait_until};
use crate::fixture::{StartLine, others, start, start_with_job};
use crate::machine::{mpidr, this_core};
use crate::psci::{self, DENIED};
use crate::runner::rounds;
use crate::section;
use crate::session::{LONGEST_PAUSE, finish, is_over, pause, paused, poll_to_end, until_in_time};
use crate::stop::{self, Fate, NO_SGI, Reply, Request};
use crate::stopped::{are_still, come_back, is_stopped, record, record_of};
use crate::verdict::{Finding, Verdict, equal, failed, holds, status};
use crate::{cores, gic, machine, registers, wedge};

cases! {
    [section::STOP_SESSION]
    /// ACK in a PAUSE returns when it is over.
    "stop.pause.ack_returns", 2, ack_returns;
    /// Another core's BEGIN is held and then BUSY.
    "stop.pause.begin_is_busy", 2, begin_is_busy;
    /// Another core's CPU_ON is held and then DENIED.
    "stop.pause.cpu_on_is_denied", 3, cpu_on_is_denied;
    /// Of two PAUSEs at once one wins, and both cores go on.
    "stop.pause.two_at_once", 2, two_at_once;
    /// A PAUSE whose owner wedges ends by its lease.
    "stop.pause.lease_of_a_wedged_owner", 3, lease_of_a_wedged_owner;
    /// A PAUSE that nobody polls ends by its lease.
    "stop.pause.lease_without_polls", 2, lease_without_polls;
    /// The owner turns its PAUSE into a stop.
    "stop.pause.upgraded_by_its_owner", 2, upgraded;
    /// It may do so before the PAUSE is done.
    "stop.pause.upgraded_before_done", 2, upgraded_before_done;
    /// Another core's stop takes a PAUSE over.
    "stop.pause.taken_over", 3, taken_over;
}

const PAUSE: Request = Request::pause(LONGEST_PAUSE);

/// What a call that was held returned: x0 to x2, and whether it has.
static SAW: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];
static RETURNED: AtomicU64 = AtomicU64::new(0);
static GO: AtomicU64 = AtomicU64::new(0);

fn note(reply: &Reply) {
    for (slot, value) in SAW.iter().zip([reply.status, reply.x[0], reply.x[1]]) {
        slot.store(value, Ordering::Relaxed);
    }
    RETURNED.store(1, Ordering::Release);
}

fn wait_for_go() {
    registers::mask_all();
    cores::beat();
    wait_until(PATIENCE, || GO.load(Ordering::Acquire) != 0);
}

extern "C" fn call_ack(_: u64) -> u64 {
    wait_for_go();
    note(&stop::ack(0));
    0
}

extern "C" fn call_begin(_: u64) -> u64 {
    wait_for_go();
    note(&PAUSE.begin());
    0
}

extern "C" fn call_cpu_on(_: u64) -> u64 {
    wait_for_go();
    note(&Reply { status: psci::cpu_on(mpidr(2), cores::entry_point(), 0), x: [0; 4] });
    0
}

/// Long enough for core 1 to make its call, on a busy host too.
const GRACE: u64 = 40_000;

/// Lets core 1 make its call in the time of grace of a PAUSE; passes if the call returns, after the PAUSE and not before. Tries
/// again if the secure interrupt came before the call.
fn call_in_pause(job: cores::Job, is_held: bool, why: Why) -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    until_in_time(|| {
        GO.store(0, Ordering::Relaxed);
        RETURNED.store(0, Ordering::Relaxed);
        start_with_job(1, job)?;
        let begun = Request { grace: GRACE, sgi: NO_SGI, ..PAUSE }.begin();
        status("BEGIN of PAUSE", begun.status, 0)?;
        GO.store(1, Ordering::Release);
        let last = poll_to_end(begun.x[0]);
        clock::pause(2_000);
        let returned = RETURNED.load(Ordering::Acquire) != 0;
        let saw_why = stop::status(1).why();
        let released = stop::release(begun.x[0], Fate::Resume);
        let is_late = !returned && saw_why == Some(Why::Nmi);
        let in_time = !is_over(&last) && !is_over(&released) && !is_late;
        if in_time {
            holds("the call returns in the PAUSE", returned != is_held)?;
            holds(
                format_args!("core 1 to be held because of {why:?}, saw {saw_why:?}"),
                saw_why == Some(why),
            )?;
        }
        holds("the call returns", wait_until(PATIENCE, || RETURNED.load(Ordering::Acquire) != 0))?;
        crate::fixture::turn_off(1)?;
        Ok(in_time.then_some(()))
    })
}

fn ack_returns() -> Verdict {
    call_in_pause(call_ack, true, Why::Ack)?;
    status("ACK that was resumed", SAW[0].load(Ordering::Relaxed), 0)
}

fn begin_is_busy() -> Verdict {
    call_in_pause(call_begin, true, Why::Lost)?;
    status("BEGIN that lost to a PAUSE", SAW[0].load(Ordering::Relaxed), Status::Busy as i32)?;
    equal("x1 of BUSY, the owner", SAW[1].load(Ordering::Relaxed), mpidr(0))?;
    equal("x2 of BUSY, the kind", SAW[2].load(Ordering::Relaxed), Kind::Pause as u64)
}

/// In the time of grace the call returns; the secure interrupt stops the caller later.
fn cpu_on_is_denied() -> Verdict {
    call_in_pause(call_cpu_on, false, Why::Nmi)?;
    status("CPU_ON in a PAUSE", SAW[0].load(Ordering::Relaxed), DENIED)
}

static LINE: StartLine = StartLine::new();
static WON: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Pauses at the same time as the other one; returns x0 of BEGIN. The winner resumes the loser.
extern "C" fn contend(_: u64) -> u64 {
    registers::mask_all();
    LINE.wait();
    let begun = PAUSE.begin();
    if begun.status == 0 {
        poll_to_end(begun.x[0]);
        WON[this_core()].fetch_add(1, Ordering::Relaxed);
        stop::release(begun.x[0], Fate::Resume);
    }
    begun.status
}

/// One pauses the other, and both go on: the loser's BEGIN says who. After that each may win.
fn two_at_once() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    start(1)?;
    WON.iter().for_each(|won| won.store(0, Ordering::Relaxed));
    let mut both = 0;
    for round in rounds() {
        LINE.expect(2);
        let finished = cores::finished(1);
        cores::post(1, contend, 0);
        let mine = contend(0);
        let theirs = cores::result(1, finished)?;
        for saw in [mine, theirs] {
            let is_known = saw == 0 || saw == Status::Busy.to_register();
            holds(format_args!("BEGIN = 0 or BUSY, saw {saw:#x} (round {round})"), is_known)?;
        }
        holds(format_args!("one of the two wins (round {round})"), mine == 0 || theirs == 0)?;
        // The second may come when the first is over.
        both += u64::from(mine == 0 && theirs == 0);
    }
    let [zero, one] = WON.each_ref().map(|won| won.load(Ordering::Relaxed));
    crate::println!("# core 0 won {zero}, core 1 won {one} times, {both} times one after the other");
    Ok(())
}

static OWNERS_HANDLE: AtomicU64 = AtomicU64::new(0);

/// Job: pauses everybody else, and listens no more.
extern "C" fn pause_and_wedge(lease: u64) -> u64 {
    registers::mask_all();
    let begun = Request::pause(lease).begin();
    OWNERS_HANDLE.store(begun.x[0], Ordering::Release);
    wedge::deaf(0)
}

/// The boot core is one of those that are paused, and goes on because the lease is over.
fn lease_of_a_wedged_owner() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    until_in_time(pause_of_a_wedged_owner)
}

/// One PAUSE; nothing if its lease was over before it had reached all cores.
fn pause_of_a_wedged_owner() -> Result<Option<()>, Finding> {
    const LEASE: u64 = 50_000;
    others().skip(1).take(5).try_for_each(|index| start_with_job(index, wedge::deaf))?;
    start(1)?;
    let before = clock::now();
    OWNERS_HANDLE.store(0, Ordering::Relaxed);
    cores::post(1, pause_and_wedge, LEASE);
    // The PAUSE comes somewhere in here.
    let begun = wait_until(PATIENCE, || OWNERS_HANDLE.load(Ordering::Acquire) != 0);
    clock::pause(2 * LEASE);
    holds("core 1 has paused the others", begun)?;
    let handle = OWNERS_HANDLE.load(Ordering::Acquire);
    status("POLL after the lease", stop::poll(handle, 0).status, Status::NoSession as i32)?;
    let mut is_in_time = true;
    // With many cores the lease is over before all are reached.
    let reached = if machine::cores() > 8 { 1 } else { machine::cores().min(7) };
    for index in (0..reached).filter(|&index| index != 1) {
        let record = record_of(index)?;
        let is_parked = u64::from(record.generation) == handle;
        holds(format_args!("core {index} was parked in this case"), !is_parked || record.stopped > before)?;
        is_in_time &= is_parked;
    }
    for index in others().take(6) {
        cores::wait_for_beat(index, cores::heartbeat(index))?;
    }
    // The session is over for whoever comes next.
    crate::session::stop_all(Kind::Crash)?;
    come_back(others().take(6))?;
    crate::session::stop_all(Kind::Crash)?;
    Ok(is_in_time.then_some(()))
}

/// The owner is alive and calls nothing: EL3's own timer ends the PAUSE.
fn lease_without_polls() -> Verdict {
    const LEASE: u64 = 50_000;
    stop::needs_kind(Kind::Pause)?;
    start_with_job(1, wedge::deaf)?;
    let (mut stood_still, mut parked) = (0, 0);
    for _ in rounds().take(10) {
        let begin = clock::now();
        let handle = Request::pause(LEASE).begin().x[0];
        let (mut beats, mut since, mut longest) = (cores::heartbeat(1), clock::now(), 0);
        wait_until(3 * LEASE, || {
            let (now, saw) = (clock::now(), cores::heartbeat(1));
            if saw != beats {
                (beats, since) = (saw, now);
            }
            longest = longest.max(now - since);
            false
        });
        stood_still += u64::from(clock::microseconds(longest) > LEASE / 2);
        parked += u64::from(stop::read(1).is_ok_and(|record| record.stopped > begin));
        status("POLL after the lease", stop::poll(handle, 0).status, Status::NoSession as i32)?;
        cores::wait_for_beat(1, cores::heartbeat(1))?;
    }
    // On a busy host a lease can be over before the core is reached.
    holds("core 1 was parked in at least one PAUSE", parked > 0)?;
    holds("core 1 stood still in at least one PAUSE", stood_still > 0)
}

/// What must be so of cores that a PAUSE held when a CRASH took it over: off, with a record of then.
fn are_taken(handle: u64) -> Verdict {
    for index in others() {
        is_stopped(index, &[Why::Nmi])?;
        let record = record(index)?;
        equal(format_args!("valid in core {index}'s record"), record.valid.into(), 1)?;
        equal(format_args!("generation in core {index}'s record"), record.generation.into(), handle)?;
    }
    are_still(others())?;
    come_back(others())
}

fn wedge_all() -> Verdict {
    others().try_for_each(|index| start_with_job(index, if index < 6 { wedge::deaf } else { wedge::asleep }))
}

fn upgraded() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    wedge_all()?;
    let handle = until_in_time(|| Ok(pause(&PAUSE)?.map(|paused| paused.handle)))?;
    let begun = Request::at_once(Kind::Crash).begin();
    status("BEGIN of CRASH by the owner", begun.status, 0)?;
    finish(begun.x[0])?;
    holds("a handle that grows", begun.x[0] > handle)?;
    status("RELEASE of the PAUSE", stop::release(handle, Fate::Resume).status, Status::StaleHandle as i32)?;
    are_taken(begun.x[0])
}

/// The PAUSE is taken over while its targets are on their way.
fn upgraded_before_done() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    for round in rounds().take(50) {
        others().take(6).try_for_each(|index| start_with_job(index, wedge::deaf))?;
        PAUSE.begin();
        clock::pause(round % 40);
        let begun = Request::at_once(Kind::Crash).begin();
        status(format_args!("BEGIN of CRASH (round {round})"), begun.status, 0)?;
        finish(begun.x[0])?;
        others().take(6).try_for_each(|index| is_stopped(index, &[Why::Nmi]))?;
    }
    are_still(others())?;
    come_back(others())
}

static OTHERS_OK: AtomicU64 = AtomicU64::new(0);

/// Job: waits for the PAUSE of core 0, takes it over in its time of grace, and starts core 0 again.
extern "C" fn take_over(_: u64) -> u64 {
    wait_for_go();
    // Core 2 has answered by then, and is parked.
    wait_until(20_000, || stop::status(2).state() == Some(quell_abi::State::Parked));
    let begun = Request::at_once(Kind::Crash).begin();
    let last = poll_to_end(begun.x[0]).status;
    let off = (0..machine::cores()).all(|index| index == 1 || psci::affinity_info(index) == psci::OFF);
    OWNERS_HANDLE.store(begun.x[0], Ordering::Relaxed);
    OTHERS_OK.store(u64::from(last == 0 && off), Ordering::Release);
    psci::cpu_on(mpidr(0), cores::entry_point(), 0)
}

/// Pauses with a time of grace, and is stopped in it.
extern "C" fn pause_and_wait(_: u64) -> u64 {
    let begun = Request { grace: 90_000, sgi: gic::STOP.into(), ..PAUSE }.begin();
    GO.store(1, Ordering::Release);
    clock::pause(PATIENCE);
    begun.status
}

/// Another core takes the PAUSE over: its owner is stopped, and who was parked is off, with a record of the new session.
fn taken_over() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    GO.store(0, Ordering::Relaxed);
    OTHERS_OK.store(0, Ordering::Relaxed);
    start_with_job(2, wedge::listening)?;
    start_with_job(1, take_over)?;
    let finished = cores::finished(1);
    match anchor::run(pause_and_wait, 0) {
        Ending::Restarted => {}
        ending => return Err(failed(format_args!("core 0 to be stopped"), format_args!("{ending:?}"))),
    }
    status("CPU_ON of core 0", cores::result(1, finished)?, 0)?;
    equal("all others off after the CRASH", OTHERS_OK.load(Ordering::Acquire), 1)?;
    // It has answered the PAUSE, unless the CRASH came first.
    is_stopped(2, &[Why::Ack, Why::Nmi])?;
    equal("generation in its record", record(2)?.generation.into(), OWNERS_HANDLE.load(Ordering::Relaxed))?;
    are_still(2..3)?;
    come_back(2..3)?;
    // A PAUSE works as ever after it.
    paused(&PAUSE, |_| Ok(())).map(|_| ())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! RELEASE: who may end which session, and what becomes of the cores that had not answered by then.
//!
//! A session without any time, for grace or for the secure interrupt, is PARTIAL when somebody looks before the cores have
//! answered. With more cores that spin than the host has, that is nearly always.

use core::sync::atomic::{AtomicU64, Ordering};

use quell_abi::{Call, Kind, State, Status};

use crate::case::cases;
use crate::clock::{self, PATIENCE, wait_until};
use crate::fixture::{others, start_with_job};
use crate::machine::mpidr;
use crate::psci::{self, DENIED, OFF};
use crate::runner::{self, rounds};
use crate::section;
use crate::session::{LONGEST_PAUSE, finish, is_over, new_generation, pause, poll_to_end, until_in_time};
use crate::stop::{self, Counts, Fate, NO_SGI, Reply, Request};
use crate::stopped::{are_still, come_back};
use crate::verdict::{Verdict, equal, failed, holds, status};
use crate::{cores, machine, registers, wedge};

cases! {
    [section::STOP_SESSION]
    /// RELEASE before any session is NO_SESSION.
    "stop.release.no_session_ever", 1, no_session_ever;
    /// RELEASE refuses what its session does not allow.
    "stop.release.refused", 2, refused;
    /// RELEASE by a core that does not own the session is refused.
    "stop.release.by_another", 2, by_another;
    /// A PAUSE can end with its cores OFF.
    "stop.release.pause_off", 2, pause_off;
    /// Not before it is done.
    "stop.release.pause_off_before_done", 2, pause_off_before_done;
    /// A PARTIAL session is DONE when the last core has answered.
    "stop.partial.then_done", 2, partial_then_done;
    /// RELEASE(OFF) gives up the cores that are left, and they never come back to their old context.
    "stop.partial.off", 2, partial_off;
    /// POLL after it tells what became of them.
    "stop.partial.off_and_poll", 2, partial_off_and_poll;
    /// The next session counts them until they have arrived.
    "stop.partial.off_and_stop_again", 2, partial_off_and_stop_again;
    /// A PARTIAL PAUSE can end with its cores OFF.
    "stop.partial.pause_off", 2, partial_pause_off;
    /// A PARTIAL PAUSE can be resumed.
    "stop.partial.pause_resume", 2, partial_pause_resume;
}

const INVALID: i32 = Status::InvalidParameters as i32;
const NO_SESSION: i32 = Status::NoSession as i32;
const STALE: i32 = Status::StaleHandle as i32;

/// A session that is PARTIAL as soon as somebody looks.
const AT_ONCE: Request = Request { nmi: 0, ..Request::at_once(Kind::Crash) };

/// The most cores that spin in these cases.
const SPINNERS: usize = 6;

fn spin() -> Verdict {
    others().take(SPINNERS).try_for_each(|index| start_with_job(index, wedge::deaf))
}

/// Behind a reset there never was a session. What is wrong for every session is said first.
fn no_session_ever() -> Verdict {
    stop::needs(Call::Release)?;
    if !runner::is_after_reset() {
        runner::reset();
    }
    for handle in [0, 1, u64::MAX] {
        for fate in [Fate::Resume, Fate::Off] {
            status(format_args!("{fate:?} of {handle:#x}"), stop::release(handle, fate).status, NO_SESSION)?;
        }
    }
    status("RELEASE with x3 = 0", raw(1, 0, 0).status, INVALID)
}

fn raw(handle: u64, what: u64, who: u64) -> Reply {
    stop::call(Call::Release, [handle, what, who, 0, 0, 0])
}

fn refused() -> Verdict {
    stop::needs(Call::Release)?;
    let old = new_generation()?;
    let last = new_generation()?;
    for fate in [Fate::Resume, Fate::Off] {
        status(format_args!("{fate:?} of an old session"), stop::release(old, fate).status, STALE)?;
        status(format_args!("{fate:?} of a closed session"), stop::release(last, fate).status, NO_SESSION)?;
    }
    start_with_job(1, wedge::deaf)?;
    let open = Request::with_grace(Kind::Crash, 200_000, NO_SGI).begin().x[0];
    let wrong = [
        ("what = 2", raw(open, 2, u64::MAX), INVALID),
        ("what = ~0", raw(open, u64::MAX, u64::MAX), INVALID),
        ("x3 = 0", raw(open, 0, 0), INVALID),
        ("x3 = MPIDR of core 1", raw(open, 1, mpidr(1)), INVALID),
        ("x3 = ~0 in 32 bits", raw(open, 1, 0xffff_ffff), INVALID),
        ("an old handle", stop::release(old, Fate::Off), STALE),
        ("a forged handle", stop::release(open | 1 << 32, Fate::Off), STALE),
        ("a handle of the future", stop::release(open + 1, Fate::Off), STALE),
        ("RESUME of CRASH", stop::release(open, Fate::Resume), DENIED),
        ("OFF in the time of grace", stop::release(open, Fate::Off), DENIED),
    ];
    finish(open)?;
    for (what, saw, expected) in wrong {
        status(format_args!("RELEASE: {what}"), saw.status, expected)?;
    }
    come_back(1..2)
}

static HANDLE: AtomicU64 = AtomicU64::new(0);

/// Job: in the time of grace of another's session, ends it.
extern "C" fn release_anothers(fate: u64) -> u64 {
    registers::mask_all();
    cores::beat();
    wait_until(PATIENCE, || HANDLE.load(Ordering::Acquire) != 0);
    raw(HANDLE.load(Ordering::Acquire), fate, u64::MAX).status
}

fn by_another() -> Verdict {
    stop::needs(Call::Release)?;
    stop::needs_kind(Kind::Pause)?;
    crate::fixture::start(1)?;
    for fate in [Fate::Resume, Fate::Off] {
        until_in_time(|| {
            HANDLE.store(0, Ordering::Relaxed);
            let finished = cores::finished(1);
            cores::post(1, release_anothers, fate as u64);
            let begun = Request { grace: 50_000, ..Request::pause(LONGEST_PAUSE) }.begin();
            status("BEGIN of PAUSE", begun.status, 0)?;
            HANDLE.store(begun.x[0], Ordering::Release);
            let saw = cores::result(1, finished);
            let over = is_over(&stop::release(begun.x[0], Fate::Resume));
            let saw = saw?;
            if over {
                return Ok(None);
            }
            status(format_args!("{fate:?} by another core"), saw, DENIED)?;
            Ok(Some(()))
        })?;
    }
    Ok(())
}

fn pause_off() -> Verdict {
    stop::needs(Call::Release)?;
    stop::needs_kind(Kind::Pause)?;
    for _ in rounds().take(20) {
        spin()?;
        until_in_time(|| {
            let Some(paused) = pause(&Request::pause(LONGEST_PAUSE))? else { return Ok(None) };
            let released = stop::release(paused.handle, Fate::Off);
            if is_over(&released) {
                return Ok(None);
            }
            status("RELEASE(OFF) of a PAUSE that is DONE", released.status, 0)?;
            equal("cores given up", released.x[0], 0)?;
            Ok(Some(()))
        })?;
        for index in others().take(SPINNERS) {
            equal(format_args!("AFFINITY_INFO of core {index}"), psci::affinity_info(index), OFF)?;
            equal(format_args!("state of core {index}"), stop::status(index).state, State::Off as u64)?;
        }
        are_still(others())?;
        come_back(others().take(SPINNERS))?;
        others().take(SPINNERS).try_for_each(crate::fixture::turn_off)?;
    }
    Ok(())
}

fn pause_off_before_done() -> Verdict {
    stop::needs(Call::Release)?;
    stop::needs_kind(Kind::Pause)?;
    spin()?;
    until_in_time(|| {
        let begun = Request { grace: 20_000, ..Request::pause(LONGEST_PAUSE) }.begin();
        let refused = stop::release(begun.x[0], Fate::Off);
        let over = is_over(&stop::release(begun.x[0], Fate::Resume));
        if over {
            return Ok(None);
        }
        status("RELEASE(OFF) in the time of grace", refused.status, DENIED)?;
        Ok(Some(()))
    })
}

/// Opens sessions until `wanted` of them were PARTIAL; `act` goes on from there. All cores are off after it.
fn partial(wanted: u64, mut act: impl FnMut(&Reply, &Reply) -> Verdict) -> Verdict {
    let (mut partial, mut count) = (0, 0);
    for round in rounds() {
        count += 1;
        spin()?;
        let begun = AT_ONCE.begin();
        status(format_args!("BEGIN (round {round})"), begun.status, 0)?;
        let reply = stop::poll(begun.x[0], 0);
        if reply.status == Status::Partial.to_register() {
            partial += 1;
            let counts = Counts::of(&reply);
            holds(format_args!("PARTIAL with cores left (round {round})"), counts.left > 0)?;
            let straggler = reply.x[2];
            let is_there = others().any(|index| mpidr(index) == straggler);
            holds(format_args!("x3 of PARTIAL is a core, saw {straggler:#x} (round {round})"), is_there)?;
            act(&begun, &reply)?;
        } else {
            finish(begun.x[0])?;
        }
        if partial >= wanted {
            break;
        }
    }
    crate::println!("# {partial} of {count} sessions were PARTIAL");
    come_back(others().take(SPINNERS))
}

/// Nobody releases it: a later POLL finds it done.
fn partial_then_done() -> Verdict {
    partial(100, |begun, _| {
        let mut last = 0;
        let done = wait_until(PATIENCE, || {
            last = stop::poll(begun.x[0], 100).status;
            last == 0
        });
        holds(format_args!("POLL finds it done, saw {last:#x}"), done)
    })
}

/// Each core is started at once, wherever it is. From its boot on nothing of its old code runs.
fn partial_off() -> Verdict {
    stop::needs(Call::Release)?;
    let (mut given_up, mut pending) = (0, 0);
    partial(200, |begun, _| {
        let released = stop::release(begun.x[0], Fate::Off);
        // They may all have arrived by now: then the session is closed.
        if !is_over(&released) {
            status("RELEASE(OFF) of PARTIAL", released.status, 0)?;
            given_up += released.x[0];
        }
        let count = others().take(SPINNERS).count();
        let mut boots = [0; SPINNERS];
        for (before, index) in boots.iter_mut().zip(others()).take(count) {
            *before = cores::prepare(index);
            let is_quarantined = stop::status(index).is_quarantined();
            status(
                format_args!("CPU_ON of core {index}"),
                psci::cpu_on(mpidr(index), cores::entry_point(), 0),
                0,
            )?;
            let again = psci::cpu_on(mpidr(index), cores::entry_point(), 0);
            let info = psci::affinity_info(index);
            if is_quarantined && info == psci::PENDING {
                pending += 1;
            }
            holds(format_args!("a second CPU_ON of core {index} fails"), again != 0)?;
            holds(format_args!("AFFINITY_INFO of core {index} is not OFF"), info != OFF)?;
        }
        for (before, index) in boots.into_iter().zip(others()).take(count) {
            holds(format_args!("core {index} boots"), cores::wait_for_boot(index, before))?;
            equal(format_args!("boots of core {index}"), cores::boots(index), before + 1)?;
            holds(format_args!("core {index} has arrived"), !stop::status(index).is_quarantined())?;
        }
        let old = |index: usize| cores::heartbeat(index);
        let before: [u64; SPINNERS] =
            core::array::from_fn(|place| if place < count { old(place + 1) } else { 0 });
        clock::pause(500);
        for (place, beats) in before.into_iter().enumerate().take(count) {
            equal(format_args!("heartbeats of core {} after its boot", place + 1), old(place + 1), beats)?;
        }
        others().take(SPINNERS).try_for_each(crate::fixture::turn_off)
    })?;
    crate::println!(
        "# {given_up} cores were given up, {pending} were still pending when they were asked for"
    );
    Ok(())
}

/// POLL of the session that was released says PARTIAL until all have arrived.
fn partial_off_and_poll() -> Verdict {
    stop::needs(Call::Release)?;
    partial(100, |begun, _| {
        let released = stop::release(begun.x[0], Fate::Off);
        if !is_over(&released) {
            status("RELEASE(OFF) of PARTIAL", released.status, 0)?;
        }
        let mut last = stop::poll(begun.x[0], 0);
        let done = wait_until(PATIENCE, || {
            let left = Counts::of(&last).left;
            if last.status != Status::Partial.to_register() || left == 0 {
                return true;
            }
            last = stop::poll(begun.x[0], 0);
            false
        });
        holds("POLL ends", done)?;
        status("POLL after RELEASE(OFF)", last.status, 0)?;
        for index in others().take(SPINNERS) {
            equal(format_args!("state of core {index}"), stop::status(index).state, State::Off as u64)?;
        }
        are_still(others().take(SPINNERS))
    })
}

/// A core that has not arrived is left in the next session, until it has.
fn partial_off_and_stop_again() -> Verdict {
    stop::needs(Call::Release)?;
    partial(100, |begun, _| {
        stop::release(begun.x[0], Fate::Off);
        let next = Request::at_once(Kind::Crash).begin();
        status("BEGIN after RELEASE(OFF)", next.status, 0)?;
        let last = poll_to_end(next.x[0]);
        status("POLL of the next session", last.status, 0)?;
        for index in others().take(SPINNERS) {
            equal(format_args!("state of core {index}"), stop::status(index).state, State::Off as u64)?;
        }
        are_still(others().take(SPINNERS))
    })
}

const PAUSE_AT_ONCE: Request = Request { nmi: 0, ..Request::pause(LONGEST_PAUSE) };

/// Opens PAUSEs until one is PARTIAL and is released so in time.
fn partial_pause(fate: Fate) -> Verdict {
    stop::needs(Call::Release)?;
    stop::needs_kind(Kind::Pause)?;
    let (mut partial, mut released) = (0, 0);
    for _ in rounds() {
        spin()?;
        let begun = PAUSE_AT_ONCE.begin();
        let reply = stop::poll(begun.x[0], 0);
        partial += u64::from(reply.status == Status::Partial.to_register());
        let ended = stop::release(begun.x[0], fate);
        if is_over(&ended) {
            // By its lease, and all go on: they are stopped for the next round.
            crate::session::stop_all(Kind::Crash)?;
            continue;
        }
        status(format_args!("RELEASE({fate:?}) of a PAUSE"), ended.status, 0)?;
        released += 1;
        match fate {
            Fate::Resume => {
                for index in others().take(SPINNERS) {
                    cores::wait_for_beat(index, cores::heartbeat(index))?;
                }
                crate::session::stop_all(Kind::Crash)?;
            }
            Fate::Off => {
                let all_off = || others().all(|index| stop::status(index).state == State::Off as u64);
                holds("all cores arrive", wait_until(PATIENCE, all_off))?;
                are_still(others().take(SPINNERS))?;
            }
        }
    }
    crate::println!("# {partial} PAUSEs were PARTIAL, {released} were released in time");
    if released == 0 && machine::cores() <= 8 {
        return Err(failed(format_args!("a PAUSE that is released in time"), format_args!("none")));
    }
    come_back(others().take(SPINNERS))
}

fn partial_pause_off() -> Verdict {
    partial_pause(Fate::Off)
}

fn partial_pause_resume() -> Verdict {
    partial_pause(Fate::Resume)
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The stop service with nobody to stop: handles, and arguments that are refused.

use quell_abi::{Call, Kind, State, Status};

use crate::case::cases;
use crate::fixture::{others, start, turn_off};
use crate::gic;
use crate::machine;
use crate::runner;
use crate::section;
use crate::stop::{self, Counts, NO_SGI, Request};
use crate::verdict::{Verdict, equal, holds, status};

cases! {
    [section::STOP_CALLS]
    /// POLL before any session is NO_SESSION.
    "stop.poll.no_session_ever", 1, poll_without_any_session;
    /// ACK without a session is refused.
    "stop.ack.no_session", 1, ack_without_session;
    /// BEGIN refuses bad kinds, flags, times and SGIs.
    "stop.begin.bad_arguments", 1, bad_arguments;
    /// A refused BEGIN changes nothing.
    "stop.begin.bad_arguments_change_nothing", 2, bad_arguments_change_nothing;
    /// BEGIN with nobody to stop is DONE at once.
    "stop.begin.no_targets", 1, begin_without_targets;
    /// SYNC with nobody to stop is DONE at once.
    "stop.sync.no_targets", 1, sync_without_targets;
    /// POLL knows the newest handle, and older ones are STALE_HANDLE.
    "stop.poll.handles", 1, handles;
    /// POLL refuses a budget of more than 1 ms and keeps to a smaller one.
    "stop.poll.budget", 1, budget;
    /// ACK after a session is refused.
    "stop.ack.after_session", 1, ack_after_session;
}

const INVALID: i32 = Status::InvalidParameters as i32;
const NO_SESSION: i32 = Status::NoSession as i32;
const STALE: i32 = Status::StaleHandle as i32;

/// Behind a reset there never was a session.
fn poll_without_any_session() -> Verdict {
    if !runner::is_after_reset() {
        runner::reset();
    }
    for handle in [0, 1, u64::MAX] {
        status(format_args!("POLL of handle {handle:#x}"), stop::poll(handle, 0).status, NO_SESSION)?;
    }
    Ok(())
}

fn ack_without_session() -> Verdict {
    status("ACK", stop::ack(0).status, NO_SESSION)
}

/// BEGIN's arguments x1 to x5, each set with one thing wrong.
fn wrong() -> impl Iterator<Item = [u64; 5]> {
    const TOO_LONG: u64 = 1 << 32;
    let crash = Kind::Crash as u64;
    let good = [crash, 0, 1_000, 1_000, NO_SGI];
    let with = move |place: usize, value: u64| {
        let mut arguments = good;
        arguments[place] = value;
        arguments
    };
    let kinds = [4, 0xff, crash | 4 << 8, crash | 0x80 << 8, crash | 1 << 16, crash | 1 << 63];
    let times = [TOO_LONG, TOO_LONG + 1, 1 << 63, u64::MAX];
    let sgis = [8, 15, 16, 31, 32, 1020, 0xffff_ffff, u64::MAX - 1];
    kinds
        .into_iter()
        .map(move |value| with(0, value))
        .chain(times.into_iter().flat_map(move |value| [with(1, value), with(2, value), with(3, value)]))
        .chain(sgis.into_iter().map(move |value| with(4, value)))
}

fn bad_arguments() -> Verdict {
    for [x1, x2, x3, x4, x5] in wrong() {
        for call in [Call::Begin, Call::Sync].into_iter().filter(|&call| stop::has(call)) {
            let saw = stop::call(call, [x1, x2, x3, x4, x5, 0]).status;
            status(format_args!("{call:?}({x1:#x}, {x2:#x}, {x3:#x}, {x4:#x}, {x5:#x})"), saw, INVALID)?;
        }
    }
    Ok(())
}

fn bad_arguments_change_nothing() -> Verdict {
    start(1)?;
    for [x1, x2, x3, x4, x5] in wrong() {
        stop::call(Call::Begin, [x1, x2, x3, x4, x5, 0]);
    }
    equal("state of core 1", stop::status(1).state, State::On as u64)?;
    status("ACK", stop::ack(0).status, NO_SESSION)?;
    // No fence: CPU_ON works.
    turn_off(1)?;
    start(1)
}

fn begin_without_targets() -> Verdict {
    let mut last = 0;
    for kind in [Kind::Halt, Kind::Kexec, Kind::Crash].into_iter().filter(|&kind| stop::has_kind(kind)) {
        let reply = Request::at_once(kind).begin();
        status(format_args!("BEGIN of {kind:?}"), reply.status, 0)?;
        let [handle, targets, contained, _] = reply.x;
        equal("targets", targets, 0)?;
        equal("targets already contained", contained, 0)?;
        holds(format_args!("a handle that grows, {handle:#x} after {last:#x}"), handle > last)?;
        equal("handle above bit 31", handle >> 32, 0)?;
        last = handle;
        status("POLL", stop::poll(handle, 0).status, 0)?;
    }
    others().try_for_each(start)
}

fn sync_without_targets() -> Verdict {
    let reply = Request::with_grace(Kind::Crash, 1_000_000, gic::STOP.into()).sync();
    status("SYNC", reply.status, 0)?;
    equal("x1 of SYNC", reply.x[0], 0)?;
    holds("no SGI to oneself", gic::pending(machine::this_core()) & 1 << gic::STOP == 0)?;
    others().try_for_each(start)
}

fn handles() -> Verdict {
    let old = Request::at_once(Kind::Crash).begin().x[0];
    let new = Request::at_once(Kind::Crash).begin().x[0];
    status("POLL of the newest session, closed", stop::poll(new, 0).status, 0)?;
    equal("cores left", Counts::of(&stop::poll(new, 0)).left, 0)?;
    for handle in [old, 0, new + 1, new | 1 << 32, new | 1 << 63, u64::MAX] {
        status(
            format_args!("POLL of handle {handle:#x}, newest {new:#x}"),
            stop::poll(handle, 0).status,
            STALE,
        )?;
    }
    status("POLL of the newest session, closed", stop::poll(new, 0).status, 0)
}

fn budget() -> Verdict {
    let handle = Request::at_once(Kind::Crash).begin().x[0];
    status("POLL with budget 1000", stop::poll(handle, 1000).status, 0)?;
    for budget in [1001, 1 << 32, u64::MAX] {
        status(format_args!("POLL with budget {budget:#x}"), stop::poll(handle, budget).status, INVALID)?;
    }
    Ok(())
}

fn ack_after_session() -> Verdict {
    Request::at_once(Kind::Crash).begin();
    status("ACK", stop::ack(0).status, NO_SESSION)
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Sessions as the cases use them: to their end, and PAUSEs that are looked at before their lease is over.

use quell_abi::{Kind, Status};

use crate::clock::{PATIENCE, wait_until};
use crate::machine;
use crate::stop::{self, Counts, Fate, Reply, Request};
use crate::verdict::{Finding, Verdict, equal, failed, holds, skipped, status};

/// The longest lease that a PAUSE may have, in microseconds.
pub const LONGEST_PAUSE: u64 = 100_000;

/// How often a PAUSE is tried whose lease was over too early: an emulator with more cores than its host has is slow.
const TRIES: u64 = 50;

/// The most cores with which a PAUSE must be done within its lease.
const FEW_CORES: usize = 8;

/// Polls as long as a session is pending; returns the last reply.
pub fn poll_to_end(handle: u64) -> Reply {
    let mut last = stop::poll(handle, 100);
    wait_until(PATIENCE, || {
        last = stop::poll(handle, 100);
        last.status != Status::Pending.to_register()
    });
    last
}

/// Polls a session to its end.
pub fn finish(handle: u64) -> Verdict {
    let last = poll_to_end(handle);
    holds("POLL ends", last.status != Status::Pending.to_register())?;
    status("POLL", last.status, 0)
}

/// Stops all other cores by the secure interrupt.
pub fn stop_all(kind: Kind) -> Verdict {
    let reply = Request::at_once(kind).sync();
    status(format_args!("SYNC of {kind:?}"), reply.status, 0)?;
    equal("cores left", Counts::of(&reply).left, 0)
}

/// Opens and ends a session while no other core is on, so that no record is of the newest one; returns its handle.
pub fn new_generation() -> Result<u64, Finding> {
    let reply = Request::at_once(Kind::Crash).begin();
    status("BEGIN without targets", reply.status, 0)?;
    equal("targets", reply.x[1], 0)?;
    finish(reply.x[0])?;
    Ok(reply.x[0])
}

/// A PAUSE that has stopped its targets.
#[derive(Clone, Copy, Debug)]
pub struct Paused {
    /// The session.
    pub handle: u64,
    /// What BEGIN said of targets.
    pub targets: u64,
    /// What the last POLL said.
    pub counts: Counts,
}

/// Pauses the other cores, looks, and resumes them; returns what was seen, and how many cores RELEASE resumed. Looks again
/// if the lease was over before.
pub fn paused<T>(
    request: &Request,
    mut look: impl FnMut(&Paused) -> Result<T, Finding>,
) -> Result<(T, u64), Finding> {
    until_in_time(|| {
        let Some(paused) = pause(request)? else { return Ok(None) };
        let seen = look(&paused);
        let released = stop::release(paused.handle, Fate::Resume);
        if is_over(&released) {
            return Ok(None);
        }
        let seen = seen?;
        status("RELEASE(RESUME)", released.status, 0)?;
        Ok(Some((seen, released.x[0])))
    })
}

/// Pauses the other cores; nothing if the lease was over before they had stopped.
pub fn pause(request: &Request) -> Result<Option<Paused>, Finding> {
    let begun = request.begin();
    status("BEGIN of PAUSE", begun.status, 0)?;
    let [handle, targets, ..] = begun.x;
    let last = poll_to_end(handle);
    if is_over(&last) {
        return Ok(None);
    }
    status("POLL of PAUSE", last.status, 0)?;
    Ok(Some(Paused { handle, targets, counts: Counts::of(&last) }))
}

/// Returns whether the lease of a PAUSE has ended it.
pub fn is_over(reply: &Reply) -> bool {
    reply.status == Status::NoSession.to_register()
}

/// Tries until something was done before a lease was over.
pub fn until_in_time<T>(mut act: impl FnMut() -> Result<Option<T>, Finding>) -> Result<T, Finding> {
    for _ in 0..TRIES {
        if let Some(done) = act()? {
            return Ok(done);
        }
    }
    if machine::cores() > FEW_CORES {
        return Err(skipped(format_args!("{TRIES} PAUSEs were over before all cores had stopped")));
    }
    Err(failed(format_args!("a PAUSE that is done within its lease"), format_args!("none in {TRIES} tries")))
}

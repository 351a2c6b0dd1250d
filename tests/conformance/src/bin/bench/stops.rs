// SPDX-License-Identifier: MIT OR Apache-2.0

//! Stops of all other cores, as their owner pays for them: it makes a call, waits in the non-secure world until the others have
//! had time to do their part, and calls again. So the waiting is not in the count.

use conformance::fixture::others;
use conformance::session::LONGEST_PAUSE;
use conformance::stop::{self, Fate, Reply, Request};
use conformance::verdict::{Finding, Verdict, equal, status};
use conformance::{cores, gic, wedge};
use quell_abi::{Kind, Status};

use crate::mark::marked;
use crate::several::{start_all, turn_all_off};
use crate::wait;

/// Microseconds of a time of grace that is not used up.
const GRACE: u64 = 100_000;

/// How long all other cores together have to do their part, in microseconds: they take turns.
fn time_for_all() -> u64 {
    200 + 20 * others().count() as u64
}

/// The most calls of POLL for one session.
const POLLS: u32 = 20;

/// Polls without a budget until the session is no longer pending, or for long enough; returns the last reply.
fn poll(handle: u64) -> Reply {
    let mut reply = stop::poll(handle, 0);
    for _ in 1..POLLS {
        if reply.status != Status::Pending.to_register() {
            break;
        }
        wait::sleep(time_for_all());
        reply = stop::poll(handle, 0);
    }
    reply
}

/// Begins a session, waits, and polls it to its end; returns the status of the last call.
fn run(request: &Request, wait: impl Fn() -> Verdict) -> Result<u64, Finding> {
    let begun = request.begin();
    if begun.status != 0 {
        return Ok(begun.status);
    }
    wait()?;
    Ok(poll(begun.x[0]).status)
}

/// The firmware sends the SGI of a stop, which the others answer with ACK.
pub fn acked() -> Verdict {
    let stop = || {
        let answers = || others().map(cores::stop_requests).sum::<u64>();
        let wanted = answers() + others().count() as u64;
        run(&Request::with_grace(Kind::Crash, GRACE, gic::STOP.into()), || {
            wait::until("all cores to answer", || answers() == wanted)?;
            wait::sleep(time_for_all());
            Ok(())
        })
    };
    start_all()?;
    status("the first stop", stop()?, 0)?;
    start_all()?;
    status("the second stop", marked!(StopAcked, stop())?, 0)
}

/// Job: sleeps with every interrupt masked.
extern "C" fn deaf(argument: u64) -> u64 {
    // The doorbell of the job would keep the core awake.
    cores::serve_interrupts();
    wedge::asleep(argument)
}

/// The others no longer listen.
fn wedge_all() -> Verdict {
    let beats = || others().map(cores::heartbeat).sum::<u64>();
    start_all()?;
    let wanted = beats() + others().count() as u64;
    others().for_each(|index| cores::post(index, deaf, 0));
    wait::until("all cores to be wedged", || beats() >= wanted)
}

/// The others take no interrupt, and there is no time of grace.
pub fn wedged() -> Verdict {
    let stop = || {
        run(&Request::at_once(Kind::Crash), || {
            wait::sleep(time_for_all());
            Ok(())
        })
    };
    wedge_all()?;
    status("the first stop", stop()?, 0)?;
    wedge_all()?;
    status("the second stop", marked!(StopWedged, stop())?, 0)
}

/// Pauses the others; returns the handle.
fn pause() -> Result<u64, Finding> {
    let begun = Request::pause(LONGEST_PAUSE).begin();
    status("BEGIN of a PAUSE", begun.status, 0)?;
    wait::sleep(time_for_all());
    status("POLL of a PAUSE", poll(begun.x[0]).status, 0)?;
    Ok(begun.x[0])
}

/// The others go on from where a PAUSE has stopped them.
pub fn resume() -> Verdict {
    let count = others().count() as u64;
    start_all()?;
    let first = stop::release(pause()?, Fate::Resume);
    wait::sleep(time_for_all());
    let handle = pause()?;
    let second = marked!(Resume, stop::release(handle, Fate::Resume));
    wait::sleep(time_for_all());
    for reply in [first, second] {
        status("RELEASE", reply.status, 0)?;
        equal("cores that were released", reply.x[0], count)?;
    }
    turn_all_off()
}

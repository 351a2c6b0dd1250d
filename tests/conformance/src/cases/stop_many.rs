// SPDX-License-Identifier: MIT OR Apache-2.0

//! All cores of a machine, all wedged, stopped by one call: what it costs the owner.
//!
//! What the firmware writes to the GIC only somebody outside sees (`cargo xtask test`, `stop cores=512`): SGIs that the owner
//! sends to itself mark where the session begins and ends. The counter's ticks are instructions if QEMU counts them (`-icount
//! shift=0`) and nobody else runs meanwhile.

use quell_abi::{Call, Kind, State, Status};

use crate::case::cases;
use crate::clock::{self, wait_until};
use crate::fixture::others;
use crate::machine::{self, this_core};
use crate::many::{patience, start_all};
use crate::psci;
use crate::section;
use crate::stop::{self, Counts, NO_SGI, Reply, Request};
use crate::stopped::are_still;
use crate::verdict::{Verdict, equal, holds, status};
use crate::{cores, gic, wedge};

cases! {
    [section::STOP_SESSION]
    /// SYNC stops all cores of the machine, all wedged.
    "stop.many.by_sync", 2, by_sync;
    /// BEGIN and POLL stop them, and what BEGIN takes is told.
    "stop.many.by_begin", 2, by_begin;
}

/// The SGIs that mark the beginning and the end of a call for whoever watches the GIC: nobody takes them.
const BEGIN_MARK: u32 = 5;
const END_MARK: u32 = 6;

/// Marks a moment.
fn mark(sgi: u32) {
    gic::send(sgi, this_core());
}

/// Starts all cores, and wedges them when all are there: cores that spin keep the host from starting others.
fn wedge_all(job: cores::Job) -> Verdict {
    let started = start_all()?;
    let begin = clock::now();
    let mut beats = [0; machine::MAX_CORES];
    for index in others() {
        beats[index] = cores::heartbeat(index);
        cores::post(index, job, 0);
    }
    for index in others() {
        let beats_now = wait_until(patience(), || cores::heartbeat(index) != beats[index]);
        holds(format_args!("core {index} is wedged"), beats_now)?;
    }
    let wedged = clock::microseconds(clock::now() - begin) / 1000;
    let count = others().count();
    crate::println!("# {count} cores started in {started} ms, wedged in {wedged} ms");
    Ok(())
}

/// Passes if all others are off, by every way to ask, and stand still; starts them all again.
fn all_are_off_and_start() -> Verdict {
    for word in 0..(machine::cores() as u64).div_ceil(64) {
        let reply = stop::call(Call::Mask, [word, 0, 0, 0, 0, 0]);
        equal(format_args!("cores on in word {word} of MASK"), reply.x[0], u64::from(word == 0))?;
        equal(format_args!("cores pending in word {word} of MASK"), reply.x[1], 0)?;
    }
    for index in others() {
        equal(format_args!("state of core {index}"), stop::status(index).state, State::Off as u64)?;
        equal(format_args!("AFFINITY_INFO of core {index}"), psci::affinity_info(index), psci::OFF)?;
    }
    are_still(others())?;
    start_all().map(|_| ())
}

/// A request with time enough for a machine whose host has two cores.
fn request() -> Request {
    Request { nmi: patience(), ..Request::at_once(Kind::Crash) }
}

fn judge(reply: &Reply) -> Verdict {
    status("the session", reply.status, 0)?;
    let counts = Counts::of(reply);
    equal("stopped by NMI", counts.nmi, others().count() as u64)?;
    equal("left", counts.left, 0)
}

fn by_sync() -> Verdict {
    wedge_all(wedge::deaf)?;
    mark(BEGIN_MARK);
    let before = clock::now();
    let reply = request().sync();
    let took = clock::now() - before;
    mark(END_MARK);
    crate::println!("# SYNC stopped {} cores in {} us", others().count(), clock::microseconds(took));
    judge(&reply)?;
    all_are_off_and_start()
}

/// What BEGIN costs before it sends anything: the others sleep and do not listen, so that nobody else runs in it.
fn by_begin() -> Verdict {
    wedge_all(wedge::asleep)?;
    let request = Request { nmi: patience(), ..Request::with_grace(Kind::Crash, 20_000, NO_SGI) };
    let before = clock::now();
    let begun = request.begin();
    let took = clock::now() - before;
    status("BEGIN", begun.status, 0)?;
    equal("targets", begun.x[1], others().count() as u64)?;
    crate::println!("# BEGIN for {} cores took {took} ticks", machine::cores());
    mark(BEGIN_MARK);
    let ended = finish(begun.x[0]);
    mark(END_MARK);
    ended?;
    all_are_off_and_start()
}

fn finish(handle: u64) -> Verdict {
    let mut last = stop::poll(handle, 0);
    let done = wait_until(patience(), || {
        last = stop::poll(handle, 1000);
        last.status != Status::Pending.to_register()
    });
    holds("POLL ends", done)?;
    judge(&last)
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The time of grace: cores that listen end by themselves.

use core::sync::atomic::{AtomicU64, Ordering};

use quell_abi::{Call, Kind, Why};

use crate::case::cases;
use crate::clock::{self, PATIENCE, wait_until};
use crate::fixture::{others, start, start_with_job};
use crate::machine::mpidr;
use crate::psci::{self, DENIED, OFF};
use crate::runner::rounds;
use crate::section;
use crate::session::finish;
use crate::stop::{self, Counts, NO_SGI, Request};
use crate::stopped::{are_still, come_back, is_stopped, record};
use crate::verdict::{Verdict, equal, holds, status};
use crate::{cores, gic, registers, wedge};

cases! {
    [section::STOP_SESSION]
    /// A core that gets the firmware's SGI ends by ACK.
    "stop.ack.to_the_sgi_of_the_firmware", 2, ack_to_firmware;
    /// A core that gets the owner's own IPI ends by ACK.
    "stop.ack.to_an_ipi_of_the_owner", 2, ack_to_owner;
    /// ACK's argument is kept in the record.
    "stop.ack.saved_registers", 2, saved_registers;
    /// The owner's ACK is refused.
    "stop.ack.by_the_owner", 2, ack_by_owner;
    /// CPU_OFF in the time of grace counts as stopped.
    "stop.off_in_grace", 2, off_in_grace;
    /// Other calls return in the time of grace.
    "stop.grace.calls_return", 2, calls_return;
    /// The owner's CPU_ON in a session is DENIED.
    "stop.cpu_on.by_the_owner", 3, cpu_on_by_owner;
    /// A target's CPU_ON in the time of grace is DENIED.
    "stop.cpu_on.by_a_target", 3, cpu_on_by_target;
    /// A core that was pending when the session began does not run.
    "stop.cpu_on.pending_core", 2, pending_core;
    /// Nor does it with no time of grace.
    "stop.cpu_on.pending_core_at_once", 2, pending_core_at_once;
}

/// Longer than any answer takes: a session that lasts this long did not end early.
const LONG: u64 = 3_000_000;

fn long_grace(sgi: u64) -> Request {
    Request::with_grace(Kind::Crash, LONG, sgi)
}

fn all_acked(begin: u64) -> Verdict {
    let took = clock::microseconds(clock::now() - begin);
    others().try_for_each(|index| is_stopped(index, &[Why::Ack]))?;
    holds(format_args!("it ends when the last target has answered, took {took} us"), took < LONG)?;
    are_still(others())?;
    come_back(others())
}

fn ack_to_firmware() -> Verdict {
    others().try_for_each(|index| start_with_job(index, wedge::listening))?;
    let requests: u64 = others().map(cores::stop_requests).sum();
    let begin = clock::now();
    let reply = long_grace(gic::STOP.into()).sync();
    status("SYNC", reply.status, 0)?;
    let count = others().count() as u64;
    equal("x1 of SYNC", reply.x[0], count)?;
    equal("SGIs taken", others().map(cores::stop_requests).sum::<u64>() - requests, count)?;
    all_acked(begin)
}

fn ack_to_owner() -> Verdict {
    others().try_for_each(|index| start_with_job(index, wedge::listening))?;
    let begin = clock::now();
    let [handle, targets, ..] = long_grace(NO_SGI).begin().x;
    equal("targets", targets, others().count() as u64)?;
    others().for_each(|index| gic::send(gic::STOP, index));
    finish(handle)?;
    equal("x1 of POLL", stop::poll(handle, 0).x[0], others().count() as u64)?;
    all_acked(begin)
}

const SAVED: u64 = 0xfedc_ba98_7654_3210;

/// Job: answers the stop request with an address that is none.
extern "C" fn ack_with_address(_: u64) -> u64 {
    registers::mask_all();
    cores::beat();
    wait_until(PATIENCE, gic::stop_is_pending);
    stop::ack(SAVED).status
}

fn saved_registers() -> Verdict {
    start_with_job(1, ack_with_address)?;
    status("SYNC", long_grace(gic::STOP.into()).sync().status, 0)?;
    is_stopped(1, &[Why::Ack])?;
    if stop::has(Call::Read) {
        equal("x1 of the ACK in the record", record(1)?.saved_registers, SAVED)?;
    }
    Ok(())
}

fn ack_by_owner() -> Verdict {
    start_with_job(1, wedge::deaf)?;
    let request = Request::with_grace(Kind::Crash, 500_000, NO_SGI);
    let handle = request.begin().x[0];
    status("ACK by the owner", stop::ack(0).status, DENIED)?;
    finish(handle)
}

fn off_in_grace() -> Verdict {
    others().try_for_each(|index| start_with_job(index, wedge::leaving))?;
    let reply = long_grace(gic::STOP.into()).sync();
    status("SYNC", reply.status, 0)?;
    equal("off", Counts::of(&reply).off, others().count() as u64)?;
    others().try_for_each(|index| is_stopped(index, &[Why::Off]))?;
    are_still(others())?;
    come_back(others())
}

/// Cores that call the firmware go on doing so until the grace is over.
fn calls_return() -> Verdict {
    start_with_job(1, wedge::in_calls)?;
    let handle = Request::with_grace(Kind::Crash, 500_000, NO_SGI).begin().x[0];
    let beats = cores::heartbeat(1);
    let goes_on =
        cores::wait_for_beat(1, beats + 1).and_then(|()| cores::wait_for_beat(1, cores::heartbeat(1)));
    let left = Counts::of(&stop::poll(handle, 0)).left;
    finish(handle)?;
    goes_on?;
    equal("cores left in the time of grace", left, 1)?;
    is_stopped(1, &[Why::Nmi])
}

fn cpu_on_by_owner() -> Verdict {
    start_with_job(1, wedge::deaf)?;
    let boots = cores::boots(2);
    let handle = Request::with_grace(Kind::Crash, 500_000, NO_SGI).begin().x[0];
    let saw = psci::cpu_on(mpidr(2), cores::entry_point(), 0);
    let state = psci::affinity_info(2);
    finish(handle)?;
    status("CPU_ON by the owner in a session", saw, DENIED)?;
    equal("AFFINITY_INFO of its target", state, OFF)?;
    equal("boots of its target", cores::boots(2), boots)?;
    start(2)
}

static TARGETS_STATUS: AtomicU64 = AtomicU64::new(0);

/// Job: at the stop request, starts core 2 and then answers.
extern "C" fn start_and_ack(_: u64) -> u64 {
    registers::mask_all();
    cores::beat();
    wait_until(PATIENCE, gic::stop_is_pending);
    TARGETS_STATUS.store(psci::cpu_on(mpidr(2), cores::entry_point(), 0), Ordering::Release);
    stop::ack(0).status
}

fn cpu_on_by_target() -> Verdict {
    TARGETS_STATUS.store(1, Ordering::Relaxed);
    start_with_job(1, start_and_ack)?;
    let boots = cores::boots(2);
    status("SYNC", long_grace(gic::STOP.into()).sync().status, 0)?;
    is_stopped(1, &[Why::Ack])?;
    status("CPU_ON by a target in the time of grace", TARGETS_STATUS.load(Ordering::Acquire), DENIED)?;
    equal("AFFINITY_INFO of its target", psci::affinity_info(2), OFF)?;
    equal("boots of its target", cores::boots(2), boots)
}

/// A core that was accepted by CPU_ON when the session began never appears after DONE.
fn stop_pending_core(request: &Request) -> Verdict {
    let (mut never_ran, mut count) = (0, 0);
    for round in rounds() {
        count += 1;
        let before = cores::prepare(1);
        status("CPU_ON", psci::cpu_on(mpidr(1), cores::entry_point(), 0), 0)?;
        let reply = request.sync();
        let boots = cores::boots(1);
        status(format_args!("SYNC (round {round})"), reply.status, 0)?;
        is_stopped(1, &[Why::NeverRan, Why::Nmi, Why::Ack])?;
        if stop::status(1).why() == Some(Why::NeverRan) {
            never_ran += 1;
            equal(format_args!("boots of a core that never ran (round {round})"), boots, before)?;
        }
        clock::pause(200);
        equal(format_args!("boots after DONE (round {round})"), cores::boots(1), boots)?;
    }
    crate::println!("# {never_ran} of {count} starts were cancelled before the first instruction");
    come_back(1..2)
}

fn pending_core() -> Verdict {
    stop_pending_core(&Request::with_grace(Kind::Crash, 1_000, gic::STOP.into()))
}

fn pending_core_at_once() -> Verdict {
    stop_pending_core(&Request::at_once(Kind::Crash))
}

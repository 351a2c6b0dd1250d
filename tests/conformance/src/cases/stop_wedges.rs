// SPDX-License-Identifier: MIT OR Apache-2.0

//! Cores that do not listen are stopped all the same, and their registers tell where they were.

use quell_abi::{Call, Kind, State, Why};

use crate::case::cases;
use crate::clock::{PATIENCE, now, wait_until};
use crate::cores::{self, Job};
use crate::fixture::{others, start_with_job};
use crate::section;
use crate::stop::{self, Counts, Request};
use crate::stopped::{are_still, come_back, is_stopped, record};
use crate::verdict::{Finding, Text, Verdict, equal, holds, status};
use crate::{gic, wedge};

cases! {
    [section::STOP_SESSION]
    /// A core with everything masked is stopped.
    "stop.nmi.deaf", 2, deaf;
    /// Its record has every register as it was.
    "stop.nmi.deaf_registers", 2, deaf_registers;
    /// A core that is deaf at EL1 is stopped.
    "stop.nmi.deaf_at_el1", 2, deaf_at_el1;
    /// Its record has every register as it was, EL1's too.
    "stop.nmi.deaf_at_el1_registers", 2, deaf_at_el1_registers;
    /// A core with the priority mask at 0 is stopped.
    "stop.nmi.priority_masked", 2, priority_masked;
    /// A core in an interrupt handler is stopped.
    "stop.nmi.in_handler", 2, in_handler;
    /// A core that does nothing but call the firmware is stopped.
    "stop.nmi.in_calls", 2, in_calls;
    /// A core in WFI is stopped.
    "stop.nmi.asleep", 2, asleep;
    /// A core in CPU_SUSPEND is stopped at once.
    "stop.suspended", 2, suspended;
    /// A core that ignores its time of grace is stopped after it.
    "stop.nmi.after_grace", 2, after_grace;
    /// All cores are stopped, however they are wedged.
    "stop.nmi.all_cores", 3, all_cores;
    /// BEGIN and POLL stop them as SYNC does.
    "stop.nmi.by_poll", 2, by_poll;
    /// STATUS tells when a core was signalled and when it stopped.
    "stop.status.times", 2, times;
}

const COOKIE: u64 = 0xc001_1e5e_cafe_0001;

/// Stops all cores with the NMI at once.
fn stop_now() -> Verdict {
    let reply = Request { cookie: COOKIE, ..Request::at_once(Kind::Crash) }.sync();
    status("SYNC", reply.status, 0)?;
    equal("cores left", Counts::of(&reply).left, 0)
}

/// Wedges core 1, stops it, and starts it again.
fn stops(job: Job, why: Why) -> Verdict {
    start_with_job(1, job)?;
    stop_now()?;
    is_stopped(1, &[why])?;
    are_still(1..2)?;
    come_back(1..2)
}

fn deaf() -> Verdict {
    stops(wedge::deaf, Why::Nmi)
}

fn deaf_at_el1() -> Verdict {
    stops(wedge::deaf_at_el1, Why::Nmi)
}

fn priority_masked() -> Verdict {
    stops(wedge::priority_masked, Why::Nmi)
}

/// A core that was handling an interrupt is stopped, and takes the same interrupt again in its next life.
fn in_handler() -> Verdict {
    const IDLE_PRIORITY: u64 = 0xff;
    start_with_job(1, wedge::in_handler)?;
    stop_now()?;
    is_stopped(1, &[Why::Nmi])?;
    holds("ICC_RPR in the record is that of a handler", record(1)?.icc_rpr_el1 < IDLE_PRIORITY)?;
    come_back(1..2)?;
    let before = cores::stop_requests(1);
    cores::post(1, wedge::listening, 0);
    gic::send(gic::STOP, 1);
    let taken = wait_until(PATIENCE, || cores::stop_requests(1) > before);
    holds("the core takes its stop SGI in its next life", taken)
}

fn in_calls() -> Verdict {
    stops(wedge::in_calls, Why::Nmi)
}

fn asleep() -> Verdict {
    stops(wedge::asleep, Why::Nmi)
}

fn suspended() -> Verdict {
    start_with_job(1, wedge::in_standby)?;
    let sleeps = wait_until(PATIENCE, || stop::status(1).state() == Some(State::Suspended));
    holds("STATUS of a core in standby is SUSPENDED", sleeps)?;
    stop_now()?;
    is_stopped(1, &[Why::Suspended])?;
    are_still(1..2)?;
    come_back(1..2)
}

fn needs_read() -> Verdict {
    if stop::has(Call::Read) {
        return Ok(());
    }
    Err(Finding::Skipped(Text::of(format_args!("READ is not there"))))
}

const PSTATE_DAIF: u64 = 0xf << 6;
const PSTATE_MODE: u64 = 0xf;
const EL2H: u64 = 9;
const EL1H: u64 = 5;

/// Judges the record of core 1 in one of the loops that fill x2 to x30 with a pattern.
fn judge_loop(range: core::ops::Range<u64>, mode: u64) -> Verdict {
    let record = record(1)?;
    equal("valid in the record", record.valid.into(), 1)?;
    equal("cookie in the record", record.cookie, COOKIE)?;
    holds(format_args!("pc {:#x} in {range:#x?}", record.pc), range.contains(&record.pc))?;
    equal("PSTATE.DAIF", record.pstate & PSTATE_DAIF, PSTATE_DAIF)?;
    equal("PSTATE.M", record.pstate & PSTATE_MODE, mode)?;
    equal("x0", record.x[0], cores::heartbeat_address(1))?;
    // The core may have been stopped between the addition and the store.
    let behind = record.x[1].wrapping_sub(cores::heartbeat(1));
    holds(format_args!("x1 = the heartbeat or one more, {behind} more"), behind <= 1)?;
    for (register, value) in record.x.into_iter().enumerate().skip(2) {
        equal(format_args!("x{register}"), value, wedge::pattern(register as u64))?;
    }
    equal("TPIDR_EL2", record.tpidr_el2, 1)
}

fn deaf_registers() -> Verdict {
    needs_read()?;
    start_with_job(1, wedge::deaf)?;
    // The registers are all loaded once it has counted on.
    let beats = cores::heartbeat(1);
    cores::wait_for_beat(1, beats)?;
    stop_now()?;
    judge_loop(wedge::deaf_loop_range(), EL2H)
}

fn deaf_at_el1_registers() -> Verdict {
    needs_read()?;
    start_with_job(1, wedge::deaf_at_el1)?;
    stop_now()?;
    judge_loop(wedge::deaf_loop_at_el1_range(), EL1H)
}

/// A deaf core outlives the time of grace, and not much more.
fn after_grace() -> Verdict {
    const GRACE: u64 = 20_000;
    start_with_job(1, wedge::deaf)?;
    let begin = now();
    let reply = Request::with_grace(Kind::Crash, GRACE, crate::gic::STOP.into()).sync();
    status("SYNC", reply.status, 0)?;
    equal("stopped by NMI", Counts::of(&reply).nmi, 1)?;
    is_stopped(1, &[Why::Nmi])?;
    let stopped = crate::clock::microseconds(stop::status(1).stopped - begin);
    holds(format_args!("it ran through the time of grace, stopped after {stopped} us"), stopped >= GRACE)
}

fn all_cores() -> Verdict {
    const JOBS: [Job; 5] =
        [wedge::deaf, wedge::in_calls, wedge::asleep, wedge::priority_masked, wedge::deaf_at_el1];
    // Many that spin would keep the host from starting the others.
    others().try_for_each(|index| {
        start_with_job(index, if index < 8 { JOBS[index % JOBS.len()] } else { wedge::asleep })
    })?;
    let reply = Request::at_once(Kind::Crash).sync();
    status("SYNC", reply.status, 0)?;
    let counts = Counts::of(&reply);
    equal("stopped by NMI", counts.nmi, others().count() as u64)?;
    equal("acked", counts.acked, 0)?;
    equal("left", counts.left, 0)?;
    others().try_for_each(|index| is_stopped(index, &[Why::Nmi]))?;
    are_still(others())?;
    come_back(others())
}

/// BEGIN, and POLL until it is done.
fn by_poll() -> Verdict {
    start_with_job(1, wedge::deaf)?;
    let begun = Request::at_once(Kind::Crash).begin();
    let [handle, targets, ..] = begun.x;
    equal("targets", targets, 1)?;
    let mut last = begun.status;
    let done = wait_until(PATIENCE, || {
        last = stop::poll(handle, 100).status;
        last != quell_abi::Status::Pending.to_register()
    });
    holds("POLL ends", done)?;
    status("POLL", last, 0)?;
    is_stopped(1, &[Why::Nmi])?;
    are_still(1..2)
}

fn times() -> Verdict {
    start_with_job(1, wedge::deaf)?;
    let before = now();
    stop_now()?;
    let after = now();
    let saw = stop::status(1);
    holds(
        format_args!("{before} <= signalled {} <= stopped {} <= {after}", saw.signalled, saw.stopped),
        before <= saw.signalled && saw.signalled <= saw.stopped && saw.stopped <= after,
    )
}

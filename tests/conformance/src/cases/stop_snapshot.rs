// SPDX-License-Identifier: MIT OR Apache-2.0

//! SNAPSHOT: a core's registers, while it goes on as if nothing had been.

use quell_abi::{Call, Kind, State, Status, Why};

use crate::case::cases;
use crate::cases::psci_cpu_on::not_mpidrs;
use crate::clock;
use crate::fixture::{others, start, start_with_job, turn_off};
use crate::machine::{self, mpidr};
use crate::psci;
use crate::runner::{rounds, rounds_up_to};
use crate::section;
use crate::session::{finish, new_generation};
use crate::sleep::{self, Sleeper};
use crate::stop::{self, EVERYBODY, NO_SGI, Request};
use crate::stopped::{self, come_back, record_of};
use crate::verdict::{Verdict, equal, holds, status};
use crate::{chain, cores, wedge};

cases! {
    [section::STOP_CALLS]
    /// SNAPSHOT refuses bad arguments.
    "stop.snapshot.refused", 1, refused;
    /// SNAPSHOT in a session is BUSY.
    "stop.snapshot.in_session", 2, in_session;
    /// SNAPSHOT of a core that is off captures nobody.
    "stop.snapshot.off", 2, of_core_that_is_off;
    /// A core goes on as if nothing had been.
    "stop.snapshot.goes_on", 2, goes_on;
    /// The record has every register as it was.
    "stop.snapshot.registers", 2, registers;
    /// Every kind of wedge is captured and goes on.
    "stop.snapshot.every_wedge", 2, every_wedge;
    /// A core that sleeps is captured and sleeps on.
    "stop.snapshot.asleep", 2, asleep;
    /// One call captures everybody.
    "stop.snapshot.everybody", 2, everybody;
    /// SNAPSHOTs follow each other, each with a new record.
    "stop.snapshot.rate", 2, rate;
    /// A SNAPSHOT does not overwrite the record of a stop.
    "stop.snapshot.keeps_the_record_of_a_stop", 2, keeps_record;
    /// Cores that capture each other both go on.
    "stop.snapshot.of_each_other", 2, of_each_other;
}

const INVALID: i32 = Status::InvalidParameters as i32;

/// Longer than any answer takes, in microseconds.
const LONG: u64 = 3_000_000;
/// The longest time-out that there is.
const LONGEST: u64 = 10_000_000;

fn refused() -> Verdict {
    stop::needs(Call::Snapshot)?;
    for target in not_mpidrs().filter(|&target| target != EVERYBODY).chain([mpidr(0)]) {
        status(format_args!("SNAPSHOT of {target:#x}"), stop::snapshot(target, 1_000).status, INVALID)?;
    }
    for timeout in [LONGEST + 1, 1 << 32, u64::MAX] {
        status(
            format_args!("SNAPSHOT for {timeout:#x}"),
            stop::snapshot(EVERYBODY, timeout).status,
            INVALID,
        )?;
    }
    // Nobody is on: nobody is captured, and nobody is missing.
    let alone = stop::snapshot(EVERYBODY, LONGEST);
    status("SNAPSHOT of everybody, alone", alone.status, 0)?;
    equal("captured", alone.x[0], 0)?;
    equal("missing", alone.x[1], 0)?;
    equal("one that is missing", alone.x[2], u64::MAX)
}

/// A session comes first, its owner's too.
fn in_session() -> Verdict {
    stop::needs(Call::Snapshot)?;
    start_with_job(1, wedge::deaf)?;
    let handle = Request::with_grace(Kind::Kexec, 200_000, NO_SGI).begin().x[0];
    let saw = stop::snapshot(mpidr(1), 1_000);
    finish(handle)?;
    status("SNAPSHOT in a session", saw.status, Status::Busy as i32)?;
    equal("x1 of BUSY, the owner", saw.x[0], mpidr(0))?;
    equal("x2 of BUSY, the kind", saw.x[1], Kind::Kexec as u64)
}

fn of_core_that_is_off() -> Verdict {
    stop::needs(Call::Snapshot)?;
    let reply = stop::snapshot(mpidr(1), 1_000);
    status("SNAPSHOT of a core that is off", reply.status, Status::Partial as i32)?;
    equal("captured", reply.x[0], 0)?;
    equal("missing", reply.x[1], 1)?;
    equal("one that is missing", reply.x[2], mpidr(1))
}

/// Captures core 1, which runs.
fn snapshot_of_core_1() -> Verdict {
    let reply = stop::snapshot(mpidr(1), LONG);
    status("SNAPSHOT", reply.status, 0)?;
    equal("captured", reply.x[0], 1)?;
    equal("missing", reply.x[1], 0)?;
    equal("one that is missing", reply.x[2], u64::MAX)
}

/// A core that counts is seen at one moment of its counting, again and again, and counts on.
fn goes_on() -> Verdict {
    stop::needs(Call::Snapshot)?;
    let generation = new_generation()?;
    start_with_job(1, wedge::deaf)?;
    cores::wait_for_beat(1, cores::heartbeat(1))?;
    let mut last = 0;
    for round in rounds() {
        let before = cores::heartbeat(1);
        snapshot_of_core_1()?;
        let after = cores::heartbeat(1);
        let record = record_of(1)?;
        equal("valid", record.valid.into(), 1)?;
        equal("generation", record.generation.into(), generation)?;
        equal("why", record.why.into(), Why::None as u64)?;
        equal("state in the record", record.state.into(), State::On as u64)?;
        let range = wedge::deaf_loop_range();
        holds(
            format_args!("pc {:#x} in {range:#x?} (round {round})", record.pc),
            range.contains(&record.pc),
        )?;
        // The core counts in x1 and stores it behind that.
        let counted = record.x[1];
        let in_time = before <= counted && counted <= after + 1;
        holds(format_args!("x1 in {before}..={after} + 1, saw {counted} (round {round})"), in_time)?;
        holds(format_args!("x1 grows, {counted} after {last} (round {round})"), last < counted)?;
        for register in 2..31 {
            equal(format_args!("x{register}"), record.x[register], wedge::pattern(register as u64))?;
        }
        cores::wait_for_beat(1, cores::heartbeat(1))?;
        last = counted;
    }
    equal("AFFINITY_INFO", psci::affinity_info(1), psci::ON)
}

fn registers() -> Verdict {
    stop::needs(Call::Snapshot)?;
    new_generation()?;
    start(1)?;
    let finished = cores::finished(1);
    chain::begin(1)?;
    let mut count = 0;
    for _ in rounds_up_to(200) {
        snapshot_of_core_1()?;
        count += 1;
    }
    crate::println!("# {count} SNAPSHOTs");
    chain::end(1, finished)
}

fn every_wedge() -> Verdict {
    const WEDGES: [cores::Job; 6] = [
        wedge::deaf_at_el1,
        wedge::priority_masked,
        wedge::in_handler,
        wedge::in_calls,
        wedge::asleep,
        wedge::listening,
    ];
    stop::needs(Call::Snapshot)?;
    for job in WEDGES {
        new_generation()?;
        start_with_job(1, job)?;
        for _ in 0..20 {
            snapshot_of_core_1()?;
        }
        equal("valid", record_of(1)?.valid.into(), 1)?;
        crate::session::stop_all(Kind::Crash)?;
    }
    come_back(1..2)
}

/// A core that sleeps counts, whether it answers or not, and sleeps on or wakes by what wakes it.
fn asleep() -> Verdict {
    stop::needs(Call::Snapshot)?;
    new_generation()?;
    start(1)?;
    let sleeper = Sleeper::send(1, sleep::Kind::State(psci::STANDBY))?;
    let reply = stop::snapshot(mpidr(1), 100_000);
    equal("captured and missing", reply.x[0] + reply.x[1], 1)?;
    let expected = if reply.x[0] == 1 { 0 } else { Status::Partial as i32 };
    status("SNAPSHOT of a core that sleeps", reply.status, expected)?;
    if reply.x[0] == 1 {
        equal("valid", record_of(1)?.valid.into(), 1)?;
    }
    // It may have come back from its standby: a wake-up without a reason is one of those that CPU_SUSPEND allows.
    sleeper.must_return()
}

fn everybody() -> Verdict {
    stop::needs(Call::Snapshot)?;
    new_generation()?;
    let count = others().count() as u64;
    others().try_for_each(|index| {
        let job = if index < 6 { [wedge::deaf, wedge::in_calls][index % 2] } else { wedge::asleep };
        start_with_job(index, job)
    })?;
    for round in rounds().take(20) {
        let reply = stop::snapshot(EVERYBODY, LONG);
        status(format_args!("SNAPSHOT of everybody (round {round})"), reply.status, 0)?;
        equal(format_args!("captured (round {round})"), reply.x[0], count)?;
        equal(format_args!("missing (round {round})"), reply.x[1], 0)?;
    }
    for index in others() {
        equal(format_args!("valid of core {index}"), record_of(index)?.valid.into(), 1)?;
    }
    // One that is off is no longer one of everybody.
    crate::session::stop_all(Kind::Crash)?;
    start(1)?;
    new_generation_with(1)?;
    let reply = stop::snapshot(EVERYBODY, LONG);
    equal("captured of one", reply.x[0], machine::cores().min(2) as u64 - 1)
}

/// A session that stops the core, which is then started again: no record of this generation is left but that one's.
fn new_generation_with(index: usize) -> Verdict {
    turn_off(index)?;
    new_generation()?;
    start(index)
}

/// A core is captured at most once in a millisecond: more calls wait.
fn rate() -> Verdict {
    const TIMES: u64 = 50;
    stop::needs(Call::Snapshot)?;
    new_generation()?;
    start_with_job(1, wedge::deaf)?;
    let begin = clock::now();
    for _ in 0..TIMES {
        snapshot_of_core_1()?;
    }
    let took = clock::microseconds(clock::now() - begin);
    holds(
        format_args!("{TIMES} SNAPSHOTs take {} us or more, took {took}", (TIMES - 1) * 1_000),
        took >= (TIMES - 1) * 1_000,
    )
}

fn keeps_record() -> Verdict {
    stop::needs(Call::Snapshot)?;
    start_with_job(1, wedge::deaf)?;
    crate::session::stop_all(Kind::Crash)?;
    let before = stopped::record(1)?;
    start_with_job(1, wedge::listening)?;
    let reply = stop::snapshot(mpidr(1), 5_000);
    let after = match stop::read(1) {
        Ok(record) => record,
        Err(saw) => return status("READ", saw, 0),
    };
    status("SNAPSHOT of a core with a record of the last session", reply.status, Status::Partial as i32)?;
    equal("missing", reply.x[1], 1)?;
    equal("pc in the record", after.pc, before.pc)?;
    equal("CNTPCT stopped in the record", after.stopped, before.stopped)?;
    holds("x0 to x30 in the record", after.x == before.x)
}

/// Job: captures core 0 so many times; returns how many of them failed.
extern "C" fn capture_core_0(times: u64) -> u64 {
    (0..times).filter(|_| stop::snapshot(mpidr(0), LONG).status != 0).count() as u64
}

/// Two cores that wait for each other serve each other.
fn of_each_other() -> Verdict {
    const TIMES: u64 = 200;
    stop::needs(Call::Snapshot)?;
    new_generation()?;
    start(1)?;
    let finished = cores::finished(1);
    cores::post(1, capture_core_0, TIMES);
    for _ in 0..TIMES {
        snapshot_of_core_1()?;
    }
    equal("SNAPSHOTs that failed on core 1", cores::result(1, finished)?, 0)
}

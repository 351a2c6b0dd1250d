// SPDX-License-Identifier: MIT OR Apache-2.0

//! Several cores open a session at once: one owner, and every other core stopped, the boot core included.
//!
//! The boot core runs the cases, so it contends inside an anchor: where it loses, the winner starts it again.

use core::sync::atomic::{AtomicU64, Ordering};

use quell_abi::{Flags, Kind, Status, Why};

use crate::anchor::{self, Ending};
use crate::case::cases;
use crate::clock::{PATIENCE, wait_until};
use crate::fixture::{StartLine, others, start, start_with_job, turn_off};
use crate::machine::{mpidr, this_core};
use crate::psci::{self, OFF};
use crate::runner::{rounds_up_to, rounds_wanted};
use crate::section;
use crate::session::finish;
use crate::stop::{self, NO_SGI, Request};
use crate::verdict::{Verdict, equal, failed, register, status};
use crate::{cores, gic, machine, wedge};

cases! {
    [section::STOP_SESSION]
    /// Of two sessions at once one wins, and the loser is stopped.
    "stop.begin.two_of_a_kind", 2, two_of_a_kind;
    /// So it is among many cores.
    "stop.begin.two_of_a_kind_among_many", 3, two_of_a_kind_among_many;
    /// So it is with two kinds.
    "stop.begin.two_kinds", 2, two_kinds;
    /// A higher kind takes the session over, and its owner is stopped.
    "stop.begin.higher_kind_wins", 2, higher_kind_wins;
    /// With TRY the loser is BUSY and learns who has the session.
    "stop.begin.try_is_busy", 2, try_is_busy;
    /// The owner's second BEGIN is DENIED.
    "stop.begin.owner_again", 2, owner_again;
    /// The owner may go on to a higher kind.
    "stop.begin.owner_upgrades", 2, owner_upgrades;
}

static LINE: StartLine = StartLine::new();
static WINNERS: AtomicU64 = AtomicU64::new(0);
static WINNER: AtomicU64 = AtomicU64::new(0);
static LOSERS_WHY: AtomicU64 = AtomicU64::new(0);
static STILL: AtomicU64 = AtomicU64::new(0);
static OTHER_STATUS: AtomicU64 = AtomicU64::new(0);

/// How long both contenders stay in the time of grace if nobody ends it: enough for the second to come.
const GRACE: u64 = 2_000_000;

/// Opens a session of the kind in the argument at the same time as the other contender. The winner notes what
/// became of the loser, and if that is the boot core starts it again.
extern "C" fn contend(kind: u64) -> u64 {
    let kind = Kind::from_bits(kind).unwrap_or(Kind::Crash);
    LINE.wait();
    let reply = Request::with_grace(kind, GRACE, gic::STOP.into()).sync();
    if reply.status == Status::StaleHandle.to_register() {
        // A higher kind has taken the session over; its time of grace is for going.
        stop::ack(0);
    }
    if reply.status != 0 {
        OTHER_STATUS.store(reply.status, Ordering::Relaxed);
        return reply.status;
    }
    let me = this_core();
    WINNERS.fetch_add(1, Ordering::Relaxed);
    WINNER.store(me as u64, Ordering::Relaxed);
    LOSERS_WHY.store(stop::status(1 - me).why, Ordering::Relaxed);
    let still = cores::all_are_still((0..machine::cores()).filter(move |&index| index != me));
    let off = (0..machine::cores()).all(|index| index == me || psci::affinity_info(index) == OFF);
    STILL.store(u64::from(still.is_ok() && off), Ordering::Release);
    if me != 0 {
        OTHER_STATUS.store(psci::cpu_on(mpidr(0), cores::entry_point(), 0), Ordering::Relaxed);
    }
    0
}

/// Lets cores 0 and 1 contend; returns which of them won.
fn contest(kinds: [Kind; 2]) -> Result<usize, crate::verdict::Finding> {
    for value in [&WINNERS, &WINNER, &LOSERS_WHY, &STILL, &OTHER_STATUS] {
        value.store(0, Ordering::Relaxed);
    }
    LINE.expect(2);
    let finished = cores::finished(1);
    cores::post(1, contend, kinds[1] as u64);
    let ending = anchor::run(contend, kinds[0] as u64);
    let winner = match ending {
        Ending::Returned(saw) => {
            status("SYNC of core 0, which came back", saw, 0)?;
            0
        }
        Ending::Restarted => {
            equal("result of core 1", cores::result(1, finished)?, 0)?;
            1
        }
        Ending::Faulted(fault) => return Err(failed(format_args!("no exception"), format_args!("{fault}"))),
    };
    equal("winners", WINNERS.load(Ordering::Relaxed), 1)?;
    equal("winner", WINNER.load(Ordering::Relaxed), winner as u64)?;
    status("other calls of the contenders", OTHER_STATUS.load(Ordering::Relaxed), 0)?;
    equal("all others off and still", STILL.load(Ordering::Acquire), 1)?;
    let why = Why::from_bits(LOSERS_WHY.load(Ordering::Relaxed));
    match why {
        Some(Why::Lost | Why::Nmi | Why::Ack) => Ok(winner),
        _ => Err(failed(format_args!("the loser to end by LOST, NMI or ACK"), format_args!("{why:?}"))),
    }
}

fn contests(kinds: [Kind; 2], others_job: Option<cores::Job>) -> Verdict {
    contests_up_to(rounds_wanted(), kinds, others_job)
}

fn contests_up_to(wanted: u64, kinds: [Kind; 2], others_job: Option<cores::Job>) -> Verdict {
    let mut won = [0_u64; 2];
    for round in rounds_up_to(wanted) {
        start(1)?;
        if let Some(job) = others_job {
            others().skip(1).take(6).try_for_each(|index| start_with_job(index, job))?;
        }
        let winner = contest(kinds)?;
        won[winner] += 1;
        if kinds[0] != kinds[1] {
            let expected = usize::from(kinds[1] > kinds[0]);
            equal(
                format_args!("the core with the higher kind wins (round {round})"),
                winner as u64,
                expected as u64,
            )?;
        }
        if winner == 1 {
            turn_off(1)?;
        }
    }
    crate::println!("# core 0 won {}, core 1 won {} times", won[0], won[1]);
    Ok(())
}

fn two_of_a_kind() -> Verdict {
    contests([Kind::Crash, Kind::Crash], None)
}

fn two_of_a_kind_among_many() -> Verdict {
    contests([Kind::Halt, Kind::Halt], Some(wedge::listening))
}

fn two_kinds() -> Verdict {
    const PAIRS: [[Kind; 2]; 6] = [
        [Kind::Halt, Kind::Kexec],
        [Kind::Halt, Kind::Crash],
        [Kind::Kexec, Kind::Crash],
        [Kind::Kexec, Kind::Halt],
        [Kind::Crash, Kind::Halt],
        [Kind::Crash, Kind::Kexec],
    ];
    PAIRS.into_iter().try_for_each(|kinds| contests_up_to(rounds_wanted() / 6 + 1, kinds, None))
}

/// Job: waits for the session of core 0 and opens one of a higher kind.
extern "C" fn take_over(_: u64) -> u64 {
    wait_until(PATIENCE, || LINE_OF_SESSION.load(Ordering::Acquire) != 0);
    contend(Kind::Crash as u64)
}

static LINE_OF_SESSION: AtomicU64 = AtomicU64::new(0);

/// Opens a session of a low kind, lets core 1 know, and waits to be stopped.
extern "C" fn open_and_wait(_: u64) -> u64 {
    let reply = Request::with_grace(Kind::Halt, GRACE, NO_SGI).begin();
    LINE_OF_SESSION.store(1, Ordering::Release);
    wait_until(PATIENCE, || false);
    reply.status
}

fn higher_kind_wins() -> Verdict {
    for value in [&WINNERS, &WINNER, &LOSERS_WHY, &STILL, &OTHER_STATUS, &LINE_OF_SESSION] {
        value.store(0, Ordering::Relaxed);
    }
    LINE.expect(1);
    start(1)?;
    let finished = cores::finished(1);
    cores::post(1, take_over, 0);
    match anchor::run(open_and_wait, 0) {
        Ending::Restarted => {}
        ending => return Err(failed(format_args!("core 0 to be stopped"), format_args!("{ending:?}"))),
    }
    equal("result of core 1", cores::result(1, finished)?, 0)?;
    equal("all others off and still", STILL.load(Ordering::Acquire), 1)?;
    status("CPU_ON of core 0 by the winner", OTHER_STATUS.load(Ordering::Relaxed), 0)?;
    equal("why core 0 ended (NMI)", LOSERS_WHY.load(Ordering::Relaxed), Why::Nmi as u64)
}

static BUSY: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// Job: owns a session until the boot core has ended, and starts that again.
extern "C" fn hold_session(_: u64) -> u64 {
    let reply = Request::with_grace(Kind::Kexec, GRACE, NO_SGI).begin();
    LINE_OF_SESSION.store(1, Ordering::Release);
    let mut last = reply.status;
    wait_until(PATIENCE, || {
        last = stop::poll(reply.x[0], 100).status;
        last != Status::Pending.to_register()
    });
    LOSERS_WHY.store(stop::status(0).why, Ordering::Relaxed);
    OTHER_STATUS.store(psci::cpu_on(mpidr(0), cores::entry_point(), 0), Ordering::Relaxed);
    last
}

/// Lets core 1 open a session, tries to open one of the same kind, and answers the stop.
extern "C" fn try_and_ack(_: u64) -> u64 {
    cores::post(1, hold_session, 0);
    wait_until(PATIENCE, || LINE_OF_SESSION.load(Ordering::Acquire) != 0);
    let reply = Request { flags: Flags::TRY, ..Request::at_once(Kind::Kexec) }.begin();
    for (slot, value) in BUSY.iter().zip([reply.status, reply.x[0], reply.x[1]]) {
        slot.store(value, Ordering::Relaxed);
    }
    stop::ack(0).status
}

fn try_is_busy() -> Verdict {
    LINE_OF_SESSION.store(0, Ordering::Relaxed);
    start(1)?;
    let finished = cores::finished(1);
    match anchor::run(try_and_ack, 0) {
        Ending::Restarted => {}
        ending => return Err(failed(format_args!("core 0 to be stopped"), format_args!("{ending:?}"))),
    }
    status("POLL of core 1", cores::result(1, finished)?, 0)?;
    status("CPU_ON of core 0 by the owner", OTHER_STATUS.load(Ordering::Relaxed), 0)?;
    status("BEGIN with TRY", BUSY[0].load(Ordering::Relaxed), Status::Busy as i32)?;
    equal("x1 of BUSY, the owner", BUSY[1].load(Ordering::Relaxed), mpidr(1))?;
    equal("x2 of BUSY, the kind", BUSY[2].load(Ordering::Relaxed), Kind::Kexec as u64)?;
    equal("why core 0 ended (ACK)", LOSERS_WHY.load(Ordering::Relaxed), Why::Ack as u64)
}

fn owner_again() -> Verdict {
    start_with_job(1, wedge::deaf)?;
    let handle = Request::with_grace(Kind::Crash, 500_000, NO_SGI).begin().x[0];
    let again = [Kind::Crash, Kind::Kexec, Kind::Halt].map(|kind| Request::at_once(kind).begin().status);
    finish(handle)?;
    equal(
        "refused BEGINs of the owner",
        again.into_iter().filter(|&saw| saw == register(psci::DENIED)).count() as u64,
        3,
    )
}

fn owner_upgrades() -> Verdict {
    start_with_job(1, wedge::deaf)?;
    let low = Request::with_grace(Kind::Halt, 1_000_000, NO_SGI).begin().x[0];
    let high = Request::with_grace(Kind::Crash, 50_000, NO_SGI).begin();
    let stale = stop::poll(low, 0).status;
    finish(high.x[0])?;
    status("BEGIN of a higher kind by the owner", high.status, 0)?;
    equal("its handle", high.x[0], low + 1)?;
    status("POLL of the old handle", stale, Status::StaleHandle as i32)?;
    equal("why core 1 ended (NMI)", stop::status(1).why, Why::Nmi as u64)
}

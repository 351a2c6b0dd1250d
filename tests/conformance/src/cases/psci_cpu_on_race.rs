// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_ON of one core by several others at once: one of them wins, with its own entry point and context id.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::case::cases;
use crate::clock::{self, PATIENCE, wait_until};
use crate::entry::EntryState;
use crate::fixture::{StartLine, others, start, turn_off};
use crate::machine::{MAX_CORES, mpidr, this_core};
use crate::psci::{self, ALREADY_ON, ON_PENDING};
use crate::runner::rounds;
use crate::section;
use crate::verdict::{Finding, Verdict, equal, failed, holds, register};
use crate::{cores, machine, marks};

cases! {
    [section::CPU_ON_RACES]
    /// Of two calls at once one wins, and the core begins with the winner's entry point and context.
    "psci.cpu_on.two_pairs_at_once", 3, two_pairs_at_once;
    /// Of calls by all cores at once one wins, with a pair of its own.
    "psci.cpu_on.all_at_once", 3, all_at_once;
    /// CPU_ON while the target goes off starts it once, or is ALREADY_ON.
    "psci.cpu_on.in_the_tail_of_cpu_off", 2, in_the_tail_of_cpu_off;
    /// Two CPU_ONs while the target goes off start it once.
    "psci.cpu_on.two_in_the_tail_of_cpu_off", 3, two_in_the_tail_of_cpu_off;
    /// Eight cores that call for one target all make progress.
    "psci.cpu_on.all_hammer_one", 3, all_hammer_one;
    /// Cores that start each other in a ring lose nobody.
    "psci.cpu_on.ring", 3, ring;
}

const TARGET: usize = 1;

static LINE: StartLine = StartLine::new();
static RESULTS: [AtomicU64; MAX_CORES] = [const { AtomicU64::new(0) }; MAX_CORES];

/// Returns what a core gives as context id: it tells the core, and the round.
fn context(index: usize, round: u64) -> u64 {
    round << 16 | index as u64
}

/// Job: starts the target at the same time as others; entry point and context id say who.
extern "C" fn race(round: u64) -> u64 {
    LINE.wait();
    let index = this_core();
    let saw = psci::cpu_on(mpidr(TARGET), marks::entry(index as u64), context(index, round));
    RESULTS[index].store(saw, Ordering::Relaxed);
    0
}

/// Starts the target by core 0 and `helpers` at once, and judges that one of them has won.
fn one_wins(helpers: impl Iterator<Item = usize> + Clone, round: u64) -> Verdict {
    let before = cores::prepare(TARGET);
    LINE.expect(helpers.clone().count() + 1);
    let finished: u64 = helpers.clone().map(cores::finished).sum();
    helpers.clone().for_each(|index| cores::post(index, race, round));
    race(round);
    let all = finished + helpers.clone().count() as u64;
    let returned = wait_until(PATIENCE, || helpers.clone().map(cores::finished).sum::<u64>() >= all);
    holds(format_args!("every caller comes back (round {round})"), returned)?;
    let mut winner = None;
    for index in helpers.chain([0]) {
        let saw = RESULTS[index].load(Ordering::Relaxed);
        if saw == 0 {
            let both = format_args!("one CPU_ON succeeds (round {round}), cores {winner:?}, {index}");
            holds(both, winner.is_none())?;
            winner = Some(index);
        } else {
            on_or_pending(saw)?;
        }
    }
    let winner = winner
        .ok_or_else(|| failed(format_args!("one CPU_ON to succeed (round {round})"), format_args!("none")))?;
    holds(format_args!("core 1 starts (round {round})"), cores::wait_for_boot(TARGET, before))?;
    let saw = EntryState::of(TARGET).x[0];
    equal(format_args!("context id (round {round})"), saw, context(winner, round))?;
    let mark = marks::mark_of(winner as u64);
    equal(format_args!("mark of the entry point (round {round})"), marks::of(TARGET), mark)?;
    turn_off(TARGET)?;
    equal(format_args!("boots (round {round})"), cores::boots(TARGET), before + 1)
}

fn on_or_pending(saw: u64) -> Verdict {
    if saw == register(ALREADY_ON) || saw == register(ON_PENDING) {
        return Ok(());
    }
    Err(failed(format_args!("CPU_ON = ALREADY_ON or ON_PENDING"), format_args!("{saw:#x}")))
}

fn two_pairs_at_once() -> Verdict {
    start(2)?;
    rounds().try_for_each(|round| one_wins([2].into_iter(), round))
}

fn all_at_once() -> Verdict {
    let helpers = || others().filter(|&index| index != TARGET);
    helpers().try_for_each(start)?;
    rounds().try_for_each(|round| one_wins(helpers(), round))
}

/// Calls CPU_ON of the target until it is accepted.
fn start_when_off(entry: u64, context: u64) -> Verdict {
    let mut wrong = None;
    let accepted = wait_until(PATIENCE, || {
        match psci::cpu_on(mpidr(TARGET), entry, context) {
            0 => return true,
            saw if saw == register(ALREADY_ON) => {}
            saw => wrong = Some(saw),
        }
        wrong.is_some()
    });
    match wrong {
        Some(saw) => Err(failed(format_args!("CPU_ON = ALREADY_ON or 0"), format_args!("{saw:#x}"))),
        None => holds("CPU_ON is accepted", accepted),
    }
}

fn in_the_tail_of_cpu_off() -> Verdict {
    start(TARGET)?;
    for round in rounds() {
        let before = cores::boots(TARGET);
        cores::post(TARGET, cores::power_off, 0);
        start_when_off(cores::entry_point(), round)?;
        holds(format_args!("core 1 starts (round {round})"), cores::wait_for_boot(TARGET, before))?;
        equal(format_args!("boots (round {round})"), cores::boots(TARGET), before + 1)?;
        equal(format_args!("x0 of the started core (round {round})"), EntryState::of(TARGET).x[0], round)?;
    }
    Ok(())
}

static OVER: AtomicU64 = AtomicU64::new(0);

/// Job: calls CPU_ON of the target until told to end; returns how many were accepted.
extern "C" fn start_again_and_again(_: u64) -> u64 {
    let mut accepted = 0;
    while OVER.load(Ordering::Acquire) == 0 {
        accepted += u64::from(psci::cpu_on(mpidr(TARGET), cores::entry_point(), 0) == 0);
    }
    accepted
}

/// Two cores start the target as soon as it is off: it has booted as often as a call was accepted.
fn two_in_the_tail_of_cpu_off() -> Verdict {
    start(2)?;
    start(TARGET)?;
    let (before, finished) = (cores::boots(TARGET), cores::finished(2));
    OVER.store(0, Ordering::Release);
    cores::post(2, start_again_and_again, 0);
    let mut mine = 0;
    let verdict = rounds().try_for_each(|round| {
        let boots = cores::boots(TARGET);
        cores::post(TARGET, cores::power_off, 0);
        let started = wait_until(PATIENCE, || {
            mine += u64::from(psci::cpu_on(mpidr(TARGET), cores::entry_point(), 0) == 0);
            cores::boots(TARGET) > boots
        });
        holds(format_args!("core 1 starts (round {round})"), started)
    });
    OVER.store(1, Ordering::Release);
    let its = cores::result(2, finished)?;
    verdict?;
    turn_off(TARGET)?;
    equal(format_args!("boots, {mine} and {its} were accepted,"), cores::boots(TARGET), before + mine + its)
}

static SLOWEST: AtomicU64 = AtomicU64::new(0);
static ACCEPTED: AtomicU64 = AtomicU64::new(0);
static STRANGE: AtomicU64 = AtomicU64::new(0);

/// Calls AFFINITY_INFO and CPU_ON of the target, and keeps the longest time that a call took.
fn hammer() {
    let begin = clock::now();
    let state = psci::affinity_info(TARGET);
    let middle = clock::now();
    let saw = psci::cpu_on(mpidr(TARGET), cores::entry_point(), 0);
    SLOWEST.fetch_max((middle - begin).max(clock::now() - middle), Ordering::Relaxed);
    if saw == 0 {
        ACCEPTED.fetch_add(1, Ordering::Relaxed);
    }
    if state > psci::PENDING || on_or_pending(saw).is_err() && saw != 0 {
        STRANGE.store(saw, Ordering::Relaxed);
    }
}

/// Job: hammers until told to end.
extern "C" fn hammer_on(_: u64) -> u64 {
    while OVER.load(Ordering::Acquire) == 0 {
        hammer();
    }
    0
}

/// The target goes off as soon as it is on, and every other core calls about it: the calls end in bounded time, and the
/// target comes and goes all the same.
fn all_hammer_one() -> Verdict {
    const BOUND: u64 = 2_000_000;
    start(TARGET)?;
    let helpers = || others().filter(|&index| index != TARGET);
    helpers().try_for_each(start)?;
    for counter in [&SLOWEST, &ACCEPTED, &STRANGE, &OVER] {
        counter.store(0, Ordering::Release);
    }
    let before = cores::boots(TARGET);
    helpers().for_each(|index| cores::post(index, hammer_on, 0));
    let verdict = rounds().try_for_each(|round| {
        let boots = cores::boots(TARGET);
        cores::post(TARGET, cores::power_off, 0);
        let comes = wait_until(PATIENCE, || {
            hammer();
            cores::boots(TARGET) > boots
        });
        holds(format_args!("core 1 comes and goes (round {round})"), comes)
    });
    OVER.store(1, Ordering::Release);
    let idle = |index| cores::call(index, cores_idle, 0).map_err(Finding::from);
    helpers().try_for_each(|index| idle(index).map(|_| ()))?;
    verdict?;
    turn_off(TARGET)?;
    equal("a status that is none of CPU_ON's", STRANGE.load(Ordering::Relaxed), 0)?;
    equal("boots", cores::boots(TARGET), before + ACCEPTED.load(Ordering::Relaxed))?;
    let slowest = clock::microseconds(SLOWEST.load(Ordering::Relaxed));
    holds(format_args!("no call takes {BOUND} us, the slowest {slowest}"), slowest < BOUND)
}

/// Job: nothing.
extern "C" fn cores_idle(_: u64) -> u64 {
    0
}

static LAPS: AtomicU64 = AtomicU64::new(0);

/// Job: starts the next core of the ring, gives it the same job, and goes off.
extern "C" fn pass_on(laps: u64) -> u64 {
    let next = match this_core() + 1 {
        last if last == machine::cores() => 1,
        next => next,
    };
    LAPS.fetch_add(1, Ordering::AcqRel);
    if laps > 0 {
        let mut saw = 0;
        let before = cores::boots(next);
        // The next core may still be on its way out of the last lap.
        wait_until(PATIENCE, || {
            saw = psci::cpu_on(mpidr(next), cores::entry_point(), 0);
            saw != register(ALREADY_ON)
        });
        if saw != 0 || !cores::wait_for_boot(next, before) {
            return saw;
        }
        cores::post(next, pass_on, laps - 1);
    }
    psci::cpu_off()
}

/// A token goes round: each core starts the next one and goes off, so that one is on at most times, and no other starts any.
fn ring() -> Verdict {
    const LAPS_OF_A_ROUND: u64 = 4;
    for round in rounds() {
        let boots: u64 = others().map(cores::boots).sum();
        LAPS.store(0, Ordering::Release);
        start(1)?;
        cores::post(1, pass_on, LAPS_OF_A_ROUND);
        let arrives = wait_until(PATIENCE, || LAPS.load(Ordering::Acquire) > LAPS_OF_A_ROUND);
        holds(format_args!("the token goes on (round {round})"), arrives)?;
        for index in others() {
            holds(format_args!("core {index} goes off (round {round})"), cores::wait_for_off(index))?;
        }
        let all = others().map(cores::boots).sum();
        equal(format_args!("boots (round {round})"), all, boots + 1 + LAPS_OF_A_ROUND)?;
    }
    Ok(())
}

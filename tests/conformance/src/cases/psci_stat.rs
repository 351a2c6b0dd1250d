// SPDX-License-Identifier: MIT OR Apache-2.0

//! STAT_COUNT and STAT_RESIDENCY: how often and how long cores and clusters slept.

use smccc::psci::{PSCI_STAT_COUNT_32, PSCI_STAT_COUNT_64, PSCI_STAT_RESIDENCY_32, PSCI_STAT_RESIDENCY_64};

use crate::case::cases;
use crate::cases::psci_cpu_on::not_mpidrs;
use crate::clock;
use crate::fixture::{needs, needs_power_down, start, turn_off};
use crate::machine::mpidr;
use crate::psci::{self, CLUSTER_POWER_DOWN, CORE_POWER_DOWN, STANDBY};
use crate::runner::rounds;
use crate::section;
use crate::sleep::{self, Kind, Sleeper};
use crate::verdict::{Verdict, equal, holds};
use crate::{cores, smc};

cases! {
    [section::STAT]
    /// A standby counts once.
    "psci.stat_count.standby", 2, count_standby;
    /// A power-down counts once.
    "psci.stat_count.core_power_down", 2, count_core;
    /// A cluster's power-down counts as one of the core.
    "psci.stat_count.cluster_power_down_is_one_of_the_core", 2, count_core_of_cluster;
    /// A cluster's power-down counts for the cluster.
    "psci.stat_count.cluster_by_its_last_core", 1, count_cluster;
    /// It does not count for a cluster that stays up.
    "psci.stat_count.cluster_with_one_running", 2, count_cluster_partly;
    /// Power-downs of all cores at once count right.
    "psci.stat_count.cluster_race", 2, count_cluster_race;
    /// Each core has counts of its own.
    "psci.stat_count.other_cores", 3, count_of_others;
    /// Refused calls do not count.
    "psci.stat_count.refused_calls", 1, count_refused;
    /// Counts survive CPU_OFF.
    "psci.stat_count.survives_cpu_off", 2, count_survives;
    /// A core or state that there is not counts 0.
    "psci.stat_count.bad_arguments", 1, count_bad_arguments;
    /// The SMC32 form answers as the SMC64 form does.
    "psci.stat_count.smc32", 1, count_smc32;
    /// The time of a standby is added.
    "psci.stat_residency.standby", 2, residency_standby;
    /// The time of a power-down is added.
    "psci.stat_residency.core_power_down", 2, residency_core;
    /// The time of a cluster's power-down is added.
    "psci.stat_residency.cluster_power_down", 1, residency_cluster;
    /// Time awake is not added.
    "psci.stat_residency.awake", 1, residency_awake;
    /// A core or state that there is not has 0.
    "psci.stat_residency.bad_arguments", 1, residency_bad_arguments;
    /// The SMC32 form answers as the SMC64 form does.
    "psci.stat_residency.smc32", 1, residency_smc32;
}

const STATES: [u64; 3] = [STANDBY, CORE_POWER_DOWN, CLUSTER_POWER_DOWN];

fn needs_it() -> Verdict {
    needs(PSCI_STAT_COUNT_64)?;
    needs(PSCI_STAT_RESIDENCY_64)?;
    needs_power_down()
}

fn counts(index: usize) -> [u64; 3] {
    STATES.map(|state| psci::stat_count(mpidr(index), state))
}

/// Passes if the counts of a core have grown by these.
fn grew(index: usize, before: [u64; 3], by: [u64; 3]) -> Verdict {
    let after = counts(index);
    for (number, state) in STATES.into_iter().enumerate() {
        let what = format_args!("STAT_COUNT of core {index} for {state:#x}");
        equal(what, after[number], before[number] + by[number])?;
    }
    Ok(())
}

/// Sends core 1 to sleep again and again, and counts.
fn count(state: u64, core: [u64; 3]) -> Verdict {
    needs_it()?;
    start(1)?;
    let mut times = 0;
    let before = counts(1);
    for _ in rounds().take(10) {
        let sleeper = Sleeper::send(1, Kind::State(state))?;
        if state == STANDBY {
            sleeper.must_return()?
        } else {
            sleeper.must_resume()?
        }
        times += 1;
    }
    grew(1, before, core.map(|each| each * times))
}

fn count_standby() -> Verdict {
    count(STANDBY, [1, 0, 0])
}

fn count_core() -> Verdict {
    count(CORE_POWER_DOWN, [0, 1, 0])
}

/// Core 0 runs, and so does the cluster.
fn count_core_of_cluster() -> Verdict {
    count(CLUSTER_POWER_DOWN, [0, 1, 0])
}

/// Sleeps long enough that no firmware gives up because of a pending wake-up.
fn sleep_here(state: u64, time: u64) -> Verdict {
    sleep::must_have_slept(sleep::here(Kind::State(state), time))
}

fn count_cluster() -> Verdict {
    needs_it()?;
    let before = counts(0);
    for _ in 0..3 {
        sleep_here(CLUSTER_POWER_DOWN, 5_000)?;
    }
    grew(0, before, [0, 3, 3])
}

fn count_cluster_partly() -> Verdict {
    needs_it()?;
    start(1)?;
    let before = counts(0);
    sleep_here(CLUSTER_POWER_DOWN, 5_000)?;
    grew(0, before, [0, 1, 0])
}

/// Job: sleeps with the cluster until its timer fires.
extern "C" fn nap_with_timer(time: u64) -> u64 {
    clock::start_timer(time);
    let saw = sleep::nap(CLUSTER_POWER_DOWN);
    clock::stop_timer();
    saw
}

/// Two cores fall asleep and wake in any order: their cluster is down at most once in each round, and never for longer
/// than either of them.
fn count_cluster_race() -> Verdict {
    needs_it()?;
    start(1)?;
    let look = |index| {
        let [count, residency] = [psci::stat_count, psci::stat_residency];
        let core = residency(mpidr(index), CORE_POWER_DOWN);
        [count(mpidr(index), CLUSTER_POWER_DOWN), residency(mpidr(index), CLUSTER_POWER_DOWN), core]
    };
    let before = [look(0), look(1)];
    let mut times = 0;
    for round in rounds() {
        times += 1;
        let sleeper = Sleeper::new(1);
        cores::post(1, nap_with_timer, 200 + round % 7 * 10);
        clock::pause(round % 30);
        sleep_here(CLUSTER_POWER_DOWN, 200)?;
        sleeper.wait()?;
    }
    let after = [look(0), look(1)];
    let grown = |core: usize, figure: usize| after[core][figure] - before[core][figure];
    equal("the cluster's count, whichever core names it,", grown(1, 0), grown(0, 0))?;
    holds(format_args!("it was down {} times in {times} rounds", grown(0, 0)), grown(0, 0) <= times)?;
    // Each figure is rounded down to microseconds.
    let least = grown(0, 2).min(grown(1, 2)) + 1;
    holds(format_args!("it was down {} us, a core at least {least} us", grown(0, 1)), grown(0, 1) <= least)?;
    crate::println!("# the cluster was down {} times in {times} rounds", grown(0, 0));
    Ok(())
}

fn count_of_others() -> Verdict {
    needs_it()?;
    start(1)?;
    start(2)?;
    let before = counts(2);
    Sleeper::send(1, Kind::State(CORE_POWER_DOWN))?.must_resume()?;
    grew(2, before, [0; 3])
}

fn count_refused() -> Verdict {
    needs_it()?;
    let before = counts(0);
    for state in [0x2, 0x0001_0001, 0xffff_ffff] {
        psci::cpu_suspend(state, cores::entry_point(), 0);
    }
    for state in psci::POWER_DOWN {
        psci::cpu_suspend(state, 1, 0);
    }
    grew(0, before, [0; 3])
}

fn count_survives() -> Verdict {
    needs_it()?;
    start(1)?;
    Sleeper::send(1, Kind::State(CORE_POWER_DOWN))?.must_resume()?;
    let before = counts(1);
    turn_off(1)?;
    grew(1, before, [0; 3])?;
    start(1)?;
    grew(1, before, [0; 3])
}

/// Power states that do not exist.
const NO_STATES: [u64; 6] = [0, 0x2, 0x0001_0001, 0x0101_0002, 0x8000_0001, 0xffff_ffff];

fn bad_arguments(what: &str, stat: fn(u64, u64) -> u64) -> Verdict {
    needs_it()?;
    for state in NO_STATES {
        equal(format_args!("{what} for {state:#x}"), stat(mpidr(0), state), 0)?;
    }
    for target in not_mpidrs() {
        for state in STATES {
            equal(format_args!("{what} of {target:#x} for {state:#x}"), stat(target, state), 0)?;
        }
    }
    Ok(())
}

fn count_bad_arguments() -> Verdict {
    bad_arguments("STAT_COUNT", psci::stat_count)
}

fn residency_bad_arguments() -> Verdict {
    bad_arguments("STAT_RESIDENCY", psci::stat_residency)
}

const GARBAGE: u64 = 0xdead_beef_0000_0000;

/// The caller's numbers do not change while it asks.
fn same_by_smc32(narrow: u32, wide: fn(u64, u64) -> u64) -> Verdict {
    needs_it()?;
    sleep_here(CORE_POWER_DOWN, 5_000)?;
    for state in STATES {
        let saw = smc::call(narrow, [GARBAGE | mpidr(0), GARBAGE | state, 0, 0, 0, 0])[0];
        let what = format_args!("call {narrow:#x} for {state:#x}");
        equal(what, saw, wide(mpidr(0), state) & u64::from(u32::MAX))?;
    }
    Ok(())
}

fn count_smc32() -> Verdict {
    same_by_smc32(PSCI_STAT_COUNT_32, psci::stat_count)
}

fn residency_smc32() -> Verdict {
    same_by_smc32(PSCI_STAT_RESIDENCY_32, psci::stat_residency)
}

/// Microseconds that core 1 sleeps at least.
const SLEEP: u64 = 20_000;

fn slept_between(what: &str, slept: u64, least: u64, most: u64) -> Verdict {
    holds(
        format_args!("{least} us <= residency of {what} {slept} us <= {most} us"),
        (least..=most).contains(&slept),
    )
}

/// Lets core 1 sleep; what is counted is at least the time asleep, and at most the time from call to return.
fn residency(state: u64) -> Verdict {
    needs_it()?;
    start(1)?;
    let before = psci::stat_residency(mpidr(1), state);
    let begin = clock::now();
    let sleeper = Sleeper::send(1, Kind::State(state))?;
    clock::pause(SLEEP);
    if state == STANDBY {
        sleeper.must_return()?
    } else {
        sleeper.must_resume()?
    }
    let all = clock::microseconds(clock::now() - begin);
    let slept = psci::stat_residency(mpidr(1), state) - before;
    slept_between("core 1", slept, SLEEP, all + 1)
}

fn residency_standby() -> Verdict {
    residency(STANDBY)
}

fn residency_core() -> Verdict {
    residency(CORE_POWER_DOWN)
}

/// The caller is the last core of its cluster; its own timer wakes it.
fn residency_cluster() -> Verdict {
    needs_it()?;
    let before = [CORE_POWER_DOWN, CLUSTER_POWER_DOWN].map(|state| psci::stat_residency(mpidr(0), state));
    let begin = clock::now();
    sleep_here(CLUSTER_POWER_DOWN, SLEEP)?;
    let all = clock::microseconds(clock::now() - begin);
    let after = [CORE_POWER_DOWN, CLUSTER_POWER_DOWN].map(|state| psci::stat_residency(mpidr(0), state));
    // The timer was started a moment before the call.
    slept_between("core 0", after[0] - before[0], SLEEP / 2, all + 1)?;
    slept_between("its cluster", after[1] - before[1], SLEEP / 2, all + 1)
}

fn residency_awake() -> Verdict {
    needs_it()?;
    let before = STATES.map(|state| psci::stat_residency(mpidr(0), state));
    clock::pause(SLEEP);
    for (number, state) in STATES.into_iter().enumerate() {
        let saw = psci::stat_residency(mpidr(0), state);
        equal(format_args!("residency of a core that is awake, in {state:#x},"), saw, before[number])?;
    }
    Ok(())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! AFFINITY_INFO as a history: OFF, ON_PENDING, ON, OFF, in this order for everyone who looks.
//!
//! One life of the target is phases 0 (off), 1 (pending), 2 (on), 3 (off again). Whatever phase a call that has ended has
//! seen, no call that begins later may see an earlier one: that is what linearisable means for a value that only grows.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::case::cases;
use crate::clock::{PATIENCE, wait_until};
use crate::fixture::{others, start, turn_off};
use crate::machine::{CORES_PER_CLUSTER, mpidr};
use crate::psci::{self, OFF, ON, PENDING};
use crate::runner::rounds;
use crate::section;
use crate::verdict::{Verdict, equal, failed, holds, status};
use crate::{cores, machine};

cases! {
    [section::AFFINITY_INFO]
    /// An observer sees OFF, ON_PENDING, ON and OFF in this order.
    "psci.affinity_info.history", 2, history;
    /// Several observers see the same order.
    "psci.affinity_info.observers_agree", 3, observers_agree;
    /// Once a core is OFF, CPU_ON starts it.
    "psci.affinity_info.off_means_startable", 2, off_means_startable;
    /// Once one observer sees OFF, another's CPU_ON starts the core.
    "psci.affinity_info.off_means_startable_for_others", 3, startable_for_others;
    /// A core is ON from its first instruction to its CPU_OFF.
    "psci.affinity_info.on_until_cpu_off", 2, on_until_cpu_off;
    /// A cluster's states come in order, too.
    "psci.affinity_info.cluster_history", CLUSTER + 1, cluster_history;
}

const TARGET: usize = 1;

/// Between an accepted CPU_ON and CPU_OFF a node is pending and then on, and never anything else.
fn pending_then_on(target: usize, look: impl Fn() -> u64) -> Verdict {
    for round in rounds() {
        let before = cores::prepare(target);
        status("CPU_ON", psci::cpu_on(mpidr(target), cores::entry_point(), 0), 0)?;
        let mut last = PENDING;
        let mut wrong = None;
        let booted = wait_until(PATIENCE, || {
            let booted = cores::boots(target) > before;
            let state = look();
            if !(state == ON || state == PENDING && last == PENDING) {
                wrong = Some((last, state));
            }
            if booted && state != ON {
                wrong = Some((ON, state));
            }
            last = state;
            booted || wrong.is_some()
        });
        if let Some((last, state)) = wrong {
            let expected = format_args!("ON_PENDING, then ON (round {round})");
            return Err(failed(expected, format_args!("{state} after {last}")));
        }
        holds(format_args!("core {target} starts (round {round})"), booted)?;
        turn_off(target)?;
    }
    Ok(())
}

fn history() -> Verdict {
    pending_then_on(TARGET, || psci::affinity_info(TARGET))
}

/// The first core of the second cluster.
const CLUSTER: usize = CORES_PER_CLUSTER;

fn cluster_history() -> Verdict {
    let look = || psci::affinity_info_of(mpidr(CLUSTER), 1);
    if look() != OFF {
        // Levels above 0 may be refused since PSCI 1.0.
        return status("AFFINITY_INFO at level 1", look(), psci::INVALID_PARAMETERS);
    }
    pending_then_on(CLUSTER, look)?;
    equal("AFFINITY_INFO of the cluster at the end", look(), OFF)
}

/// The latest phase that a call that has ended has seen.
static PHASE: AtomicU64 = AtomicU64::new(0);
/// Whether the target's life is over for those who look.
static OVER: AtomicBool = AtomicBool::new(false);

/// Looks once; returns false if what it saw was in the past.
fn look() -> bool {
    let seen = PHASE.load(Ordering::SeqCst);
    let phase = match psci::affinity_info(TARGET) {
        OFF if seen == 0 => return true,
        OFF => 3,
        PENDING => 1,
        ON => 2,
        _ => return false,
    };
    PHASE.fetch_max(phase, Ordering::SeqCst);
    phase >= seen
}

/// Job: looks until told to end; returns how often it saw the past.
extern "C" fn observe(_: u64) -> u64 {
    let mut wrong = 0;
    while !OVER.load(Ordering::Acquire) {
        wrong += u64::from(!look());
    }
    wrong
}

fn observers_agree() -> Verdict {
    let observers = || others().filter(|&index| index != TARGET);
    observers().try_for_each(start)?;
    for round in rounds() {
        let before = cores::prepare(TARGET);
        PHASE.store(0, Ordering::SeqCst);
        OVER.store(false, Ordering::Release);
        let finished: u64 = observers().map(cores::finished).sum();
        observers().for_each(|index| cores::post(index, observe, 0));
        status("CPU_ON", psci::cpu_on(mpidr(TARGET), cores::entry_point(), 0), 0)?;
        // Whoever looks now must not see it off.
        PHASE.fetch_max(1, Ordering::SeqCst);
        let booted = wait_until(PATIENCE, || cores::boots(TARGET) > before);
        PHASE.fetch_max(2, Ordering::SeqCst);
        cores::post(TARGET, cores::power_off, 0);
        let off = cores::wait_for_off(TARGET);
        PHASE.fetch_max(3, Ordering::SeqCst);
        OVER.store(true, Ordering::Release);
        let all = finished + observers().count() as u64;
        let ended = wait_until(PATIENCE, || observers().map(cores::finished).sum::<u64>() >= all);
        holds(
            format_args!("core 1 comes and goes, and all who look come back (round {round})"),
            booted && off && ended,
        )?;
        for index in observers() {
            let wrong = cores::result(index, 0)?;
            equal(format_args!("looks into the past by core {index} (round {round})"), wrong, 0)?;
        }
    }
    Ok(())
}

/// OFF is said only once CPU_ON would succeed: no time passes between the two calls.
fn off_means_startable() -> Verdict {
    const TIMES: u64 = 10;
    start(TARGET)?;
    for round in rounds().flat_map(|round| (0..TIMES).map(move |time| round * TIMES + time)) {
        let before = cores::boots(TARGET);
        let mut saw = 0;
        cores::post(TARGET, cores::power_off, 0);
        let off = wait_until(PATIENCE, || {
            let off = psci::affinity_info(TARGET) == OFF;
            if off {
                saw = psci::cpu_on(mpidr(TARGET), cores::entry_point(), 0);
            }
            off
        });
        holds(format_args!("core 1 goes off (time {round})"), off)?;
        status(format_args!("CPU_ON of a core that is OFF (time {round})"), saw, 0)?;
        holds(format_args!("core 1 starts (time {round})"), cores::wait_for_boot(TARGET, before))?;
    }
    Ok(())
}

/// Job: starts the target.
extern "C" fn start_target(_: u64) -> u64 {
    psci::cpu_on(mpidr(TARGET), cores::entry_point(), 0)
}

/// What one core saw as OFF, another one can start.
fn startable_for_others() -> Verdict {
    start(TARGET)?;
    start(2)?;
    for round in rounds() {
        let before = cores::boots(TARGET);
        cores::post(TARGET, cores::power_off, 0);
        holds(format_args!("core 1 goes off (round {round})"), cores::wait_for_off(TARGET))?;
        let saw = cores::call(2, start_target, 0)?;
        status(format_args!("CPU_ON by core 2 of a core that is OFF (round {round})"), saw, 0)?;
        holds(format_args!("core 1 starts (round {round})"), cores::wait_for_boot(TARGET, before))?;
    }
    Ok(())
}

/// Job: looks at itself, `times` times; returns how often it was not on.
extern "C" fn look_at_self(times: u64) -> u64 {
    (0..times).map(|_| u64::from(psci::affinity_info(machine::this_core()) != ON)).sum()
}

/// A core that runs is on, in its own eyes too, from its first instruction on.
fn on_until_cpu_off() -> Verdict {
    for round in rounds() {
        start(TARGET)?;
        let saw = cores::call(TARGET, look_at_self, 20)?;
        equal(format_args!("times that core 1 was not on for itself (round {round})"), saw, 0)?;
        turn_off(TARGET)?;
    }
    Ok(())
}

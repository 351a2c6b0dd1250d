// SPDX-License-Identifier: MIT OR Apache-2.0

//! Storms: cores that turn each other on and off, or go to sleep and wake, without end.
//!
//! A member calls from inside an anchor, so that its loop goes on wherever the core comes back: behind the call, or at the
//! entry point. The members that are left off when the storm is over forget their anchors (`runner`).

use core::ops::Range;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::anchor::{self, Ending};
use crate::cores::{self, Job};
use crate::fixture::start;
use crate::machine::{self, this_core};
use crate::psci::{self, ALREADY_ON, DENIED, ON_PENDING, SUCCESS};
use crate::random::Random;
use crate::verdict::{Verdict, equal, register};
use crate::{clock, runner, sleep, wedge};

/// What the members do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Weather {
    /// CPU_ON and CPU_OFF.
    OnOff,
    /// Every sleep that there is.
    Sleep,
    /// Both, and loops with everything masked that write memory.
    All,
}

static FIRST: AtomicUsize = AtomicUsize::new(0);
static COUNT: AtomicUsize = AtomicUsize::new(0);
static UNEXPECTED: AtomicU64 = AtomicU64::new(0);
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Starts a storm of these cores; the first of them never goes off.
pub fn begin(members: Range<usize>, weather: Weather) -> Verdict {
    FIRST.store(members.start, Ordering::Relaxed);
    COUNT.store(members.len(), Ordering::Release);
    UNEXPECTED.store(0, Ordering::Relaxed);
    let with_power_down = sleep::has_power_down();
    for index in members.clone() {
        start(index)?;
    }
    for index in members.clone() {
        let job: Job = match weather {
            Weather::OnOff => on_off,
            Weather::Sleep => sleeping,
            Weather::All => [on_off, wedge::deaf, sleeping, on_off][(index - members.start) % 4],
        };
        cores::post(index, job, u64::from(with_power_down));
    }
    Ok(())
}

/// Passes if no call of the storm returned what it must not.
pub fn was_regular() -> Verdict {
    equal("unexpected results in the storm", UNEXPECTED.load(Ordering::Relaxed), 0)
}

/// Returns how many calls storms have made.
pub fn calls() -> u64 {
    CALLS.load(Ordering::Relaxed)
}

fn random() -> Random {
    Random::new(runner::seed().wrapping_add(clock::now()).wrapping_add(this_core() as u64))
}

fn count(saw: u64, allowed: &[i32]) {
    CALLS.fetch_add(1, Ordering::Relaxed);
    if !allowed.iter().any(|&status| saw == register(status)) {
        UNEXPECTED.fetch_add(1, Ordering::Relaxed);
    }
}

/// Job: starts members, and goes off if it is not the first.
extern "C" fn on_off(_: u64) -> u64 {
    let mut random = random();
    while !cores::dismissed() {
        cores::beat();
        let first = FIRST.load(Ordering::Relaxed);
        let target = first + random.below(COUNT.load(Ordering::Acquire) as u64) as usize;
        let saw = psci::cpu_on(machine::mpidr(target), cores::entry_point(), 0);
        count(saw, &[SUCCESS, ALREADY_ON, ON_PENDING, DENIED]);
        if this_core() != first
            && random.below(2) == 0
            && let Ending::Returned(saw) = anchor::run(cores::power_off, 0)
        {
            count(saw, &[DENIED]);
        }
    }
    0
}

/// Job: sleeps and wakes.
extern "C" fn sleeping(with_power_down: u64) -> u64 {
    const STATES: [u64; 3] = [psci::STANDBY, psci::CORE_POWER_DOWN, psci::CLUSTER_POWER_DOWN];
    let states = if with_power_down == 0 { &STATES[..1] } else { &STATES };
    let mut random = random();
    while !cores::dismissed() {
        cores::beat();
        let state = random.one_of(states);
        if let Ending::Returned(saw) = sleep::here(sleep::Kind::State(state), random.below(300)) {
            count(saw, &[SUCCESS]);
        } else {
            CALLS.fetch_add(1, Ordering::Relaxed);
        }
    }
    0
}

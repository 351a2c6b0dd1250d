// SPDX-License-Identifier: MIT OR Apache-2.0

//! Two cores that take turns at being on: each starts the other one and goes off only then. At every moment at least one of
//! them is on or pending, and never the same one for long: what a look at one core after the other gets wrong.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::anchor;
use crate::clock::{PATIENCE, wait_until};
use crate::cores;
use crate::fixture::start;
use crate::machine::{mpidr, this_core};
use crate::psci::{self, ALREADY_ON};
use crate::verdict::{Finding, holds, register, status};

/// Microseconds of calls against it that are one round: a look that takes too long is one that the host interrupts.
pub const ROUND: u64 = 5_000;

static FIRST: AtomicUsize = AtomicUsize::new(0);
static SECOND: AtomicUsize = AtomicUsize::new(0);
static TURNS: AtomicU64 = AtomicU64::new(0);
static OVER: AtomicU64 = AtomicU64::new(0);
static STRANGE: AtomicU64 = AtomicU64::new(0);

/// The two cores while they take turns.
pub struct Handover {
    cores: [usize; 2],
    finished: u64,
}

/// Job: until told to end, starts the other core and goes off. The other core comes back to this loop, in its own anchor.
extern "C" fn take_turns(_: u64) -> u64 {
    let other = FIRST.load(Ordering::Acquire) + SECOND.load(Ordering::Acquire) - this_core();
    while OVER.load(Ordering::Acquire) == 0 {
        let mut saw = 0;
        // The other one may still be on its way out.
        wait_until(PATIENCE, || {
            saw = psci::cpu_on(mpidr(other), cores::entry_point(), 0);
            saw != register(ALREADY_ON) || OVER.load(Ordering::Acquire) != 0
        });
        if saw != 0 {
            if saw != register(ALREADY_ON) {
                STRANGE.store(saw, Ordering::Relaxed);
            }
            return 0;
        }
        TURNS.fetch_add(1, Ordering::AcqRel);
        anchor::run(cores::power_off, 0);
    }
    0
}

/// Job: goes off inside the loop, to be started by the other one.
extern "C" fn off_then_take_turns(argument: u64) -> u64 {
    anchor::run(cores::power_off, 0);
    take_turns(argument)
}

impl Handover {
    /// Starts two cores that are off.
    pub fn begin(first: usize, second: usize) -> Result<Self, Finding> {
        FIRST.store(first, Ordering::Release);
        SECOND.store(second, Ordering::Release);
        for counter in [&TURNS, &OVER, &STRANGE] {
            counter.store(0, Ordering::Release);
        }
        start(first)?;
        start(second)?;
        let finished = cores::finished(first) + cores::finished(second);
        cores::post(second, off_then_take_turns, 0);
        holds(format_args!("core {second} goes off"), cores::wait_for_off(second))?;
        cores::post(first, take_turns, 0);
        let turns = wait_until(PATIENCE, || TURNS.load(Ordering::Acquire) > 1);
        holds("two cores take turns", turns)?;
        Ok(Self { cores: [first, second], finished })
    }

    /// Leaves it behind when something else has ended it.
    pub fn forget(self) {
        OVER.store(1, Ordering::Release);
    }

    /// Ends it; returns how many turns there were.
    pub fn end(self) -> Result<u64, Finding> {
        let turns = TURNS.load(Ordering::Acquire);
        OVER.store(1, Ordering::Release);
        // Whoever is on ends the loop; the other one may have gone off before.
        let [first, second] = self.cores;
        let ended =
            wait_until(PATIENCE, || cores::finished(first) + cores::finished(second) != self.finished);
        holds("the cores that take turns come to an end", ended)?;
        status("CPU_ON of the core whose turn it is", STRANGE.load(Ordering::Relaxed), 0)?;
        Ok(turns)
    }
}

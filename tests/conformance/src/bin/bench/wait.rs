// SPDX-License-Identifier: MIT OR Apache-2.0

//! Waits that sleep: all cores are one thread of the emulator's, and a core that spins takes it from the others.

use core::fmt::Display;
use core::ops::Range;

use conformance::registers::wait_for_interrupt;
use conformance::verdict::{Verdict, failed};
use conformance::{clock, psci};

/// How long something may take, in microseconds.
const PATIENCE: u64 = 200_000;

/// Microseconds between two looks.
const STEP: u64 = 50;

/// Sleeps for so many microseconds.
pub fn sleep(time: u64) {
    let end = clock::now() + clock::ticks(time);
    while clock::now() < end {
        clock::start_timer(clock::microseconds(end.saturating_sub(clock::now())));
        wait_for_interrupt();
        clock::stop_timer();
    }
}

/// Sleeps until something is so.
pub fn until(what: impl Display, condition: impl Fn() -> bool) -> Verdict {
    at_most(PATIENCE, what, condition)
}

/// Sleeps until something is so, at most so many microseconds.
pub fn at_most(limit: u64, what: impl Display, condition: impl Fn() -> bool) -> Verdict {
    let end = clock::now() + clock::ticks(limit);
    while !condition() {
        if clock::now() > end {
            return Err(failed(format_args!("{what}"), format_args!("nothing of it in {limit} us")));
        }
        sleep(STEP);
    }
    Ok(())
}

/// Sleeps until cores are off and sleep.
pub fn until_off(cores: Range<usize>) -> Verdict {
    until(format_args!("cores {cores:?} off"), || {
        cores.clone().all(|index| psci::affinity_info(index) == psci::OFF)
    })?;
    sleep(STEP);
    Ok(())
}

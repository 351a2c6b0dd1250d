// SPDX-License-Identifier: MIT OR Apache-2.0

//! A core that counts its interrupts: a timer that ticks, and SGIs.
//!
//! The timer's compare value goes on by one period with each interrupt, so that the number of interrupts is the number of periods
//! that have passed: one that came too late is made up for, one that was lost for good would stop the ticking, and one that
//! came twice finds the timer's condition false.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::cores;
use crate::registers::{isb, mask_all, unmask_irq};
use crate::{clock, read_register, write_register};

/// The SGIs that are counted.
pub const FIRST_SGI: u32 = 3;
/// The SGIs that are counted.
pub const SECOND_SGI: u32 = 4;

/// Microseconds between two ticks.
const PERIOD: u64 = 300;

/// CNTHP_CTL_EL2: the timer's condition is true.
const CONDITION: u64 = 1 << 2;

static TICKING: AtomicBool = AtomicBool::new(false);
static TICKS: AtomicU64 = AtomicU64::new(0);
static TOO_MANY: AtomicU64 = AtomicU64::new(0);
static SGIS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// What a ticking core has counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Count {
    /// Interrupts of the timer.
    pub ticks: u64,
    /// Interrupts of the timer that it had no reason for.
    pub too_many: u64,
    /// [`FIRST_SGI`] and [`SECOND_SGI`].
    pub sgis: [u64; 2],
}

/// Job: ticks and counts until it is dismissed; returns the periods by which the compare value has gone on. Only one core at a time.
pub extern "C" fn tick(_: u64) -> u64 {
    for counter in [&TICKS, &TOO_MANY, &SGIS[0], &SGIS[1]] {
        counter.store(0, Ordering::Relaxed);
    }
    clock::start_timer(PERIOD);
    let first = read_register!("cnthp_cval_el2");
    TICKING.store(true, Ordering::Release);
    unmask_irq();
    while !cores::dismissed() {
        cores::beat();
    }
    mask_all();
    // What is due is taken: then the compare value lies in the future.
    cores::serve_interrupts();
    TICKING.store(false, Ordering::Release);
    clock::stop_timer();
    (read_register!("cnthp_cval_el2") - first) / clock::ticks(PERIOD)
}

/// Returns what the ticking core has counted so far.
pub fn count() -> Count {
    Count {
        ticks: TICKS.load(Ordering::Acquire),
        too_many: TOO_MANY.load(Ordering::Acquire),
        sgis: [SGIS[0].load(Ordering::Acquire), SGIS[1].load(Ordering::Acquire)],
    }
}

/// Takes an interrupt of the timer; false if the timer does not tick.
pub fn take_timer() -> bool {
    if !TICKING.load(Ordering::Acquire) {
        return false;
    }
    if read_register!("cnthp_ctl_el2") & CONDITION == 0 {
        TOO_MANY.fetch_add(1, Ordering::AcqRel);
        return true;
    }
    write_register!("cnthp_cval_el2", read_register!("cnthp_cval_el2") + clock::ticks(PERIOD));
    isb();
    TICKS.fetch_add(1, Ordering::AcqRel);
    true
}

/// Takes an SGI, if it is one that is counted.
pub fn take_sgi(sgi: u32) {
    match sgi {
        FIRST_SGI => SGIS[0].fetch_add(1, Ordering::AcqRel),
        SECOND_SGI => SGIS[1].fetch_add(1, Ordering::AcqRel),
        _ => 0,
    };
}

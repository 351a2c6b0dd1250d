// SPDX-License-Identifier: MIT OR Apache-2.0

//! Time: the physical counter, in microseconds, and waits that end.

use core::hint::spin_loop;

use crate::registers::isb;
use crate::{read_register, write_register};

/// How long anything that the firmware does may take before the case gives up. Far longer than needed on hardware:
/// an emulator with more cores than its host has is slow.
pub const PATIENCE: u64 = 5_000_000;

/// Returns the physical counter.
pub fn now() -> u64 {
    // The counter must not be read ahead of what is being timed.
    isb();
    read_register!("cntpct_el0")
}

/// Returns how many ticks of the counter are a second.
pub fn frequency() -> u64 {
    read_register!("cntfrq_el0")
}

/// Converts microseconds to ticks of the counter.
pub fn ticks(microseconds: u64) -> u64 {
    microseconds * (frequency() / 1000) / 1000
}

/// Converts ticks of the counter to microseconds.
pub fn microseconds(ticks: u64) -> u64 {
    ticks / (frequency() / 1_000_000).max(1)
}

/// Waits until `condition` holds; returns whether it did within `limit` microseconds.
pub fn wait_until(limit: u64, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = now() + ticks(limit);
    loop {
        if condition() {
            return true;
        }
        if now() > deadline {
            return false;
        }
        spin_loop();
    }
}

/// Waits.
pub fn pause(microseconds: u64) {
    wait_until(microseconds, || false);
}

/// The PPI of the EL2 physical timer.
pub const HYPERVISOR_TIMER_PPI: u32 = 26;

const ENABLE: u64 = 1;

/// Makes the EL2 physical timer fire once, `microseconds` from now.
pub fn start_timer(microseconds: u64) {
    write_register!("cnthp_cval_el2", now() + ticks(microseconds));
    write_register!("cnthp_ctl_el2", ENABLE);
    isb();
}

/// Stops the EL2 physical timer.
pub fn stop_timer() {
    write_register!("cnthp_ctl_el2", 0);
    isb();
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The secure physical timer of the calling core: EL3's own, whose interrupt is in Group 0.

use aarch64_cpu::asm::barrier;
use tock_registers::interfaces::Writeable;

use crate::sysreg::{CNTPS_CTL_EL1, CNTPS_CVAL_EL1};

/// CNTPS_CTL_EL1.ENABLE, with IMASK off.
const ENABLE: u64 = 1;

/// Lets the interrupt come when the counter gets there, or never.
pub(crate) fn set(at: Option<u64>) {
    if let Some(at) = at {
        CNTPS_CVAL_EL1.set(at);
        CNTPS_CTL_EL1.set(ENABLE);
    } else {
        CNTPS_CTL_EL1.set(0);
    }
    barrier::isb(barrier::SY); // the interrupt follows the timer from here on
}

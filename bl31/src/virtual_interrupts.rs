// SPDX-License-Identifier: MIT OR Apache-2.0

//! Virtual interrupts that the operating system has left pending: they are for its guests, and must not keep a core awake
//! that sleeps in the firmware.

use aarch64_cpu::{
    asm::barrier,
    registers::{HCR_EL2, ICH_HCR_EL2},
};
use tock_registers::interfaces::{Readable, Writeable};

/// HCR_EL2.VF, VI and VSE: pending virtual interrupts.
const PENDING: u64 = 0b111 << 6;

/// ICH_HCR_EL2.En: the virtual CPU interface, whose list registers make interrupts pending.
const ENABLED: u64 = 1;

/// What [`hide`] has taken away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hidden {
    hcr: u64,
    ich_hcr: u64,
}

/// Takes what is pending away from this core.
pub(crate) fn hide() -> Hidden {
    let hidden = Hidden { hcr: HCR_EL2.get(), ich_hcr: ICH_HCR_EL2.get() };
    if hidden.is_something() {
        HCR_EL2.set(hidden.hcr & !PENDING);
        ICH_HCR_EL2.set(hidden.ich_hcr & !ENABLED);
        barrier::isb(barrier::SY); // it is gone before the core sleeps
    }
    hidden
}

impl Hidden {
    fn is_something(self) -> bool {
        self.hcr & PENDING != 0 || self.ich_hcr & ENABLED != 0
    }

    /// Gives it back.
    pub(crate) fn restore(self) {
        if self.is_something() {
            HCR_EL2.set(self.hcr);
            ICH_HCR_EL2.set(self.ich_hcr);
        }
    }
}

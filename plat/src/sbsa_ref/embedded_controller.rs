// SPDX-License-Identifier: MIT OR Apache-2.0

//! The embedded controller: switches the machine off and resets it.

use tock_registers::{interfaces::Writeable, registers::WriteOnly};

/// The controller's one register takes a command.
#[repr(transparent)]
pub(super) struct EmbeddedController {
    command: WriteOnly<u32>,
}

const POWER_OFF: u32 = 1;
const RESET: u32 = 2;

impl EmbeddedController {
    /// Returns the controller.
    ///
    /// # Safety
    ///
    /// An embedded controller is mapped at this address, as device memory, for good.
    pub(super) unsafe fn at(address: u64) -> &'static Self {
        // SAFETY: the caller promises the register; it is one word, and writing a shared reference to it is what
        // tock-registers is for.
        unsafe { &*(address as *const Self) }
    }

    /// Asks for power-off; it comes some time after the write.
    pub(super) fn power_off(&self) {
        self.command.set(POWER_OFF);
    }

    /// Asks for a reset; it comes some time after the write.
    pub(super) fn reset(&self) {
        self.command.set(RESET);
    }
}

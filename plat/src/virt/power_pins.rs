// SPDX-License-Identifier: MIT OR Apache-2.0

//! The secure world's pins, a PL061: two of them switch the machine off and reset it when they go high.

use tock_registers::{interfaces::Writeable, register_structs, registers::ReadWrite};

register_structs! {
    /// The PL061. A write to the data register of this number reaches those pins only whose bits are set in the number.
    pub(super) PowerPins {
        (0x000 => data: [ReadWrite<u32>; 256]),
        (0x400 => direction: ReadWrite<u32>),
        (0x404 => @END),
    }
}

const POWER_OFF: u32 = 1 << 0;
const RESET: u32 = 1 << 1;

impl PowerPins {
    /// Returns the pins.
    ///
    /// # Safety
    ///
    /// A PL061 with these pins is mapped at this address, as device memory, for good.
    pub(super) unsafe fn at(address: u64) -> &'static Self {
        // SAFETY: the caller promises the registers; writing a shared reference to them is what tock-registers is for.
        unsafe { &*(address as *const Self) }
    }

    /// Asks for power-off; it comes some time after the write.
    pub(super) fn power_off(&self) {
        self.raise(POWER_OFF);
    }

    /// Asks for a reset; it comes some time after the write.
    pub(super) fn reset(&self) {
        self.raise(RESET);
    }

    fn raise(&self, pin: u32) {
        // First an output, which is low: the pins leave reset as inputs, whose data can not be written.
        self.direction.set(POWER_OFF | RESET);
        self.data[pin as usize].set(pin);
    }
}

#[cfg(test)]
mod tests {
    use core::mem::MaybeUninit;

    use tock_registers::interfaces::Readable;

    use super::*;

    #[test]
    fn each_wish_raises_its_own_pin() {
        for (wish, pin) in [(PowerPins::power_off as fn(&PowerPins), 1), (PowerPins::reset, 2)] {
            // SAFETY: the registers are integers, for which zero is a value.
            let pins: PowerPins = unsafe { MaybeUninit::zeroed().assume_init() };
            wish(&pins);
            assert_eq!(pins.direction.get(), 0b11);
            for (number, data) in pins.data.iter().enumerate() {
                assert_eq!(data.get(), if number == pin { pin as u32 } else { 0 });
            }
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The secure world's console: a PL011 that the operating system does not have. The firmware is quiet; only what it can
//! not go on after is printed.

use quell_plat::Platform;
use tock_registers::{
    interfaces::{Readable, Writeable},
    register_bitfields, register_structs,
    registers::{ReadOnly, ReadWrite, WriteOnly},
};

use crate::platform::Machine;

register_structs! {
    Pl011 {
        (0x00 => data: WriteOnly<u32>),
        (0x04 => _reserved0),
        (0x18 => flags: ReadOnly<u32, FLAGS::Register>),
        (0x1c => _reserved1),
        (0x30 => control: ReadWrite<u32, CONTROL::Register>),
        (0x34 => @END),
    }
}

register_bitfields! {u32,
    FLAGS [
        TRANSMIT_FULL OFFSET(5) NUMBITS(1) [],
    ],
    CONTROL [
        ENABLE OFFSET(0) NUMBITS(1) [],
        TRANSMIT_ENABLE OFFSET(8) NUMBITS(1) [],
    ],
}

/// How often a full FIFO is looked at before the byte is given up: a console that does not drain holds nobody.
const PATIENCE: u32 = 1_000_000;

/// The secure console. Two cores that print at once mix their bytes; only one crash report is printed.
pub(crate) struct Console(&'static Pl011);

impl Console {
    /// Returns the console, switched on.
    pub(crate) fn new() -> Self {
        // SAFETY: `Platform` promises a PL011 here, and the memory map holds it as a device.
        let uart = unsafe { &*(Machine::SECURE_UART as *const Pl011) };
        uart.control.write(CONTROL::ENABLE::SET + CONTROL::TRANSMIT_ENABLE::SET);
        Self(uart)
    }

    fn put(&self, byte: u8) {
        for _ in 0..PATIENCE {
            if !self.0.flags.is_set(FLAGS::TRANSMIT_FULL) {
                self.0.data.set(u32::from(byte));
                return;
            }
        }
    }
}

/// What can be printed. The formatter of the core library would be 4 KB of flash.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'a> {
    /// As it is; a line feed is the end of a line.
    Text(&'a str),
    /// In decimal.
    Number(u64),
    /// In hexadecimal, behind `0x`, without leading zeros.
    Hex(u64),
}

impl Console {
    /// Prints one part after the other.
    pub(crate) fn print(&self, parts: &[Part<'_>]) {
        for part in parts {
            match *part {
                Part::Text(text) => self.text(text),
                Part::Number(number) => self.digits(number, 10),
                Part::Hex(number) => {
                    self.text("0x");
                    self.digits(number, 16);
                }
            }
        }
    }

    fn text(&self, text: &str) {
        for byte in text.bytes() {
            if byte == b'\n' {
                self.put(b'\r');
            }
            self.put(byte);
        }
    }

    fn digits(&self, number: u64, base: u64) {
        let mut place = 1;
        while number / place >= base {
            place *= base;
        }
        while place != 0 {
            self.put(b"0123456789abcdef"[(number / place % base) as usize]);
            place /= base;
        }
    }
}

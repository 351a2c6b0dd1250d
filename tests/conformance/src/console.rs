// SPDX-License-Identifier: MIT OR Apache-2.0

//! The console: a PL011 that the firmware leaves to the operating system. Only one core prints at a time.

use core::fmt::{self, Write};

use crate::machine::UART;

const DATA: usize = UART;
const FLAGS: usize = UART + 0x18;
const LINE_CONTROL: usize = UART + 0x2c;
const CONTROL: usize = UART + 0x30;

const FLAG_TRANSMIT_FULL: u32 = 1 << 5;
const FLAG_BUSY: u32 = 1 << 3;
const LINE_8N1_FIFO: u32 = 0b11 << 5 | 1 << 4;
const CONTROL_ENABLE_TRANSMIT: u32 = 1 << 8 | 1;

/// Writes to the console.
pub struct Console;

fn write(register: usize, value: u32) {
    // SAFETY: The constants above are registers of the PL011, mapped as device memory.
    unsafe { (register as *mut u32).write_volatile(value) }
}

fn flags() -> u32 {
    // SAFETY: The flag register is mapped as device memory, and reading it has no effect.
    unsafe { (FLAGS as *const u32).read_volatile() }
}

/// Makes the console ready.
pub fn init() {
    write(LINE_CONTROL, LINE_8N1_FIFO);
    write(CONTROL, CONTROL_ENABLE_TRANSMIT);
}

/// Waits until everything printed has left the UART: what follows may turn the machine off.
pub fn flush() {
    while flags() & FLAG_BUSY != 0 {}
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            while flags() & FLAG_TRANSMIT_FULL != 0 {}
            write(DATA, byte.into());
        }
        Ok(())
    }
}

/// Prints to the console.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => {{
        // The console never fails.
        let _ = core::fmt::Write::write_fmt(&mut $crate::console::Console, format_args!($($argument)*));
    }};
}

/// Prints a line to the console.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($argument:tt)*) => { $crate::print!("{}\n", format_args!($($argument)*)) };
}

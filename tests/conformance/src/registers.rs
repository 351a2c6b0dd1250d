// SPDX-License-Identifier: MIT OR Apache-2.0

//! System registers and barriers.

use core::arch::asm;

/// Reads a system register.
#[macro_export]
macro_rules! read_register {
    ($name:literal) => {{
        let value: u64;
        // SAFETY: Reading the registers that this payload names changes nothing but the interrupt that ICC_IAR1
        // acknowledges, which is what its caller wants.
        unsafe {
            core::arch::asm!(concat!("mrs {}, ", $name), out(reg) value, options(nostack));
        }
        value
    }};
}

/// Writes a system register; the effect is there after the next [`isb`](crate::registers::isb).
#[macro_export]
macro_rules! write_register {
    ($name:literal, $value:expr) => {{
        let value: u64 = $value;
        // SAFETY: Callers write registers of interrupts, timers and thread ids, and EL1's; none of them moves the
        // memory that Rust code lives in.
        unsafe {
            core::arch::asm!(concat!("msr ", $name, ", {}"), in(reg) value, options(nostack));
        }
    }};
}

/// Makes earlier writes to system registers take effect before the next instruction.
pub fn isb() {
    // SAFETY: A barrier changes no state.
    unsafe { asm!("isb", options(nostack)) }
}

/// Waits until all earlier memory accesses are complete for every observer.
pub fn dsb_sy() {
    // SAFETY: A barrier changes no state.
    unsafe { asm!("dsb sy", options(nostack)) }
}

/// Sleeps until an interrupt is pending, masked or not.
pub fn wait_for_interrupt() {
    // SAFETY: WFI changes no state; the barrier before it lets earlier stores complete before the core sleeps.
    unsafe { asm!("dsb sy", "wfi", options(nostack)) }
}

/// Lets IRQs in.
pub fn unmask_irq() {
    // SAFETY: The vectors save and restore everything that a handler uses.
    unsafe { asm!("msr daifclr, #2", options(nostack)) }
}

/// Keeps every maskable exception out.
pub fn mask_all() {
    // SAFETY: Masking exceptions only delays them.
    unsafe { asm!("msr daifset, #15", options(nostack)) }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! SMC calls: with a few arguments, and with every register under control.

use core::arch::naked_asm;

/// Makes an SMC64 call with up to six arguments; returns x0 to x17.
pub fn call(function: u32, arguments: [u64; 6]) -> [u64; 18] {
    let mut all = [0; 17];
    all[..6].copy_from_slice(&arguments);
    smccc::smc64(function, all)
}

/// Makes a call without arguments; returns x0.
pub fn call0(function: u32) -> u64 {
    call(function, [0; 6])[0]
}

/// Makes a call with x0 to x30 as given, and returns them as they are after it.
pub fn call_with_all_registers(registers: &[u64; 31]) -> [u64; 31] {
    let mut all = *registers;
    // SAFETY: `all` is a valid array for reads and writes, and the function keeps to the C calling convention. The
    // firmware keeps SP; should it not, the exception that follows is the finding.
    unsafe { smc_with_all_registers(&raw mut all) };
    all
}

/// Assembly: saves the callee-saved registers and the array's address (x0) on the stack, and loads x0 to x30 from the
/// array.
macro_rules! load_all_registers {
    () => {
        "stp x29, x30, [sp, #-112]!
        stp x19, x20, [sp, #16]
        stp x21, x22, [sp, #32]
        stp x23, x24, [sp, #48]
        stp x25, x26, [sp, #64]
        stp x27, x28, [sp, #80]
        str x0, [sp, #96]
        ldp x2, x3, [x0, #16]
        ldp x4, x5, [x0, #32]
        ldp x6, x7, [x0, #48]
        ldp x8, x9, [x0, #64]
        ldp x10, x11, [x0, #80]
        ldp x12, x13, [x0, #96]
        ldp x14, x15, [x0, #112]
        ldp x16, x17, [x0, #128]
        ldp x18, x19, [x0, #144]
        ldp x20, x21, [x0, #160]
        ldp x22, x23, [x0, #176]
        ldp x24, x25, [x0, #192]
        ldp x26, x27, [x0, #208]
        ldp x28, x29, [x0, #224]
        ldr x30, [x0, #240]
        ldp x0, x1, [x0]"
    };
}

/// Assembly: stores x0 to x30 in the array whose address `load_all_registers` has left on the stack, undoes what that has
/// done to the stack, and returns to its caller.
macro_rules! store_all_registers {
    () => {
        // No register is free to hold the array's address: it waits on the stack.
        "stp x0, x1, [sp, #-16]!
        ldr x0, [sp, #112]
        stp x2, x3, [x0, #16]
        stp x4, x5, [x0, #32]
        stp x6, x7, [x0, #48]
        stp x8, x9, [x0, #64]
        stp x10, x11, [x0, #80]
        stp x12, x13, [x0, #96]
        stp x14, x15, [x0, #112]
        stp x16, x17, [x0, #128]
        stp x18, x19, [x0, #144]
        stp x20, x21, [x0, #160]
        stp x22, x23, [x0, #176]
        stp x24, x25, [x0, #192]
        stp x26, x27, [x0, #208]
        stp x28, x29, [x0, #224]
        str x30, [x0, #240]
        ldp x1, x2, [sp], #16
        stp x1, x2, [x0]
        ldp x27, x28, [sp, #80]
        ldp x25, x26, [sp, #64]
        ldp x23, x24, [sp, #48]
        ldp x21, x22, [sp, #32]
        ldp x19, x20, [sp, #16]
        ldp x29, x30, [sp], #112
        ret"
    };
}

pub(crate) use {load_all_registers, store_all_registers};

/// Loads x0 to x30 from the array, calls, and stores them there. Clobbers what a C function may.
#[unsafe(naked)]
unsafe extern "C" fn smc_with_all_registers(registers: *mut [u64; 31]) {
    naked_asm!(load_all_registers!(), "smc #0", store_all_registers!())
}

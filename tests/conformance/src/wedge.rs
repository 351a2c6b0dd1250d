// SPDX-License-Identifier: MIT OR Apache-2.0

//! Ways in which a core stops listening. Each is a job; none of them ever returns.

use core::arch::{asm, naked_asm};
use core::ops::Range;

use smccc::psci::PSCI_VERSION;

use crate::machine::this_core;
use crate::registers::{isb, mask_all, unmask_irq, wait_for_interrupt};
use crate::{cores, gic, psci, read_register, smc, write_register};

/// x2 to x30 of a core in [`deaf`] and [`deaf_at_el1`]: the number of the register in each byte.
pub const fn pattern(register: u64) -> u64 {
    register * 0x0101_0101_0101_0101
}

/// Loads x2 to x30 with [`pattern`] and then counts x1 up for ever, at the address in x0: a heartbeat without a
/// stack.
macro_rules! loop_with_pattern {
    ($($before:literal),*; $start:literal) => {
        naked_asm!(
            $($before,)*
            concat!(".global ", $start),
            concat!($start, ":"),
            ".irp n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30",
            "movz x\\n, #(\\n * 0x101)",
            "movk x\\n, #(\\n * 0x101), lsl #16",
            "movk x\\n, #(\\n * 0x101), lsl #32",
            "movk x\\n, #(\\n * 0x101), lsl #48",
            ".endr",
            "ldr x1, [x0]",
            "1: add x1, x1, #1",
            "str x1, [x0]",
            "b 1b",
            concat!(".global ", $start, "_end"),
            concat!($start, "_end:"),
        )
    };
}

/// Masks every exception that can be masked and counts at `heartbeat` for ever. Clobbers everything.
#[unsafe(naked)]
unsafe extern "C" fn deaf_loop(heartbeat: u64) -> ! {
    loop_with_pattern!("msr daifset, #15"; "deaf_loop_start")
}

/// The same at EL1, with translation off. Clobbers everything.
#[unsafe(naked)]
unsafe extern "C" fn deaf_loop_at_el1(heartbeat: u64) -> ! {
    loop_with_pattern!(
        // Interrupts are EL1's own: what is routed to EL2 could not be masked at EL1.
        "mov x1, #0x80000000",
        "msr hcr_el2, x1",
        "mov x1, #0x3c5", // EL1h, DAIF masked
        "msr spsr_el2, x1",
        "adr x1, deaf_loop_at_el1_start",
        "msr elr_el2, x1",
        "eret";
        "deaf_loop_at_el1_start"
    )
}

unsafe extern "C" {
    safe static deaf_loop_start: u8;
    safe static deaf_loop_start_end: u8;
    safe static deaf_loop_at_el1_start: u8;
    safe static deaf_loop_at_el1_start_end: u8;
}

fn range(start: &u8, end: &u8) -> Range<u64> {
    core::ptr::from_ref(start) as u64..core::ptr::from_ref(end) as u64
}

/// Returns the addresses of the loop with everything masked.
pub fn deaf_loop_range() -> Range<u64> {
    range(&deaf_loop_start, &deaf_loop_start_end)
}

/// Returns the addresses of the loop at EL1.
pub fn deaf_loop_at_el1_range() -> Range<u64> {
    range(&deaf_loop_at_el1_start, &deaf_loop_at_el1_start_end)
}

/// Job: spins with DAIF masked.
pub extern "C" fn deaf(_: u64) -> u64 {
    let heartbeat = cores::heartbeat_address(this_core());
    // SAFETY: The heartbeat is an atomic counter that only this core writes; the loop uses no stack.
    unsafe { deaf_loop(heartbeat) }
}

/// Job: spins at EL1 with DAIF masked.
pub extern "C" fn deaf_at_el1(_: u64) -> u64 {
    let heartbeat = cores::heartbeat_address(this_core());
    // SAFETY: As for `deaf`; with HCR_EL2.RW and this SCTLR_EL1, EL1 is AArch64 without translation, and sees the
    // same addresses.
    unsafe {
        asm!("msr sctlr_el1, {}", "isb", in(reg) 0x30d0_0800_u64, options(nostack));
        deaf_loop_at_el1(heartbeat)
    }
}

/// ID_AA64PFR1_EL1.NMI: the core has PSTATE.ALLINT.
pub fn has_allint() -> bool {
    read_register!("id_aa64pfr1_el1") >> 36 & 0xf != 0
}

/// PSTATE.ALLINT, in a record and in the register of this name.
pub const ALLINT: u64 = 1 << 13;

/// Job: spins with ALLINT set, which masks even interrupts that no other mask keeps out, on a core that has it.
pub extern "C" fn all_interrupts_masked(_: u64) -> u64 {
    const SCTLR_NMI: u64 = 1 << 61;
    write_register!("sctlr_el2", read_register!("sctlr_el2") | SCTLR_NMI);
    isb();
    write_register!("S3_0_C4_C3_0", ALLINT);
    unmask_irq();
    loop {
        cores::beat();
    }
}

/// Job: takes no interrupt because none is urgent enough for ICC_PMR.
pub extern "C" fn priority_masked(_: u64) -> u64 {
    gic::set_priority_mask(0);
    unmask_irq();
    loop {
        cores::beat();
    }
}

/// Job: hangs in the handling of an SGI, which it has acknowledged and does not end.
pub extern "C" fn in_handler(_: u64) -> u64 {
    mask_all();
    gic::send(gic::STOP, this_core());
    while !gic::acknowledge() {}
    loop {
        cores::beat();
    }
}

/// Job: calls the firmware without end.
pub extern "C" fn in_calls(_: u64) -> u64 {
    mask_all();
    loop {
        smc::call0(PSCI_VERSION);
        cores::beat();
    }
}

/// Job: sleeps in WFI with DAIF masked.
pub extern "C" fn asleep(_: u64) -> u64 {
    mask_all();
    loop {
        cores::beat();
        wait_for_interrupt();
    }
}

/// Job: sleeps in CPU_SUSPEND with DAIF masked.
pub extern "C" fn in_standby(_: u64) -> u64 {
    mask_all();
    loop {
        cores::beat();
        psci::cpu_suspend(psci::STANDBY, 0, 0);
    }
}

/// Job: works with interrupts open, and so answers a stop request with ACK.
pub extern "C" fn listening(_: u64) -> u64 {
    unmask_irq();
    while !cores::dismissed() {
        cores::beat();
    }
    0
}

/// Job: works with interrupts masked, and calls CPU_OFF when it is asked to stop.
pub extern "C" fn leaving(_: u64) -> u64 {
    mask_all();
    while !cores::dismissed() {
        cores::beat();
        if gic::stop_is_pending() {
            psci::cpu_off();
        }
    }
    0
}

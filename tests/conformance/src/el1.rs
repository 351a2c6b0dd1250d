// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls from EL1: what an operating system without a hypervisor makes, in AArch64 or in AArch32. And functions that run
//! there ([`run`]), on the same way.
//!
//! [`smc`] drops to EL1 with the MMU off, where two instructions run: the SMC, and an HVC that comes back. Every register
//! is the caller's own on both ways, because nothing is between the exception return and the call:
//!
//! 1. At EL2, load x0 to x30 and return to EL1, at the SMC. What EL2 needs later waits on its stack.
//! 2. The firmware serves the call and returns to EL1.
//! 3. The HVC comes up to the vectors of EL2, which save x0 to x30, ask [`back`] where to go on, restore them and go there.
//! 4. At EL2, store x0 to x30.
//!
//! Interrupts stay pending meanwhile: they are masked at EL1, and routed there. An exception at EL1 comes up by another HVC
//! and is a fault of the case. A core that the firmware stops in its call is started anew at EL2, as one from EL2 is.

use core::arch::{global_asm, naked_asm};

use crate::entry::HCR;
use crate::registers::{isb, mask_all};
use crate::smc::{load_all_registers, store_all_registers};
use crate::{read_register, write_register};

/// HCR_EL2: EL1 is AArch64; nothing is trapped or routed to EL2.
const HCR_BELOW: u64 = 1 << 31;
/// SCTLR_EL1 with everything off: its RES1 bits.
const SCTLR_OFF: u64 = 0x30d0_0800;
/// PSTATE: EL1 with SP_EL1, and EL2 with SP_EL2; D, A, I and F masked.
const EL1H_MASKED: u64 = 0x3c5;
const EL2H_MASKED: u64 = 0x3c9;

/// PSTATE: EL1 in AArch32, A32, Supervisor mode; A, I and F masked.
const SVC_MASKED: u64 = 0x1d3;

/// ID_AA64PFR0_EL1.EL1 of a core that has AArch32 there.
const EL1_AARCH32: u64 = 2;

/// ESR_EL2 of an HVC in AArch64: EC 0x16, IL; the immediate is in the low bits.
const HVC: u64 = 0x16 << 26 | 1 << 25;
/// ESR_EL2 of an HVC in AArch32: EC 0x12, IL.
const HVC_AARCH32: u64 = 0x12 << 26 | 1 << 25;
/// The HVC behind the call.
const CALLED: u64 = 1;
/// The HVC in the vectors of EL1.
const FAULTED: u64 = 2;

/// Calls from EL1 with x0 to x30 as given, and returns them as they are after it.
pub fn smc(registers: &[u64; 31]) -> [u64; 31] {
    smc_from(HCR_BELOW, EL1H_MASKED, (&raw const el1_call) as u64, registers)
}

/// Runs a function at EL1, with these bits of HCR_EL2 besides those that every call has; returns what it returns.
///
/// The function uses no stack, and calls nothing.
pub fn run(function: extern "C" fn(u64) -> u64, argument: u64, hcr: u64) -> u64 {
    let mut registers = [0; 31];
    registers[0] = argument;
    // It returns to the HVC.
    registers[30] = (&raw const el1_return) as u64;
    smc_from(HCR_BELOW | hcr, EL1H_MASKED, function as usize as u64, &registers)[0]
}

/// Returns whether the calling core has AArch32 at EL1.
pub fn has_aarch32() -> bool {
    read_register!("id_aa64pfr0_el1") >> 4 & 0xf == EL1_AARCH32
}

/// Calls from AArch32 at EL1 with r0 to r3 as given, and returns r0 after it. The core has AArch32 there.
pub fn smc_aarch32(arguments: [u32; 4]) -> u32 {
    let mut registers = [0; 31];
    registers[..4].copy_from_slice(&arguments.map(u64::from));
    // EL1 is AArch32 without HCR_EL2.RW.
    smc_from(0, SVC_MASKED, flash_aarch32_call, &registers)[0] as u32
}

fn smc_from(hcr: u64, pstate: u64, pc: u64, registers: &[u64; 31]) -> [u64; 31] {
    let daif = read_register!("daif");
    let mut all = *registers;
    // ELR_EL2 and SPSR_EL2 must last until the exception return, and HCR_EL2 be as wished only below.
    mask_all();
    write_register!("sctlr_el1", SCTLR_OFF);
    write_register!("vbar_el1", (&raw const el1_vectors) as u64);
    write_register!("hcr_el2", hcr);
    write_register!("elr_el2", pc);
    write_register!("spsr_el2", pstate);
    isb();
    // SAFETY: `all` is a valid array for reads and writes, ELR_EL2 and SPSR_EL2 lead to the call and from there to
    // `land`, so that both functions together keep to the C calling convention.
    unsafe { drop_to_el1(&raw mut all) };
    write_register!("daif", daif);
    all
}

/// What a synchronous exception from EL1 is.
pub enum Back {
    /// The call has returned: go on here.
    Called {
        /// Where.
        pc: u64,
        /// In which state.
        pstate: u64,
    },
    /// EL1 has taken an exception.
    Faulted {
        /// ESR_EL1.
        esr: u64,
        /// ELR_EL1.
        elr: u64,
        /// FAR_EL1.
        far: u64,
    },
    /// None of these: an exception that is taken to EL2.
    Otherwise,
}

/// Makes EL2 itself again after a synchronous exception from EL1, and returns what it was.
pub fn back() -> Back {
    let esr = read_register!("esr_el2");
    write_register!("hcr_el2", HCR);
    isb();
    if esr == HVC | CALLED || esr == HVC_AARCH32 | CALLED {
        Back::Called { pc: land as *const () as u64, pstate: EL2H_MASKED }
    } else if esr == HVC | FAULTED {
        Back::Faulted {
            esr: read_register!("esr_el1"),
            elr: read_register!("elr_el1"),
            far: read_register!("far_el1"),
        }
    } else {
        Back::Otherwise
    }
}

unsafe extern "C" {
    safe static flash_aarch32_call: u64;
    static el1_call: u8;
    static el1_return: u8;
    static el1_vectors: u8;
}

// Runs at EL1, and clobbers nothing.
global_asm!(
    ".pushsection .text.el1, \"ax\"",
    ".balign 2048",
    ".global el1_vectors",
    "el1_vectors:",
    ".rept 16",
    ".balign 128",
    "hvc #{faulted}",
    ".endr",
    ".global el1_call",
    "el1_call:",
    "smc #0",
    ".global el1_return",
    "el1_return:",
    "hvc #{called}",
    ".popsection",
    called = const CALLED,
    faulted = const FAULTED,
);

// Runs in flash, because AArch32 reaches 4 GiB; the instructions are A32. DRAM does not reach the label itself.
global_asm!(
    ".pushsection .flash.aarch32, \"ax\"",
    ".balign 4",
    "aarch32_call:",
    ".inst 0xe1600070", // smc #0
    ".inst 0xe1400071", // hvc #1: CALLED
    ".popsection",
    ".pushsection .rodata.aarch32_call, \"a\"",
    ".balign 8",
    ".global flash_aarch32_call",
    "flash_aarch32_call: .quad aarch32_call",
    ".popsection",
);

/// Loads x0 to x30 from the array and goes to EL1, as ELR_EL2 and SPSR_EL2 say; [`land`] is the way back to its caller.
#[unsafe(naked)]
unsafe extern "C" fn drop_to_el1(registers: *mut [u64; 31]) {
    naked_asm!(load_all_registers!(), "eret")
}

/// The second half of [`drop_to_el1`]: stores x0 to x30. Clobbers what a C function may.
#[unsafe(naked)]
unsafe extern "C" fn land() {
    naked_asm!(store_all_registers!())
}

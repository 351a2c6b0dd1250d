// SPDX-License-Identifier: MIT OR Apache-2.0

//! An Undefined Instruction exception for the exception level that the trapped instruction came from
//! (Arm ARM D1.3.2, `AArch64.Undefined` and `AArch64.TakeException`).

use aarch64_cpu::registers::{
    ELR_EL1, ELR_EL2, ELR_EL3, ESR_EL1, ESR_EL2, HCR_EL2, SCTLR_EL1, SCTLR_EL2, SPSR_EL1, SPSR_EL2, SPSR_EL3,
    VBAR_EL1, VBAR_EL2,
};
use tock_registers::interfaces::{Readable, Writeable};

/// ESR_ELx of an exception with unknown reason: EC 0, IL.
const UNKNOWN: u64 = 1 << 25;

/// PSTATE.M\[3:2\]: the exception level.
const LEVEL_SHIFT: u32 = 2;
const LEVEL_MASK: u64 = 0b11;
/// PSTATE.M\[0\]: the stack pointer is the level's own.
const OWN_STACK: u64 = 1;
/// PSTATE.D, A, I, F.
const MASKED: u64 = 0xf << 6;
/// What an exception keeps of PSTATE: the flags, DIT and PAN.
const KEPT: u64 = 0xf << 28 | 1 << 24 | PAN;
/// What it sets: TCO, which without MTE does not exist.
const TCO: u64 = 1 << 25;
/// What SCTLR_ELx decides: PAN, ALLINT, SSBS.
const PAN: u64 = 1 << 22;
const ALLINT: u64 = 1 << 13;
const SSBS: u64 = 1 << 12;

/// SCTLR_ELx.SPAN (PAN stays as it is), DSSBS, NMI and SPINTMASK.
const SCTLR_SPAN: u64 = 1 << 23;
const SCTLR_DSSBS: u64 = 1 << 44;
const SCTLR_NMI: u64 = 1 << 61;
const SCTLR_SPINTMASK: u64 = 1 << 62;

/// Offsets of the vectors from VBAR_ELx.
const SAME_LEVEL_SP0: u64 = 0;
const SAME_LEVEL: u64 = 0x200;
const LOWER_LEVEL: u64 = 0x400;
const LOWER_LEVEL_AARCH32: u64 = 0x600;

/// PSTATE.nRW: AArch32. Its exception goes to EL2, which always is AArch64 here.
const AARCH32: u64 = 1 << 4;

/// Makes the return to the non-secure world take an Undefined Instruction exception at the trapped instruction.
pub(crate) fn undefined() {
    let (pc, pstate) = (ELR_EL3.get(), SPSR_EL3.get());
    let from = pstate >> LEVEL_SHIFT & LEVEL_MASK;
    let is_aarch32 = pstate & AARCH32 != 0;
    let to_el2 = is_aarch32 || from == 2 || (from == 0 && HCR_EL2.is_set(HCR_EL2::TGE));
    let target: u64 = if to_el2 { 2 } else { 1 };
    let vector = match from {
        _ if is_aarch32 => LOWER_LEVEL_AARCH32,
        0 => LOWER_LEVEL,
        _ if pstate & OWN_STACK == 0 => SAME_LEVEL_SP0,
        _ => SAME_LEVEL,
    };
    let base = if to_el2 {
        ELR_EL2.set(pc);
        SPSR_EL2.set(pstate);
        ESR_EL2.set(UNKNOWN);
        VBAR_EL2.get()
    } else {
        ELR_EL1.set(pc);
        SPSR_EL1.set(pstate);
        ESR_EL1.set(UNKNOWN);
        VBAR_EL1.get()
    };
    ELR_EL3.set(base + vector);
    let new = pstate & KEPT | TCO | MASKED | target << LEVEL_SHIFT | OWN_STACK;
    SPSR_EL3.set(new | by_sctlr(to_el2));
}

/// Returns the bits of PSTATE that SCTLR_ELx of the target decides. Without the feature they are RES0 there and here.
fn by_sctlr(to_el2: bool) -> u64 {
    let sctlr = if to_el2 { SCTLR_EL2.get() } else { SCTLR_EL1.get() };
    // At EL2, SPAN has its meaning only for a host with EL0 below it.
    let has_span = !to_el2 || (HCR_EL2.is_set(HCR_EL2::E2H) && HCR_EL2.is_set(HCR_EL2::TGE));
    let mut pstate = 0;
    if has_span && sctlr & SCTLR_SPAN == 0 {
        pstate |= PAN;
    }
    if sctlr & SCTLR_DSSBS != 0 {
        pstate |= SSBS;
    }
    if sctlr & SCTLR_NMI != 0 && sctlr & SCTLR_SPINTMASK == 0 {
        pstate |= ALLINT;
    }
    pstate
}

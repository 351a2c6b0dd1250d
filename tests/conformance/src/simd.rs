// SPDX-License-Identifier: MIT OR Apache-2.0

//! SMC calls with every SIMD or SVE register under control. The payload itself uses none of them.

use core::arch::naked_asm;

use crate::registers::isb;
use crate::{read_register, write_register};

/// The SIMD registers around a call.
#[derive(Clone, Copy, Eq, PartialEq)]
#[repr(C, align(16))]
pub struct Simd {
    /// v0 to v31.
    pub v: [[u64; 2]; 32],
    /// FPCR.
    pub fpcr: u64,
    /// FPSR.
    pub fpsr: u64,
}

/// The most bytes of a vector register.
const MAX_VECTOR: usize = 256;

/// The SVE registers around a call, each as long as the core has it.
#[derive(Clone, Copy, Eq, PartialEq)]
#[repr(C, align(16))]
pub struct Sve {
    /// z0 to z31, one behind the other.
    pub z: [u8; 32 * MAX_VECTOR],
    /// p0 to p15, one behind the other.
    pub p: [u8; 16 * MAX_VECTOR / 8],
    /// FFR: its set bits must be its lowest ones.
    pub ffr: [u8; MAX_VECTOR / 8],
}

/// Returns whether the core has SVE, and lets EL2 use all of it.
pub fn has_sve() -> bool {
    let has = read_register!("id_aa64pfr0_el1") >> 32 & 0xf != 0;
    if has {
        write_register!("S3_4_C1_C2_0", 0xf); // ZCR_EL2
        isb();
    }
    has
}

/// Calls with x0 to x3 and the SIMD registers as given; returns x0, and stores the SIMD registers as they are after it.
pub fn call(x: &[u64; 4], simd: &mut Simd) -> u64 {
    // SAFETY: Both are valid for reads and writes; the function keeps to the C calling convention but for SIMD registers,
    // which this program does not use.
    unsafe { call_with_simd(x, simd) }
}

/// The same with the SVE registers, on a core that has them.
pub fn call_sve(x: &[u64; 4], sve: &mut Sve) -> u64 {
    // SAFETY: As for `call`; the arrays are as long as the longest registers.
    unsafe { call_with_sve(x, sve.z.as_mut_ptr(), sve.p.as_mut_ptr(), sve.ffr.as_mut_ptr()) }
}

/// Clobbers x0 to x17 and the SIMD registers.
#[unsafe(naked)]
unsafe extern "C" fn call_with_simd(x: &[u64; 4], simd: *mut Simd) -> u64 {
    naked_asm!(
        ".arch_extension fp",
        ".arch_extension simd",
        "str x1, [sp, #-16]!",
        "mov x9, x0",
        "ldr x10, [x1, #512]",
        "msr fpcr, x10",
        "ldr x10, [x1, #520]",
        "msr fpsr, x10",
        ".set offset, 0",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "ldr q\\n, [x1, #offset]",
        ".set offset, offset + 16",
        ".endr",
        "ldp x2, x3, [x9, #16]",
        "ldp x0, x1, [x9]",
        "smc #0",
        "ldr x1, [sp], #16",
        ".set offset, 0",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "str q\\n, [x1, #offset]",
        ".set offset, offset + 16",
        ".endr",
        "mrs x10, fpcr",
        "str x10, [x1, #512]",
        "mrs x10, fpsr",
        "str x10, [x1, #520]",
        "msr fpcr, xzr",
        "ret",
    )
}

/// Clobbers x0 to x17 and the SVE registers.
#[unsafe(naked)]
unsafe extern "C" fn call_with_sve(x: &[u64; 4], z: *mut u8, p: *mut u8, ffr: *mut u8) -> u64 {
    naked_asm!(
        ".arch_extension sve",
        "stp x1, x2, [sp, #-32]!",
        "str x3, [sp, #16]",
        "mov x9, x0",
        "ldr p0, [x3]",
        "wrffr p0.b",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "ldr z\\n, [x1, #\\n, mul vl]",
        ".endr",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "ldr p\\n, [x2, #\\n, mul vl]",
        ".endr",
        "ldp x2, x3, [x9, #16]",
        "ldp x0, x1, [x9]",
        "smc #0",
        "ldr x3, [sp, #16]",
        "ldp x1, x2, [sp], #32",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "str z\\n, [x1, #\\n, mul vl]",
        ".endr",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "str p\\n, [x2, #\\n, mul vl]",
        ".endr",
        "rdffr p0.b",
        "str p0, [x3]",
        "ret",
    )
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What EL3 does against speculation that crosses contexts: at reset, and whenever a lower exception level comes up, which is
//! all that who calls for it needs.

use core::arch::naked_asm;

use aarch64_cpu::registers::VBAR_EL3;
use quell_arch::{
    Hardware,
    mitigation::{ARM, CORTEX_A57, CORTEX_A72, MOST_BRANCHES},
};
use tock_registers::interfaces::{Readable, Writeable};

use crate::{arch::Core, vectors};

/// CPUACTLR_EL1 of Cortex-A57 and A72: no load passes a store whose address is not known.
const DISABLE_LOAD_PASS_STORE: u64 = 1 << 55;

/// SCTLR_EL3.M.
const MMU: u64 = 1;

/// Switches off what CVE-2018-3639 exploits, on the cores that have no SSBS. Before the MMU and the caches are on, which is
/// when CPUACTLR_EL1 may be written; the pen does not reset it.
///
/// Uses no stack. Clobbers x0, x1 and the flags.
#[unsafe(naked)]
pub(crate) extern "C" fn init_core() {
    naked_asm!(
        "mrs    x0, midr_el1",
        "lsr    x1, x0, #24",
        "cmp    x1, #{arm}",
        "b.ne   1f",
        "ubfx   x0, x0, #4, #12",
        "cmp    x0, #{a57}",
        "b.eq   0f",
        "cmp    x0, #{a72}",
        "b.ne   1f",
        "0:",
        "mrs    x0, S3_1_C15_C2_0",         // CPUACTLR_EL1
        "orr    x0, x0, #{bit}",
        "msr    S3_1_C15_C2_0, x0",
        "isb",                              // loads from here on wait for stores
        "1:",
        "ret",
        arm = const ARM,
        a57 = const CORTEX_A57,
        a72 = const CORTEX_A72,
        bit = const DISABLE_LOAD_PASS_STORE,
    )
}

/// Lets this core come up by the vectors that it needs. It has not been below EL3 since its reset.
pub(crate) fn guard_entries() {
    if Core.core().is_guarded() {
        VBAR_EL3.set(vectors::guarded_vectors as *const () as u64);
    }
}

/// Returns whether this core comes up by them, and has so done what the workarounds are called for.
#[inline(always)]
pub(crate) fn is_guarded() -> bool {
    VBAR_EL3.get() == vectors::guarded_vectors as *const () as u64
}

/// Makes this core forget what a lower exception level has taught its branch predictor.
///
/// There is one such function for all cores, because each has its own table of vectors otherwise: it does at least what
/// [`branch_history`](quell_arch::mitigation::CoreId::branch_history) says. Cortex-A57 and A72 invalidate the predictor. Then
/// every core takes as many branches as the one that needs most, and clears the history, which is a NOP on a core that can
/// not. Whether the predictor is invalidated is a branch that could be predicted wrongly, but nothing behind the ISB at the end is
/// executed before it is decided.
///
/// Uses no stack. Clobbers x0, x1 and the flags.
#[unsafe(naked)]
pub(crate) extern "C" fn enter() {
    naked_asm!(
        "mrs    x0, midr_el1",
        "ubfx   x0, x0, #4, #12",
        "sub    x0, x0, #{a57}",
        "cmp    x0, #{a72} - {a57}",
        "b.hi   2f",
        "mrs    x0, sctlr_el3",
        "bic    x1, x0, #{mmu}",
        "msr    sctlr_el3, x1",
        "isb",                              // the MMU is off; this code lies where it is mapped
        "msr    sctlr_el3, x0",
        "isb",                              // the MMU is on before the next access to memory
        "2:",
        "mov    w0, #{branches}",
        "0:",
        "b      1f",
        "1:",
        "subs   w0, w0, #1",
        "b.ne   0b",
        "hint   #22",                       // CLRBHB
        "dsb    nsh",
        "isb",
        "ret",
        a57 = const CORTEX_A57,
        a72 = const CORTEX_A72,
        branches = const MOST_BRANCHES,
        mmu = const MMU,
    )
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What EL3 does against speculation that crosses contexts: at reset, whenever a lower exception level comes up, and when it is
//! asked to.

use core::arch::{asm, naked_asm};

use aarch64_cpu::registers::VBAR_EL3;
use quell_arch::{
    Hardware,
    mitigation::{ARM, CORTEX_A57, CORTEX_A72, MOST_BRANCHES, Mitigation},
};
use tock_registers::interfaces::Writeable;

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
    match Core.core().branch_history() {
        // What is not known is not promised, to callers neither.
        None | Some(Mitigation::Nothing) => {}
        Some(_) => VBAR_EL3.set(vectors::guarded_vectors as *const () as u64),
    }
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

/// Performs a mitigation on this core.
pub(crate) fn perform(mitigation: Mitigation) {
    match mitigation {
        Mitigation::Nothing => {}
        Mitigation::InvalidatePredictor => invalidate_predictor(),
        Mitigation::Loop(count) => take_branches(count),
        Mitigation::ClearHistory => clear_history(),
    }
}

/// Turns the MMU off and on again, which makes Cortex-A57 and A72 forget every branch.
fn invalidate_predictor() {
    // SAFETY: the text is mapped where it lies, so the next instruction is the same one with the MMU off. Between the two
    // writes nothing but these instructions is fetched and nothing is loaded or stored: every exception is masked at EL3.
    // SCTLR_EL3 is as before when the block ends, and the MMU is on by then.
    unsafe {
        asm!(
            "mrs    {on}, sctlr_el3",
            "bic    {off}, {on}, #{mmu}",
            "msr    sctlr_el3, {off}",
            "isb",                          // the MMU is off
            "msr    sctlr_el3, {on}",
            "isb",                          // the MMU is on before the next access to memory
            on = out(reg) _,
            off = out(reg) _,
            mmu = const MMU,
            options(nostack, preserves_flags),
        );
    }
}

/// Fills the branch history with branches that tell nothing.
fn take_branches(count: u32) {
    // SAFETY: the block only counts down; `count` is not 0.
    unsafe {
        asm!(
            "2:",
            "b      3f",
            "3:",
            "subs   {count:w}, {count:w}, #1",
            "b.ne   2b",
            "dsb    nsh",                   // with the ISB: nothing behind the loop is speculated before the loop has ended
            "isb",
            count = inout(reg) count => _,
            options(nostack),
        );
    }
}

/// Executes CLRBHB, which is a NOP on a core without it.
fn clear_history() {
    // SAFETY: the instruction changes nothing but predictions.
    unsafe {
        asm!(
            "hint   #22",
            "isb", // no branch behind it is predicted by the history before it
            options(nostack, preserves_flags),
        );
    }
}

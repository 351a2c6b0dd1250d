// SPDX-License-Identifier: MIT OR Apache-2.0

//! The state in which the firmware starts a core.

use core::arch::naked_asm;

use crate::entry::EntryState;
use crate::fixture::{start, turn_off};
use crate::machine::mpidr;
use crate::runner::Case;
use crate::verdict::{Verdict, equal, failed, holds};
use crate::{cores, gic, read_register};

/// The cases of this file.
pub const CASES: &[Case] = &[
    Case { name: "psci.entry_state.boot_core", cores: 1, run: boot_core },
    Case { name: "psci.entry_state.started_core", cores: 2, run: started_core },
    Case { name: "psci.entry_state.after_dirty_life", cores: 2, run: after_dirty_life },
    Case { name: "psci.entry_state.no_pending_sgi", cores: 2, run: no_pending_sgi },
];

const EL2: u64 = 2 << 2;
const DAIF_ALL: u64 = 0xf << 6;
const MPIDR_RES1: u64 = 1 << 31;
const MPIDR_AFFINITY: u64 = 0xff_00ff_ffff;
const SCTLR_M: u64 = 1;
const SCTLR_C: u64 = 1 << 2;
const SCTLR_EE: u64 = 1 << 25;
const HCR_E2H: u64 = 1 << 34;
const HCR_TGE: u64 = 1 << 27;
const HCR_ROUTING: u64 = 0b111 << 3;
const HCR_VM: u64 = 1;
const TIMER_ENABLE: u64 = 1;
const SRE: u64 = 1;
const SRE_ENABLE: u64 = 1 << 3;

/// Judges everything but the general-purpose registers.
fn judge(index: usize) -> Verdict {
    let state = EntryState::of(index);
    equal("CurrentEL", state.current_el, EL2)?;
    equal("SPSel", state.sp_sel, 1)?;
    equal("DAIF", state.daif, DAIF_ALL)?;
    equal("SCTLR_EL2.{M,C,EE}", state.sctlr_el2 & (SCTLR_M | SCTLR_C | SCTLR_EE), 0)?;
    equal("HCR_EL2.{E2H,TGE,AMO,IMO,FMO,VM}", state.hcr_el2 & (HCR_E2H | HCR_TGE | HCR_ROUTING | HCR_VM), 0)?;
    equal("MPIDR_EL1", state.mpidr_el1 & MPIDR_AFFINITY, mpidr(index))?;
    equal("VMPIDR_EL2", state.vmpidr_el2 & MPIDR_AFFINITY, mpidr(index))?;
    holds("VMPIDR_EL2 has bit 31", state.vmpidr_el2 & MPIDR_RES1 != 0)?;
    equal("CNTVOFF_EL2", state.cntvoff_el2, 0)?;
    equal("CNTP_CTL.ENABLE", state.cntp_ctl & TIMER_ENABLE, 0)?;
    equal("CNTV_CTL.ENABLE", state.cntv_ctl & TIMER_ENABLE, 0)?;
    equal("CNTHP_CTL.ENABLE", state.cnthp_ctl & TIMER_ENABLE, 0)?;
    equal("HSTR_EL2", state.hstr_el2, 0)?;
    equal("VTTBR_EL2", state.vttbr_el2, 0)?;
    equal("CNTFRQ", state.cntfrq, read_register!("cntfrq_el0"))?;
    equal("ICC_SRE_EL2.{SRE,Enable}", state.icc_sre_el2 & (SRE | SRE_ENABLE), SRE | SRE_ENABLE)
}

fn boot_core() -> Verdict {
    for (register, value) in EntryState::of(0).x.into_iter().enumerate().take(8) {
        equal(format_args!("x{register}"), value, 0)?;
    }
    judge(0)
}

fn judge_started(context: u64) -> Verdict {
    match cores::start_with(1, context) {
        Ok(true) => {}
        Ok(false) => return Err(failed(format_args!("core 1 to start"), format_args!("nothing of it"))),
        Err(saw) => equal("CPU_ON", saw, 0)?,
    }
    let state = EntryState::of(1);
    equal("x0", state.x[0], context)?;
    for (register, value) in state.x.into_iter().enumerate().skip(1) {
        equal(format_args!("x{register}"), value, 0)?;
    }
    judge(1)
}

fn started_core() -> Verdict {
    judge_started(0x1234_5678_9abc_def0)
}

/// Leaves as much behind as a core can, and calls CPU_OFF. Clobbers everything.
#[unsafe(naked)]
extern "C" fn dirty_and_off(_: u64) -> u64 {
    naked_asm!(
        "mov x0, #0x1234",
        "msr cntvoff_el2, x0",
        "msr vttbr_el2, x0",
        "msr vmpidr_el2, x0",
        // Timers that have fired: compare value 0, enabled.
        "msr cntp_cval_el0, xzr",
        "msr cntv_cval_el0, xzr",
        "msr cnthp_cval_el2, xzr",
        "mov x0, #1",
        "msr cntp_ctl_el0, x0",
        "msr cntv_ctl_el0, x0",
        "msr cnthp_ctl_el2, x0",
        "mov x0, #0xffff",
        "msr hstr_el2, x0",
        // Big-endian data from here on: no load or store follows.
        "mrs x0, sctlr_el2",
        "bic x0, x0, #1",
        "bic x0, x0, #4",
        "orr x0, x0, #(1 << 25)",
        "msr sctlr_el2, x0",
        "isb",
        "mrs x0, hcr_el2",
        "orr x0, x0, #(1 << 34)",
        "orr x0, x0, #(1 << 27)",
        "orr x0, x0, #(7 << 3)",
        "orr x0, x0, #1",
        "msr hcr_el2, x0",
        "isb",
        ".irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30",
        "mov x\\n, #0xdead",
        ".endr",
        "movz x0, #0x8400, lsl #16",
        "movk x0, #2",
        "smc #0",
        "1: b 1b",
    )
}

fn after_dirty_life() -> Verdict {
    start(1)?;
    cores::post(1, dirty_and_off, 0);
    holds("core 1 goes off", cores::wait_for_off(1))?;
    judge_started(0)
}

/// Job: makes an SGI pending that is not taken, and turns the core off.
extern "C" fn off_with_pending_sgi(_: u64) -> u64 {
    gic::set_pending(1, 1 << UNTAKEN_SGI);
    crate::psci::cpu_off()
}

const UNTAKEN_SGI: u32 = 5;

fn no_pending_sgi() -> Verdict {
    start(1)?;
    cores::post(1, off_with_pending_sgi, 0);
    holds("core 1 goes off", cores::wait_for_off(1))?;
    // One from before it went off, one from after.
    gic::send(UNTAKEN_SGI + 1, 1);
    start(1)?;
    equal("SGIs pending at the started core", cores::pending_at_entry(1) & u64::from(gic::ALL_SGIS), 0)?;
    turn_off(1)
}

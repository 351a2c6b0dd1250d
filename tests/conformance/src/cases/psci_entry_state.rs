// SPDX-License-Identifier: MIT OR Apache-2.0

//! The state in which the firmware starts a core: after its first start, and after lives that left as much behind as a core
//! can, whichever call ended them.

use smccc::psci::PSCI_CPU_FREEZE;

use crate::case::cases;
use crate::dirt::{self, End};
use crate::entry::EntryState;
use crate::fixture::{by_choice, needs, needs_power_down, start, turn_off};
use crate::found::{Found, NAMES};
use crate::machine::mpidr;
use crate::psci::{self, CLUSTER_POWER_DOWN, CORE_POWER_DOWN};
use crate::section;
use crate::verdict::{Verdict, equal, failed, holds, status};
use crate::{clock, cores, gic, read_register, stale};

cases! {
    [section::ENTRY_STATE]
    /// The boot core begins at EL2 with its MMU off, everything masked, and nothing enabled.
    "psci.entry_state.boot_core", 1, boot_core;
    /// A started core begins in the same state, with its context identifier.
    "psci.entry_state.started_core", 2, started_core;
    /// Nothing of a life that CPU_OFF ended is left.
    "psci.entry_state.dirty_life.cpu_off", 2, after_cpu_off;
    /// Nothing of a life that CPU_FREEZE ended is left.
    "psci.entry_state.dirty_life.cpu_freeze", 2, after_freeze;
    /// Nothing is left in the core behind its power-down.
    "psci.entry_state.dirty_life.core_power_down", 2, after_core_power_down;
    /// Nothing is left in the core behind its cluster's power-down.
    "psci.entry_state.dirty_life.cluster_power_down", 2, after_cluster_power_down;
    /// System registers of EL1 and EL2 are as at a first start, after CPU_OFF.
    "psci.entry_state.registers.cpu_off", 2, registers_after_cpu_off;
    /// System registers of EL1 and EL2 are as at a first start, after CPU_FREEZE.
    "psci.entry_state.registers.cpu_freeze", 2, registers_after_freeze;
    /// System registers of EL1 and EL2 are as at a first start, after a power-down.
    "psci.entry_state.registers.power_down", 2, registers_after_power_down;
    /// No translation of the core's last life is used in its next.
    "psci.entry_state.stale_translation", 2, stale_translation;
    /// No SGI that was pending at CPU_OFF is pending at the next start.
    "psci.entry_state.no_pending_sgi", 2, no_pending_sgi;
    /// No SGI that was pending at CPU_FREEZE is pending at the next start.
    "psci.entry_state.no_pending_sgi_after_freeze", 2, no_pending_sgi_after_freeze;
    /// No timer of the core's last life fires in its next.
    "psci.entry_state.no_timer", 2, no_timer;
}

const EL2: u64 = 2 << 2;
const DAIF_ALL: u64 = 0xf << 6;
const MPIDR_RES1: u64 = 1 << 31;
const MPIDR_AFFINITY: u64 = 0xff_00ff_ffff;
const SCTLR_M: u64 = 1;
const SCTLR_C: u64 = 1 << 2;
const SCTLR_I: u64 = 1 << 12;
const SCTLR_EE: u64 = 1 << 25;
const HCR_E2H: u64 = 1 << 34;
const HCR_TGE: u64 = 1 << 27;
const HCR_ROUTING: u64 = 0b111 << 3;
const HCR_VM: u64 = 1;
const TIMER_ENABLE: u64 = 1;
const SRE: u64 = 1;
const SRE_ENABLE: u64 = 1 << 3;

/// Judges everything but the general-purpose registers, and the timers only if they do not outlive a power-down.
fn judge(index: usize, timers: bool) -> Verdict {
    let state = EntryState::of(index);
    equal("CurrentEL", state.current_el, EL2)?;
    equal("SPSel", state.sp_sel, 1)?;
    equal("DAIF", state.daif, DAIF_ALL)?;
    let sctlr = SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_EE;
    equal("SCTLR_EL2.{M,C,I,EE}", state.sctlr_el2 & sctlr, 0)?;
    equal("MPIDR_EL1", state.mpidr_el1 & MPIDR_AFFINITY, mpidr(index))?;
    equal("CNTFRQ", state.cntfrq, read_register!("cntfrq_el0"))?;
    equal("ICC_SRE_EL2.{SRE,Enable}", state.icc_sre_el2 & (SRE | SRE_ENABLE), SRE | SRE_ENABLE)?;
    by_choice(judge_reset(index, timers))
}

/// Judges what PSCI leaves open, because EL2 can set it up itself: Quell hands it over as after a reset.
fn judge_reset(index: usize, timers: bool) -> Verdict {
    let state = EntryState::of(index);
    equal("HCR_EL2.{E2H,TGE,AMO,IMO,FMO,VM}", state.hcr_el2 & (HCR_E2H | HCR_TGE | HCR_ROUTING | HCR_VM), 0)?;
    equal("VMPIDR_EL2", state.vmpidr_el2 & MPIDR_AFFINITY, mpidr(index))?;
    holds("VMPIDR_EL2 has bit 31", state.vmpidr_el2 & MPIDR_RES1 != 0)?;
    equal("CNTVOFF_EL2", state.cntvoff_el2, 0)?;
    if timers {
        equal("CNTP_CTL.ENABLE", state.cntp_ctl & TIMER_ENABLE, 0)?;
        equal("CNTV_CTL.ENABLE", state.cntv_ctl & TIMER_ENABLE, 0)?;
        equal("CNTHP_CTL.ENABLE", state.cnthp_ctl & TIMER_ENABLE, 0)?;
    }
    equal("HSTR_EL2", state.hstr_el2, 0)?;
    equal("VTTBR_EL2", state.vttbr_el2, 0)
}

fn judge_general(context: u64) -> Verdict {
    let state = EntryState::of(1);
    equal("x0", state.x[0], context)?;
    let mut others = state.x.into_iter().enumerate().skip(1);
    by_choice(others.try_for_each(|(register, value)| equal(format_args!("x{register}"), value, 0)))
}

fn boot_core() -> Verdict {
    let mut arguments = EntryState::of(0).x.into_iter().enumerate().take(8);
    by_choice(arguments.try_for_each(|(register, value)| equal(format_args!("x{register}"), value, 0)))?;
    judge(0, true)
}

fn start_core(context: u64) -> Verdict {
    match cores::start_with(1, context) {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed(format_args!("core 1 to start"), format_args!("nothing of it"))),
        Err(saw) => status("CPU_ON", saw, 0),
    }
}

fn started_core() -> Verdict {
    const CONTEXT: u64 = 0x1234_5678_9abc_def0;
    start_core(CONTEXT)?;
    judge_general(CONTEXT)?;
    judge(1, true)
}

/// Lets core 1 lead a dirty life; returns once it is ended, and for a power-down once core 1 is there again.
fn live(end: End) -> Verdict {
    start(1)?;
    let boots = cores::boots(1);
    cores::post(1, dirt::job(end), 0);
    match end {
        End::Off | End::Freeze => holds("core 1 goes off", cores::wait_for_off(1)),
        // Timers that have fired are what wakes it.
        End::PowerDown(_) => holds("core 1 comes to its entry point", cores::wait_for_boot(1, boots)),
    }
}

fn after(end: End) -> Verdict {
    live(end)?;
    if let End::PowerDown(_) = end {
        judge_general(dirt::CONTEXT)?;
        return judge(1, false);
    }
    start_core(7)?;
    judge_general(7)?;
    judge(1, true)
}

fn after_cpu_off() -> Verdict {
    after(End::Off)
}

fn after_freeze() -> Verdict {
    needs(PSCI_CPU_FREEZE)?;
    after(End::Freeze)
}

fn after_core_power_down() -> Verdict {
    needs_power_down()?;
    after(End::PowerDown(CORE_POWER_DOWN))
}

fn after_cluster_power_down() -> Verdict {
    needs_power_down()?;
    after(End::PowerDown(CLUSTER_POWER_DOWN))
}

/// Registers of timers: they are outside of the core that is powered down, and keep what they hold.
const TIMERS: [&str; 2] = ["cntp_ctl_el0", "cntv_ctl_el0"];

/// A core finds each register as it did at its start behind a life that touched none.
fn registers_after(end: End) -> Verdict {
    start(1)?;
    turn_off(1)?;
    start(1)?;
    let clean = Found::of(1);
    turn_off(1)?;
    live(end)?;
    let powered_down = matches!(end, End::PowerDown(_));
    if !powered_down {
        start(1)?;
    }
    let dirty = Found::of(1);
    for (number, name) in NAMES.iter().enumerate() {
        if !(powered_down && TIMERS.contains(name)) {
            let what = format_args!("{name} after a dirty life");
            by_choice(equal(what, dirty.values[number], clean.values[number]))?;
        }
    }
    Ok(())
}

fn registers_after_cpu_off() -> Verdict {
    registers_after(End::Off)
}

fn registers_after_freeze() -> Verdict {
    needs(PSCI_CPU_FREEZE)?;
    registers_after(End::Freeze)
}

fn registers_after_power_down() -> Verdict {
    needs_power_down()?;
    registers_after(End::PowerDown(CORE_POWER_DOWN))
}

fn stale_translation() -> Verdict {
    stale::fill();
    for round in 0..10 {
        stale::map(round % 2);
        start(1)?;
        cores::post(1, stale::read_and_off, 0);
        holds("core 1 goes off", cores::wait_for_off(1))?;
        stale::map((round + 1) % 2);
        let before = cores::prepare(1);
        status("CPU_ON", psci::cpu_on(mpidr(1), stale::entry as *const () as u64, 0), 0)?;
        holds("core 1 starts", cores::wait_for_boot(1, before))?;
        let saw = EntryState::of(1).x[16];
        equal(
            format_args!("what the address means in a new life (round {round})"),
            saw,
            (round as u64 + 1) % 2,
        )?;
        turn_off(1)?;
    }
    Ok(())
}

const UNTAKEN_SGI: u32 = 5;

/// Job: makes an SGI pending that is not taken, and ends the core's life.
extern "C" fn end_with_pending_sgi(freeze: u64) -> u64 {
    gic::set_pending(1, 1 << UNTAKEN_SGI);
    if freeze == 0 { psci::cpu_off() } else { psci::cpu_freeze() }
}

fn starts_without_sgi(freeze: bool) -> Verdict {
    start(1)?;
    cores::post(1, end_with_pending_sgi, freeze.into());
    holds("core 1 goes off", cores::wait_for_off(1))?;
    // One from before it went off, one from after.
    gic::send(UNTAKEN_SGI + 1, 1);
    start(1)?;
    by_choice(equal("SGIs pending at the started core", (Found::of(1).pending & gic::ALL_SGIS).into(), 0))?;
    turn_off(1)
}

fn no_pending_sgi() -> Verdict {
    starts_without_sgi(false)
}

fn no_pending_sgi_after_freeze() -> Verdict {
    needs(PSCI_CPU_FREEZE)?;
    starts_without_sgi(true)
}

/// Job: goes off with a timer that has fired.
extern "C" fn off_with_timer(_: u64) -> u64 {
    clock::start_timer(0);
    clock::wait_until(clock::PATIENCE, || gic::pending(1) & 1 << clock::HYPERVISOR_TIMER_PPI != 0);
    psci::cpu_off()
}

fn no_timer() -> Verdict {
    start(1)?;
    cores::post(1, off_with_timer, 0);
    holds("core 1 goes off", cores::wait_for_off(1))?;
    start(1)?;
    let timer = Found::of(1).pending & 1 << clock::HYPERVISOR_TIMER_PPI;
    by_choice(equal("the timer's interrupt pending at the started core", timer.into(), 0))
}

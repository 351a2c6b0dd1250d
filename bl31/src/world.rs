// SPDX-License-Identifier: MIT OR Apache-2.0

//! The non-secure world as a core finds it when it begins (PSCI 1.3 section 6.4): EL2, MMU and caches off, nothing left from
//! an earlier life of the core. After a power-down it is the same but for what is outside of the core.

use aarch64_cpu::{
    asm::barrier,
    registers::{
        CNTHCTL_EL2, CNTHP_CTL_EL2, CNTKCTL_EL1, CNTP_CTL_EL0, CNTV_CTL_EL0, CNTVOFF_EL2, CPACR_EL1,
        CPTR_EL2, ELR_EL3, HCR_EL2, HDFGRTR_EL2, HDFGWTR_EL2, HFGITR_EL2, HFGRTR_EL2, HFGWTR_EL2,
        ICH_HCR_EL2, MDCR_EL2, MDSCR_EL1, MIDR_EL1, MPIDR_EL1, SCTLR_EL1, SCTLR_EL2, SPSR_EL3, TCR_EL2,
        TTBR0_EL2, VBAR_EL2, VMPIDR_EL2, VTCR_EL2, VTTBR_EL2,
    },
};
use quell_power::Entry;
use tock_registers::interfaces::{Readable, Writeable};

use crate::{
    enables::{CNTPOFF, Enables, FGT, FGT2, GCS, HCX, SCTLR2, TCR2, TPIDR2},
    gic, machine,
    sysreg::{
        CNTHV_CTL_EL2, CNTPOFF_EL2, CNTPS_CTL_EL1, CONTEXTIDR_EL2, GCSCR_EL1, GCSCR_EL2, HCRX_EL2,
        HDFGRTR2_EL2, HDFGWTR2_EL2, HFGITR2_EL2, HFGRTR2_EL2, HFGWTR2_EL2, HSTR_EL2, PMCNTENCLR_EL0,
        PMCR_EL0, PMINTENCLR_EL1, PMOVSCLR_EL0, PMUSERENR_EL0, SCTLR2_EL2, SVCR, TCR2_EL2, VPIDR_EL2,
    },
};

/// PSTATE at the start: EL2 with SP_EL2, D, A, I and F masked.
const PSTATE: u64 = 0x3c9;

/// SCTLR_EL2 and SCTLR_EL1 with MMU, caches and alignment checks off: their RES1 bits.
const SCTLR_EL2_OFF: u64 = 0x30c5_0830;
const SCTLR_EL1_OFF: u64 = 0x30d0_0800;

/// SCTLR_ELx.EE: data accesses are big-endian.
const SCTLR_EE: u64 = 1 << 25;

/// CNTHCTL_EL2: EL1 may read the physical counter and use the physical timer.
const CNTHCTL: u64 = 0b11;

/// PMCR_EL0: the 64-bit cycle counter, nothing counting.
const PMCR_LC: u64 = 1 << 6;

/// PMCR_EL0.N: number of event counters, MDCR_EL2.HPMN: how many of them EL1 has.
const PMCR_N_SHIFT: u32 = 11;
const PMCR_N_MASK: u64 = 0x1f;

/// Brings the calling core to the state that CPU_ON gives it, and makes the exception return go to `entry`.
pub(crate) fn reset_core(index: usize, entry: Entry) {
    reset_registers(entry);
    stop_timers(machine::enables());
    gic::reset_redistributor(index);
    gic::reset_interface();
}

/// Brings the calling core to the state that it wakes up in after a power-down, and makes the exception return go to
/// `entry`. What is outside of the core stays: the settings of its redistributor, its pending interrupts, and its timers, one
/// of which may have woken it.
pub(crate) fn resume_core(entry: Entry) {
    reset_registers(entry);
    gic::reset_interface();
}

fn reset_registers(entry: Entry) {
    let enables = machine::enables();
    enables.open();
    reset_el2(entry.is_big_endian(), enables);
    reset_el1();
    reset_counter_access(enables);
    reset_pmu(enables);
    ELR_EL3.set(entry.address());
    SPSR_EL3.set(PSTATE);
}

fn reset_el2(big_endian: bool, enables: &Enables) {
    // E2H first: it gives other registers their meaning.
    HCR_EL2.set(0);
    barrier::isb(barrier::SY);
    SCTLR_EL2.set(SCTLR_EL2_OFF | if big_endian { SCTLR_EE } else { 0 });
    CPTR_EL2.set(0);
    HSTR_EL2.set(0);
    VTTBR_EL2.set(0);
    VTCR_EL2.set(0);
    TCR_EL2.set(0);
    TTBR0_EL2.set(0);
    VBAR_EL2.set(0);
    VPIDR_EL2.set(MIDR_EL1.get());
    VMPIDR_EL2.set(MPIDR_EL1.get());
    ICH_HCR_EL2.set(0);
    if enables.opens(HCX) {
        HCRX_EL2.set(0);
    }
    if enables.has_vhe() {
        CONTEXTIDR_EL2.set(0);
    }
    if enables.opens(FGT) {
        HFGRTR_EL2.set(0);
        HFGWTR_EL2.set(0);
        HFGITR_EL2.set(0);
        HDFGRTR_EL2.set(0);
        HDFGWTR_EL2.set(0);
    }
    if enables.opens(FGT2) {
        HFGRTR2_EL2.set(0);
        HFGWTR2_EL2.set(0);
        HFGITR2_EL2.set(0);
        HDFGRTR2_EL2.set(0);
        HDFGWTR2_EL2.set(0);
    }
    if enables.opens(GCS) {
        GCSCR_EL2.set(0);
        GCSCR_EL1.set(0);
    }
    if enables.opens(TPIDR2) {
        // Streaming mode and the ZA storage are off.
        SVCR.set(0);
    }
    if enables.opens(TCR2) {
        TCR2_EL2.set(0);
    }
    if enables.opens(SCTLR2) {
        SCTLR2_EL2.set(0);
    }
    invalidate_translations(enables);
}

fn reset_el1() {
    SCTLR_EL1.set(SCTLR_EL1_OFF);
    CPACR_EL1.set(0);
    CNTKCTL_EL1.set(0);
    MDSCR_EL1.set(0);
}

fn reset_counter_access(enables: &Enables) {
    CNTHCTL_EL2.set(CNTHCTL);
    CNTVOFF_EL2.set(0);
    if enables.opens(CNTPOFF) {
        CNTPOFF_EL2.set(0);
    }
}

fn stop_timers(enables: &Enables) {
    CNTP_CTL_EL0.set(0);
    CNTV_CTL_EL0.set(0);
    CNTHP_CTL_EL2.set(0);
    CNTPS_CTL_EL1.set(0);
    if enables.has_vhe() {
        CNTHV_CTL_EL2.set(0);
    }
    barrier::isb(barrier::SY); // the timers are silent before their interrupts are cleared
}

fn reset_pmu(enables: &Enables) {
    if enables.has_pmu() {
        let counters = PMCR_EL0.get() >> PMCR_N_SHIFT & PMCR_N_MASK;
        MDCR_EL2.set(counters);
        PMCR_EL0.set(PMCR_LC);
        PMUSERENR_EL0.set(0);
        PMCNTENCLR_EL0.set(u64::from(u32::MAX));
        PMINTENCLR_EL1.set(u64::from(u32::MAX));
        PMOVSCLR_EL0.set(u64::from(u32::MAX));
    } else {
        MDCR_EL2.set(0);
    }
}

/// Removes what this core has cached of the non-secure world's translations and instructions. SCR_EL3.NS is set, the
/// regimes are off.
fn invalidate_translations(enables: &Enables) {
    if enables.has_vhe() {
        // ALLE2 means the regime that HCR_EL2.E2H says: first the one of a host at EL2.
        HCR_EL2.write(HCR_EL2::E2H::EnableOsAtEl2);
        barrier::isb(barrier::SY); // E2H is in force
        invalidate_el2();
        barrier::dsb(barrier::NSH); // the invalidation is complete before E2H changes its meaning
        HCR_EL2.set(0);
    }
    barrier::isb(barrier::SY); // E2H is off
    invalidate_el2();
    // SAFETY: invalidation loses no data, and EL3's own translations are not touched.
    unsafe {
        core::arch::asm!("tlbi alle1", "ic iallu", options(nostack, preserves_flags));
    }
    // They are gone before the core enters the non-secure world.
    barrier::dsb(barrier::NSH);
    barrier::isb(barrier::SY);
}

fn invalidate_el2() {
    // SAFETY: invalidation loses no data, and EL3's own translations are not touched.
    unsafe { core::arch::asm!("tlbi alle2", options(nostack, preserves_flags)) };
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Lives that leave as much behind as a core can, and how they end.

use core::arch::naked_asm;

use smccc::psci::{PSCI_CPU_FREEZE, PSCI_CPU_OFF, PSCI_CPU_SUSPEND_64};

use crate::cores::Job;
use crate::entry::secondary_entry;
use crate::{cores, gic, machine, psci, read_register, registers, write_register};

/// How a life ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// CPU_OFF.
    Off,
    /// CPU_FREEZE.
    Freeze,
    /// CPU_SUSPEND with this power state.
    PowerDown(u64),
}

/// The context id that a power-down comes back with.
pub const CONTEXT: u64 = 0x1d1e;

/// Returns the job that leads such a life.
pub fn job(end: End) -> Job {
    match end {
        End::Off => off,
        End::Freeze => freeze,
        End::PowerDown(psci::CORE_POWER_DOWN) => core_power_down,
        End::PowerDown(_) => cluster_power_down,
    }
}

extern "C" fn off(_: u64) -> u64 {
    live(PSCI_CPU_OFF, 0)
}

extern "C" fn freeze(_: u64) -> u64 {
    live(PSCI_CPU_FREEZE, 0)
}

extern "C" fn core_power_down(_: u64) -> u64 {
    live(PSCI_CPU_SUSPEND_64, psci::CORE_POWER_DOWN)
}

extern "C" fn cluster_power_down(_: u64) -> u64 {
    live(PSCI_CPU_SUSPEND_64, psci::CLUSTER_POWER_DOWN)
}

/// The SGI that dirty lives acknowledge.
const UNENDED_SGI: u32 = 6;

fn live(function: u32, power_state: u64) -> u64 {
    registers::mask_all();
    soil_registers();
    // An interrupt that has been acknowledged and not ended: its priority is active. It stays active in the redistributor
    // behind a power-down, and so it must be one that nobody needs.
    cores::serve_interrupts();
    gic::send(UNENDED_SGI, machine::this_core());
    gic::acknowledge();
    dirty_and_call(function.into(), power_state, secondary_entry as *const () as u64, CONTEXT)
}

/// Registers that Rust can live with.
fn soil_registers() {
    // Traps: debug, PMU and the fields of CPACR.
    write_register!("cpacr_el1", 3 << 20);
    write_register!("mdscr_el1", 1 << 12);
    write_register!("cntkctl_el1", 0x3ff);
    write_register!("cnthctl_el2", 0);
    // HPMN stays in range, and the traps are for EL1 and EL0 only.
    write_register!("mdcr_el2", read_register!("mdcr_el2") | 1 << 5 | 1 << 6 | 1 << 11);
    write_register!("vpidr_el2", 0x1234);
    // The PMU counts cycles, with an overflow pending and its interrupt enabled.
    write_register!("pmcr_el0", read_register!("pmcr_el0") | 1);
    write_register!("pmcntenset_el0", 1 << 31);
    write_register!("pmintenset_el1", 1 << 31);
    write_register!("pmovsset_el0", 1 << 31);
    write_register!("pmuserenr_el0", 0xf);
    write_register!("S3_0_C12_C12_3", 7); // ICC_BPR1_EL1
    write_register!("S3_4_C12_C11_7", 0xff00_0000); // ICH_VMCR_EL2
    write_register!("sctlr_el1", 0x30d0_1805); // M, C and I, without tables
    registers::isb();
}

/// Dirties what Rust can not live with, and calls `x0` with the other arguments. Clobbers everything.
#[unsafe(naked)]
extern "C" fn dirty_and_call(function: u64, x1: u64, x2: u64, x3: u64) -> u64 {
    naked_asm!(
        "mov x4, #0x1234",
        "msr cntvoff_el2, x4",
        "msr vttbr_el2, x4",
        "msr vmpidr_el2, x4",
        // Timers that have fired: compare value 0, enabled.
        "msr cntp_cval_el0, xzr",
        "msr cntv_cval_el0, xzr",
        "msr cnthp_cval_el2, xzr",
        "mov x4, #1",
        "msr cntp_ctl_el0, x4",
        "msr cntv_ctl_el0, x4",
        "msr cnthp_ctl_el2, x4",
        "mov x4, #0xffff",
        "msr hstr_el2, x4",
        // MMU and caches stay on; the tables that they walk are little-endian, so EE stays as it is.
        "mrs x4, hcr_el2",
        "orr x4, x4, #(7 << 3)",
        "orr x4, x4, #1",
        "msr hcr_el2, x4",
        "isb",
        ".irp n, 4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30",
        "mov x\\n, #0xdead",
        ".endr",
        "smc #0",
        "1: b 1b",
    )
}

/// Makes a call as a big-endian caller: x0 to x3 are its registers, x0 its result. Data is big-endian around the call only,
/// with MMU and caches off because the tables are little-endian; no load or store is made there. Clobbers x10 and x11.
#[unsafe(naked)]
pub extern "C" fn big_endian_call(function: u64, x1: u64, x2: u64, x3: u64) -> u64 {
    naked_asm!(
        "mrs x10, sctlr_el2",
        "bic x11, x10, #1",
        "bic x11, x11, #4",
        "orr x11, x11, #(1 << 25)",
        "msr sctlr_el2, x11",
        "isb",
        "smc #0",
        // A PSCI call keeps x10.
        "msr sctlr_el2, x10",
        "isb",
        "ret",
    )
}

/// Job: ends as a big-endian host (E2H, TGE) with its MMU off, by CPU_OFF. Clobbers everything.
#[unsafe(naked)]
pub extern "C" fn off_as_big_endian_host(_: u64) -> u64 {
    naked_asm!(
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
        "msr hcr_el2, x0",
        "isb",
        "movz x0, #0x8400, lsl #16",
        "movk x0, #2",
        "smc #0",
        "1: b 1b",
    )
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a call leaves as it was.

use smccc::arch::{SMCCC_ARCH_FEATURES, SMCCC_VERSION};
use smccc::psci::{
    PSCI_AFFINITY_INFO_32, PSCI_AFFINITY_INFO_64, PSCI_CPU_ON_32, PSCI_CPU_ON_64, PSCI_CPU_SUSPEND_64,
    PSCI_FEATURES, PSCI_MIGRATE_INFO_TYPE, PSCI_VERSION,
};

use crate::case::cases;
use crate::registers::isb;
use crate::section;
use crate::verdict::{Verdict, equal};
use crate::{read_register, smc, write_register};

cases! {
    [section::SMCCC_REGISTERS]
    /// PSCI calls leave x4 to x30 and SP as they were.
    "smccc.registers.psci_calls", 1, psci_calls;
    /// Architecture calls leave x4 to x30 and SP as they were.
    "smccc.registers.arch_calls", 1, arch_calls;
    /// Unknown calls leave x4 to x30 and SP as they were.
    "smccc.registers.unknown_calls", 1, unknown_calls;
    /// A call leaves the system registers of EL1 and EL2 as they were.
    "smccc.registers.system", 1, system_registers;
}

/// Returns a value for a register that no call takes for something valid.
pub(super) fn pattern(register: usize) -> u64 {
    0x5a5a_0000_0000_0000 | (register as u64) << 32 | 0x0bad_0000 | register as u64
}

/// Calls with a pattern in every register that is no argument; x`first` to x30 must come back.
pub(super) fn preserves(function: u32, arguments: &[u64], first: usize) -> Verdict {
    let mut before: [u64; 31] = core::array::from_fn(pattern);
    before[0] = function.into();
    before[1..=arguments.len()].copy_from_slice(arguments);
    let after = smc::call_with_all_registers(&before);
    for register in first..31 {
        equal(format_args!("x{register} after call {function:#x}"), after[register], before[register])?;
    }
    Ok(())
}

const NOBODY: u64 = 0xff_00ff_ffff;

fn psci_calls() -> Verdict {
    preserves(PSCI_VERSION, &[], 1)?;
    preserves(PSCI_FEATURES, &[PSCI_VERSION.into()], 1)?;
    preserves(PSCI_FEATURES, &[0x8400_0fff], 1)?;
    preserves(PSCI_AFFINITY_INFO_32, &[0, 0], 1)?;
    preserves(PSCI_AFFINITY_INFO_64, &[0, 0], 1)?;
    preserves(PSCI_AFFINITY_INFO_64, &[NOBODY, 0], 1)?;
    preserves(PSCI_MIGRATE_INFO_TYPE, &[], 1)?;
    preserves(PSCI_CPU_ON_32, &[NOBODY, 0, 0], 1)?;
    preserves(PSCI_CPU_ON_64, &[NOBODY, 0, 0], 1)?;
    preserves(PSCI_CPU_SUSPEND_64, &[u64::from(u32::MAX), 0, 0], 1)
}

fn arch_calls() -> Verdict {
    preserves(SMCCC_VERSION, &[], 4)?;
    preserves(SMCCC_ARCH_FEATURES, &[SMCCC_VERSION.into()], 4)?;
    preserves(SMCCC_ARCH_FEATURES, &[0x8000_0fed], 4)
}

fn unknown_calls() -> Verdict {
    for function in [0x8400_0fed, 0xc400_0fed, 0xc200_0fed, 0x8000_0fed, 0xc700_0fed, 0x0400_0000, u32::MAX] {
        preserves(function, &[], 4)?;
    }
    Ok(())
}

/// Writes a pattern to each register, calls, and reads it back.
macro_rules! keep {
    ($($name:literal),*; $call:expr) => {{
        let mut number = 0_u64;
        $(
            number += 1;
            write_register!($name, number << 12);
        )*
        isb();
        $call;
        let mut number = 0_u64;
        $(
            number += 1;
            equal(concat!($name, " after a call"), read_register!($name), number << 12)?;
        )*
        let _ = number;
    }};
}

fn system_registers() -> Verdict {
    for function in [PSCI_VERSION, PSCI_AFFINITY_INFO_64, SMCCC_VERSION, 0x8400_0fed] {
        keep!(
            "sp_el0", "sp_el1", "tpidr_el0", "tpidrro_el0", "tpidr_el1", "elr_el1", "far_el1", "vbar_el1",
            "ttbr0_el1", "ttbr1_el1", "elr_el2", "far_el2", "cntvoff_el2";
            smc::call0(function)
        );
        write_register!("cntvoff_el2", 0);
    }
    Ok(())
}

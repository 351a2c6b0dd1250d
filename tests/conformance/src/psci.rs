// SPDX-License-Identifier: MIT OR Apache-2.0

//! PSCI calls. They return x0 as it is: whether an error is sign-extended is one of the things to judge.

use smccc::psci::{
    PSCI_AFFINITY_INFO_64, PSCI_CPU_OFF, PSCI_CPU_ON_64, PSCI_CPU_SUSPEND_64, PSCI_FEATURES, PSCI_SYSTEM_OFF,
    PSCI_SYSTEM_RESET,
};

use crate::{console, machine, smc};

pub use smccc::psci::error::{
    ALREADY_ON, DENIED, INVALID_ADDRESS, INVALID_PARAMETERS, NOT_SUPPORTED, ON_PENDING, SUCCESS,
};

/// PSCI 1.3, as VERSION returns it.
pub const VERSION_1_3: u64 = 0x1_0003;

/// AFFINITY_INFO: at least one core is on.
pub const ON: u64 = 0;
/// AFFINITY_INFO: all cores are off.
pub const OFF: u64 = 1;
/// AFFINITY_INFO: the core is on its way.
pub const PENDING: u64 = 2;

/// The power state of a standby in which the core keeps everything.
pub const STANDBY: u64 = 1;

/// CPU_ON of the core with this MPIDR.
pub fn cpu_on(mpidr: u64, entry: u64, context: u64) -> u64 {
    smc::call(PSCI_CPU_ON_64, [mpidr, entry, context, 0, 0, 0])[0]
}

/// CPU_OFF; returns only if it fails.
pub fn cpu_off() -> u64 {
    smc::call0(PSCI_CPU_OFF)
}

/// AFFINITY_INFO of a core.
pub fn affinity_info(index: usize) -> u64 {
    affinity_info_of(machine::mpidr(index), 0)
}

/// AFFINITY_INFO with any arguments.
pub fn affinity_info_of(mpidr: u64, level: u64) -> u64 {
    smc::call(PSCI_AFFINITY_INFO_64, [mpidr, level, 0, 0, 0, 0])[0]
}

/// CPU_SUSPEND.
pub fn cpu_suspend(power_state: u64, entry: u64, context: u64) -> u64 {
    smc::call(PSCI_CPU_SUSPEND_64, [power_state, entry, context, 0, 0, 0])[0]
}

/// FEATURES of a function.
pub fn features(function: u32) -> u64 {
    smc::call(PSCI_FEATURES, [function.into(), 0, 0, 0, 0, 0])[0]
}

/// Turns the machine off.
pub fn system_off() -> ! {
    console::flush();
    let status = smc::call0(PSCI_SYSTEM_OFF);
    panic!("SYSTEM_OFF came back with {status:#x}")
}

/// Resets the machine.
pub fn system_reset() -> ! {
    console::flush();
    let status = smc::call0(PSCI_SYSTEM_RESET);
    panic!("SYSTEM_RESET came back with {status:#x}")
}

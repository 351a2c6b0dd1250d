// SPDX-License-Identifier: MIT OR Apache-2.0

//! PSCI calls. They return x0 as it is: whether an error is sign-extended is one of the things to judge.

use smccc::psci::{
    PSCI_AFFINITY_INFO_64, PSCI_CPU_DEFAULT_SUSPEND_64, PSCI_CPU_FREEZE, PSCI_CPU_OFF, PSCI_CPU_ON_64,
    PSCI_CPU_SUSPEND_64, PSCI_FEATURES, PSCI_MEM_PROTECT, PSCI_MEM_PROTECT_CHECK_RANGE_64,
    PSCI_NODE_HW_STATE_64, PSCI_SET_SUSPEND_MODE, PSCI_STAT_COUNT_64, PSCI_STAT_RESIDENCY_64,
    PSCI_SYSTEM_OFF, PSCI_SYSTEM_RESET, PSCI_SYSTEM_RESET2_64, PSCI_SYSTEM_SUSPEND_64,
};

use crate::verdict::register;
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

/// The power state in which a core loses everything.
pub const CORE_POWER_DOWN: u64 = 0x0001_0002;

/// The power state in which a core, and with the last one its cluster, loses everything.
pub const CLUSTER_POWER_DOWN: u64 = 0x0101_0022;

/// Both power states that do not come back to the caller.
pub const POWER_DOWN: [u64; 2] = [CORE_POWER_DOWN, CLUSTER_POWER_DOWN];

/// SET_SUSPEND_MODE: the firmware chooses the power state of a cluster.
pub const PLATFORM_COORDINATED: u64 = 0;
/// SET_SUSPEND_MODE: the last core chooses it.
pub const OS_INITIATED: u64 = 1;

/// NODE_HW_STATE: the node is on.
pub const HW_ON: u64 = 0;
/// NODE_HW_STATE: the node is off.
pub const HW_OFF: u64 = 1;
/// NODE_HW_STATE: the node keeps its state.
pub const HW_STANDBY: u64 = 2;

/// MEM_PROTECT.
pub const MEM_PROTECT: u32 = PSCI_MEM_PROTECT;
/// SYSTEM_OFF2 (SMC32): not in the `smccc` crate yet.
pub const SYSTEM_OFF2_32: u32 = 0x8400_0015;
/// SYSTEM_OFF2 (SMC64).
pub const SYSTEM_OFF2_64: u32 = 0xc400_0015;

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

/// CPU_DEFAULT_SUSPEND.
pub fn cpu_default_suspend(entry: u64, context: u64) -> u64 {
    smc::call(PSCI_CPU_DEFAULT_SUSPEND_64, [entry, context, 0, 0, 0, 0])[0]
}

/// CPU_FREEZE; returns only if it fails.
pub fn cpu_freeze() -> u64 {
    smc::call0(PSCI_CPU_FREEZE)
}

/// SYSTEM_SUSPEND.
pub fn system_suspend(entry: u64, context: u64) -> u64 {
    smc::call(PSCI_SYSTEM_SUSPEND_64, [entry, context, 0, 0, 0, 0])[0]
}

/// SET_SUSPEND_MODE.
pub fn set_suspend_mode(mode: u64) -> u64 {
    smc::call(PSCI_SET_SUSPEND_MODE, [mode, 0, 0, 0, 0, 0])[0]
}

/// NODE_HW_STATE of a core, or of the node above it at that level.
pub fn node_hw_state(mpidr: u64, level: u64) -> u64 {
    smc::call(PSCI_NODE_HW_STATE_64, [mpidr, level, 0, 0, 0, 0])[0]
}

/// STAT_COUNT.
pub fn stat_count(mpidr: u64, power_state: u64) -> u64 {
    smc::call(PSCI_STAT_COUNT_64, [mpidr, power_state, 0, 0, 0, 0])[0]
}

/// STAT_RESIDENCY, in microseconds.
pub fn stat_residency(mpidr: u64, power_state: u64) -> u64 {
    smc::call(PSCI_STAT_RESIDENCY_64, [mpidr, power_state, 0, 0, 0, 0])[0]
}

/// MEM_PROTECT.
pub fn mem_protect(enable: u64) -> u64 {
    smc::call(PSCI_MEM_PROTECT, [enable, 0, 0, 0, 0, 0])[0]
}

/// MEM_PROTECT_CHECK_RANGE.
pub fn mem_protect_check_range(base: u64, length: u64) -> u64 {
    smc::call(PSCI_MEM_PROTECT_CHECK_RANGE_64, [base, length, 0, 0, 0, 0])[0]
}

/// SYSTEM_RESET2; returns only if it fails.
pub fn system_reset2(kind: u64, cookie: u64) -> u64 {
    smc::call(PSCI_SYSTEM_RESET2_64, [kind, cookie, 0, 0, 0, 0])[0]
}

/// SYSTEM_OFF2; returns only if it fails.
pub fn system_off2(kind: u64, cookie: u64) -> u64 {
    smc::call(SYSTEM_OFF2_64, [kind, cookie, 0, 0, 0, 0])[0]
}

/// Returns whether FEATURES advertises a function.
pub fn has(function: u32) -> bool {
    features(function) != register(NOT_SUPPORTED)
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

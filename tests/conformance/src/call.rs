// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls of every PSCI function that come back, whatever the firmware: for what must be so of each of them.

use smccc::psci::{
    PSCI_AFFINITY_INFO_32, PSCI_AFFINITY_INFO_64, PSCI_CPU_DEFAULT_SUSPEND_32, PSCI_CPU_DEFAULT_SUSPEND_64,
    PSCI_CPU_ON_32, PSCI_CPU_ON_64, PSCI_CPU_SUSPEND_32, PSCI_CPU_SUSPEND_64, PSCI_FEATURES,
    PSCI_MEM_PROTECT, PSCI_MEM_PROTECT_CHECK_RANGE_32, PSCI_MEM_PROTECT_CHECK_RANGE_64, PSCI_MIGRATE_32,
    PSCI_MIGRATE_64, PSCI_MIGRATE_INFO_TYPE, PSCI_MIGRATE_INFO_UP_CPU_32, PSCI_MIGRATE_INFO_UP_CPU_64,
    PSCI_NODE_HW_STATE_32, PSCI_NODE_HW_STATE_64, PSCI_SET_SUSPEND_MODE, PSCI_STAT_COUNT_32,
    PSCI_STAT_COUNT_64, PSCI_STAT_RESIDENCY_32, PSCI_STAT_RESIDENCY_64, PSCI_SYSTEM_RESET2_32,
    PSCI_SYSTEM_RESET2_64, PSCI_SYSTEM_SUSPEND_32, PSCI_SYSTEM_SUSPEND_64, PSCI_VERSION,
};

use crate::machine::DRAM_BASE;
use crate::psci::{CORE_POWER_DOWN, SYSTEM_OFF2_32, SYSTEM_OFF2_64};

/// Makes cases out of a function that takes a function's number: one for each function that comes back, named after the area
/// and the function.
macro_rules! of_every_function {
    ($area:literal, $run:path, $shows:literal) => {
        $crate::call::of_every_function!(@list $area, $run, $shows,
            version = 0x0,
            cpu_suspend = 0x1,
            cpu_on = 0x3,
            affinity_info = 0x4,
            migrate = 0x5,
            migrate_info_type = 0x6,
            migrate_info_up_cpu = 0x7,
            features = 0xa,
            default_suspend = 0xc,
            node_hw_state = 0xd,
            system_suspend = 0xe,
            set_suspend_mode = 0xf,
            stat_residency = 0x10,
            stat_count = 0x11,
            system_reset2 = 0x12,
            mem_protect = 0x13,
            mem_protect_check_range = 0x14,
            system_off2 = 0x15,
        )
    };
    (@list $area:literal, $run:path, $shows:literal, $($name:ident = $number:literal,)*) => {
        &[$($crate::case::Case {
            id: concat!($area, stringify!($name)),
            section: $crate::section::SMCCC_IDENTIFIER,
            shows: $shows,
            cores: 1,
            run: || $run($number),
        },)*]
    };
}

pub(crate) use of_every_function;

/// One call: function identifier, x1 to x3, and what the result is.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The function identifier.
    pub function: u32,
    /// x1 to x3.
    pub arguments: [u64; 3],
}

const fn call(function: u32, arguments: [u64; 3]) -> Call {
    Call { function, arguments }
}

/// No core, and no power state.
const NOBODY: u64 = 0xff_00ff_ffff;
const NOTHING: u64 = 0xffff_ffff;
/// An entry point that none is: it is misaligned.
const NOWHERE: u64 = 1;

/// The calls: at least one of each function that comes back, with a result that two calls in a row have in common.
pub const ALL: &[Call] = &[
    call(PSCI_VERSION, [0; 3]),
    call(PSCI_CPU_SUSPEND_32, [NOTHING, NOWHERE, 0]),
    call(PSCI_CPU_SUSPEND_64, [NOTHING, NOWHERE, 0]),
    call(PSCI_CPU_SUSPEND_64, [CORE_POWER_DOWN, NOWHERE, 0]),
    call(PSCI_CPU_ON_32, [0, NOWHERE, 0]),
    call(PSCI_CPU_ON_64, [0, NOWHERE, 0]),
    call(PSCI_CPU_ON_64, [NOBODY, 0, 0]),
    call(PSCI_CPU_ON_64, [0, DRAM_BASE, 0]),
    call(PSCI_AFFINITY_INFO_32, [0, 0, 0]),
    call(PSCI_AFFINITY_INFO_64, [0, 0, 0]),
    call(PSCI_AFFINITY_INFO_64, [0, 2, 0]),
    call(PSCI_AFFINITY_INFO_64, [NOBODY, 0, 0]),
    call(PSCI_MIGRATE_32, [0; 3]),
    call(PSCI_MIGRATE_64, [0; 3]),
    call(PSCI_MIGRATE_INFO_TYPE, [0; 3]),
    call(PSCI_MIGRATE_INFO_UP_CPU_32, [0; 3]),
    call(PSCI_MIGRATE_INFO_UP_CPU_64, [0; 3]),
    call(PSCI_FEATURES, [PSCI_CPU_SUSPEND_64 as u64, 0, 0]),
    call(PSCI_FEATURES, [0x8400_0fff, 0, 0]),
    call(PSCI_CPU_DEFAULT_SUSPEND_32, [NOWHERE, 0, 0]),
    call(PSCI_CPU_DEFAULT_SUSPEND_64, [NOWHERE, 0, 0]),
    call(PSCI_NODE_HW_STATE_32, [0, 0, 0]),
    call(PSCI_NODE_HW_STATE_64, [0, 1, 0]),
    call(PSCI_NODE_HW_STATE_64, [0, 7, 0]),
    call(PSCI_SYSTEM_SUSPEND_32, [NOWHERE, 0, 0]),
    call(PSCI_SYSTEM_SUSPEND_64, [NOWHERE, 0, 0]),
    call(PSCI_SET_SUSPEND_MODE, [0, 0, 0]),
    call(PSCI_SET_SUSPEND_MODE, [7, 0, 0]),
    call(PSCI_STAT_RESIDENCY_32, [0, 1, 0]),
    call(PSCI_STAT_RESIDENCY_64, [0, 1, 0]),
    call(PSCI_STAT_COUNT_32, [0, 1, 0]),
    call(PSCI_STAT_COUNT_64, [NOBODY, 1, 0]),
    call(PSCI_SYSTEM_RESET2_32, [0x7fff_ffff, 0, 0]),
    call(PSCI_SYSTEM_RESET2_64, [0x7fff_ffff, 0, 0]),
    call(PSCI_MEM_PROTECT, [0, 0, 0]),
    call(PSCI_MEM_PROTECT, [7, 0, 0]),
    call(PSCI_MEM_PROTECT_CHECK_RANGE_32, [0, 0, 0]),
    call(PSCI_MEM_PROTECT_CHECK_RANGE_64, [DRAM_BASE, 0x1000, 0]),
    call(SYSTEM_OFF2_32, [0x7fff_ffff, 0, 0]),
    call(SYSTEM_OFF2_64, [0x7fff_ffff, 0, 0]),
];

/// Returns the calls of a function, by its number; both conventions.
pub fn of(number: u32) -> impl Iterator<Item = Call> {
    ALL.iter().copied().filter(move |call| call.function & 0xffff == number)
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which functions there are. The dispatcher and PSCI_FEATURES both ask here, so they can not disagree.

use smccc::psci::{
    PSCI_AFFINITY_INFO_32, PSCI_AFFINITY_INFO_64, PSCI_CPU_DEFAULT_SUSPEND_32, PSCI_CPU_DEFAULT_SUSPEND_64,
    PSCI_CPU_FREEZE, PSCI_CPU_OFF, PSCI_CPU_ON_32, PSCI_CPU_ON_64, PSCI_CPU_SUSPEND_32, PSCI_CPU_SUSPEND_64,
    PSCI_FEATURES, PSCI_MEM_PROTECT, PSCI_MEM_PROTECT_CHECK_RANGE_32, PSCI_MEM_PROTECT_CHECK_RANGE_64,
    PSCI_MIGRATE_INFO_TYPE, PSCI_NODE_HW_STATE_32, PSCI_NODE_HW_STATE_64, PSCI_SET_SUSPEND_MODE,
    PSCI_STAT_COUNT_32, PSCI_STAT_COUNT_64, PSCI_STAT_RESIDENCY_32, PSCI_STAT_RESIDENCY_64, PSCI_SYSTEM_OFF,
    PSCI_SYSTEM_RESET, PSCI_SYSTEM_RESET2_32, PSCI_SYSTEM_RESET2_64, PSCI_SYSTEM_SUSPEND_32,
    PSCI_SYSTEM_SUSPEND_64, PSCI_VERSION,
};

/// PSCI 1.3's newest function, which the `smccc` crate does not have.
const PSCI_SYSTEM_OFF2_32: u32 = 0x8400_0015;
const PSCI_SYSTEM_OFF2_64: u32 = 0xc400_0015;

/// A function that is there, in either convention.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Function {
    /// PSCI_VERSION.
    Version,
    /// CPU_SUSPEND.
    CpuSuspend,
    /// CPU_OFF.
    CpuOff,
    /// CPU_ON.
    CpuOn,
    /// AFFINITY_INFO.
    AffinityInfo,
    /// MIGRATE_INFO_TYPE.
    MigrateInfoType,
    /// SYSTEM_OFF.
    SystemOff,
    /// SYSTEM_RESET.
    SystemReset,
    /// PSCI_FEATURES.
    Features,
    /// CPU_FREEZE.
    CpuFreeze,
    /// CPU_DEFAULT_SUSPEND.
    CpuDefaultSuspend,
    /// NODE_HW_STATE.
    NodeHwState,
    /// SYSTEM_SUSPEND.
    SystemSuspend,
    /// PSCI_SET_SUSPEND_MODE.
    SetSuspendMode,
    /// PSCI_STAT_RESIDENCY.
    StatResidency,
    /// PSCI_STAT_COUNT.
    StatCount,
    /// SYSTEM_RESET2.
    SystemReset2,
    /// MEM_PROTECT.
    MemProtect,
    /// MEM_PROTECT_CHECK_RANGE.
    MemProtectCheckRange,
    /// SYSTEM_OFF2.
    SystemOff2,
}

impl Function {
    /// Every function, in the order of its number here.
    pub const ALL: [Self; 20] = [
        Self::Version,
        Self::CpuSuspend,
        Self::CpuOff,
        Self::CpuOn,
        Self::AffinityInfo,
        Self::MigrateInfoType,
        Self::SystemOff,
        Self::SystemReset,
        Self::Features,
        Self::CpuFreeze,
        Self::CpuDefaultSuspend,
        Self::NodeHwState,
        Self::SystemSuspend,
        Self::SetSuspendMode,
        Self::StatResidency,
        Self::StatCount,
        Self::SystemReset2,
        Self::MemProtect,
        Self::MemProtectCheckRange,
        Self::SystemOff2,
    ];

    /// Returns the function with this identifier; the 64-bit identifier of a 32-bit function is none.
    pub(crate) const fn from_fid(fid: u32) -> Option<Self> {
        Some(match fid {
            PSCI_VERSION => Self::Version,
            PSCI_CPU_SUSPEND_32 | PSCI_CPU_SUSPEND_64 => Self::CpuSuspend,
            PSCI_CPU_OFF => Self::CpuOff,
            PSCI_CPU_ON_32 | PSCI_CPU_ON_64 => Self::CpuOn,
            PSCI_AFFINITY_INFO_32 | PSCI_AFFINITY_INFO_64 => Self::AffinityInfo,
            PSCI_MIGRATE_INFO_TYPE => Self::MigrateInfoType,
            PSCI_SYSTEM_OFF => Self::SystemOff,
            PSCI_SYSTEM_RESET => Self::SystemReset,
            PSCI_FEATURES => Self::Features,
            PSCI_CPU_FREEZE => Self::CpuFreeze,
            PSCI_CPU_DEFAULT_SUSPEND_32 | PSCI_CPU_DEFAULT_SUSPEND_64 => Self::CpuDefaultSuspend,
            PSCI_NODE_HW_STATE_32 | PSCI_NODE_HW_STATE_64 => Self::NodeHwState,
            PSCI_SYSTEM_SUSPEND_32 | PSCI_SYSTEM_SUSPEND_64 => Self::SystemSuspend,
            PSCI_SET_SUSPEND_MODE => Self::SetSuspendMode,
            PSCI_STAT_RESIDENCY_32 | PSCI_STAT_RESIDENCY_64 => Self::StatResidency,
            PSCI_STAT_COUNT_32 | PSCI_STAT_COUNT_64 => Self::StatCount,
            PSCI_SYSTEM_RESET2_32 | PSCI_SYSTEM_RESET2_64 => Self::SystemReset2,
            PSCI_MEM_PROTECT => Self::MemProtect,
            PSCI_MEM_PROTECT_CHECK_RANGE_32 | PSCI_MEM_PROTECT_CHECK_RANGE_64 => Self::MemProtectCheckRange,
            PSCI_SYSTEM_OFF2_32 | PSCI_SYSTEM_OFF2_64 => Self::SystemOff2,
            _ => return None,
        })
    }

    /// Returns the specification's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Version => "PSCI_VERSION",
            Self::CpuSuspend => "CPU_SUSPEND",
            Self::CpuOff => "CPU_OFF",
            Self::CpuOn => "CPU_ON",
            Self::AffinityInfo => "AFFINITY_INFO",
            Self::MigrateInfoType => "MIGRATE_INFO_TYPE",
            Self::SystemOff => "SYSTEM_OFF",
            Self::SystemReset => "SYSTEM_RESET",
            Self::Features => "PSCI_FEATURES",
            Self::CpuFreeze => "CPU_FREEZE",
            Self::CpuDefaultSuspend => "CPU_DEFAULT_SUSPEND",
            Self::NodeHwState => "NODE_HW_STATE",
            Self::SystemSuspend => "SYSTEM_SUSPEND",
            Self::SetSuspendMode => "PSCI_SET_SUSPEND_MODE",
            Self::StatResidency => "PSCI_STAT_RESIDENCY",
            Self::StatCount => "PSCI_STAT_COUNT",
            Self::SystemReset2 => "SYSTEM_RESET2",
            Self::MemProtect => "MEM_PROTECT",
            Self::MemProtectCheckRange => "MEM_PROTECT_CHECK_RANGE",
            Self::SystemOff2 => "SYSTEM_OFF2",
        }
    }
}

const _: () = {
    let mut at = 0;
    while at < Function::ALL.len() {
        assert!(Function::ALL[at] as usize == at);
        at += 1;
    }
};

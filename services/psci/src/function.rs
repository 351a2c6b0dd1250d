// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which functions there are. The dispatcher and PSCI_FEATURES both ask here, so they can not disagree.

use smccc::psci::{
    PSCI_AFFINITY_INFO_32, PSCI_AFFINITY_INFO_64, PSCI_CPU_OFF, PSCI_CPU_ON_32, PSCI_CPU_ON_64,
    PSCI_CPU_SUSPEND_32, PSCI_CPU_SUSPEND_64, PSCI_FEATURES, PSCI_MIGRATE_INFO_TYPE, PSCI_SYSTEM_OFF,
    PSCI_SYSTEM_RESET, PSCI_VERSION,
};

/// A function that is there, in either convention.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Function {
    Version,
    CpuSuspend,
    CpuOff,
    CpuOn,
    AffinityInfo,
    MigrateInfoType,
    SystemOff,
    SystemReset,
    Features,
}

impl Function {
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
            _ => return None,
        })
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is measured. Names and numbers alone: `cargo xtask bench` reads them too.
//!
//! A mark is a hint that no core has a meaning for: `hint #(64 + 2 * n)` begins operation `n`, and the next one ends it.

/// An operation of the firmware.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum Operation {
    /// From reset to the first instruction of BL33. It has no marks.
    Boot,
    /// PSCI_VERSION.
    PsciVersion,
    /// AFFINITY_INFO of a core that is off.
    AffinityInfo,
    /// CPU_ON, for its caller.
    CpuOnCaller,
    /// CPU_ON, for the core that is started: from the end of its sleep to its first instruction at the entry point.
    CpuOnTarget,
    /// CPU_OFF, up to the sleep.
    CpuOff,
    /// CPU_SUSPEND to a standby that a pending interrupt ends at once.
    CpuSuspendStandby,
    /// CPU_SUSPEND to a power-down, up to the first instruction at the entry point.
    CpuSuspendPowerdown,
    /// A call of the standard service that there is not.
    UnknownFid,
    /// A call of the silicon provider that there is not.
    UnknownSipFid,
    /// MASK.
    Mask,
    /// BEGIN and POLL for cores that answer with ACK.
    StopAcked,
    /// BEGIN and POLL for cores that take no interrupt.
    StopWedged,
    /// RELEASE that lets the cores of a PAUSE go on.
    Resume,
    /// CPU_ON of all other cores.
    StartAll,
    /// What all cores that are off do in 10 ms.
    Parked,
}

impl Operation {
    /// Every operation, at the place of its number.
    pub const ALL: [Self; 16] = [
        Self::Boot,
        Self::PsciVersion,
        Self::AffinityInfo,
        Self::CpuOnCaller,
        Self::CpuOnTarget,
        Self::CpuOff,
        Self::CpuSuspendStandby,
        Self::CpuSuspendPowerdown,
        Self::UnknownFid,
        Self::UnknownSipFid,
        Self::Mask,
        Self::StopAcked,
        Self::StopWedged,
        Self::Resume,
        Self::StartAll,
        Self::Parked,
    ];

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::PsciVersion => "psci_version",
            Self::AffinityInfo => "affinity_info",
            Self::CpuOnCaller => "cpu_on_caller",
            Self::CpuOnTarget => "cpu_on_target",
            Self::CpuOff => "cpu_off",
            Self::CpuSuspendStandby => "cpu_suspend_standby",
            Self::CpuSuspendPowerdown => "cpu_suspend_powerdown",
            Self::UnknownFid => "unknown_fid",
            Self::UnknownSipFid => "unknown_sip_fid",
            Self::Mask => "mask",
            Self::StopAcked => "stop_acked",
            Self::StopWedged => "stop_wedged",
            Self::Resume => "resume",
            Self::StartAll => "start_all",
            Self::Parked => "parked",
        }
    }

    /// Returns the number of the hint that begins it.
    pub const fn begin(self) -> u32 {
        64 + 2 * self as u32
    }

    /// Returns the number of the hint that ends it.
    pub const fn end(self) -> u32 {
        self.begin() + 1
    }
}

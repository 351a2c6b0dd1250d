// SPDX-License-Identifier: MIT OR Apache-2.0

//! What calls return, and how the state of a core is told.

/// Status of a call, in x0, sign-extended. Errors have PSCI's number where PSCI has the error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(i32)]
pub enum Status {
    /// Done: the call's work is complete, or no target is left.
    Success = 0,
    /// The session goes on; targets are left.
    Pending = 1,
    /// The time is over and targets are left; the fence stays.
    Partial = 2,
    /// The call or the kind is not there.
    NotSupported = -1,
    /// An argument is out of its range.
    InvalidParameters = -2,
    /// The caller may not do this now.
    Denied = -3,
    /// The firmware found itself inconsistent.
    InternalFailure = -6,
    /// The buffer does not lie wholly in non-secure DRAM, or is not aligned to 8 bytes.
    InvalidAddress = -9,
    /// Another core owns the session: x1 is its MPIDR, x2 the kind.
    Busy = -32,
    /// The handle is not the one of the newest session.
    StaleHandle = -33,
    /// No session is open.
    NoSession = -34,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 11] = [
        Self::Success,
        Self::Pending,
        Self::Partial,
        Self::NotSupported,
        Self::InvalidParameters,
        Self::Denied,
        Self::InternalFailure,
        Self::InvalidAddress,
        Self::Busy,
        Self::StaleHandle,
        Self::NoSession,
    ];

    /// Returns the register value: the status sign-extended to 64 bits.
    pub const fn to_register(self) -> u64 {
        (self as i32 as i64).cast_unsigned()
    }

    /// Returns the status of a register value.
    pub fn from_register(value: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.to_register() == value)
    }
}

/// State of a core, in bits 6:0 of STATUS x1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum State {
    /// Off: CPU_ON starts it.
    Off = 0,
    /// A starter is writing its entry point.
    Claimed = 1,
    /// Accepted by CPU_ON, not yet in the OS.
    Pending = 2,
    /// A session cancelled its start; the starter has yet to see it.
    Cancelled = 3,
    /// In the OS, or in a call from it.
    On = 4,
    /// In CPU_SUSPEND.
    Suspended = 5,
    /// Has left the OS and is on its way to the pen.
    Stopping = 6,
    /// Stopped by a PAUSE.
    Parked = 7,
}

impl State {
    /// Every state, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::Off,
        Self::Claimed,
        Self::Pending,
        Self::Cancelled,
        Self::On,
        Self::Suspended,
        Self::Stopping,
        Self::Parked,
    ];

    /// Returns the state with this number.
    pub const fn from_bits(bits: u64) -> Option<Self> {
        Some(match bits {
            0 => Self::Off,
            1 => Self::Claimed,
            2 => Self::Pending,
            3 => Self::Cancelled,
            4 => Self::On,
            5 => Self::Suspended,
            6 => Self::Stopping,
            7 => Self::Parked,
            _ => return None,
        })
    }

    /// Returns the state's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Claimed => "CLAIMED",
            Self::Pending => "PENDING",
            Self::Cancelled => "CANCELLED",
            Self::On => "ON",
            Self::Suspended => "SUSPENDED",
            Self::Stopping => "STOPPING",
            Self::Parked => "PARKED",
        }
    }
}

/// Set in the state byte of a core that was left running when its session was released.
pub const STATE_QUARANTINED: u8 = 0x80;

/// How a core came to its state, in bits 15:8 of STATUS x1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Why {
    /// Nothing has happened to it.
    None = 0,
    /// It stopped itself with ACK.
    Ack = 1,
    /// The secure interrupt, or the gate behind a call, stopped it.
    Nmi = 2,
    /// It called CPU_OFF.
    Off = 3,
    /// It was in CPU_SUSPEND.
    Suspended = 4,
    /// It lost the arbitration of two BEGINs.
    Lost = 5,
    /// Its start was cancelled before its first instruction.
    NeverRan = 6,
    /// Left: it is inside the firmware.
    InEl3 = 7,
    /// Left: it has not answered the secure interrupt.
    NoAnswer = 8,
}

impl Why {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::Ack,
        Self::Nmi,
        Self::Off,
        Self::Suspended,
        Self::Lost,
        Self::NeverRan,
        Self::InEl3,
        Self::NoAnswer,
    ];

    /// Returns the reason with this number.
    pub const fn from_bits(bits: u64) -> Option<Self> {
        Some(match bits {
            0 => Self::None,
            1 => Self::Ack,
            2 => Self::Nmi,
            3 => Self::Off,
            4 => Self::Suspended,
            5 => Self::Lost,
            6 => Self::NeverRan,
            7 => Self::InEl3,
            8 => Self::NoAnswer,
            _ => return None,
        })
    }

    /// Returns the reason's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Ack => "ACK",
            Self::Nmi => "NMI",
            Self::Off => "OFF",
            Self::Suspended => "SUSPENDED",
            Self::Lost => "LOST",
            Self::NeverRan => "NEVER_RAN",
            Self::InEl3 => "IN_EL3",
            Self::NoAnswer => "NO_ANSWER",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_places_in_the_lists() {
        for (number, state) in State::ALL.into_iter().enumerate() {
            assert_eq!(state as usize, number);
            assert_eq!(State::from_bits(number as u64), Some(state));
        }
        for (number, why) in Why::ALL.into_iter().enumerate() {
            assert_eq!(why as usize, number);
            assert_eq!(Why::from_bits(number as u64), Some(why));
        }
        assert_eq!(State::from_bits(8), None);
        assert_eq!(Why::from_bits(9), None);
    }

    #[test]
    fn a_status_is_sign_extended() {
        assert_eq!(Status::Busy.to_register(), 0xffff_ffff_ffff_ffe0);
        assert_eq!(Status::from_register(0xffff_ffff_ffff_ffe0), Some(Status::Busy));
        assert_eq!(Status::from_register(0xffff_ffe0), None);
    }
}

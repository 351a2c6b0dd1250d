// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registers of the non-secure world on a core's EL3 stack.

/// General-purpose registers x0 to x30 as the vectors save them.
///
/// A call saves x0 to x18, x29 and x30: the rest survives Rust code by its calling convention, and is saved only when the
/// core does not go back.
#[derive(Debug)]
#[repr(C, align(16))]
pub(crate) struct Frame {
    /// x0 to x30.
    pub x: [u64; 31],
}

/// What the vectors do when a handler has returned, in x0: nothing if it is zero, else the core does not go back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(transparent)]
pub(crate) struct Verdict(u64);

/// Why a core does not go back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Leave {
    /// CPU_OFF.
    Off,
    /// ACK, in the session with this generation.
    Ack(u32),
    /// The session with this generation stops it.
    Stop(u32),
    /// It lost the arbitration of BEGIN to the session with this generation.
    Lost(u32),
    /// It was stopped in CPU_SUSPEND, and has just woken up.
    Suspended,
    /// It was stopped when it woke up in CPU_SUSPEND, by the session with this generation.
    Woken(u32),
}

const GENERATION_SHIFT: u32 = 32;

impl Verdict {
    /// The core goes back to the non-secure world, if the gate lets it.
    pub(crate) const RETURN: Self = Self(0);

    /// Returns why the core leaves.
    ///
    /// # Panics
    ///
    /// Panics if it does not: then the vectors do not ask.
    pub(crate) fn leave(self) -> Leave {
        let generation = (self.0 >> GENERATION_SHIFT) as u32;
        match self.0 as u32 {
            1 => Leave::Off,
            2 => Leave::Ack(generation),
            3 => Leave::Stop(generation),
            4 => Leave::Lost(generation),
            5 => Leave::Suspended,
            6 => Leave::Woken(generation),
            other => panic!("verdict {other}"),
        }
    }
}

impl From<Leave> for Verdict {
    fn from(leave: Leave) -> Self {
        let (number, generation) = match leave {
            Leave::Off => (1, 0),
            Leave::Ack(generation) => (2, generation),
            Leave::Stop(generation) => (3, generation),
            Leave::Lost(generation) => (4, generation),
            Leave::Suspended => (5, 0),
            Leave::Woken(generation) => (6, generation),
        };
        Self(u64::from(generation) << GENERATION_SHIFT | number)
    }
}

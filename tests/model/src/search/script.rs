// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the cores of a model do, and where they are between.

use quell_abi::{Kind, Release};

/// What the operating system of a core does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// CPU_ON of this core.
    Start(usize),
    /// BEGIN with this kind, and grace, NMI and lease time in milliseconds.
    Begin(Kind, [u64; 3]),
    /// POLL until the session is DONE or PARTIAL, or somebody else's.
    PollToEnd,
    /// ACK.
    Acknowledge,
    /// RELEASE.
    Release(Release),
    /// CPU_OFF.
    Off,
    /// CPU_SUSPEND to standby.
    Suspend,
    /// SNAPSHOT and EVICT of this core, with so many milliseconds.
    Snapshot(usize, u64),
    Evict(usize, u64),
    /// BEGIN of a CRASH that resets the machine when its lease is over.
    BeginOrphan([u64; 3]),
    /// SYNC: BEGIN, and the wait.
    Sync(Kind, [u64; 3]),
    /// READ of so many words of this core's record.
    Read(usize, usize),
    /// SYSTEM_RESET, or SYSTEM_OFF.
    End,
    /// Any other call.
    Call,
    /// The core hangs from here on, and takes no interrupt.
    Wedge,
}

/// Where a core is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Place {
    /// In the operating system.
    Inside,
    /// In the pen.
    Pen,
    /// Nowhere: it hangs.
    Wedged,
    /// It has ended the machine.
    Ended,
    /// Not a core: what makes time pass and interrupts come.
    Outside,
}

/// A core between two operations.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Core {
    pub(crate) place: Place,
    /// How far the core is in what it does.
    pub(crate) at: usize,
    /// The generation of the session that it has begun.
    pub(crate) handle: u32,
    /// What it has begun that for.
    pub(crate) kind: u8,
    /// How often it was started anew: 1 for any number.
    pub(crate) life: u8,
}

/// What a core can do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Doing {
    Act(Act),
    /// It takes a secure interrupt.
    Interrupt,
    /// It takes one of the operating system's.
    Normal,
    /// It is in the pen until somebody starts it.
    Stay,
    Tick,
    /// An interrupt comes to a core: which nobody in the model has sent.
    Stray(usize, u64),
}

/// What a core of the model is at the beginning.
pub(crate) enum Begin {
    /// In the operating system, with this to do.
    Inside(&'static [Act]),
    /// OFF.
    Pen,
}

impl Begin {
    /// Returns whether the core does something of this kind.
    pub(crate) fn does(&self, which: fn(&Act) -> bool) -> bool {
        match self {
            Self::Inside(acts) => acts.iter().any(which),
            Self::Pen => false,
        }
    }
}

impl Doing {
    /// Returns whether the core does this until time has passed, if nothing else happens.
    pub(crate) const fn waits(self) -> bool {
        matches!(self, Self::Act(Act::Snapshot(..) | Act::Evict(..) | Act::Sync(..) | Act::End))
    }
}

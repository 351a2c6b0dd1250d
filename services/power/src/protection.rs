// SPDX-License-Identifier: MIT OR Apache-2.0

//! The protections that a model takes out one by one to see that it can fail.

use crate::sync::{Ordering, fence};

/// A step of the protocol without which it is wrong (docs/stop-abi.md section 5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protection {
    /// Rule A: the starter looks at the control word again after it has claimed its target.
    Recheck,
    /// Rule A: the second look compares the whole word, not only whether it is idle.
    WholeWord,
    /// Rule A: the mailbox is complete before the word says PENDING.
    MailboxFirst,
    /// Rule B: a core that enters the operating system looks at the control word after its own word says ON.
    EntryGate,
    /// Rule B: a core that returns looks at the control word first, and last at its own word.
    GateOrder,
    /// Rule B: only a core whose own word says ON leaves.
    OwnWord,
    /// Rule D: a core that returns is not stopped in the time of grace.
    Grace,
    /// Rule D: an interrupt stops a core only if an open session is due to.
    InterruptCheck,
    /// Rule E: a core says that it is OFF or PARKED after all else that it does in its old life.
    PublishLast,
    /// Rule E: pending interrupts are cleared before the core says that it is OFF, not after.
    ClearFirst,
    /// Rule C: a session leaves words alone that are not older than itself, nor of its time.
    GenerationAge,
    /// Rule C, the half of it: a session changes a word only if it is still open after it has read it.
    StillOpen,
    /// Arbitration: a BEGIN replaces a session only of a lower kind.
    Arbitration,
    /// A BEGIN opens a session only if its caller's own word says ON.
    OpenerOn,
    /// Deadlines are driven by timers of EL3.
    Alarm,
    /// A core names itself deputy in place of the one of an older session.
    DeputyAge,
    /// A core is started anew only when it has arrived, if it was given up.
    Quarantine,
    /// A request to a core is accepted, or taken back, by a compare-and-swap of the same word.
    RequestSwap,
    /// A request is accepted only if it is the one that the core has looked at.
    RequestSeen,
    /// A snapshot, or a second capture, does not replace what a core was stopped with in the same generation.
    FirstCapture,
    /// A record says that it is valid after all else that is written to it.
    ValidLast,
    /// READ writes no more words than it was asked for.
    ReadBounds,
    /// A core that goes on after a PAUSE opens what it has closed.
    Reopen,
    /// A picture of several words counts only if none of them changed meanwhile.
    OneMoment,
    /// The starter's fence: CLAIMED before its second look at the control word.
    StartFence,
    /// The entering core's fence: ON before its look at the control word.
    EntryFence,
    /// The leaving core's fence: STOPPING before its look at the control word.
    LeaveFence,
    /// The parked core's fence: PARKED before its look at the control word.
    ParkFence,
    /// The fence of those that end a PAUSE: the control word before the look at who is parked.
    ResumeFence,
    /// The fence of those that let a cluster go or come back to it: their own word before the look at what stands there.
    ClusterFence,
    /// The session's fence: the open control word before the look at a core's word.
    SessionFence,
}

/// Executes the full fence that is this protection: it orders the stores before it with the loads after it, which
/// acquire and release do not.
#[inline(always)]
pub fn full_fence(protection: Protection) {
    if intact(protection) {
        fence(Ordering::SeqCst);
    }
}

/// Returns whether a protection is in place: always, but in a model that took it out.
#[cfg(not(any(interleave, loom)))]
#[inline(always)]
pub const fn intact(_: Protection) -> bool {
    true
}

#[cfg(any(interleave, loom))]
std::thread_local! {
    static REMOVED: std::cell::Cell<Option<Protection>> = const { std::cell::Cell::new(None) };
}

/// Takes a protection out for the models that this thread runs from now on.
#[cfg(any(interleave, loom))]
pub fn remove(protection: Protection) {
    REMOVED.set(Some(protection));
}

/// Returns whether a protection is in place.
#[cfg(any(interleave, loom))]
pub fn intact(protection: Protection) -> bool {
    REMOVED.get() != Some(protection)
}

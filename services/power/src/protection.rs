// SPDX-License-Identifier: MIT OR Apache-2.0

//! The protections that a model takes out one by one to see that it can fail.

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
    /// Rule C: a session leaves words alone that are not older than itself.
    GenerationAge,
}

/// Returns whether a protection is in place: always, but in a model that took it out.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) const fn intact(_: Protection) -> bool {
    true
}

#[cfg(loom)]
std::thread_local! {
    static REMOVED: std::cell::Cell<Option<Protection>> = const { std::cell::Cell::new(None) };
}

/// Takes a protection out for the models that this thread runs from now on.
#[cfg(loom)]
pub fn remove(protection: Protection) {
    REMOVED.set(Some(protection));
}

/// Returns whether a protection is in place.
#[cfg(loom)]
pub(crate) fn intact(protection: Protection) -> bool {
    REMOVED.get() != Some(protection)
}

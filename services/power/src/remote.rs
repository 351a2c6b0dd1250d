// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a core does to the word of another: start it, or stop it where it is not in the operating system. The protocol is
//! in the crate's documentation.

use quell_abi::{State, Why};

use crate::{
    ControlWord, CoreSlot, CoreTable, CoreWord, Entry, LocalCore, Protection, Step,
    protection::intact,
    sync::{Ordering, fence},
};

/// Why a core was not started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StartError {
    /// It is ON, or suspended, or has not finished to go OFF.
    AlreadyOn,
    /// A start of it is under way.
    OnPending,
    /// A session is open, or one opened meanwhile.
    Denied,
}

/// The view that others have of a core.
#[derive(Clone, Copy, Debug)]
pub struct RemoteCore<'a> {
    table: CoreTable<'a>,
    slot: &'a CoreSlot,
}

impl<'a> RemoteCore<'a> {
    pub(crate) const fn new(table: CoreTable<'a>, slot: &'a CoreSlot) -> Self {
        Self { table, slot }
    }

    /// Returns the core's word.
    pub fn word(&self) -> CoreWord {
        self.slot.load()
    }

    /// Accepts a start of the core by `starter`; the caller rings the core's doorbell then.
    ///
    /// # Errors
    ///
    /// A start that is refused has not touched the core's mailbox unless the core was OFF.
    pub fn start(&self, starter: &LocalCore<'_>, entry: Entry) -> Result<(), StartError> {
        let seen = self.table.control().load();
        if seen.is_open() || starter.word().state() != State::On {
            return Err(StartError::Denied);
        }
        let word = self.slot.load();
        refuse(word.state())?;
        let claimed = match self.slot.step(word, Step::Claim, Why::None, seen.generation()) {
            Ok(claimed) => claimed,
            Err(now) => {
                refuse(now.state())?;
                // OFF again, but another word: somebody else's start was under way a moment ago.
                return Err(StartError::OnPending);
            }
        };
        if intact(Protection::MailboxFirst) {
            self.slot.write_mailbox(entry);
        }
        // The step to CLAIMED before the second load of the control word: the other half is in the session's opener.
        fence(Ordering::SeqCst);
        if !self.unchanged_since(seen) {
            self.take_back(claimed);
            return Err(StartError::Denied);
        }
        let accepted = self.slot.step(claimed, Step::Accept, Why::None, claimed.generation());
        if !intact(Protection::MailboxFirst) {
            self.slot.write_mailbox(entry);
        }
        accepted.map(|_| ()).map_err(|cancelled| {
            self.drop_cancelled(cancelled);
            StartError::Denied
        })
    }

    /// Returns whether no session has opened since the control word was `seen` idle.
    fn unchanged_since(&self, seen: ControlWord) -> bool {
        if !intact(Protection::Recheck) {
            return true;
        }
        let now = self.table.control().load();
        if intact(Protection::WholeWord) { now == seen } else { !now.is_open() }
    }

    /// Takes back a start that was claimed and not accepted.
    fn take_back(&self, claimed: CoreWord) {
        if let Err(cancelled) = self.slot.step(claimed, Step::RollBack, Why::None, claimed.generation()) {
            self.drop_cancelled(cancelled);
        }
    }

    /// Lets go of a core whose start a session has cancelled. It keeps the session's generation.
    fn drop_cancelled(&self, cancelled: CoreWord) {
        let dropped = self.slot.step(cancelled, Step::Drop, Why::NeverRan, cancelled.generation());
        assert!(dropped.is_ok(), "only a session changes CLAIMED, and only the starter CANCELLED");
    }

    /// Stops the core on behalf of the session `session` if it is not in the operating system, and marks it as a target if
    /// it is on its way out.
    ///
    /// Returns the core's word afterwards. The session has fenced before.
    pub fn contain(&self, session: ControlWord) -> CoreWord {
        let mut word = self.slot.load();
        // A word changes at most from CLAIMED by way of PENDING to ON while the session is open: three tries do.
        for _ in 0..3 {
            let older =
                is_older(word.generation(), session.generation()) || !intact(Protection::GenerationAge);
            let (step, why) = match word.state() {
                State::Claimed if older => (Step::Cancel, Why::NeverRan),
                State::Pending if older => (Step::Withdraw, Why::NeverRan),
                State::Suspended if older => (Step::Contain, Why::Suspended),
                State::Stopping if older => (Step::Mark, word.why()),
                _ => return word,
            };
            match self.slot.step(word, step, why, session.generation()) {
                Ok(contained) => return contained,
                Err(now) => word = now,
            }
        }
        word
    }
}

/// Returns whether generation `a` comes before `b`. Generations wrap; two that are compared are never far apart.
const fn is_older(a: u32, b: u32) -> bool {
    (b.wrapping_sub(a) as i32) > 0
}

/// Returns the error of a start of a core in this state.
const fn refuse(state: State) -> Result<(), StartError> {
    match state {
        State::Off => Ok(()),
        State::Claimed | State::Pending | State::Cancelled => Err(StartError::OnPending),
        State::On | State::Suspended | State::Stopping | State::Parked => Err(StartError::AlreadyOn),
    }
}

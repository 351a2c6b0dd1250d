// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a core does to its own word: boot, sleep, leave, and the gate. The protocol is in the crate's documentation.

use quell_abi::{State, Why};

use crate::{
    CoreSlot, CoreTable, CoreWord, Entry, Gate, Protection, Step,
    protection::intact,
    sync::{Ordering, fence},
};

/// More sessions than can open, or be taken over, while a core publishes that it is OFF.
const MARKS: usize = 64;

/// The view that a core has of itself. Only the core with this index uses it.
#[derive(Clone, Copy, Debug)]
pub struct LocalCore<'a> {
    table: CoreTable<'a>,
    index: usize,
    slot: &'a CoreSlot,
}

impl<'a> LocalCore<'a> {
    pub(crate) const fn new(table: CoreTable<'a>, index: usize, slot: &'a CoreSlot) -> Self {
        Self { table, index, slot }
    }

    /// Returns the core's index.
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Returns the core's word.
    pub fn word(&self) -> CoreWord {
        self.slot.load()
    }

    /// Takes an accepted start: the core is ON and knows where to begin. `None` if none is accepted.
    ///
    /// The core has still to pass [`enter`](Self::enter).
    pub fn boot(&self) -> Option<Entry> {
        let word = self.slot.load();
        if word.state() != State::Pending {
            return None;
        }
        let entry = self.slot.read_mailbox();
        // Fails if a session withdraws the start; then the core stays OFF.
        self.slot.step(word, Step::Boot, Why::None, word.generation()).ok()?;
        Some(entry)
    }

    /// Goes to sleep in CPU_SUSPEND; returns false if the core is not ON.
    pub fn suspend(&self) -> bool {
        let word = self.slot.load();
        self.slot.step(word, Step::Suspend, Why::None, word.generation()).is_ok()
    }

    /// Wakes up in CPU_SUSPEND; returns false if a session stopped the core in its sleep.
    ///
    /// The core has still to pass [`enter`](Self::enter).
    pub fn wake(&self) -> bool {
        let word = self.slot.load();
        self.slot.step(word, Step::Wake, Why::None, word.generation()).is_ok()
    }

    /// The gate of a core that was not in the operating system and is ON since just now (boot, wake-up).
    pub fn enter(&self) -> Gate {
        // The step to ON before the load of the control word: the other half is in the session's opener.
        fence(Ordering::SeqCst);
        let control = self.table.control().load();
        if control.targets(self.index) && intact(Protection::EntryGate) {
            return Gate::Stop { generation: control.generation() };
        }
        self.own_word()
    }

    /// The gate of a core that has been ON all the time: it returns from a call or an interrupt.
    #[inline]
    pub fn resume(&self) -> Gate {
        let control = self.table.control().load();
        if control.targets(self.index) && control.phase().stops() {
            return Gate::Stop { generation: control.generation() };
        }
        self.own_word()
    }

    /// The last look of both gates.
    #[inline]
    fn own_word(&self) -> Gate {
        if self.slot.load().state() == State::On { Gate::Pass } else { Gate::Pen }
    }

    /// Leaves the operating system for good; returns false if the core is not ON.
    ///
    /// The core does what has to be done before it counts as OFF, then calls [`publish`](Self::publish) from the pen.
    pub fn leave(&self) -> bool {
        let word = self.slot.load();
        self.slot.step(word, Step::Leave, word.why(), word.generation()).is_ok()
    }

    /// Returns the generation of the session that a core that has left is a target of, if one is open.
    ///
    /// A session that opens later finds the core's word STOPPING, and marks it, or OFF.
    pub fn session(&self) -> Option<u32> {
        // The step to STOPPING before the load of the control word: the other half is in the session's opener.
        fence(Ordering::SeqCst);
        let control = self.table.control().load();
        control.targets(self.index).then(|| control.generation())
    }

    /// Says that the core is OFF: the last thing it does in the pen before it looks for a start.
    ///
    /// `session` is the generation of the session that the core stopped for or left in, if there was one.
    ///
    /// # Panics
    ///
    /// Panics if the core has not left: somebody else wrote its word.
    pub fn publish(&self, why: Why, session: Option<u32>) {
        // Only a session changes STOPPING, and each session marks it once: a third try would need a takeover in between.
        for _ in 0..MARKS {
            let word = self.slot.load();
            assert!(word.state() == State::Stopping, "only the core itself leaves STOPPING");
            let generation = session.unwrap_or(word.generation());
            if self.slot.step(word, Step::Publish, why, generation).is_ok() {
                return;
            }
        }
        panic!("sessions open faster than a core can stop");
    }
}

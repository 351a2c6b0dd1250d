// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counting the cores of a session by how they stand, from their live words: there is no list.

use quell_abi::{State, Why};
use quell_power::{ControlWord, CoreTable, CoreWord};

/// How the cores of a session stand.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    pub acked: u16,
    pub nmi: u16,
    pub off: u16,
    pub left: u16,
    /// Index of one that is left.
    pub straggler: Option<u16>,
}

impl Tally {
    /// Adds a core of this session, whose word is no older than the row of sessions that began with `first_generation` if
    /// it was stopped by them.
    pub(crate) fn add(&mut self, index: usize, word: CoreWord, session: ControlWord, first_generation: u32) {
        // A core's index has 16 bits: so many has the owner of a session in the control word.
        if is_left(word, session) {
            self.left += 1;
            self.straggler = Some(index as u16);
            return;
        }
        match word.state() {
            State::Off => {
                if word.generation().wrapping_sub(first_generation) < u32::MAX / 2 {
                    self.count(word.why());
                }
            }
            State::Parked => self.count(word.why()),
            // Held where it is.
            _ => self.off += 1,
        }
    }

    const fn count(&mut self, why: Why) {
        match why {
            Why::Ack => self.acked += 1,
            Why::Nmi | Why::Lost => self.nmi += 1,
            Why::Off | Why::Suspended | Why::NeverRan => self.off += 1,
            Why::None | Why::InEl3 | Why::NoAnswer => {}
        }
    }

    /// Returns how many cores the session has to stop, or has stopped.
    pub(crate) fn targets(&self) -> u64 {
        self.contained() + u64::from(self.left)
    }

    /// Returns how many of them have stopped.
    pub(crate) fn contained(&self) -> u64 {
        u64::from(self.acked) + u64::from(self.nmi) + u64::from(self.off)
    }

    /// Returns the four counts as POLL tells them.
    pub(crate) fn counts(&self) -> u64 {
        u64::from(self.acked)
            | u64::from(self.nmi) << 16
            | u64::from(self.off) << 32
            | u64::from(self.left) << 48
    }

    /// Returns the cores that may be running the operating system in spite of the session.
    pub(crate) fn running<'a>(
        table: &CoreTable<'a>,
        session: ControlWord,
    ) -> impl Iterator<Item = usize> + use<'a> {
        table
            .words()
            .enumerate()
            .filter(move |(index, word)| {
                *index != session.owner()
                    && matches!(word.state(), State::On | State::Suspended | State::Stopping)
            })
            .map(|(index, _)| index)
    }
}

/// Returns whether a session still has to wait for a core with this word.
pub(crate) const fn is_left(word: CoreWord, session: ControlWord) -> bool {
    match word.state() {
        _ if word.is_quarantined() => true,
        State::Off => false,
        State::Parked | State::Pending | State::Suspended => !session.holds(),
        State::On | State::Stopping | State::Claimed | State::Cancelled => true,
    }
}

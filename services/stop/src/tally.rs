// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counting the cores of a session by how they stand, from their live words: there is no list.

use quell_abi::{State, Why};
use quell_power::{ControlWord, CoreTable, CoreWord};

/// How the cores of a session stand.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    pub acked: u64,
    pub nmi: u64,
    pub off: u64,
    pub left: u64,
    /// Index of one that is left.
    pub straggler: Option<usize>,
}

impl Tally {
    /// Adds a core, whose word is no older than the row of sessions that began with `first_generation` if it was stopped
    /// by them.
    pub(crate) fn add(&mut self, index: usize, word: CoreWord, first_generation: u32) {
        if word.state() != State::Off {
            self.left += 1;
            self.straggler = Some(index);
        } else if word.generation().wrapping_sub(first_generation) < u32::MAX / 2 {
            match word.why() {
                Why::Ack => self.acked += 1,
                Why::Nmi | Why::Lost => self.nmi += 1,
                Why::Off | Why::Suspended | Why::NeverRan => self.off += 1,
                Why::None | Why::InEl3 | Why::NoAnswer => {}
            }
        }
    }

    /// Returns how many cores the session has to stop, or has stopped.
    pub(crate) const fn targets(&self) -> u64 {
        self.contained() + self.left
    }

    /// Returns how many of them have stopped.
    pub(crate) const fn contained(&self) -> u64 {
        self.acked + self.nmi + self.off
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

// SPDX-License-Identifier: MIT OR Apache-2.0

//! One consistent picture of all core words.

use quell_abi::{State, Why};

use crate::CoreTable;

/// How many cores one word of a mask holds.
pub const MASK_BITS: usize = 64;

/// How often a picture is taken anew because a core changed meanwhile. A call is bounded.
const TRIES: usize = 16;

/// The cores of one mask word, by what they do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Census {
    /// Cores in the operating system, or in a call from it.
    pub on: u64,
    /// Cores whose start is under way.
    pub pending: u64,
    /// Cores that a session stopped and nobody has started since.
    pub stopped: u64,
    /// Number of changes of all cores together, plus one. Two pictures with the same epoch are parts of one. 0 if the
    /// cores changed all the time: take it again.
    pub epoch: u64,
}

impl CoreTable<'_> {
    /// Returns what the cores `64 * word` to `64 * word + 63` do, or `None` if there are no such cores.
    ///
    /// Every word counts its changes. If two sums of all counts are equal, no core has changed between them.
    pub fn census(&self, word: usize) -> Option<Census> {
        let first = word.checked_mul(MASK_BITS).filter(|&first| first < self.len())?;
        let mut census = Census::default();
        for _ in 0..TRIES {
            let before = self.changes();
            census = self.collect(first);
            if self.changes() == before {
                return Some(Census { epoch: before + 1, ..census });
            }
        }
        Some(census)
    }

    fn changes(&self) -> u64 {
        self.words().map(|word| word.changes()).sum()
    }

    fn collect(&self, first: usize) -> Census {
        let mut census = Census::default();
        for (place, word) in self.words().skip(first).take(MASK_BITS).enumerate() {
            let bit = 1 << place;
            match word.state() {
                State::On | State::Suspended | State::Stopping => census.on |= bit,
                State::Claimed | State::Pending | State::Cancelled => census.pending |= bit,
                State::Off if !matches!(word.why(), Why::None | Why::Off) => census.stopped |= bit,
                State::Off => {}
                State::Parked => census.stopped |= bit,
            }
        }
        census
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! A core's word.

use core::fmt;

use quell_abi::{State, Why};

/// The state of one core, in 64 bits:
///
/// | bits | what |
/// |---|---|
/// | 3:0 | [`State`] |
/// | 7:4 | [`Why`] it is in that state |
/// | 31:8 | number of changes, modulo 2^24: no two states of a core are ever the same word |
/// | 63:32 | generation: of the session that stopped it, else the one its start saw |
///
/// All zero is a core that is OFF and never ran.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct CoreWord(u64);

const STATE_MASK: u64 = 0xf;
const WHY_SHIFT: u32 = 4;
const WHY_MASK: u64 = 0xf;
const CHANGES_SHIFT: u32 = 8;
const CHANGES_MASK: u64 = 0xff_ffff;
const GENERATION_SHIFT: u32 = 32;

impl CoreWord {
    /// Returns the word with these 64 bits.
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the word's 64 bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Returns the core's state.
    pub const fn state(self) -> State {
        match State::from_bits(self.0 & STATE_MASK) {
            Some(state) => state,
            None => panic!("a core word holds no state"),
        }
    }

    /// Returns how the core came to its state.
    pub const fn why(self) -> Why {
        match Why::from_bits(self.0 >> WHY_SHIFT & WHY_MASK) {
            Some(why) => why,
            None => panic!("a core word holds no reason"),
        }
    }

    /// Returns how often the word has changed, modulo 2^24.
    pub const fn changes(self) -> u64 {
        self.0 >> CHANGES_SHIFT & CHANGES_MASK
    }

    /// Returns the generation of the session that stopped the core, or that its start saw.
    pub const fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT) as u32
    }

    /// Returns the word that follows this one.
    pub(crate) const fn next(self, state: State, why: Why, generation: u32) -> Self {
        let changes = (self.changes() + 1) & CHANGES_MASK;
        Self(
            state as u64
                | (why as u64) << WHY_SHIFT
                | changes << CHANGES_SHIFT
                | (generation as u64) << GENERATION_SHIFT,
        )
    }
}

impl fmt::Debug for CoreWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} ({:?}) generation {} change {}",
            self.state(),
            self.why(),
            self.generation(),
            self.changes()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_off() {
        let word = CoreWord::default();
        assert_eq!(
            (word.state(), word.why(), word.generation(), word.changes()),
            (State::Off, Why::None, 0, 0)
        );
    }

    #[test]
    fn fields_do_not_touch_each_other() {
        for state in State::ALL {
            for why in Why::ALL {
                let word = CoreWord::from_bits(u64::MAX << 8).next(state, why, 0xdead_beef);
                assert_eq!((word.state(), word.why(), word.generation()), (state, why, 0xdead_beef));
                assert_eq!(word.changes(), 0, "the count wraps");
            }
        }
    }
}

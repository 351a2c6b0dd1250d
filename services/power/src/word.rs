// SPDX-License-Identifier: MIT OR Apache-2.0

//! A core's word.

use core::fmt;

use quell_abi::{State, Why};

/// How much of the machine a suspended core lets go.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Depth {
    /// Nothing: it stands by and keeps its registers.
    Standby = 0,
    /// Itself: it begins anew when it wakes up.
    Core = 1,
    /// Its cluster too, once the other cores of the cluster have let it go.
    Cluster = 2,
    /// The whole machine: it is the only core that is not OFF.
    System = 3,
}

impl Depth {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 4] = [Self::Standby, Self::Core, Self::Cluster, Self::System];
}

/// The state of one core, in 64 bits:
///
/// | bits | what |
/// |---|---|
/// | 2:0 | [`State`] |
/// | 3 | quarantined: a session gave the core up, and it has not come to the pen since |
/// | 7:4 | [`Why`] it is in that state |
/// | 9:8 | [`Depth`] of a core that is SUSPENDED |
/// | 31:10 | number of changes, modulo 2^22: a word comes back only after so many |
/// | 63:32 | generation: of the session that stopped it, else the one its start saw |
///
/// All zero is a core that is OFF and never ran.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct CoreWord(u64);

const STATE_MASK: u64 = 0x7;
const QUARANTINED: u64 = 1 << 3;
const WHY_SHIFT: u32 = 4;
const WHY_MASK: u64 = 0xf;
const DEPTH_SHIFT: u32 = 8;
const DEPTH_MASK: u64 = 0b11;
const CHANGES_SHIFT: u32 = 10;
const CHANGES_MASK: u64 = 0x3f_ffff;
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

    /// Returns whether the core is OFF and in the pen.
    pub fn is_off(self) -> bool {
        self.state() == State::Off && !self.is_quarantined()
    }

    /// Returns whether the core is ON, and has not been given up.
    pub fn is_on(self) -> bool {
        self.state() == State::On && !self.is_quarantined()
    }

    /// Returns whether a session gave the core up and it has not arrived in the pen: what it did before may not be over.
    pub const fn is_quarantined(self) -> bool {
        self.0 & QUARANTINED != 0
    }

    /// Returns how the core came to its state.
    pub const fn why(self) -> Why {
        match Why::from_bits(self.0 >> WHY_SHIFT & WHY_MASK) {
            Some(why) => why,
            None => panic!("a core word holds no reason"),
        }
    }

    /// Returns how deep the core sleeps, if it is SUSPENDED.
    pub const fn depth(self) -> Option<Depth> {
        match self.state() {
            State::Suspended => Some(match self.0 >> DEPTH_SHIFT & DEPTH_MASK {
                0 => Depth::Standby,
                1 => Depth::Core,
                2 => Depth::Cluster,
                _ => Depth::System,
            }),
            _ => None,
        }
    }

    /// Returns how often the word has changed, modulo 2^22.
    pub const fn changes(self) -> u64 {
        self.0 >> CHANGES_SHIFT & CHANGES_MASK
    }

    /// Returns the generation of the session that stopped the core, or that its start saw.
    pub const fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT) as u32
    }

    /// Returns the word that follows this one. What becomes of a core that is quarantined does not bring it to the pen.
    pub(crate) const fn next(self, state: State, why: Why, generation: u32) -> Self {
        let changes = (self.changes() + 1) & CHANGES_MASK;
        Self(
            state as u64
                | self.0 & QUARANTINED
                | (why as u64) << WHY_SHIFT
                | changes << CHANGES_SHIFT
                | (generation as u64) << GENERATION_SHIFT,
        )
    }

    /// Returns this word of a core that has been given up.
    pub(crate) const fn quarantined(self) -> Self {
        Self(self.0 | QUARANTINED)
    }

    /// Returns this word of a core that has arrived in the pen after all.
    pub(crate) const fn arrived(self) -> Self {
        Self(self.0 & !QUARANTINED)
    }

    /// Returns this word of a core that is SUSPENDED with its depth.
    pub(crate) const fn asleep(self, depth: Depth) -> Self {
        Self(self.0 | (depth as u64) << DEPTH_SHIFT)
    }
}

impl fmt::Debug for CoreWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}{} ({:?}) generation {} change {}",
            self.state(),
            if self.is_quarantined() { " quarantined" } else { "" },
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
                assert_eq!(word.depth(), (state == State::Suspended).then_some(Depth::Standby));
            }
        }
    }

    #[test]
    fn a_core_stays_quarantined_until_it_arrives() {
        let word = CoreWord::default().next(State::Off, Why::NoAnswer, 7).quarantined();
        let started = word.next(State::Claimed, Why::None, 7).next(State::Pending, Why::None, 8);
        assert!(!word.is_off() && word.arrived().is_off());
        assert!(word.is_quarantined() && started.is_quarantined() && !started.arrived().is_quarantined());
        assert_eq!((started.state(), started.generation()), (State::Pending, 8));
    }

    #[test]
    fn a_core_that_sleeps_tells_how_deep() {
        for depth in Depth::ALL {
            let word = CoreWord::default().next(State::Suspended, Why::None, 7).asleep(depth);
            assert_eq!((word.depth(), word.changes(), word.generation()), (Some(depth), 1, 7));
            assert_eq!(
                word.next(State::On, Why::None, 7).next(State::Suspended, Why::None, 7).depth(),
                Some(Depth::Standby)
            );
        }
    }
}

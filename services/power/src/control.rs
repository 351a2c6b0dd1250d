// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control word: whether a session is open, whose and for what.

use core::fmt;

use quell_abi::{Flags, Kind};

use crate::sync::{AtomicU64, Ordering};

/// How far a session is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Phase {
    /// No session is open; kind, owner and generation are those of the last one.
    Idle = 0,
    /// The fence is up: no core enters the operating system.
    Fenced = 1,
    /// Targets may still stop by themselves, and their calls return.
    Grace = 2,
    /// The secure interrupt is out; no call returns to a target.
    Nmi = 3,
    /// A PAUSE that nobody is left of: every other core is held.
    Done = 4,
    /// The time is over and targets are left.
    Partial = 5,
    /// What is left is being given up: nobody takes this over.
    Releasing = 6,
    /// The machine ends, or the firmware found itself wrong: every core stops, and nobody takes this over or closes it.
    Final = 7,
}

impl Phase {
    #[cfg(test)]
    const ALL: [Self; 8] = [
        Self::Idle,
        Self::Fenced,
        Self::Grace,
        Self::Nmi,
        Self::Done,
        Self::Partial,
        Self::Releasing,
        Self::Final,
    ];

    /// Returns the phase's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "IDLE",
            Self::Fenced => "FENCED",
            Self::Grace => "GRACE",
            Self::Nmi => "NMI",
            Self::Done => "DONE",
            Self::Partial => "PARTIAL",
            Self::Releasing => "RELEASING",
            Self::Final => "FINAL",
        }
    }

    /// Returns whether a target must stop at the gate whatever it came from.
    pub const fn stops(self) -> bool {
        !matches!(self, Self::Idle | Self::Fenced | Self::Grace)
    }
}

/// The state of the machine's stop, in 64 bits:
///
/// | bits | what |
/// |---|---|
/// | 2:0 | [`Phase`] |
/// | 9:8 | [`Kind`] |
/// | 13:12 | [`Flags`] |
/// | 31:16 | core index of the owner |
/// | 63:32 | generation: grows by one with every session and every takeover |
///
/// All zero is a machine that never had a session.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct ControlWord(u64);

const PHASE_MASK: u64 = 0x7;
const KIND_SHIFT: u32 = 8;
const KIND_MASK: u64 = 0x3;
const FLAGS_SHIFT: u32 = 12;
const FLAGS_MASK: u64 = 0x3;
const OWNER_SHIFT: u32 = 16;
const OWNER_MASK: u64 = 0xffff;
const GENERATION_SHIFT: u32 = 32;

impl ControlWord {
    const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the word of a machine whose last session had this generation.
    #[cfg(all(test, not(loom)))]
    pub(crate) const fn with_generation(generation: u32) -> Self {
        Self((generation as u64) << GENERATION_SHIFT)
    }

    /// Returns how far the session is.
    pub const fn phase(self) -> Phase {
        match self.0 & PHASE_MASK {
            0 => Phase::Idle,
            1 => Phase::Fenced,
            2 => Phase::Grace,
            3 => Phase::Nmi,
            4 => Phase::Done,
            5 => Phase::Partial,
            6 => Phase::Releasing,
            _ => Phase::Final,
        }
    }

    /// Returns whether a session is open.
    pub const fn is_open(self) -> bool {
        self.0 & PHASE_MASK != Phase::Idle as u64
    }

    /// Returns what the session is, or the last one was, for.
    pub const fn kind(self) -> Kind {
        match Kind::from_bits(self.0 >> KIND_SHIFT & KIND_MASK) {
            Some(kind) => kind,
            None => panic!("two bits hold any kind"),
        }
    }

    /// Returns the session's flags.
    pub const fn flags(self) -> Flags {
        match Flags::from_bits(self.0 >> FLAGS_SHIFT & FLAGS_MASK) {
            Some(flags) => flags,
            None => panic!("the control word holds flags that BEGIN refuses"),
        }
    }

    /// Returns the core index of the session's owner.
    pub const fn owner(self) -> usize {
        (self.0 >> OWNER_SHIFT & OWNER_MASK) as usize
    }

    /// Returns the generation of the session, or of the last one.
    pub const fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT) as u32
    }

    /// Returns whether a session is open that `core` does not own.
    pub const fn targets(self, core: usize) -> bool {
        self.is_open() && self.owner() != core
    }

    /// Returns whether a PAUSE is open: its targets are held, and go on later.
    pub const fn holds(self) -> bool {
        self.is_open() && matches!(self.kind(), Kind::Pause) && !matches!(self.phase(), Phase::Releasing)
    }

    /// Returns the generation that the next session has. It is never 0, which is no session's.
    pub const fn next_generation(self) -> u32 {
        match self.generation().wrapping_add(1) {
            // Not 1, either: two generations in a row must not have the same parity (services/stop/src/lib.rs).
            0 => 2,
            generation => generation,
        }
    }

    /// Returns the word of a session that `owner` opens, or takes over, on this one.
    pub const fn opened(self, kind: Kind, flags: Flags, owner: usize) -> Self {
        Self(
            Phase::Fenced as u64
                | (kind as u64) << KIND_SHIFT
                | (flags.bits() as u64) << FLAGS_SHIFT
                | (owner as u64 & OWNER_MASK) << OWNER_SHIFT
                | (self.next_generation() as u64) << GENERATION_SHIFT,
        )
    }

    /// Returns the word of the same session in another phase.
    pub const fn at(self, phase: Phase) -> Self {
        Self(self.0 & !PHASE_MASK | phase as u64)
    }
}

impl fmt::Debug for ControlWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} {:?} owner {} generation {}",
            self.phase(),
            self.kind(),
            self.owner(),
            self.generation()
        )
    }
}

/// The place of the control word.
#[derive(Debug)]
#[repr(align(64))]
pub struct Control(AtomicU64);

impl Control {
    /// Returns the control word of a machine that never had a session.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Returns the control word of a machine that never had a session.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Returns the word as it is now.
    pub fn load(&self) -> ControlWord {
        ControlWord::from_bits(self.0.load(Ordering::Acquire))
    }

    /// Replaces the whole word `seen` by `next`.
    ///
    /// # Errors
    ///
    /// Returns the word as it is if it is not `seen` any more.
    pub fn replace(&self, seen: ControlWord, next: ControlWord) -> Result<(), ControlWord> {
        self.0
            .compare_exchange(seen.0, next.0, Ordering::AcqRel, Ordering::Acquire)
            .map(|_| ())
            .map_err(ControlWord::from_bits)
    }
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_touch_each_other() {
        let flags = Flags::from_bits(3).unwrap();
        let word = ControlWord::from_bits(0xffff_fffe_0000_0000).opened(Kind::Crash, flags, 511);
        assert_eq!((word.phase(), word.kind(), word.flags()), (Phase::Fenced, Kind::Crash, flags));
        assert_eq!((word.owner(), word.generation()), (511, u32::MAX));
        for phase in Phase::ALL {
            assert_eq!(word.at(phase).phase(), phase);
            assert_eq!(word.at(phase).at(Phase::Fenced), word);
        }
    }

    #[test]
    fn no_session_has_generation_0() {
        assert_eq!(ControlWord::default().next_generation(), 1);
        assert_eq!(ControlWord::from_bits(0xffff_ffff_0000_0000).next_generation(), 2);
    }

    #[test]
    fn a_session_targets_all_but_its_owner() {
        let open = ControlWord::default().opened(Kind::Halt, Flags::default(), 2);
        assert!(open.targets(0) && !open.targets(2));
        assert!(!open.at(Phase::Idle).targets(0));
    }
}

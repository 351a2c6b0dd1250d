// SPDX-License-Identifier: MIT OR Apache-2.0

//! One consistent picture of several core words.
//!
//! Every word counts its changes. If two sums of the counts are equal, no core has changed between them, and all that was
//! read in between was true at one moment: a core's step is seen by whoever sees a later step of a core that it made
//! possible (Release and Acquire of the words).

use core::ops::Range;

use quell_abi::{State, Why};

use crate::{CoreTable, Protection, protection::intact};

/// How many cores one word of a mask holds.
pub const MASK_BITS: usize = 64;

/// How often a picture is taken anew because a core changed meanwhile. A call is bounded; a model is, more tightly.
const TRIES: usize = if cfg!(any(interleave, loom)) { 2 } else { 16 };

/// The cores of one mask word, by what they do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Census {
    /// Cores in the operating system, or in a call from it; also those that were given up and may still be there.
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
    /// Returns what `look` makes of the words of these cores at one moment, or `None` if they changed all the time.
    ///
    /// # Panics
    ///
    /// Panics if there are no such cores.
    pub fn settled<T>(&self, cores: Range<usize>, look: impl Fn() -> T) -> Option<T> {
        for _ in 0..TRIES {
            let before = self.changes(cores.clone());
            let seen = look();
            if self.changes(cores.clone()) == before || !intact(Protection::OneMoment) {
                return Some(seen);
            }
        }
        None
    }

    /// Returns whether every core but this one is OFF. Then it stays so until this core starts one, if it is ON: nobody else
    /// could.
    pub fn is_alone(&self, index: usize) -> bool {
        let others = || self.words().enumerate().filter(|(other, _)| *other != index);
        self.settled(0..self.len(), || others().all(|(_, word)| word.is_off())).unwrap_or(false)
    }

    // Every kind of picture needs it: once in the image.
    #[inline(never)]
    fn changes(&self, cores: Range<usize>) -> u64 {
        self.words_of(cores).map(|word| word.changes()).sum()
    }

    /// Returns what the cores `64 * word` to `64 * word + 63` do, or `None` if there are no such cores.
    pub fn census(&self, word: usize) -> Option<Census> {
        let first = word.checked_mul(MASK_BITS).filter(|&first| first < self.len())?;
        let all = 0..self.len();
        let settled = self
            .settled(all.clone(), || Census { epoch: self.changes(all.clone()) + 1, ..self.collect(first) });
        Some(settled.unwrap_or_else(|| self.collect(first)))
    }

    fn collect(&self, first: usize) -> Census {
        let mut census = Census::default();
        for (place, word) in self.words().skip(first).take(MASK_BITS).enumerate() {
            let bit = 1 << place;
            match word.state() {
                State::On | State::Suspended | State::Stopping => census.on |= bit,
                State::Off if word.is_quarantined() => census.on |= bit,
                State::Claimed | State::Pending | State::Cancelled => census.pending |= bit,
                State::Off if !matches!(word.why(), Why::None | Why::Off) => census.stopped |= bit,
                State::Off => {}
                State::Parked => census.stopped |= bit,
            }
        }
        census
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::{cell::Cell, vec::Vec};

    use quell_abi::{Flags, Kind};

    use super::*;
    use crate::{Control, CoreSlot, Depth, Entry};

    const ENTRY: Entry = Entry::new(0x1000, 0, false);

    #[test]
    fn every_state_is_in_the_mask_that_it_belongs_to() {
        let control = Control::new();
        let slots: Vec<_> = (0..6).map(|_| CoreSlot::new()).collect();
        let table = CoreTable::new(&control, &slots);
        let masks = || {
            let census = table.census(0).unwrap();
            (census.on, census.pending, census.stopped)
        };
        assert_eq!(masks(), (0, 0, 0), "cores that never ran are not stopped");
        (0..4).for_each(|core| table.cold_boot(core));
        assert_eq!(masks(), (0b1111, 0, 0));
        assert!(table.local(1).suspend(Depth::Standby) && table.local(2).leave());
        assert_eq!(
            masks(),
            (0b1111, 0, 0),
            "a core that sleeps or goes can still be in the operating system"
        );
        assert!(table.local(2).publish(Why::Off, None));
        assert_eq!(masks(), (0b1011, 0, 0), "CPU_OFF is no stop");
        table.remote(4).unwrap().start(&table.local(0), ENTRY).unwrap();
        assert_eq!(masks(), (0b1011, 0b1_0000, 0));

        let session = control.load().opened(Kind::Crash, Flags::default(), 0);
        control.replace(control.load(), session).unwrap();
        table.remote(1).unwrap().contain(session);
        table.remote(4).unwrap().contain(session);
        assert!(table.local(3).leave());
        assert!(table.local(3).publish(Why::Nmi, Some(session.generation())));
        assert_eq!(masks(), (0b1, 0, 0b1_1010));
    }

    #[test]
    fn the_epoch_changes_with_every_step_and_only_then() {
        let control = Control::new();
        let slots: Vec<_> = (0..2).map(|_| CoreSlot::new()).collect();
        let table = CoreTable::new(&control, &slots);
        let epoch = || table.census(0).unwrap().epoch;
        assert_eq!(epoch(), 1, "0 is no epoch");
        assert_eq!(epoch(), epoch());
        table.cold_boot(0);
        let mut epochs = vec![epoch()];
        table.remote(1).unwrap().start(&table.local(0), ENTRY).unwrap();
        epochs.push(epoch());
        table.local(1).boot();
        epochs.push(epoch());
        table.local(1).suspend(Depth::Standby);
        epochs.push(epoch());
        table.local(1).wake();
        epochs.push(epoch());
        table.local(1).leave();
        epochs.push(epoch());
        assert!(table.local(1).publish(Why::Off, None));
        epochs.push(epoch());
        assert!(epochs.is_sorted_by(|before, after| before < after), "{epochs:?}");
        // A step that is refused is no change.
        assert!(!table.local(1).leave());
        assert_eq!(epoch(), epochs[6]);
    }

    #[test]
    fn a_word_covers_64_cores_and_the_last_one_the_rest() {
        let control = Control::new();
        let slots: Vec<_> = (0..130).map(|_| CoreSlot::new()).collect();
        let table = CoreTable::new(&control, &slots);
        [0, 63, 64, 129].into_iter().for_each(|core| table.cold_boot(core));
        let on = |word| table.census(word).map(|census| census.on);
        assert_eq!([0, 1, 2, 3].map(on), [Some(1 << 63 | 1), Some(1), Some(2), None]);
        assert_eq!([1 << 58, usize::MAX].map(on), [None, None], "no word number wraps around");
        assert_eq!(table.census(0).unwrap().epoch, table.census(2).unwrap().epoch);
    }

    #[test]
    fn a_multiple_of_64_cores_has_no_empty_word() {
        let control = Control::new();
        let slots: Vec<_> = (0..64).map(|_| CoreSlot::new()).collect();
        let table = CoreTable::new(&control, &slots);
        assert!(table.census(0).is_some() && table.census(1).is_none());
    }

    /// Two cores that are ON and one that is OFF.
    fn three(test: impl FnOnce(CoreTable<'_>)) {
        let control = Control::new();
        let slots = [const { CoreSlot::new() }; 3];
        let table = CoreTable::new(&control, &slots);
        table.cold_boot(0);
        table.cold_boot(1);
        test(table);
    }

    #[test]
    fn a_change_in_the_middle_of_a_look_is_seen() {
        three(|table| {
            let looks = Cell::new(0);
            let seen = table.settled(0..3, || {
                let state = table.local(1).word().state();
                if looks.replace(looks.get() + 1) == 0 {
                    // After this look has read the word: what it has seen is true no more.
                    assert!(table.local(1).suspend(Depth::Standby));
                }
                state
            });
            assert_eq!((seen, looks.get()), (Some(State::Suspended), 2));
        });
    }

    #[test]
    fn a_core_that_goes_and_comes_back_to_its_state_has_changed() {
        three(|table| {
            let looks = Cell::new(0);
            table.settled(0..3, || {
                if looks.replace(looks.get() + 1) == 0 {
                    assert!(table.local(1).suspend(Depth::Standby) && table.local(1).wake());
                }
            });
            assert_eq!(looks.get(), 2, "the state is the same, the moment is not");
        });
    }

    #[test]
    fn nothing_is_seen_of_cores_that_change_all_the_time() {
        three(|table| {
            let looks = Cell::new(0);
            let blink = || {
                looks.set(looks.get() + 1);
                assert!(table.local(1).suspend(Depth::Standby) && table.local(1).wake());
            };
            assert_eq!(table.settled(0..3, blink), None);
            assert_eq!(looks.get(), TRIES, "a call is bounded");
            looks.set(0);
            assert_eq!(table.settled(2..3, blink), Some(()), "others do not disturb");
            assert_eq!(looks.get(), 1);
        });
    }
}

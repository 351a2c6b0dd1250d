// SPDX-License-Identifier: MIT OR Apache-2.0

//! The table: one slot per core, and the control word.

use core::ops::Range;

use quell_abi::{State, Why};

use crate::{
    Control, CoreWord, LocalCore, Protection, RemoteCore, Role, Step,
    protection::intact,
    sync::{AtomicU64, Ordering},
};

/// Where a started core begins, as its CPU_ON gave it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The address, and in its lowest bit, which no address has, [`BIG_ENDIAN`](Self::BIG_ENDIAN).
    place: u64,
    context: u64,
}

impl Entry {
    const BIG_ENDIAN: u64 = 1;

    /// Returns the entry at the physical address `address`, a multiple of 4, with `context` in x0. The core begins with
    /// big-endian data accesses if its starter has them.
    pub const fn new(address: u64, context: u64, big_endian: bool) -> Self {
        Self { place: address & !Self::BIG_ENDIAN | big_endian as u64, context }
    }

    /// Returns the physical address of its first instruction.
    pub const fn address(self) -> u64 {
        self.place & !Self::BIG_ENDIAN
    }

    /// Returns its x0.
    pub const fn context(self) -> u64 {
        self.context
    }

    /// Returns whether it begins with big-endian data accesses.
    pub const fn is_big_endian(self) -> bool {
        self.place & Self::BIG_ENDIAN != 0
    }
}

/// What the firmware keeps of one core: a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
pub struct CoreSlot {
    word: AtomicU64,
    /// The mailbox, in two parts.
    place: AtomicU64,
    context: AtomicU64,
}

macro_rules! new_slot {
    ($($qualifier:tt)*) => {
        impl CoreSlot {
            /// Returns the slot of a core that is OFF.
            pub $($qualifier)* new() -> Self {
                Self {
                    word: AtomicU64::new(0),
                    place: AtomicU64::new(0),
                    context: AtomicU64::new(0),
                }
            }
        }
    };
}

#[cfg(not(loom))]
new_slot!(const fn);
// loom's atomics register themselves with the model when they are made.
#[cfg(loom)]
new_slot!(fn);

impl Default for CoreSlot {
    fn default() -> Self {
        Self::new()
    }
}

impl CoreSlot {
    /// Makes the core OFF, whatever the memory held. For the first core after a reset, before any other runs.
    pub fn clear(&self) {
        self.word.store(0, Ordering::Relaxed);
    }

    /// Puts the slot into a state that a test begins with.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn force(&self, word: CoreWord) {
        self.word.store(word.bits(), Ordering::Relaxed);
    }

    /// Returns the word as it is now.
    pub(crate) fn load(&self) -> CoreWord {
        CoreWord::from_bits(self.word.load(Ordering::Acquire))
    }

    /// Takes a step from the word `seen`.
    ///
    /// # Errors
    ///
    /// Returns the word as it is if it is not `seen` any more, or `seen` if the step does not start from its state, is
    /// not for `by` to take, or is the core's own and the core is quarantined.
    // Who calls it knows the step: what is left of the table are a few instructions.
    #[inline(always)]
    pub(crate) fn step(
        &self,
        by: Role,
        seen: CoreWord,
        step: Step,
        why: Why,
        generation: u32,
    ) -> Result<CoreWord, CoreWord> {
        let next = seen.next(step.transition().to, why, generation);
        self.step_to(
            by,
            seen,
            step,
            if step.gives_up() && intact(Protection::Quarantine) { next.quarantined() } else { next },
        )
    }

    /// Takes a step from the word `seen` to the word `next`, which is of the step's state; see [`step`](Self::step).
    #[inline(always)]
    pub(crate) fn step_to(
        &self,
        by: Role,
        seen: CoreWord,
        step: Step,
        next: CoreWord,
    ) -> Result<CoreWord, CoreWord> {
        let transition = step.transition();
        let is_void = by == Role::Itself && seen.is_quarantined();
        if seen.state() != transition.from || by != transition.by || is_void {
            return Err(seen);
        }
        self.replace(seen, next)
    }

    /// Ends the quarantine of this core, on itself.
    ///
    /// # Errors
    ///
    /// Returns the word as it is if it is not `seen` any more.
    pub(crate) fn arrive(&self, seen: CoreWord) -> Result<CoreWord, CoreWord> {
        let why = if seen.state() == State::Off { Why::Nmi } else { seen.why() };
        self.replace(seen, seen.next(seen.state(), why, seen.generation()).arrived())
    }

    fn replace(&self, seen: CoreWord, next: CoreWord) -> Result<CoreWord, CoreWord> {
        self.word
            .compare_exchange(seen.bits(), next.bits(), Ordering::AcqRel, Ordering::Acquire)
            .map(|_| next)
            .map_err(CoreWord::from_bits)
    }

    /// Writes the mailbox. Only the core that claimed this one may; the step to PENDING publishes it.
    pub(crate) fn write_mailbox(&self, entry: Entry) {
        self.place.store(entry.place, Ordering::Relaxed);
        self.context.store(entry.context, Ordering::Relaxed);
    }

    /// Reads the mailbox. Only the core itself may, once it has seen PENDING.
    pub(crate) fn read_mailbox(&self) -> Entry {
        Entry { place: self.place.load(Ordering::Relaxed), context: self.context.load(Ordering::Relaxed) }
    }
}

/// The control word and the slots of all cores that the machine has.
#[derive(Clone, Copy, Debug)]
pub struct CoreTable<'a> {
    control: &'a Control,
    slots: &'a [CoreSlot],
}

impl<'a> CoreTable<'a> {
    /// Returns the table over these words.
    pub const fn new(control: &'a Control, slots: &'a [CoreSlot]) -> Self {
        Self { control, slots }
    }

    /// Returns the control word's place.
    pub const fn control(&self) -> &'a Control {
        self.control
    }

    /// Returns how many cores there are.
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Returns whether there is no core.
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Returns the view that a core has of itself.
    ///
    /// # Panics
    ///
    /// Panics if there is no such core.
    pub fn local(&self, index: usize) -> LocalCore<'a> {
        LocalCore::new(self.control, &self.slots[index], index)
    }

    /// Returns the view that others have of a core, or `None` if there is no such core.
    pub fn remote(&self, index: usize) -> Option<RemoteCore<'a>> {
        self.slots.get(index).map(|slot| RemoteCore::new(self.control, slot))
    }

    /// Returns the words of all cores, in the order of their indices.
    pub fn words(&self) -> impl Iterator<Item = CoreWord> + use<'a> {
        self.slots.iter().map(CoreSlot::load)
    }

    /// Returns the words of these cores.
    ///
    /// # Panics
    ///
    /// Panics if there are no such cores.
    pub fn words_of(&self, cores: Range<usize>) -> impl Iterator<Item = CoreWord> + use<'a> {
        self.slots[cores].iter().map(CoreSlot::load)
    }

    /// Makes the core ON that leaves reset first: nobody started it.
    ///
    /// # Panics
    ///
    /// Panics if the core is not OFF: it did not just leave reset.
    pub fn cold_boot(&self, index: usize) {
        let slot = &self.slots[index];
        let mut word = slot.load();
        for step in [Step::Claim, Step::Accept, Step::Boot] {
            word = slot
                .step(step.transition().by, word, step, Why::None, 0)
                .expect("the first core is OFF and nobody else runs");
        }
        assert!(word.state() == State::On);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::{Depth, TRANSITIONS};

    /// Every state, a sleeper at every depth.
    fn every_word() -> impl Iterator<Item = CoreWord> {
        State::ALL.into_iter().flat_map(|state| {
            let word = CoreWord::default().next(state, Why::None, 7);
            let depths = if state == State::Suspended { &Depth::ALL[..] } else { &Depth::ALL[..1] };
            depths.iter().map(move |depth| word.asleep(*depth))
        })
    }

    /// Every state and depth by every step: the table's row is taken, all else is refused and changes nothing.
    #[test]
    fn only_the_legal_steps_are_taken() {
        for (before, transition) in
            every_word().flat_map(|word| TRANSITIONS.map(|transition| (word, transition)))
        {
            let slot = CoreSlot::new();
            slot.force(before);
            let roles = [Role::Itself, Role::Starter, Role::Session];
            for by in roles.into_iter().filter(|by| *by != transition.by) {
                assert_eq!(slot.step(by, before, transition.step, Why::Nmi, 8), Err(before));
            }
            let result = slot.step(transition.by, before, transition.step, Why::Nmi, 8);
            let after = slot.load();
            if before.state() == transition.from {
                assert_eq!(result, Ok(after));
                assert_eq!((after.state(), after.why(), after.generation()), (transition.to, Why::Nmi, 8));
                assert_eq!(after.changes(), before.changes() + 1);
                // A step leaves no depth behind that a later sleep would take over.
                let depth = (after.state() == State::Suspended).then_some(Depth::Standby);
                assert_eq!(after.depth(), depth, "{transition:?} of {before:?}");
                assert_eq!(after.bits() >> 8 & 0b11, 0, "{transition:?} of {before:?}");
            } else {
                assert_eq!(result, Err(before));
                assert_eq!(after, before);
            }
        }
    }

    #[test]
    fn a_core_sleeps_as_deep_as_it_says_and_keeps_the_rest_of_its_word() {
        for depth in Depth::ALL {
            let control = Control::new();
            let slots = [CoreSlot::new()];
            slots[0].force(CoreWord::default().next(State::On, Why::Nmi, 7));
            let core = CoreTable::new(&control, &slots).local(0);
            assert!(core.suspend(depth));
            let word = core.word();
            assert_eq!((word.state(), word.depth(), word.generation()), (State::Suspended, Some(depth), 7));
            assert!(core.wake());
            assert_eq!((core.word().state(), core.word().depth()), (State::On, None));
            assert_eq!(core.word().changes(), 3);
        }
    }

    #[test]
    fn words_of_gives_the_words_of_the_range_in_order() {
        let control = Control::new();
        let slots = [const { CoreSlot::new() }; 5];
        for (index, slot) in slots.iter().enumerate() {
            slot.force(CoreWord::default().next(State::Off, Why::None, index as u32));
        }
        let table = CoreTable::new(&control, &slots);
        let numbers = |range| table.words_of(range).map(CoreWord::generation).collect::<Vec<_>>();
        assert_eq!(numbers(1..4), [1, 2, 3]);
        assert_eq!(
            (numbers(0..5), numbers(2..2)),
            (table.words().map(CoreWord::generation).collect(), vec![])
        );
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn there_are_no_words_of_cores_that_there_are_not() {
        let control = Control::new();
        let slots = [CoreSlot::new()];
        let _ = CoreTable::new(&control, &slots).words_of(0..2);
    }

    #[test]
    fn a_step_from_an_old_word_is_refused() {
        let slot = CoreSlot::new();
        let old = slot.load();
        let claimed = slot.step(Role::Starter, old, Step::Claim, Why::None, 0).unwrap();
        let off = slot.step(Role::Starter, claimed, Step::RollBack, Why::None, 0).unwrap();
        assert_eq!(off.state(), old.state());
        assert_eq!(
            slot.step(Role::Starter, old, Step::Claim, Why::None, 0),
            Err(off),
            "same state, another word"
        );
    }

    #[test]
    fn a_slot_is_a_cache_line() {
        assert_eq!(size_of::<CoreSlot>(), 64);
    }
}

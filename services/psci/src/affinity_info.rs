// SPDX-License-Identifier: MIT OR Apache-2.0

//! AFFINITY_INFO (PSCI 1.3 section 5.1.6).
//!
//! | answer | when |
//! |---|---|
//! | INVALID_PARAMETERS | the level is above 3, no core is in this affinity instance, or a bit outside the fields is set |
//! | 0 ON | a core of the instance is on, or suspended, or has not finished to go off |
//! | 2 ON_PENDING | else, a core of it has been started and is on its way |
//! | 1 OFF | else: CPU_ON of its cores would succeed |
//!
//! The answer for several cores was true at one moment. If they change all the time no such moment is found: then one of
//! them is on if one was seen so, which was true at that moment, else on its way. What other cores do does not matter.

use core::ops::Range;

use quell_abi::State;
use quell_power::{AFFINITY_MASK, CoreWord};

use crate::{Error, Hardware, Psci};

const ON: i32 = 0;
const OFF: i32 = 1;
const ON_PENDING: i32 = 2;

/// The highest affinity level of an MPIDR.
const HIGHEST_LEVEL: u32 = 3;

impl<H: Hardware> Psci<'_, H> {
    #[inline(never)]
    pub(crate) fn affinity_info(&self, target: u64, lowest_level: u64) -> Result<i32, Error> {
        // lowest_affinity_level is 32 bits in both conventions.
        match lowest_level as u32 {
            0 => Ok(info(self.core(target)?.word())),
            level @ 1..=HIGHEST_LEVEL => {
                let instance = Instance::new(target, level)?;
                let cores = instance.cores(self)?;
                let words = || instance.words(self, cores.clone());
                let look = || words().map(info).fold(OFF, combine);
                let unsettled = || if look() == ON { ON } else { ON_PENDING };
                Ok(self.table.settled(cores.clone(), look).unwrap_or_else(unsettled))
            }
            _ => Err(Error::InvalidParameters),
        }
    }
}

/// The cores that share the affinity fields from a level up.
#[derive(Clone, Copy)]
pub(crate) struct Instance {
    above: u64,
    shift: u32,
}

impl Instance {
    /// Returns the instance at `level`, 1 to 3, that `target` is in; its fields below the level mean nothing.
    pub(crate) const fn new(target: u64, level: u32) -> Result<Self, Error> {
        // Aff3 is not next to Aff2.
        let shift = if level == HIGHEST_LEVEL { 32 } else { 8 * level };
        if target & !AFFINITY_MASK != 0 {
            return Err(Error::InvalidParameters);
        }
        Ok(Self { above: target >> shift, shift })
    }

    fn contains<H: Hardware>(self, psci: &Psci<'_, H>, index: usize) -> bool {
        psci.hardware.affinity_of(index) >> self.shift == self.above
    }

    /// Returns the indices that its cores are among.
    pub(crate) fn cores<H: Hardware>(self, psci: &Psci<'_, H>) -> Result<Range<usize>, Error> {
        let mut cores = (0..psci.table.len()).filter(|&index| self.contains(psci, index));
        let first = cores.next().ok_or(Error::InvalidParameters)?;
        Ok(first..cores.next_back().unwrap_or(first) + 1)
    }

    /// Returns the words of its cores, which are among these.
    pub(crate) fn words<H: Hardware>(
        self,
        psci: &Psci<'_, H>,
        cores: Range<usize>,
    ) -> impl Iterator<Item = CoreWord> {
        let words = cores.clone().zip(psci.table.words_of(cores));
        words.filter(move |(index, _)| self.contains(psci, *index)).map(|(_, word)| word)
    }
}

const fn combine(all: i32, one: i32) -> i32 {
    match (all, one) {
        (ON, _) | (_, ON) => ON,
        (ON_PENDING, _) | (_, ON_PENDING) => ON_PENDING,
        _ => OFF,
    }
}

/// A core that a session gave up may still be in the operating system until it arrives in the pen.
#[inline]
pub(crate) fn info(word: CoreWord) -> i32 {
    if word.state() == State::Off {
        return if word.is_quarantined() { ON } else { OFF };
    }
    match word.state() {
        State::Claimed | State::Pending | State::Cancelled => ON_PENDING,
        State::Off | State::On | State::Suspended | State::Stopping | State::Parked => ON,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Outcome,
        testing::{ENTRY, Machine},
    };

    const AFFINITY_INFO: u64 = 0xc400_0004;
    const CPU_ON: u64 = 0xc400_0003;

    #[test]
    fn a_core_goes_from_off_by_on_pending_to_on() {
        let machine = Machine::new(2);
        let ask = || machine.call(0, [AFFINITY_INFO, 1, 0, 0]);
        assert_eq!(ask(), Outcome::Return(OFF));
        machine.call(0, [CPU_ON, 1, ENTRY, 0]);
        assert_eq!(ask(), Outcome::Return(ON_PENDING));
        machine.table().local(1).boot().unwrap();
        assert_eq!(ask(), Outcome::Return(ON));
    }

    /// Until it has arrived in the pen, what it runs on may not be reused.
    #[test]
    fn a_core_that_was_given_up_is_on_until_it_arrives() {
        let machine = Machine::new(2);
        machine.boot(1);
        machine.give_up(1);
        let ask = |level| machine.call(0, [AFFINITY_INFO, 1, level, 0]);
        assert_eq!((ask(0), ask(1)), (Outcome::Return(ON), Outcome::Return(ON)));
        assert_eq!(machine.call(0, [CPU_ON, 1, ENTRY, 0]), Outcome::Return(0));
        assert_eq!(ask(0), Outcome::Return(ON_PENDING));
        machine.table().local(1).arrive(|_| {});
        assert!(machine.table().local(1).boot().is_some());
    }

    #[test]
    fn levels_gather_the_cores_below() {
        let machine = Machine::new(10);
        let ask = |target, level| machine.call(0, [AFFINITY_INFO, target, level, 0]);
        assert_eq!(ask(0x007, 1), Outcome::Return(ON), "core 0 is on");
        assert_eq!(ask(0x1ff, 1), Outcome::Return(OFF));
        machine.call(0, [CPU_ON, 0x101, ENTRY, 0]);
        assert_eq!(ask(0x100, 1), Outcome::Return(ON_PENDING));
        assert_eq!(ask(0x100, 2), Outcome::Return(ON));
        assert_eq!(ask(0x100, 3), Outcome::Return(ON));
        assert_eq!(ask(0x1_0000, 2), Outcome::Return(-2));
        assert_eq!(ask(0x1_0000_0000, 3), Outcome::Return(-2));
    }

    #[test]
    fn bad_arguments_are_refused() {
        let machine = Machine::new(2);
        for (target, level) in [(2, 0), (1 << 31, 0), (1 << 40, 0), (1 << 31, 1), (0, 4), (0, 0xffff_ffff)] {
            assert_eq!(machine.call(0, [AFFINITY_INFO, target, level, 0]), Outcome::Return(-2));
        }
        assert_eq!(machine.call(0, [AFFINITY_INFO, 0, 0xffff_ffff_0000_0000, 0]), Outcome::Return(ON));
    }
}

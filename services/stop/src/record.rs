// SPDX-License-Identifier: MIT OR Apache-2.0

//! The records in secure memory: written by the core that stops, read by anybody.

use core::mem::offset_of;

use quell_abi::{CoreRecord, RECORD_SIZE, Why, World};
use quell_power::{
    Protection, intact, is_older,
    sync::{AtomicU64, Ordering, fence},
};

/// Words of a record. A model has no use for most registers, and loom is slow with many words.
const WORDS: usize = if cfg!(loom) { offset_of!(CoreRecord, x) / 8 + 1 } else { RECORD_SIZE / 8 };

/// The word that counts the captures. It is one of the reserved words, which READ shows as 0.
const CAPTURES: usize = WORDS - 1;

/// The word that holds generation, why, world and the valid flag.
pub(crate) const IDENTITY: usize = offset_of!(CoreRecord, generation) / 8;

const _: () = assert!(
    offset_of!(CoreRecord, state) == IDENTITY * 8 + 4
        && offset_of!(CoreRecord, why) == IDENTITY * 8 + 5
        && offset_of!(CoreRecord, world) == IDENTITY * 8 + 6
        && offset_of!(CoreRecord, valid) == IDENTITY * 8 + 7
        && IDENTITY == 3
        && (cfg!(loom) || offset_of!(CoreRecord, reserved) / 8 <= CAPTURES)
);

/// The identity word of a record, without the state, which is the core's at the time of reading; and which capture it is, for
/// those of one generation (a core that goes on, or is evicted and started again) have the same word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Identity {
    pub generation: u32,
    pub why: Why,
    pub valid: bool,
    pub capture: u64,
}

impl Identity {
    pub(crate) const fn to_word(self, state: u8) -> u64 {
        self.generation as u64
            | (state as u64) << 32
            | (self.why as u64) << 40
            | (World::NonSecure as u64) << 48
            | (self.valid as u64) << 56
    }

    fn from_word(word: u64, capture: u64) -> Option<Self> {
        let valid = word >> 56 & 1 == 1;
        let why = Why::from_bits(word >> 40 & 0xff)?;
        valid.then_some(Self { generation: word as u32, why, valid, capture })
    }
}

/// The record of one core.
#[derive(Debug)]
#[repr(align(64))]
pub struct RecordSlot([AtomicU64; WORDS]);

impl RecordSlot {
    /// Returns the record of a core that was never captured.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; WORDS])
    }

    /// Returns the record of a core that was never captured.
    // loom's atomics register themselves with the model when they are made.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self(core::array::from_fn(|_| AtomicU64::new(0)))
    }

    /// Forgets a capture, whatever the memory held.
    pub fn clear(&self) {
        self.0[IDENTITY].store(0, Ordering::Relaxed);
    }

    /// Returns whose capture the record is, if it is one.
    pub(crate) fn identity(&self) -> Option<Identity> {
        // The count first: if it is that of a capture which is just being written, the record is not valid yet.
        let capture = self.0[CAPTURES].load(Ordering::Acquire);
        Identity::from_word(self.0[IDENTITY].load(Ordering::Acquire), capture)
    }

    /// Returns whether the record is still the capture that [`identity`](Self::identity) returned before it was read.
    pub(crate) fn is_still(&self, identity: Identity) -> bool {
        // The words that were read come before this look at the identity.
        fence(Ordering::Acquire);
        // The count last: if the identity is that of a later capture, so is the count.
        let now = self.0[IDENTITY].load(Ordering::Acquire);
        Identity::from_word(now, self.word(CAPTURES)) == Some(identity)
    }

    /// Names another session as the one that has stopped the core, which was parked by an earlier one.
    pub(crate) fn hand_over(&self, generation: u32) {
        // Who comes late may find a capture of a later session.
        self.rename(|identity| {
            is_older(identity.generation, generation).then_some(Identity { generation, ..identity })
        });
    }

    /// Says that the core has gone on after the capture, which was for a PAUSE.
    pub(crate) fn release(&self) {
        self.rename(|identity| Some(Identity { why: Why::None, ..identity }));
    }

    /// Changes the identity of a record that is valid. The core that goes on and the driver that hands its record over may both
    /// do so at once: neither change is lost. Bounded: a driver does it once for a core, in each session that takes another over.
    fn rename(&self, to: impl Fn(Identity) -> Option<Identity>) {
        let mut word = self.0[IDENTITY].load(Ordering::Acquire);
        while let Some(next) = Identity::from_word(word, 0).and_then(&to) {
            let swap =
                self.0[IDENTITY].compare_exchange(word, next.to_word(0), Ordering::AcqRel, Ordering::Acquire);
            match swap {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }

    /// Returns whether the record is that of a core that was stopped in this generation.
    pub(crate) fn is_stop_of(&self, generation: u32) -> bool {
        self.identity().is_some_and(|identity| identity.why != Why::None && identity.generation == generation)
    }

    /// Returns when a core was captured that went on, if the record is of one.
    pub(crate) fn snapshot_time(&self) -> Option<u64> {
        let identity = self.identity().filter(|identity| identity.why == Why::None)?;
        let time = self.word(offset_of!(CoreRecord, stopped) / 8);
        self.is_still(identity).then_some(time)
    }

    /// Returns whether the record is valid and of a core that was stopped.
    #[cfg(interleave)]
    pub fn is_of_a_stop(&self) -> bool {
        self.identity().is_some_and(|identity| identity.why != Why::None)
    }

    /// Returns what a model compares: of a record that is valid the generation, why and the number of the capture.
    #[cfg(interleave)]
    pub fn evidence(&self) -> Option<(u32, Why, u64)> {
        self.identity().map(|identity| (identity.generation, identity.why, identity.capture))
    }

    /// Returns the 64-bit field at this offset of a [`CoreRecord`], valid or not.
    #[cfg(interleave)]
    pub fn field(&self, offset: usize) -> u64 {
        self.word(offset / 8)
    }

    pub(crate) fn word(&self, index: usize) -> u64 {
        self.0[index].load(Ordering::Relaxed)
    }

    /// Replaces the capture by a new one, word by word, which `fill` writes.
    pub(crate) fn capture(&self, generation: u32, why: Why, fill: impl FnOnce(&RecordWriter<'_>)) {
        self.clear();
        // The record is invalid before the first word changes.
        fence(Ordering::Release);
        let capture = self.word(CAPTURES).wrapping_add(1);
        self.0[CAPTURES].store(capture, Ordering::Relaxed);
        let identity = Identity { generation, why, valid: true, capture };
        if !intact(Protection::ValidLast) {
            self.0[IDENTITY].store(identity.to_word(0), Ordering::Release);
        }
        fill(&RecordWriter(self));
        self.0[IDENTITY].store(identity.to_word(0), Ordering::Release);
    }
}

impl Default for RecordSlot {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes the registers of a capture.
#[derive(Debug)]
pub struct RecordWriter<'a>(&'a RecordSlot);

impl RecordWriter<'_> {
    /// Writes the 64-bit field of a [`CoreRecord`] at this offset in bytes.
    ///
    /// # Panics
    ///
    /// Panics if there is no such field behind the header.
    pub fn set(&self, offset: usize, value: u64) {
        assert!(offset.is_multiple_of(8) && offset > IDENTITY * 8);
        self.0.0[offset / 8].store(value, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use core::cell::Cell;

    use super::*;

    /// A driver that comes late hands the record over at the moment in which the core says that it goes on.
    #[test]
    fn of_two_who_rename_a_record_neither_is_lost() {
        let record = RecordSlot::new();
        record.capture(5, Why::Nmi, |_| {});
        let is_first = Cell::new(true);
        record.rename(|identity| {
            if is_first.replace(false) {
                record.hand_over(6);
            }
            Some(Identity { why: Why::None, ..identity })
        });
        let identity = record.identity().unwrap();
        assert_eq!((identity.generation, identity.why), (6, Why::None));
    }
}

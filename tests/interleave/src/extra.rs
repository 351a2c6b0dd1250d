// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a model needs beside the atomics of the code: waiting, several accesses at once, and notes.

use core::fmt;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};

use crate::{
    Condition, context,
    request::{Change, Request},
    sync::AtomicU64,
};

/// Waits until the condition holds for the value: the core takes no step before, and its next access is made in the same
/// step. So the condition has to be one that others do not end. A machine in which every core that has
/// not finished waits has come to its end, and [`Model::end`](crate::Model::end) says whether it may.
///
/// # Panics
///
/// Panics outside of an exploration if the condition does not hold: nobody else could change that.
#[inline(always)]
pub fn wait(word: &AtomicU64, condition: Condition) {
    context::access(word.place(), Request::Wait(condition), SeqCst);
}

/// Sets bits of a word. Better than [`AtomicU64::fetch_or`] for who does not look at the previous value: states in which
/// cores know different things are different states.
#[inline(always)]
pub fn set(word: &AtomicU64, bits: u64) {
    context::access(word.place(), Request::Update(Change::Or(bits)), SeqCst);
}

/// Clears bits of a word; see [`set`].
#[inline(always)]
pub fn clear(word: &AtomicU64, bits: u64) {
    context::access(word.place(), Request::Update(Change::And(!bits)), SeqCst);
}

/// Does several accesses in one step of the core: what hardware does at once.
pub fn at_once<T>(accesses: impl FnOnce() -> T) -> T {
    context::begin_block();
    let result = accesses();
    context::end_block();
    result
}

/// Looks at what the code shares without a step of the core, as at a [`Note`].
pub fn peek<T>(look: impl FnOnce() -> T) -> T {
    context::begin_peek();
    let result = look();
    context::end_block();
    result
}

/// A note of the model that the code does not see: part of the state, but to write or read one is no step of a core.
///
/// It happens together with the access before it, and at the beginning of an operation with the one after it.
#[derive(Default)]
pub struct Note(AtomicU64);

impl Note {
    /// Returns a note with this value.
    pub const fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    /// Returns the value.
    #[inline(always)]
    pub fn get(&self) -> u64 {
        context::note(self.0.place(), Request::Load)
    }

    /// Replaces the value.
    #[inline(always)]
    pub fn set(&self, value: u64) {
        context::note(self.0.place(), Request::Store(value));
    }

    /// Adds to the value.
    #[inline(always)]
    pub fn add(&self, value: u64) {
        context::note(self.0.place(), Request::Update(Change::Add(value)));
    }

    /// Sets bits of the value.
    #[inline(always)]
    pub fn set_bits(&self, bits: u64) {
        context::note(self.0.place(), Request::Update(Change::Or(bits)));
    }

    /// Clears bits of the value.
    #[inline(always)]
    pub fn clear_bits(&self, bits: u64) {
        context::note(self.0.place(), Request::Update(Change::And(!bits)));
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0.place().load(Relaxed))
    }
}

/// Gives the words of a place of memory a name in traces.
pub fn label<T>(place: &T, name: &str) {
    context::with(|context| context.cells.label(std::ptr::from_ref(place).addr(), size_of::<T>(), name));
}

/// Notes that the model has come to something, for [`Report::expect`](crate::Report::expect).
pub fn seen(what: &'static str) {
    context::with(|context| context.seen.insert(what));
}

/// Checks a property by its name.
///
/// # Panics
///
/// Panics if it does not hold.
#[track_caller]
pub fn check(property: &'static str, holds: bool, message: impl fmt::Display) {
    seen(property);
    assert!(holds, "{property}: {message}");
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The atomics: those of [`core::sync::atomic`], but in an exploration each access is a step of the core that makes it.
//!
//! The search is one under sequential consistency, so an ordering says nothing about which value a load returns. It says
//! where a core can be cut short: see [`Settings::relaxed_steps`](crate::Settings::relaxed_steps).

use core::fmt;
use core::sync::atomic::AtomicU64 as Plain;

pub use core::hint::spin_loop;
pub use core::sync::atomic::Ordering;

use crate::{
    context,
    request::{Change, Request},
};

/// An atomic word; see [`core::sync::atomic::AtomicU64`].
///
/// Its value is that at the beginning of an exploration: outside of one, accesses are made as they are; in one, they are
/// made on the state that is being explored.
#[derive(Default)]
pub struct AtomicU64(Plain);

impl AtomicU64 {
    /// Returns a word with this value.
    pub const fn new(value: u64) -> Self {
        Self(Plain::new(value))
    }

    /// Loads the value.
    #[inline(always)]
    pub fn load(&self, order: Ordering) -> u64 {
        context::access(&self.0, Request::Load, order)
    }

    /// Stores a value.
    #[inline(always)]
    pub fn store(&self, value: u64, order: Ordering) {
        context::access(&self.0, Request::Store(value), order);
    }

    /// Stores a value and returns the previous one.
    #[inline(always)]
    pub fn swap(&self, value: u64, order: Ordering) -> u64 {
        context::access(&self.0, Request::Swap(value), order)
    }

    /// Stores `new` if the value is `current`.
    ///
    /// # Errors
    ///
    /// Returns the value if it is another one.
    #[inline(always)]
    pub fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        _failure: Ordering,
    ) -> Result<u64, u64> {
        let previous = context::access(&self.0, Request::CompareExchange { expected: current, new }, success);
        if previous == current { Ok(previous) } else { Err(previous) }
    }

    /// As [`compare_exchange`](Self::compare_exchange): it does not fail without a reason.
    ///
    /// # Errors
    ///
    /// Returns the value if it is another one.
    #[inline(always)]
    pub fn compare_exchange_weak(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.compare_exchange(current, new, success, failure)
    }

    /// Adds to the value, which wraps around, and returns the previous one.
    #[inline(always)]
    pub fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        context::access(&self.0, Request::Change(Change::Add(value)), order)
    }

    /// Subtracts from the value, which wraps around, and returns the previous one.
    #[inline(always)]
    pub fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        context::access(&self.0, Request::Change(Change::Subtract(value)), order)
    }

    /// Clears the bits that are 0 in `value`, and returns the previous value.
    #[inline(always)]
    pub fn fetch_and(&self, value: u64, order: Ordering) -> u64 {
        context::access(&self.0, Request::Change(Change::And(value)), order)
    }

    /// Sets the bits that are 1 in `value`, and returns the previous value.
    #[inline(always)]
    pub fn fetch_or(&self, value: u64, order: Ordering) -> u64 {
        context::access(&self.0, Request::Change(Change::Or(value)), order)
    }

    /// Inverts the bits that are 1 in `value`, and returns the previous value.
    #[inline(always)]
    pub fn fetch_xor(&self, value: u64, order: Ordering) -> u64 {
        context::access(&self.0, Request::Change(Change::Xor(value)), order)
    }

    /// Stores the larger of both values, and returns the previous one.
    #[inline(always)]
    pub fn fetch_max(&self, value: u64, order: Ordering) -> u64 {
        context::access(&self.0, Request::Change(Change::Maximum(value)), order)
    }

    /// Stores the smaller of both values, and returns the previous one.
    #[inline(always)]
    pub fn fetch_min(&self, value: u64, order: Ordering) -> u64 {
        context::access(&self.0, Request::Change(Change::Minimum(value)), order)
    }

    /// Stores what `update` makes of the value, again and again until no other core has come in between.
    ///
    /// # Errors
    ///
    /// Returns the value for which `update` returned `None`.
    #[inline(always)]
    pub fn fetch_update(
        &self,
        set_order: Ordering,
        fetch_order: Ordering,
        mut update: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64> {
        let mut previous = self.load(fetch_order);
        while let Some(next) = update(previous) {
            match self.compare_exchange(previous, next, set_order, fetch_order) {
                Ok(_) => return Ok(previous),
                Err(now) => previous = now,
            }
        }
        Err(previous)
    }

    pub(crate) const fn place(&self) -> &Plain {
        &self.0
    }
}

impl fmt::Debug for AtomicU64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not an access: to print a word is no step of a core.
        write!(f, "{:#x}", self.0.load(Ordering::Relaxed))
    }
}

/// Does nothing: each access comes after those before it.
#[inline(always)]
pub fn fence(_order: Ordering) {}

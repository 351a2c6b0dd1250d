// SPDX-License-Identifier: MIT OR Apache-2.0

//! The atomics that the protocol is made of: the machine's, or those of loom or of the search when it is being checked.

#[cfg(not(any(interleave, loom)))]
pub use core::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(interleave)]
pub use interleave::sync::{AtomicU64, Ordering, fence};
#[cfg(loom)]
pub use loom::sync::atomic::{AtomicU64, Ordering, fence};

// SPDX-License-Identifier: MIT OR Apache-2.0

//! A search through every order in which cores can access atomics, with the real code that accesses them.
//!
//! The code is compiled with this crate's [`sync`] in place of core's. An exploration begins with the cores of a [`Model`] as
//! they stand, and finds every state that they can reach: the contents of the atomics and where each core stands. It is
//! breadth-first, so the first violation has the shortest way to it, and it is stateful, so that what two orders have in
//! common is looked at once. Where loom asks what a memory model lets a load return, this asks what comes after what: it is
//! one under sequential consistency, but bounded by the machine's memory only.
//!
//! # How it works
//!
//! The code depends on nothing but what its accesses return. So a core is known by its operation and by the list of these
//! values, and what it does next is found by running the operation again up to there. That is done once for each list
//! (`program`), and after that a step of a core is an entry of a table: more than a million steps a second. Most values
//! are dropped soon, so lists that leave a core with the same stack and registers are taken as one (`stack`).
//!
//! A step is one access that matters to others: to a cell that several cores access and at least one of them changes. All
//! other accesses have the same result whenever they are made, and go along. Which cells matter is found while searching; one
//! that turns out to matter later lets the search begin anew.
//!
//! # What to know when writing a model
//!
//! - Properties are checked by panic, with [`check`] or otherwise: in operations, in [`Model::check`] and in [`Model::end`].
//! - What a core does not need any more should not be in [`Model::Core`]: states that differ in it are different.
//! - An operation is best short. Within it, what its accesses have returned and it still knows tells states apart.
//! - An operation must keep nothing in memory that it allocates from one access to the next.
//! - A loop that waits must not spin: [`wait`] makes the core wait.
//! - Time is a cell, and that it passes is an operation of one more core.

mod cells;
mod context;
mod extra;
mod hash;
mod lone;
mod model;
mod numbers;
mod program;
mod report;
mod request;
mod search;
mod stack;
mod step;
pub mod sync;
#[cfg(test)]
mod tests;
mod turns;
mod visited;

pub use extra::{Note, at_once, check, clear, label, peek, seen, set, wait};
pub use model::{Cores, Model, Settings};
pub use report::{Report, Violation};
pub use request::Condition;
pub use search::explore;

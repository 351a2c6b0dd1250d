// SPDX-License-Identifier: MIT OR Apache-2.0

//! Models of the core table and the stop.
//!
//! # For loom
//!
//! The models in `loom`: it runs each in every order that the threads' accesses can have, and lets every load return every
//! value that the memory model allows.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test --release -p model
//! ```
//!
//! The code is the firmware's own; a thread is a core. What is asserted are the properties of docs/stop-abi.md
//! section 6, by their numbers, most of them when all threads are done: an order that loom leaves out because it is
//! equal to another one for the atomics ends the same. A model proves nothing unless it can fail, so each protection of
//! the protocol is taken out in turn, and a model has to fail with the very property that the protection is for.
//!
//! loom remembers one access to each atomic, the last. A core that loads a word before it swaps it hides the loads that
//! others did before: loom does not come back to try those later. So a core that only looks is a thread that is spawned:
//! loom begins with an order in which it comes last, and finds the others from there.
//!
//! # For the search
//!
//! The models in `search` are for a machine of sequential consistency, but for whole cores with interrupts, a pen and a clock, and
//! for all their orders: `interleave` remembers every state and comes to each once.
//!
//! ```sh
//! RUSTFLAGS="--cfg interleave" CARGO_TARGET_DIR=target/interleave cargo test --release -p model -- --nocapture
//! ```
//!
//! Without one of the two `--cfg` this crate is empty.

#![cfg(all(any(interleave, loom), test))]

#[cfg(loom)]
mod loom;
#[cfg(interleave)]
mod search;

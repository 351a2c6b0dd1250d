// SPDX-License-Identifier: MIT OR Apache-2.0

//! Models of the core table and the stop, for loom: it runs each in every order that the threads' accesses can have,
//! and lets every load return every value that the memory model allows.
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
//! Without `--cfg loom` this crate is empty.

#![cfg(all(loom, test))]

mod explore;
mod machine;
mod psci;
mod world;

mod alone;
mod begin_begin;
mod boot;
mod cluster_notes;
mod cpu_off;
mod cpu_on_asleep;
mod cpu_on_begin;
mod cpu_on_leaving;
mod cpu_on_twice;
mod deputy;
mod mask;
mod overtaken;
mod pause;
mod record;
mod release;
mod rest;
mod suspend;

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Models for the search. What they are made of is in `machine` and `world`; each other module is a kind of encounter.

mod cpu_on_begin;
mod machine;
#[allow(dead_code)] // temporary
mod world;

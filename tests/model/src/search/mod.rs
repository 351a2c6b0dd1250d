// SPDX-License-Identifier: MIT OR Apache-2.0

//! Models for the search. The hardware is in `machine`, what cores do with it in `world`, and what must hold of all of them in
//! `rules`; each other module is a kind of encounter.

mod machine;
mod rules;
mod world;

mod ask;
mod begin_begin;
mod cpu_on_begin;
mod grace;
mod leaving;
mod pause;
mod quarantine;
mod takeover;
mod wedged;

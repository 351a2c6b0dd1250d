// SPDX-License-Identifier: MIT OR Apache-2.0

//! Models for the search. The hardware is in `machine`, what cores do in `script`, how they do it in the firmware in `monitor`,
//! their memory in `world`, what must hold of all of them in `rules` and of their records in `evidence`, and how a model is
//! explored in `explore`; each other module is a kind of encounter.

mod explore;
mod machine;
mod monitor;
mod rules;
mod script;
mod world;

mod ask;
mod begin_begin;
mod bounded;
mod cpu_on_begin;
mod evidence;
mod grace;
mod leaving;
mod pause;
mod quarantine;
mod rest;
mod sync;
mod takeover;
mod wedged;

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Models for loom. The hardware is in `machine`, what cores do with it in `world`, how a model is run in `explore`; each other
//! module is a kind of encounter.

mod explore;
mod machine;
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
mod evict;
mod mask;
mod overtaken;
mod pause;
mod psci;
mod record;
mod release;
mod rest;
mod snapshot;
mod suspend;
mod takeover;
mod volunteer;

// SPDX-License-Identifier: MIT OR Apache-2.0

//! PSCI as a whole, from outside: against a sequential reference model, by one core after the other and by all at once,
//! and its decoding against another implementation.

#![cfg(not(loom))]

mod arguments;
mod busy;
mod decoding;
mod histories;
mod linearise;
mod machine;
mod reference;
mod sequences;
mod states;

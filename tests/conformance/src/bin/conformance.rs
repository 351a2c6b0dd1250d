// SPDX-License-Identifier: MIT OR Apache-2.0

//! The conformance suite.

#![no_std]
#![no_main]

use conformance::{cases, runner};

conformance::entry!(main);

fn main() {
    runner::run(cases::ALL);
}

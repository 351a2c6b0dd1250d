// SPDX-License-Identifier: MIT OR Apache-2.0

//! Any bytes as sbsa-ref's device tree.

#![no_main]

#[path = "../../../plat/tests/trees/check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = check::describe(bytes);
});

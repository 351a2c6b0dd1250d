// SPDX-License-Identifier: MIT OR Apache-2.0

//! Entry points that can be told apart: each leaves its number in x16 and goes to the common entry. And one that a
//! big-endian core can come to.

use core::arch::global_asm;

use crate::entry::{EntryState, secondary_entry};

/// How many marked entry points there are, numbered from 1 on.
pub const MARKS: u64 = 64;

/// Bytes of code of each.
const SIZE: u64 = 8;

/// SCTLR_EL2.EE.
pub const SCTLR_EE: u64 = 1 << 25;

// Entry points: they clobber x16, and `either_endian` x17 too.
global_asm!(
    ".pushsection .text.marks, \"ax\"",
    ".balign 8",
    ".global marked_entries",
    "marked_entries:",
    ".set mark, 1",
    ".rept {marks}",
    "mov x16, #mark",
    "b {secondary}",
    ".set mark, mark + 1",
    ".endr",
    // The common entry loads constants, which a big-endian core would read the wrong way round. x16 tells how it was.
    ".global either_endian",
    "either_endian:",
    "mrs x16, sctlr_el2",
    "mov x17, #(1 << 25)",
    "bic x17, x16, x17",
    "msr sctlr_el2, x17",
    "isb",
    "b {secondary}",
    ".popsection",
    marks = const MARKS,
    secondary = sym secondary_entry,
);

unsafe extern "C" {
    static marked_entries: u8;
    static either_endian: u8;
}

/// Returns entry point number `mark`; numbers start again after [`MARKS`].
pub fn entry(mark: u64) -> u64 {
    (&raw const marked_entries) as u64 + mark_of(mark).wrapping_sub(1) * SIZE
}

/// Returns the mark that a core leaves that came to [`entry`] of this number.
pub fn mark_of(mark: u64) -> u64 {
    mark.wrapping_sub(1) % MARKS + 1
}

/// Returns the mark of the entry point that a core came to; nothing if it came to another.
pub fn of(index: usize) -> u64 {
    EntryState::of(index).x[16]
}

/// Returns an entry point for cores of either endianness: SCTLR_EL2 as it was found is in x16.
pub fn either_endian_entry() -> u64 {
    (&raw const either_endian) as u64
}

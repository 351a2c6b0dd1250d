// SPDX-License-Identifier: MIT OR Apache-2.0

//! The four registers of a call, at random: valid ones and those just beyond.

use std::ops::Range;

use proptest::{prelude::Strategy, prop_oneof, sample::select, strategy::Just};

use crate::machine::{AFFINITIES, ENTRY_POINTS, MEMORY};

/// Numbers of functions, the ones that matter most more often, and those that there are not.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => select(vec![0x3, 0x3, 0x3, 0x3, 0x1, 0x1, 0x1, 0x1, 0x4, 0x4, 0xd, 0xd, 0xf, 0xe, 0x2]),
        3 => select(vec![0xb, 0xc, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0xa]),
        1 => 0_u64..0x40,
    ]
}

/// x0: the number in one of the conventions, with what callers may add and what they may not.
fn function(number: u64) -> impl Strategy<Value = u64> {
    let base = select(vec![0x8400_0000_u64, 0xc400_0000]);
    let extra = prop_oneof![
        20 => Just(0),
        // The SVE hint, and the upper half.
        2 => Just(1 << 16),
        2 => Just(0xdead_beef_0000_0000),
        // Reserved bits, and other owners.
        1 => (8_u32..30).prop_map(|bit| 1 << bit),
    ];
    (base, extra).prop_map(move |(base, extra)| (base | extra) ^ number)
}

/// Adds an upper half, once in a while, which 32-bit arguments do not have.
fn wide(values: impl Strategy<Value = u64>) -> impl Strategy<Value = u64> {
    let upper = prop_oneof![9 => Just(0_u64), 1 => Just(0xffff_ffff_0000_0000), 1 => Just(1 << 32)];
    (values, upper).prop_map(|(value, upper)| value | upper)
}

fn one_bit() -> impl Strategy<Value = u64> {
    (0_u32..64).prop_map(|bit| 1 << bit)
}

pub(crate) fn target() -> impl Strategy<Value = u64> {
    prop_oneof![
        12 => select(AFFINITIES.to_vec()),
        1 => (select(AFFINITIES.to_vec()), one_bit()).prop_map(|(affinity, bit)| affinity ^ bit),
        1 => (select(AFFINITIES.to_vec()), 24_u32..32).prop_map(|(affinity, bit)| affinity | 1 << bit),
        1 => select(vec![2, 0x200, 0x2_0001, 0x3_0000_0000, 1 << 24, 1 << 31, 1 << 40, 1 << 63, u64::MAX]),
        1 => proptest::num::u64::ANY,
    ]
}

fn entry_point() -> impl Strategy<Value = u64> {
    let Range { start, end } = ENTRY_POINTS;
    prop_oneof![
        8 => (0_u64..8).prop_map(move |instruction| start + 4 * instruction),
        2 => select(vec![start - 4, start + 1, start + 2, start + 3, end - 2, end - 1, end, 0, u64::MAX]),
        1 => proptest::num::u64::ANY,
    ]
}

fn power_state() -> impl Strategy<Value = u64> {
    let states = select(vec![0x1_u64, 0x1_0002, 0x101_0022]);
    prop_oneof![
        8 => states.clone(),
        1 => (states, one_bit()).prop_map(|(state, bit)| state ^ bit),
        1 => proptest::num::u64::ANY,
    ]
}

fn level() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0_u64..5, 1 => small()]
}

fn small() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => 0_u64..3,
        2 => select(vec![3, 4, 5, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_ffff]),
        1 => proptest::num::u64::ANY,
    ]
}

fn edge_of_memory() -> impl Strategy<Value = u64> {
    let Range { start, end } = MEMORY;
    let edges = vec![0, 1, start - 1, start, end - start, end - start + 1, end - 1, end, u64::MAX];
    prop_oneof![4 => select(edges), 1 => proptest::num::u64::ANY]
}

/// The registers of a call.
pub(crate) fn registers() -> impl Strategy<Value = [u64; 4]> {
    number().prop_flat_map(|number| {
        let any = || proptest::num::u64::ANY.boxed();
        let arguments = match number {
            0x1 => (wide(power_state()).boxed(), wide(entry_point()).boxed(), any()),
            0x3 => (wide(target()).boxed(), wide(entry_point()).boxed(), any()),
            0x4 | 0x5 | 0xd => (wide(target()).boxed(), wide(level()).boxed(), any()),
            0xa => (wide((0_u64..0x40).prop_flat_map(function)).boxed(), any(), any()),
            0xc | 0xe => (wide(entry_point()).boxed(), any(), any()),
            0xf | 0x13 => (wide(small()).boxed(), any(), any()),
            0x10 | 0x11 => (wide(target()).boxed(), wide(power_state()).boxed(), any()),
            0x12 | 0x15 => (wide(small()).boxed(), wide(prop_oneof![Just(0), small()]).boxed(), any()),
            0x14 => (edge_of_memory().boxed(), edge_of_memory().boxed(), any()),
            _ => (any(), any(), any()),
        };
        (function(number), arguments).prop_map(|(x0, (x1, x2, x3))| [x0, x1, x2, x3])
    })
}

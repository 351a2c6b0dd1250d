// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;
use crate::sbsa_ref::{
    DRAM,
    testing::{GICD, GICR, ITS, Tree},
};

/// What is in a register that no call touches.
const UNTOUCHED: u64 = 0x5a5a_5a5a_5a5a_5a5a;

/// Calls with an index in x1, and returns the results; every other register must be as it was.
fn call<const N: usize>(number: u32, x1: u64, facts: &Facts) -> Result<[u64; N], CallError> {
    let mut registers = [UNTOUCHED; 18];
    registers[1] = x1;
    let before = registers;
    let outcome = serve(SIP | number, &mut registers, facts);
    let written = if outcome.is_ok() { 1..N + 1 } else { 0..0 };
    for number in (0..18).filter(|number| !written.contains(number)) {
        assert_eq!(registers[number], before[number], "x{number}");
    }
    outcome.map(|()| registers[1..=N].try_into().unwrap())
}

#[test]
fn the_machine_is_told() {
    let facts = Tree { topology: Some([2, 3, 5, 7]), ..Tree::new(9) }.facts();
    assert_eq!(call(VERSION, 0, &facts), Ok([0, 4]));
    assert_eq!(call(GET_GIC, 0, &facts), Ok([GICD, GICR]));
    assert_eq!(call(GET_GIC_ITS, 0, &facts), Ok([ITS]));
    assert_eq!(call(GET_CPU_COUNT, 0, &facts), Ok([9]));
    assert_eq!(call(GET_CPU_TOPOLOGY, 0, &facts), Ok([7, 5, 3, 2]));
    assert_eq!(call(GET_MEMORY_NODE_COUNT, 0, &facts), Ok([1]));
    assert_eq!(call(GET_MEMORY_NODE, 0, &facts), Ok([0, DRAM, 1 << 30]));
}

#[test]
fn older_machines_are_told() {
    let facts = Tree { version: None, ..Tree::of_version(0, 1) }.facts();
    assert_eq!(call(VERSION, 0, &facts), Ok([0, 0]));
    assert_eq!(call(GET_GIC, 0, &facts), Ok([GICD, GICR]));
    assert_eq!(call(GET_GIC_ITS, 0, &facts), Ok([0]));
    for minor in 0..4 {
        let facts = Tree::of_version(minor, 1).facts();
        assert_eq!(call(VERSION, 0, &facts), Ok([0, minor.into()]));
        assert_eq!(call::<4>(GET_CPU_TOPOLOGY, 0, &facts), Err(CallError::NotSupported));
    }
}

#[test]
fn a_topology_without_cores_is_none() {
    let facts = Tree { topology: Some([1, 0, 1, 1]), ..Tree::new(1) }.facts();
    assert_eq!(call::<4>(GET_CPU_TOPOLOGY, 0, &facts), Err(CallError::NotSupported));
}

#[test]
fn cores_are_told() {
    let mut tree = Tree::new(9);
    tree.cores[1].1 = Some(127);
    tree.cores[8].1 = Some(1);
    let facts = tree.facts();
    assert_eq!(call(GET_CPU_NODE, 0, &facts), Ok([0, 0]));
    assert_eq!(call(GET_CPU_NODE, 1, &facts), Ok([127, 1]));
    assert_eq!(call(GET_CPU_NODE, 8, &facts), Ok([1, 0x100]));
    assert_eq!(call(GET_CPU_NODE, 9, &facts), Ok([0, 0]));
    assert_eq!(call(GET_CPU_NODE, 511, &facts), Ok([0, 0]));
    assert_eq!(call(GET_CPU_NODE, 511, &Tree::new(512).facts()), Ok([0, 0x3f07]));
}

#[test]
fn memory_is_told_in_the_order_of_the_tree() {
    let facts = Tree::new(1).with_numa(&[3, 1]).facts();
    assert_eq!(call(GET_MEMORY_NODE_COUNT, 0, &facts), Ok([2]));
    assert_eq!(call(GET_MEMORY_NODE, 0, &facts), Ok([1, DRAM + (3 << 30), 1 << 30]));
    assert_eq!(call(GET_MEMORY_NODE, 1, &facts), Ok([0, DRAM, 3 << 30]));
    assert_eq!(call(GET_MEMORY_NODE, 2, &facts), Ok([0, 0, 0]));
    assert_eq!(call(GET_MEMORY_NODE, 127, &facts), Ok([0, 0, 0]));
}

#[test]
fn an_index_out_of_range_is_refused() {
    let facts = Tree::new(4).facts();
    for index in [512, 1 << 32, 1 << 63, u64::MAX] {
        assert_eq!(call::<2>(GET_CPU_NODE, index, &facts), Err(CallError::InvalidParameter));
    }
    for index in [128, 511, 1 << 32, 1 << 63, u64::MAX] {
        assert_eq!(call::<3>(GET_MEMORY_NODE, index, &facts), Err(CallError::InvalidParameter));
    }
}

#[test]
fn nothing_else_is_a_call() {
    let facts = Tree::new(4).facts();
    let numbers = [1, 100, 101, 200, 201, 202, 300, 301];
    for number in (0..0x1_0000).filter(|number| !numbers.contains(number)) {
        assert_eq!(call::<4>(number, 0, &facts), Err(CallError::NotSupported), "{number}");
    }
    for number in numbers {
        let mut registers = [0; 18];
        let smc32 = 0x8200_0000 | number;
        assert_eq!(serve(smc32, &mut registers, &facts), Err(CallError::NotSupported), "{smc32:#x}");
    }
}

#[test]
fn a_second_tree_leaves_nothing_of_the_first() {
    let facts = Tree::new(9).with_numa(&[1, 1]).facts();
    crate::sbsa_ref::tree::describe(&Tree::of_version(0, 1).blob(), &facts).unwrap();
    assert_eq!(call(GET_GIC_ITS, 0, &facts), Ok([0]));
    assert_eq!(call(GET_CPU_NODE, 1, &facts), Ok([0, 0]));
    assert_eq!(call(GET_MEMORY_NODE, 1, &facts), Ok([0, 0, 0]));
    assert_eq!(call::<4>(GET_CPU_TOPOLOGY, 0, &facts), Err(CallError::NotSupported));
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What must be so of any bytes that the firmware takes for a device tree: it refuses them with a reason, or what it believes
//! of them is a machine that there can be. The fuzz target is made of this too.

use quell_plat::{BadTree, CallError, Description, Platform, sbsa_ref::SbsaRef};

const GET_CPU_COUNT: u32 = 0xc200_00c8;
const GET_CPU_NODE: u32 = 0xc200_00c9;
const GET_MEMORY_NODE_COUNT: u32 = 0xc200_012c;
const GET_MEMORY_NODE: u32 = 0xc200_012d;

const MAX_CORES: u64 = 512;
/// The most memory nodes, and NUMA nodes.
const MAX_NODES: u64 = 128;
const PAGE: u64 = 4096;

/// Reads the bytes as a tree. One at a time: what the calls answer exists once.
///
/// # Panics
///
/// Panics if what is believed of them can not be.
pub fn describe(bytes: &[u8]) -> Result<Description, BadTree> {
    let description =
        SbsaRef::describe(bytes).inspect_err(|error| assert!(!error.describe().0.is_empty()))?;
    let Description { cores, gicd, gicr, ref memory } = description;
    assert!((1..=SbsaRef::MAX_CORES).contains(&cores));
    for (start, size) in [(gicd, 0x1_0000), (gicr, cores as u64 * 0x2_0000)] {
        let is_device = |range: &core::ops::Range<u64>| range.start <= start && start + size <= range.end;
        assert!(SbsaRef::DEVICES.iter().any(is_device), "{start:#x}");
    }
    assert_eq!(memory.start, SbsaRef::DEVICE_TREE);
    assert!(memory.end.is_multiple_of(PAGE) && memory.start < memory.end);
    check_cores(cores as u64);
    check_memory(memory.end);
    Ok(description)
}

fn check_cores(count: u64) {
    assert_eq!(call(GET_CPU_COUNT, 0).unwrap()[0], count);
    for index in 0..count {
        let [numa_node, mpidr, _] = call(GET_CPU_NODE, index).unwrap();
        assert!(numa_node < MAX_NODES);
        assert_eq!(mpidr, SbsaRef::affinity_of(index as usize));
    }
    assert_eq!(call(GET_CPU_NODE, MAX_CORES), Err(CallError::InvalidParameter));
}

/// The memory nodes are the RAM, each part of it once.
fn check_memory(end: u64) {
    let [count, ..] = call(GET_MEMORY_NODE_COUNT, 0).unwrap();
    assert!((1..=MAX_NODES).contains(&count));
    let mut nodes: Vec<_> = (0..count).map(|index| call(GET_MEMORY_NODE, index).unwrap()).collect();
    nodes.sort_by_key(|[_, address, size]| (*address, *size));
    let mut next = SbsaRef::DEVICE_TREE;
    for [numa_node, address, size] in nodes {
        assert!(numa_node < MAX_NODES);
        assert_eq!(address, next);
        next += size;
    }
    assert_eq!(next, end);
    assert_eq!(call(GET_MEMORY_NODE, MAX_NODES), Err(CallError::InvalidParameter));
}

/// Makes a call with an index; returns x1 to x3.
fn call(function: u32, index: u64) -> Result<[u64; 3], CallError> {
    let mut registers = [0; 18];
    registers[1] = index;
    SbsaRef::call(function, &mut registers)?;
    Ok([registers[1], registers[2], registers[3]])
}

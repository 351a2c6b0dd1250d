// SPDX-License-Identifier: MIT OR Apache-2.0

//! What UEFI asks sbsa-ref's firmware: each answer against the machine's device tree.

use core::array;

use crate::case::cases;
use crate::cases::smccc_registers::pattern;
use crate::machine::{self, DRAM_BASE, dram_end};
use crate::platform::{
    GET_CPU_COUNT, GET_CPU_NODE, GET_CPU_TOPOLOGY, GET_GIC, GET_GIC_ITS, GET_MEMORY_NODE,
    GET_MEMORY_NODE_COUNT, MAX_CORES, MAX_MEMORY_NODES, Tree, VERSION, call, needed,
};
use crate::psci::{self, NOT_SUPPORTED, OFF};
use crate::section;
use crate::smc;
use crate::verdict::{Verdict, equal, holds, skipped, status};

cases! {
    [section::PLATFORM]
    /// VERSION is the version in the device tree.
    "platform.version", 1, version;
    /// GET_GIC returns distributor and redistributor of the device tree.
    "platform.gic", 1, gic;
    /// GET_GIC_ITS returns the ITS of the device tree, or 0.
    "platform.gic_its", 1, gic_its;
    /// GET_CPU_COUNT is the number of cores.
    "platform.cpu_count", 1, cpu_count;
    /// GET_CPU_NODE returns NUMA node and MPIDR of every core.
    "platform.cpu_node.each", 1, each_core;
    /// An index beyond the last core returns zeros.
    "platform.cpu_node.beyond_count", 1, cores_beyond_count;
    /// An index of 512 or more is an error.
    "platform.cpu_node.out_of_range", 1, cores_out_of_range;
    /// The MPIDRs are those that AFFINITY_INFO takes.
    "platform.cpu_node.is_psci", 1, cores_are_psci;
    /// GET_CPU_TOPOLOGY is the topology of the device tree, or an error without one.
    "platform.cpu_topology", 1, cpu_topology;
    /// GET_MEMORY_NODE_COUNT is the number of memory nodes.
    "platform.memory_count", 1, memory_count;
    /// GET_MEMORY_NODE returns NUMA node, address and size of every memory node.
    "platform.memory_node.each", 1, each_memory;
    /// An index beyond the last node returns zeros.
    "platform.memory_node.beyond_count", 1, memory_beyond_count;
    /// An index of 128 or more is an error.
    "platform.memory_node.out_of_range", 1, memory_out_of_range;
    /// The memory nodes are all of RAM, the lowest first.
    "platform.memory_node.is_all_ram", 1, memory_is_all_ram;
    /// Cores and memory have the NUMA nodes of the device tree.
    "platform.numa", 2, numa;
}

/// Where the GIC is in machines that do not say it.
const GIC: [u64; 2] = [0x4006_0000, 0x4008_0000];

/// SMCCC has no codes for owner 2: this is INVALID_PARAMETER of its architecture calls.
const INVALID_PARAMETER: i32 = smccc::arch::error::INVALID_PARAMETER;

/// Calls with an index and a pattern in every other register: x0 must be SUCCESS and the registers after it `expected`, and
/// every other one as it was.
fn answers(function: u32, index: u64, expected: &[u64]) -> Verdict {
    let mut before: [u64; 31] = array::from_fn(pattern);
    (before[0], before[1]) = (function.into(), index);
    let after = smc::call_with_all_registers(&before);
    status(format_args!("call {function:#x} of {index:#x}"), after[0], 0)?;
    let (results, others) = after[1..].split_at(expected.len());
    for (number, (saw, expected)) in (1..).zip(results.iter().zip(expected)) {
        equal(format_args!("x{number} of call {function:#x} of {index}"), *saw, *expected)?;
    }
    for (number, saw) in (1 + expected.len()..).zip(others) {
        equal(format_args!("x{number} after call {function:#x} of {index}"), *saw, before[number])?;
    }
    Ok(())
}

/// Calls with an index and a pattern in every other register: x0 must be an error, and every other register as it was.
fn refuses(function: u32, index: u64, error: i32) -> Verdict {
    let mut before: [u64; 31] = array::from_fn(pattern);
    (before[0], before[1]) = (function.into(), index);
    let after = smc::call_with_all_registers(&before);
    status(format_args!("call {function:#x} of {index:#x}"), after[0], error)?;
    for number in 1..31 {
        equal(
            format_args!("x{number} after call {function:#x} of {index:#x}"),
            after[number],
            before[number],
        )?;
    }
    Ok(())
}

fn version() -> Verdict {
    needed()?;
    answers(VERSION, 0, &Tree::get().version())
}

fn gic() -> Verdict {
    needed()?;
    answers(GET_GIC, 0, &Tree::get().gic().unwrap_or(GIC))
}

fn gic_its() -> Verdict {
    needed()?;
    answers(GET_GIC_ITS, 0, &[Tree::get().its().unwrap_or(0)])
}

fn cpu_count() -> Verdict {
    needed()?;
    answers(GET_CPU_COUNT, 0, &[Tree::get().cores().count() as u64])
}

fn each_core() -> Verdict {
    needed()?;
    (0..).zip(Tree::get().cores()).try_for_each(|(index, core)| answers(GET_CPU_NODE, index, &core))
}

fn cores_beyond_count() -> Verdict {
    needed()?;
    let count = machine::cores() as u64;
    beyond(count, MAX_CORES).try_for_each(|index| answers(GET_CPU_NODE, index, &[0; 2]))
}

/// Returns indices behind the last of `count` things, of which there can be `most`.
fn beyond(count: u64, most: u64) -> impl Iterator<Item = u64> {
    [count, count + 1, most - 1].into_iter().filter(move |index| (count..most).contains(index))
}

fn cores_out_of_range() -> Verdict {
    needed()?;
    for index in [MAX_CORES, MAX_CORES + 1, 1 << 31, 1 << 32, 1 << 32 | 1, 1 << 63, u64::MAX] {
        refuses(GET_CPU_NODE, index, INVALID_PARAMETER)?;
    }
    Ok(())
}

/// What the machine calls a core is what PSCI knows it by.
fn cores_are_psci() -> Verdict {
    needed()?;
    let [_, count, ..] = call(GET_CPU_COUNT, 0);
    for index in 0..count {
        let [_, _, mpidr, ..] = call(GET_CPU_NODE, index);
        let expected = if mpidr == machine::mpidr(machine::this_core()) { psci::ON } else { OFF };
        equal(format_args!("AFFINITY_INFO of {mpidr:#x}"), psci::affinity_info_of(mpidr, 0), expected)?;
    }
    Ok(())
}

fn cpu_topology() -> Verdict {
    needed()?;
    match Tree::get().topology() {
        Some(topology) => answers(GET_CPU_TOPOLOGY, 0, &topology),
        None => refuses(GET_CPU_TOPOLOGY, 0, NOT_SUPPORTED),
    }
}

fn memory_count() -> Verdict {
    needed()?;
    answers(GET_MEMORY_NODE_COUNT, 0, &[Tree::get().memory().count() as u64])
}

fn each_memory() -> Verdict {
    needed()?;
    (0..).zip(Tree::get().memory()).try_for_each(|(index, node)| answers(GET_MEMORY_NODE, index, &node))
}

fn memory_beyond_count() -> Verdict {
    needed()?;
    let count = Tree::get().memory().count() as u64;
    beyond(count, MAX_MEMORY_NODES).try_for_each(|index| answers(GET_MEMORY_NODE, index, &[0; 3]))
}

fn memory_out_of_range() -> Verdict {
    needed()?;
    for index in [MAX_MEMORY_NODES, MAX_MEMORY_NODES + 1, MAX_CORES - 1, 1 << 31, 1 << 32, 1 << 63, u64::MAX]
    {
        refuses(GET_MEMORY_NODE, index, INVALID_PARAMETER)?;
    }
    Ok(())
}

/// UEFI takes its RAM from the nodes, and stops if the lowest of them is not at the start of DRAM.
fn memory_is_all_ram() -> Verdict {
    needed()?;
    let [_, count, ..] = call(GET_MEMORY_NODE_COUNT, 0);
    let (mut lowest, mut total) = (u64::MAX, 0);
    for index in 0..count {
        let [_, _, base, size, _] = call(GET_MEMORY_NODE, index);
        lowest = lowest.min(base);
        total += size;
    }
    equal("the lowest memory node's address", lowest, DRAM_BASE)?;
    equal("the size of all memory nodes", total, dram_end() - DRAM_BASE)
}

/// On a machine with NUMA nodes the answers name more than one of them, for cores and for memory.
fn numa() -> Verdict {
    needed()?;
    if !Tree::get().has_numa() {
        return Err(skipped(format_args!("the machine has no NUMA nodes")));
    }
    for (count, function, what) in
        [(GET_CPU_COUNT, GET_CPU_NODE, "cores"), (GET_MEMORY_NODE_COUNT, GET_MEMORY_NODE, "memory")]
    {
        let [_, count, ..] = call(count, 0);
        let [_, first, ..] = call(function, 0);
        let has_other = (1..count).any(|index| call(function, index)[1] != first);
        holds(format_args!("{what} of two NUMA nodes"), has_other)?;
    }
    Ok(())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What sbsa-ref's device tree says. Each version of the machine's has added something to it: 0.1 the GIC, 0.2 its ITS, 0.4 the
//! topology of the cores. Where that is missing, the defaults hold.
//!
//! A tree comes from outside. Every number of it that something relies on is checked here, and one that can not be true is
//! the end of the boot.

use core::ops::Range;

use dtoolkit::{Node, fdt::FdtNode};

use super::{
    DRAM, GIC, SbsaRef,
    facts::{Facts, Gic, MAX_NODES, PAGE},
};
use crate::{
    BadTree, Description, Platform,
    tree::{self, reg},
};

const DEFAULT_GICD: u64 = 0x4006_0000;
const DEFAULT_GICR: u64 = 0x4008_0000;

/// The most RAM that the machine can have.
const DRAM_MOST: u64 = 8 << 40;

/// A frame of registers: the distributor is one.
const FRAME: u64 = 0x1_0000;

/// Distance of two redistributors: RD and SGI frame, no virtual LPIs.
const GICR_STRIDE: u64 = 2 * FRAME;

/// The ITS: two frames, which the machine does not align to more than a page.
const ITS_SIZE: u64 = 2 * FRAME;

/// Returns what the monitor needs, and leaves what the calls answer in `facts`; of a bad tree nothing there is of use.
pub(super) fn describe(tree: &[u8], facts: &Facts) -> Result<Description, BadTree> {
    let fdt = tree::parse(tree)?;
    let root = fdt.root();
    facts.set_version([word(root, "machine-version-major")?, word(root, "machine-version-minor")?]);
    let cores = cores(root, facts)?;
    let gic = gic(root, cores)?;
    facts.set_gic(gic);
    Ok(Description { cores, gicd: gic.gicd, gicr: gic.gicr, memory: memory(root, facts)? })
}

/// Counts the cores, and sees that each is named as the machine names it.
fn cores(root: FdtNode<'_>, facts: &Facts) -> Result<usize, BadTree> {
    let cpus = root.child("cpus").ok_or(BadTree::CoreCount(0))?;
    let mut count = 0;
    for cpu in cpus.children().filter(|child| child.name_without_address() == "cpu") {
        if count < SbsaRef::MAX_CORES {
            let [mpidr, ..] = reg(cpu, "cpu reg", 1)?;
            if mpidr != SbsaRef::affinity_of(count) {
                return Err(BadTree::CoreNumbering { index: count, mpidr });
            }
            facts.set_numa_node(count, numa_node(cpu)?);
        }
        count += 1;
    }
    if !(1..=SbsaRef::MAX_CORES).contains(&count) {
        return Err(BadTree::CoreCount(count));
    }
    facts.set_core_count(count);
    facts.set_topology(topology(cpus)?);
    Ok(count)
}

/// Returns the numbers of sockets, clusters, cores and threads, zeros if the tree has none.
fn topology(cpus: FdtNode<'_>) -> Result<[u32; 4], BadTree> {
    let Some(topology) = cpus.child("topology") else {
        return Ok([0; 4]);
    };
    let mut numbers = [0; 4];
    for (number, name) in numbers.iter_mut().zip(["sockets", "clusters", "cores", "threads"]) {
        *number = word(topology, name)?;
    }
    Ok(numbers)
}

/// Returns where the GIC is; every part of it must be where the machine has its GIC.
fn gic(root: FdtNode<'_>, cores: usize) -> Result<Gic, BadTree> {
    let Some(intc) = root.child("intc") else {
        return Ok(Gic { gicd: DEFAULT_GICD, gicr: DEFAULT_GICR, its: 0 });
    };
    let [gicd, _, gicr, _] = reg(intc, "intc reg", 4)?;
    let its = match intc.child("its") {
        Some(its) => Some(reg(its, "its reg", 2)?[0]),
        None => None,
    };
    let parts = [
        (gicd, FRAME, FRAME),
        (gicr, cores as u64 * GICR_STRIDE, FRAME),
        (its.unwrap_or(GIC.start), ITS_SIZE, PAGE),
    ];
    for (start, size, alignment) in parts {
        if !(GIC.start..=GIC.end - size).contains(&start) || !start.is_multiple_of(alignment) {
            return Err(BadTree::Gic(start));
        }
    }
    Ok(Gic { gicd, gicr, its: its.unwrap_or(0) })
}

/// Returns the RAM: the nodes of a NUMA machine come in any order and join to one range.
fn memory(root: FdtNode<'_>, facts: &Facts) -> Result<Range<u64>, BadTree> {
    let (mut count, mut end, mut total) = (0, DRAM, 0);
    for node in root.children().filter(|child| child.name_without_address() == "memory") {
        if count < MAX_NODES {
            let [start, size, ..] = reg(node, "memory reg", 2)?;
            if !is_free(start, size, count, facts) {
                return Err(BadTree::Memory);
            }
            facts.set_memory(count, numa_node(node)?, start, size);
            end = end.max(start + size);
            total += size;
        }
        count += 1;
    }
    if count > MAX_NODES {
        return Err(BadTree::MemoryNodeCount(count));
    }
    facts.set_memory_count(count);
    // Parts that do not overlap are the whole if they add up to it.
    if total > 0 && end - DRAM == total { Ok(DRAM..end) } else { Err(BadTree::Memory) }
}

/// Returns whether the range is whole pages where the machine can have RAM, and has nothing in common with the first `count`
/// memory nodes.
fn is_free(start: u64, size: u64, count: usize, facts: &Facts) -> bool {
    (start | size).is_multiple_of(PAGE)
        && (DRAM..=DRAM + DRAM_MOST).contains(&start)
        && size <= DRAM + DRAM_MOST - start
        && (0..count)
            .map(|index| facts.memory(index))
            .all(|[_, other, other_size]| start + size <= other || other + other_size <= start)
}

/// Returns which NUMA node a core or memory is of: the first one if the machine has no others.
fn numa_node(node: FdtNode<'_>) -> Result<u8, BadTree> {
    let number = word(node, "numa-node-id")?;
    u8::try_from(number)
        .ok()
        .filter(|number| usize::from(*number) < MAX_NODES)
        .ok_or(BadTree::NumaNode(number))
}

/// Returns a property of one cell, 0 if it is missing.
fn word(node: FdtNode<'_>, name: &'static str) -> Result<u32, BadTree> {
    tree::word(node, name).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests;

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What virt's device tree says. It is made for an operating system, and has far more than this firmware looks at.
//!
//! A tree comes from outside. Every number of it that something relies on is checked here, and one that can not be true is
//! the end of the boot.

use core::ops::Range;

use dtoolkit::{Node, fdt::FdtNode};

use super::{DRAM, GIC, Virt};
use crate::{
    BadTree, Description, Platform,
    tree::{self, reg, word},
};

/// Where RAM has to end: the monitor's tables reach no further.
const DRAM_END: u64 = 8 << 40;

/// RAM comes in whole pages.
const PAGE: u64 = 4096;

/// Distance of two redistributors: RD and SGI frame, no virtual LPIs.
const GICR_STRIDE: u64 = 0x2_0000;

/// Returns what the monitor needs.
pub(super) fn describe(tree: &[u8]) -> Result<Description, BadTree> {
    let fdt = tree::parse(tree)?;
    let root = fdt.root();
    // First: with more cores than there can be, the GIC has another form, too.
    let cores = cores(root)?;
    let [gicd, gicr] = gic(root, cores)?;
    Ok(Description { cores, gicd, gicr, memory: memory(root)? })
}

/// Counts the cores, and sees that each is named as the machine names it.
fn cores(root: FdtNode<'_>) -> Result<usize, BadTree> {
    let cpus = root.child("cpus").ok_or(BadTree::CoreCount(0))?;
    let mut count = 0;
    for cpu in cpus.children().filter(|child| child.name_without_address() == "cpu") {
        // One cell, which is enough without Aff3.
        let mpidr = word(cpu, "reg")?.ok_or(BadTree::Property("reg"))?.into();
        if count < Virt::MAX_CORES && mpidr != Virt::affinity_of(count) {
            return Err(BadTree::CoreNumbering { index: count, mpidr });
        }
        count += 1;
    }
    if (1..=Virt::MAX_CORES).contains(&count) { Ok(count) } else { Err(BadTree::CoreCount(count)) }
}

/// Returns where distributor and redistributors are; they must be where the machine has its GIC. A GICv2 has something else,
/// and less of it, where the redistributors should be.
fn gic(root: FdtNode<'_>, cores: usize) -> Result<[u64; 2], BadTree> {
    let intc = root.child("intc").ok_or(BadTree::Property("intc reg"))?;
    let [gicd, gicd_size, gicr, gicr_size] = reg(intc, "intc reg", 4)?;
    for (start, size, needed) in [(gicd, gicd_size, 1), (gicr, gicr_size, cores as u64 * GICR_STRIDE)] {
        if size < needed || !(GIC.start..=GIC.end - needed).contains(&start) {
            return Err(BadTree::Gic(start));
        }
    }
    Ok([gicd, gicr])
}

/// Returns the RAM. The nodes of a NUMA machine come in the order of their addresses, up or down, so that each joins those
/// before it.
fn memory(root: FdtNode<'_>) -> Result<Range<u64>, BadTree> {
    let mut memory: Option<Range<u64>> = None;
    for node in root.children().filter(|child| child.name_without_address() == "memory") {
        let [start, size, ..] = reg(node, "memory reg", 2)?;
        let end = start.checked_add(size).filter(|end| start < *end && *end <= DRAM_END);
        let end = end.ok_or(BadTree::Memory)?;
        memory = Some(match memory {
            None => start..end,
            Some(known) if known.end == start => known.start..end,
            Some(known) if known.start == end => start..known.end,
            Some(_) => return Err(BadTree::Memory),
        });
    }
    memory.filter(|memory| memory.start == DRAM && memory.end.is_multiple_of(PAGE)).ok_or(BadTree::Memory)
}

#[cfg(test)]
mod tests;

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What sbsa-ref's device tree says. Platform versions before 0.1 have no `intc` node: the defaults hold.

use core::ops::Range;

use dtoolkit::{
    Node,
    fdt::{Fdt, FdtNode},
};

use super::{DRAM, GIC, SbsaRef};
use crate::{BadTree, Description, Platform};

const DEFAULT_GICD: u64 = 0x4006_0000;
const DEFAULT_GICR: u64 = 0x4008_0000;

/// Distance of two redistributors: RD and SGI frame, no virtual LPIs.
const GICR_STRIDE: u64 = 0x2_0000;

pub(super) fn describe(tree: &[u8]) -> Result<Description, BadTree> {
    let fdt = Fdt::new(exact(tree)?).map_err(|_| BadTree::Malformed)?;
    let root = fdt.root();
    let cores = cores(root)?;
    let (gicd, gicr) = gic(root, cores)?;
    Ok(Description { cores, gicd, gicr, memory: memory(root)? })
}

/// Cuts the bytes to the size that the tree's header gives (Devicetree Specification 0.4 section 5.2).
fn exact(bytes: &[u8]) -> Result<&[u8], BadTree> {
    let size = bytes.get(4..8).and_then(|field| field.try_into().ok()).ok_or(BadTree::Malformed)?;
    let size = u32::from_be_bytes(size) as usize;
    bytes.get(..size).ok_or(BadTree::Malformed)
}

/// Counts the cores, and sees that each is named as the machine names it.
fn cores(root: FdtNode<'_>) -> Result<usize, BadTree> {
    let cpus = root.child("cpus").ok_or(BadTree::CoreCount(0))?;
    let mut count = 0;
    for cpu in cpus.children().filter(|child| child.name_without_address() == "cpu") {
        if count < SbsaRef::MAX_CORES {
            let mpidr = number(cpu, "cpu reg", 0)?;
            if mpidr != SbsaRef::affinity_of(count) {
                return Err(BadTree::CoreNumbering { index: count, mpidr });
            }
        }
        count += 1;
    }
    if (1..=SbsaRef::MAX_CORES).contains(&count) { Ok(count) } else { Err(BadTree::CoreCount(count)) }
}

/// Returns the addresses of distributor and redistributors; all redistributors must be where the machine has its GIC.
fn gic(root: FdtNode<'_>, cores: usize) -> Result<(u64, u64), BadTree> {
    let Some(intc) = root.child("intc") else {
        return Ok((DEFAULT_GICD, DEFAULT_GICR));
    };
    let (gicd, gicr) = (number(intc, "intc reg", 0)?, number(intc, "intc reg", 1)?);
    let end = gicr.checked_add(cores as u64 * GICR_STRIDE).ok_or(BadTree::Gic(gicr))?;
    if !GIC.contains(&gicd) {
        Err(BadTree::Gic(gicd))
    } else if !GIC.contains(&gicr) || end > GIC.end {
        Err(BadTree::Gic(gicr))
    } else {
        Ok((gicd, gicr))
    }
}

/// Returns the RAM: the nodes of a NUMA machine come in any order and join to one range.
fn memory(root: FdtNode<'_>) -> Result<Range<u64>, BadTree> {
    let (mut start, mut end, mut total) = (u64::MAX, 0, 0_u64);
    for node in root.children().filter(|child| child.name_without_address() == "memory") {
        for reg in regs(node, "memory reg")? {
            let reg = reg?;
            start = start.min(reg.start);
            end = end.max(reg.end);
            total = total.checked_add(reg.end - reg.start).ok_or(BadTree::Memory)?;
        }
    }
    // Without a hole and without an overlap the parts add up to the whole; with both they may too, and then every byte
    // of the range is still RAM or was claimed twice by a tree that the machine did not make.
    if start == DRAM && total > 0 && end - start == total { Ok(start..end) } else { Err(BadTree::Memory) }
}

/// Returns the address in the node's `reg` entry with this number.
fn number(node: FdtNode<'_>, what: &'static str, entry: usize) -> Result<u64, BadTree> {
    let malformed = BadTree::Property(what);
    let reg = node.reg().map_err(|_| malformed)?.and_then(|mut regs| regs.nth(entry)).ok_or(malformed)?;
    reg.address().map_err(|_| malformed)
}

/// Returns the ranges in a node's `reg` property.
fn regs<'a>(
    node: FdtNode<'a>,
    what: &'static str,
) -> Result<impl Iterator<Item = Result<Range<u64>, BadTree>> + 'a, BadTree> {
    let malformed = BadTree::Property(what);
    let regs = node.reg().map_err(|_| malformed)?.ok_or(malformed)?;
    Ok(regs.map(move |reg| {
        let start: u64 = reg.address().map_err(|_| malformed)?;
        let size: u64 = reg.size().map_err(|_| malformed)?;
        Ok(start..start.checked_add(size).ok_or(malformed)?)
    }))
}

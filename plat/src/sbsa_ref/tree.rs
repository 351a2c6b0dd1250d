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

/// RAM comes in whole pages.
const PAGE: u64 = 4096;

/// The most RAM that the machine can have.
const DRAM_MOST: u64 = 8 << 40;

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
        for range in ranges(node, "memory reg")? {
            let range = range?;
            start = start.min(range.start);
            end = end.max(range.end);
            total = total.checked_add(range.end - range.start).ok_or(BadTree::Memory)?;
        }
    }
    // The parts of a range add up to the whole.
    let whole = total.is_multiple_of(PAGE);
    if start == DRAM && (1..=DRAM_MOST).contains(&total) && end - start == total && whole {
        Ok(start..end)
    } else {
        Err(BadTree::Memory)
    }
}

/// Returns the address in the node's `reg` entry with this number.
fn number(node: FdtNode<'_>, what: &'static str, entry: usize) -> Result<u64, BadTree> {
    let malformed = BadTree::Property(what);
    let reg = node.reg().map_err(|_| malformed)?.and_then(|mut regs| regs.nth(entry)).ok_or(malformed)?;
    reg.address().map_err(|_| malformed)
}

/// Returns the ranges in a node's `reg` property.
fn ranges<'a>(
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

#[cfg(test)]
mod tests {
    use vm_fdt::FdtWriter;

    use super::*;

    /// What the tests vary of a tree.
    struct Tree {
        mpidrs: Vec<u64>,
        memory: Vec<(u64, u64)>,
        intc: Option<[u64; 4]>,
    }

    impl Tree {
        /// Returns the tree that QEMU makes for this many cores and 1 GiB.
        fn new(cores: usize) -> Self {
            Self {
                mpidrs: (0..cores).map(SbsaRef::affinity_of).collect(),
                memory: vec![(DRAM, 1 << 30)],
                intc: Some([0x4006_0000, 0x1_0000, 0x4008_0000, 0x400_0000]),
            }
        }

        fn blob(&self) -> Vec<u8> {
            let mut fdt = FdtWriter::new().unwrap();
            let root = fdt.begin_node("").unwrap();
            fdt.property_u32("#address-cells", 2).unwrap();
            fdt.property_u32("#size-cells", 2).unwrap();
            for (start, size) in &self.memory {
                let node = fdt.begin_node(&format!("memory@{start:x}")).unwrap();
                fdt.property_array_u64("reg", &[*start, *size]).unwrap();
                fdt.end_node(node).unwrap();
            }
            if let Some(intc) = self.intc {
                let node = fdt.begin_node("intc").unwrap();
                fdt.property_array_u64("reg", &intc).unwrap();
                fdt.end_node(node).unwrap();
            }
            let cpus = fdt.begin_node("cpus").unwrap();
            fdt.property_u32("#address-cells", 2).unwrap();
            fdt.property_u32("#size-cells", 0).unwrap();
            let topology = fdt.begin_node("topology").unwrap();
            fdt.property_u32("threads", 1).unwrap();
            fdt.end_node(topology).unwrap();
            for (number, mpidr) in self.mpidrs.iter().enumerate() {
                let node = fdt.begin_node(&format!("cpu@{number}")).unwrap();
                fdt.property_u64("reg", *mpidr).unwrap();
                fdt.end_node(node).unwrap();
            }
            fdt.end_node(cpus).unwrap();
            fdt.end_node(root).unwrap();
            fdt.finish().unwrap()
        }

        fn describe(&self) -> Result<Description, BadTree> {
            describe(&self.blob())
        }
    }

    #[test]
    fn cores_gic_and_memory_are_found() {
        for cores in [1, 4, 9, 16, 512] {
            let description = Tree::new(cores).describe().unwrap();
            assert_eq!(
                description,
                Description { cores, gicd: 0x4006_0000, gicr: 0x4008_0000, memory: DRAM..DRAM + (1 << 30) }
            );
        }
    }

    #[test]
    fn bytes_behind_the_tree_are_not_read() {
        let mut bytes = Tree::new(2).blob();
        bytes.resize(SbsaRef::DEVICE_TREE_SIZE, 0xff);
        assert_eq!(describe(&bytes).unwrap().cores, 2);
    }

    #[test]
    fn a_tree_without_gic_means_the_usual_place() {
        let description = Tree { intc: None, ..Tree::new(1) }.describe().unwrap();
        assert_eq!((description.gicd, description.gicr), (DEFAULT_GICD, DEFAULT_GICR));
    }

    #[test]
    fn a_gic_elsewhere_is_refused() {
        for (intc, bad) in [
            ([0x5000_0000, 0x1_0000, 0x4008_0000, 0x400_0000], 0x5000_0000),
            ([0x4006_0000, 0x1_0000, 0x441f_0000, 0x400_0000], 0x441f_0000),
            ([0x4006_0000, 0x1_0000, u64::MAX, 0x400_0000], u64::MAX),
        ] {
            assert_eq!(Tree { intc: Some(intc), ..Tree::new(1) }.describe(), Err(BadTree::Gic(bad)));
        }
    }

    #[test]
    fn numa_nodes_join_in_any_order() {
        let nodes = vec![(DRAM + (3 << 30), 1 << 30), (DRAM, 3 << 30)];
        let description = Tree { memory: nodes, ..Tree::new(1) }.describe().unwrap();
        assert_eq!(description.memory, DRAM..DRAM + (4 << 30));
    }

    #[test]
    fn memory_elsewhere_or_with_a_hole_is_refused() {
        for memory in [
            vec![],
            vec![(DRAM, 0)],
            vec![(0x4000_0000, 1 << 30)],
            vec![(DRAM, 1 << 30), (DRAM + (2 << 30), 1 << 30)],
            vec![(DRAM, 1 << 30), (DRAM, 1 << 30)],
            vec![(DRAM, DRAM_MOST + 1)],
        ] {
            assert_eq!(Tree { memory, ..Tree::new(1) }.describe(), Err(BadTree::Memory));
        }
        let wraps = Tree { memory: vec![(u64::MAX, 2)], ..Tree::new(1) };
        assert_eq!(wraps.describe(), Err(BadTree::Property("memory reg")));
    }

    #[test]
    fn cores_that_are_not_numbered_as_the_machine_does_are_refused() {
        let tree = Tree { mpidrs: vec![0, 2], ..Tree::new(0) };
        assert_eq!(tree.describe(), Err(BadTree::CoreNumbering { index: 1, mpidr: 2 }));
        assert_eq!(Tree::new(0).describe(), Err(BadTree::CoreCount(0)));
        assert_eq!(Tree::new(513).describe(), Err(BadTree::CoreCount(513)));
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        assert_eq!(describe(&[]), Err(BadTree::Malformed));
        assert_eq!(describe(&[0; 64]), Err(BadTree::Malformed));
        assert_eq!(describe(&[0xff; 64]), Err(BadTree::Malformed));
        let blob = Tree::new(2).blob();
        for length in 0..blob.len() {
            assert_eq!(describe(&blob[..length]), Err(BadTree::Malformed), "{length} bytes");
        }
    }
}

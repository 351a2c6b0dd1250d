// SPDX-License-Identifier: MIT OR Apache-2.0

//! Device trees as QEMU makes them, and others.

use vm_fdt::FdtWriter;

use super::{DRAM, SbsaRef, facts::Facts, tree};
use crate::{BadTree, Description, Platform};

/// What the tests vary of a tree.
#[derive(Clone)]
pub(super) struct Tree {
    /// The machine's major and minor version.
    pub(super) version: Option<[u32; 2]>,
    /// MPIDR and NUMA node of each core.
    pub(super) cores: Vec<(u64, Option<u32>)>,
    /// Address, size and NUMA node of each memory node.
    pub(super) memory: Vec<(u64, u64, Option<u32>)>,
    /// Addresses and sizes of distributor and redistributors.
    pub(super) intc: Option<[u64; 4]>,
    /// Address and size of the ITS.
    pub(super) its: Option<[u64; 2]>,
    /// Threads, cores, clusters and sockets.
    pub(super) topology: Option<[u32; 4]>,
    /// What else a node has: its path's last part, a property, and the property's value.
    pub(super) extra: Option<(&'static str, &'static str, Vec<u8>)>,
}

pub(super) const GICD: u64 = 0x4006_0000;
pub(super) const GICR: u64 = 0x4008_0000;
pub(super) const ITS: u64 = 0x4408_1000;

impl Tree {
    /// Returns the tree that QEMU makes for this many cores and 1 GiB.
    pub(super) fn new(cores: usize) -> Self {
        Self {
            version: Some([0, 4]),
            cores: (0..cores).map(|index| (SbsaRef::affinity_of(index), None)).collect(),
            memory: vec![(DRAM, 1 << 30, None)],
            intc: Some([GICD, 0x1_0000, GICR, 0x400_0000]),
            its: Some([ITS, 0x2_0000]),
            topology: Some([1, cores as u32, 1, 1]),
            extra: None,
        }
    }

    /// Returns the tree that a QEMU with version 0.`minor` of the machine makes for this many cores and 1 GiB.
    pub(super) fn of_version(minor: u32, cores: usize) -> Self {
        let mut tree = Self { version: Some([0, minor]), ..Self::new(cores) };
        if minor < 4 {
            tree.topology = None;
        }
        if minor < 2 {
            tree.its = None;
        }
        if minor < 1 {
            tree.intc = None;
        }
        tree
    }

    /// Returns the tree with RAM of these sizes in GiB, each of a NUMA node of its own, the highest one first.
    pub(super) fn with_numa(self, sizes: &[u64]) -> Self {
        let mut start = DRAM;
        let mut memory = Vec::new();
        for (number, size) in (0..).zip(sizes) {
            memory.insert(0, (start, size << 30, Some(number)));
            start += size << 30;
        }
        Self { memory, ..self }
    }

    pub(super) fn blob(&self) -> Vec<u8> {
        let mut fdt = FdtWriter::new().unwrap();
        let root = fdt.begin_node("").unwrap();
        if let Some([major, minor]) = self.version {
            fdt.property_u32("machine-version-minor", minor).unwrap();
            fdt.property_u32("machine-version-major", major).unwrap();
        }
        fdt.property_u32("#size-cells", 2).unwrap();
        fdt.property_u32("#address-cells", 2).unwrap();
        self.write_extra("", &mut fdt);
        for (start, size, numa_node) in &self.memory {
            self.write_node(&mut fdt, &format!("memory@{start:x}"), &[*start, *size], *numa_node);
        }
        if let Some(reg) = self.intc {
            let node = fdt.begin_node("intc").unwrap();
            fdt.property_array_u64("reg", &reg).unwrap();
            if let Some(reg) = self.its {
                self.write_node(&mut fdt, "its", &reg, None);
            }
            fdt.end_node(node).unwrap();
        }
        let cpus = fdt.begin_node("cpus").unwrap();
        fdt.property_u32("#size-cells", 0).unwrap();
        fdt.property_u32("#address-cells", 2).unwrap();
        if let Some(numbers) = self.topology {
            let topology = fdt.begin_node("topology").unwrap();
            for (name, number) in ["threads", "cores", "clusters", "sockets"].into_iter().zip(numbers) {
                fdt.property_u32(name, number).unwrap();
            }
            fdt.end_node(topology).unwrap();
        }
        for (number, (mpidr, numa_node)) in self.cores.iter().enumerate() {
            self.write_node(&mut fdt, &format!("cpu@{number}"), &[*mpidr], *numa_node);
        }
        fdt.end_node(cpus).unwrap();
        fdt.end_node(root).unwrap();
        fdt.finish().unwrap()
    }

    fn write_node(&self, fdt: &mut FdtWriter, name: &str, reg: &[u64], numa_node: Option<u32>) {
        let node = fdt.begin_node(name).unwrap();
        if let Some(numa_node) = numa_node {
            fdt.property_u32("numa-node-id", numa_node).unwrap();
        }
        // The first of two properties of one name is the one that is found.
        self.write_extra(name, fdt);
        fdt.property_array_u64("reg", reg).unwrap();
        fdt.end_node(node).unwrap();
    }

    fn write_extra(&self, node: &str, fdt: &mut FdtWriter) {
        if let Some((_, name, value)) = self.extra.as_ref().filter(|(to, ..)| *to == node) {
            fdt.property(name, value).unwrap();
        }
    }

    pub(super) fn describe(&self) -> Result<Description, BadTree> {
        tree::describe(&self.blob(), &Facts::new())
    }

    /// Returns what the calls answer from.
    pub(super) fn facts(&self) -> Facts {
        let facts = Facts::new();
        tree::describe(&self.blob(), &facts).unwrap();
        facts
    }
}

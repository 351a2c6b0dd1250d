// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the device tree says and UEFI asks for, kept where the operating system can not write.
//!
//! The first core writes it while no other core runs, and nobody does afterwards; the first doorbell publishes it with all
//! else. So no access needs an order, and the atomics are plain words.

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::SbsaRef;
use crate::Platform;

/// The most memory nodes that the machine can have, and the most NUMA nodes: QEMU's MAX_NODES.
pub(super) const MAX_NODES: usize = 128;

/// RAM comes in whole pages, whose numbers take half the room of their addresses.
const PAGE_SHIFT: u32 = 12;
pub(super) const PAGE: u64 = 1 << PAGE_SHIFT;

/// Where the machine has its GIC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Gic {
    /// Address of the distributor.
    pub(super) gicd: u64,
    /// Address of the first redistributor.
    pub(super) gicr: u64,
    /// Address of the ITS, or 0 if there is none.
    pub(super) its: u64,
}

/// What the device tree says.
pub(super) struct Facts {
    version: [AtomicU32; 2],
    gicd: AtomicU64,
    gicr: AtomicU64,
    its: AtomicU64,
    topology: [AtomicU32; 4],
    core_count: AtomicUsize,
    numa_nodes: [AtomicU8; SbsaRef::MAX_CORES],
    memory_count: AtomicUsize,
    memory: [MemoryNode; MAX_NODES],
}

struct MemoryNode {
    first_page: AtomicU32,
    pages: AtomicU32,
    numa_node: AtomicU8,
}

impl Facts {
    /// Returns what says nothing yet.
    pub(super) const fn new() -> Self {
        Self {
            version: [const { AtomicU32::new(0) }; 2],
            gicd: AtomicU64::new(0),
            gicr: AtomicU64::new(0),
            its: AtomicU64::new(0),
            topology: [const { AtomicU32::new(0) }; 4],
            core_count: AtomicUsize::new(0),
            numa_nodes: [const { AtomicU8::new(0) }; SbsaRef::MAX_CORES],
            memory_count: AtomicUsize::new(0),
            memory: [const {
                MemoryNode {
                    first_page: AtomicU32::new(0),
                    pages: AtomicU32::new(0),
                    numa_node: AtomicU8::new(0),
                }
            }; MAX_NODES],
        }
    }

    /// Keeps the machine's version: major and minor.
    pub(super) fn set_version(&self, version: [u32; 2]) {
        set(&self.version, version);
    }

    /// Returns the machine's version: major and minor.
    pub(super) fn version(&self) -> [u64; 2] {
        let [major, minor] = &self.version;
        [major, minor].map(|word| word.load(Relaxed).into())
    }

    /// Keeps where the GIC is.
    pub(super) fn set_gic(&self, gic: Gic) {
        self.gicd.store(gic.gicd, Relaxed);
        self.gicr.store(gic.gicr, Relaxed);
        self.its.store(gic.its, Relaxed);
    }

    /// Returns where the GIC is.
    pub(super) fn gic(&self) -> Gic {
        Gic { gicd: self.gicd.load(Relaxed), gicr: self.gicr.load(Relaxed), its: self.its.load(Relaxed) }
    }

    /// Keeps the numbers of sockets, clusters in each, cores in each of those, and threads in each of those; zeros if the tree
    /// has none.
    pub(super) fn set_topology(&self, topology: [u32; 4]) {
        set(&self.topology, topology);
    }

    /// Returns the numbers of sockets, clusters, cores and threads; zeros if the tree has none.
    pub(super) fn topology(&self) -> [u64; 4] {
        let [sockets, clusters, cores, threads] = &self.topology;
        [sockets, clusters, cores, threads].map(|word| word.load(Relaxed).into())
    }

    /// Keeps the number of cores.
    ///
    /// Each of them has its NUMA node by now.
    pub(super) fn set_core_count(&self, count: usize) {
        self.core_count.store(count, Relaxed);
    }

    /// Returns the number of cores.
    pub(super) fn core_count(&self) -> usize {
        self.core_count.load(Relaxed)
    }

    /// Keeps the NUMA node of the core with this index, below the most that there can be.
    pub(super) fn set_numa_node(&self, index: usize, node: u8) {
        self.numa_nodes[index].store(node, Relaxed);
    }

    /// Returns the NUMA node of the core with this index, below the most that there can be.
    pub(super) fn numa_node(&self, index: usize) -> u64 {
        self.numa_nodes[index].load(Relaxed).into()
    }

    /// Keeps the number of memory nodes.
    ///
    /// Each of them is there by now.
    pub(super) fn set_memory_count(&self, count: usize) {
        self.memory_count.store(count, Relaxed);
    }

    /// Returns the number of memory nodes.
    pub(super) fn memory_count(&self) -> usize {
        self.memory_count.load(Relaxed)
    }

    /// Keeps the memory node with this index, below the most that there can be: its NUMA node, and address and size in bytes,
    /// both whole pages and below 16 TiB.
    pub(super) fn set_memory(&self, index: usize, numa_node: u8, address: u64, size: u64) {
        let node = &self.memory[index];
        node.first_page.store((address >> PAGE_SHIFT) as u32, Relaxed);
        node.pages.store((size >> PAGE_SHIFT) as u32, Relaxed);
        node.numa_node.store(numa_node, Relaxed);
    }

    /// Returns NUMA node, address and size in bytes of the memory node with this index, below the most that there can be.
    pub(super) fn memory(&self, index: usize) -> [u64; 3] {
        let node = &self.memory[index];
        let address = |pages: &AtomicU32| u64::from(pages.load(Relaxed)) << PAGE_SHIFT;
        [node.numa_node.load(Relaxed).into(), address(&node.first_page), address(&node.pages)]
    }
}

fn set<const N: usize>(words: &[AtomicU32; N], values: [u32; N]) {
    words.iter().zip(values).for_each(|(word, value)| word.store(value, Relaxed));
}

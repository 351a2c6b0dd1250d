// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine: where things are in it, how many cores it has, what they are called, and where its memory ends.
//!
//! This program is built for one machine. What differs between them is in one module for each, and in how it is mapped
//! (`page_table`).

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dtoolkit::fdt::Fdt;
use dtoolkit::{Node, Property};

use crate::read_register;

#[cfg(not(feature = "virt"))]
mod sbsa_ref;
#[cfg(feature = "virt")]
mod virt;

#[cfg(not(feature = "virt"))]
pub use sbsa_ref::*;
#[cfg(feature = "virt")]
pub use virt::*;

static CORES: AtomicUsize = AtomicUsize::new(0);
static DRAM_END: AtomicU64 = AtomicU64::new(0);
static ITS: AtomicU64 = AtomicU64::new(0);

/// Reads the device tree that QEMU puts at the start of DRAM.
pub fn init() {
    // SAFETY: DRAM is mapped, and the tree in it is not written after QEMU's reset.
    let tree = unsafe { Fdt::from_raw(DRAM_BASE as *const u8) }.expect("a device tree at the start of DRAM");
    let root = tree.root();
    let cpus = root.child("cpus").expect("/cpus in the device tree");
    let cores = cpus.children().filter(|node| node.name().starts_with("cpu@")).count();
    assert!(cores <= MAX_CORES, "{cores} cores are more than there are stacks for");
    let end = root
        .children()
        .filter(|node| node.name().starts_with("memory@"))
        .filter_map(|node| node.reg().ok().flatten())
        .flatten()
        .filter_map(|reg| Some(reg.address::<u64>().ok()? + reg.size::<u64>().ok()?))
        .max()
        .expect("/memory in the device tree");
    // Not `reg()`: /intc does not say that the size has two cells. The address has two.
    let its = root.child("intc").and_then(|intc| intc.child("its")).and_then(|its| its.property("reg"));
    let its = its.and_then(|reg| reg.value().first_chunk().copied()).map_or(0, u64::from_be_bytes);
    CORES.store(cores, Ordering::Relaxed);
    DRAM_END.store(end, Ordering::Relaxed);
    ITS.store(its, Ordering::Relaxed);
}

/// Returns the number of cores.
pub fn cores() -> usize {
    CORES.load(Ordering::Relaxed)
}

/// Returns the first address after DRAM.
pub fn dram_end() -> u64 {
    DRAM_END.load(Ordering::Relaxed)
}

/// Returns the address of the ITS, if there is one.
pub fn its() -> Option<u64> {
    Some(ITS.load(Ordering::Relaxed)).filter(|its| DEVICES.contains(its))
}

/// How many cores share all but the lowest affinity field.
pub const CORES_PER_CLUSTER: usize = 1 << CLUSTER_SHIFT;

/// Returns the affinity fields of a core's MPIDR.
pub fn mpidr(index: usize) -> u64 {
    ((index / CORES_PER_CLUSTER) << 8 | (index % CORES_PER_CLUSTER)) as u64
}

/// Returns the index of the calling core.
pub fn this_core() -> usize {
    // Written by the entry code, and by nobody else.
    read_register!("tpidr_el2") as usize
}

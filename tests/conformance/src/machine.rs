// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine: how many cores it has, what they are called, and where its memory ends.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dtoolkit::fdt::Fdt;
use dtoolkit::{Node, Property};

use crate::read_register;

/// The most cores that the payload has stacks for; sbsa-ref takes no more.
pub const MAX_CORES: usize = 512;

/// Where DRAM starts, and the device tree in it.
pub const DRAM_BASE: u64 = 0x100_0000_0000;

/// What DRAM is mapped up to.
pub const DRAM_MAPPED_END: u64 = 0x180_0000_0000;

static CORES: AtomicUsize = AtomicUsize::new(0);
static DRAM_END: AtomicU64 = AtomicU64::new(0);
static ITS: AtomicU64 = AtomicU64::new(0);

/// The addresses that are mapped as devices.
const DEVICES: Range<u64> = 0x4000_0000..0x8000_0000;

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

/// Returns the affinity fields of a core's MPIDR: eight cores to a cluster.
pub fn mpidr(index: usize) -> u64 {
    let index = index as u64;
    (index / 8) << 8 | (index % 8)
}

/// Returns the index of the calling core.
pub fn this_core() -> usize {
    // Written by the entry code, and by nobody else.
    read_register!("tpidr_el2") as usize
}

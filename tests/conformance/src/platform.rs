// SPDX-License-Identifier: MIT OR Apache-2.0

//! The calls by which UEFI asks sbsa-ref's firmware what the machine is, and what the machine's own device tree says of the
//! same: the tree is read here anew, by other code than the firmware's, and lies where QEMU has put it.

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::{Node, Property};

use crate::arch::{SMC64, is_there, lacks};
use crate::machine::{self, DRAM_BASE};
use crate::smc;
use crate::verdict::{Verdict, skipped};

const SIP: u32 = 0x8200_0000 | SMC64;

/// VERSION: major and minor.
pub const VERSION: u32 = SIP | 1;
/// GET_GIC: distributor and first redistributor.
pub const GET_GIC: u32 = SIP | 100;
/// GET_GIC_ITS: its address, or 0.
pub const GET_GIC_ITS: u32 = SIP | 101;
/// GET_CPU_COUNT.
pub const GET_CPU_COUNT: u32 = SIP | 200;
/// GET_CPU_NODE of an index: NUMA node and MPIDR.
pub const GET_CPU_NODE: u32 = SIP | 201;
/// GET_CPU_TOPOLOGY: sockets, clusters, cores, threads.
pub const GET_CPU_TOPOLOGY: u32 = SIP | 202;
/// GET_MEMORY_NODE_COUNT.
pub const GET_MEMORY_NODE_COUNT: u32 = SIP | 300;
/// GET_MEMORY_NODE of an index: NUMA node, address, size.
pub const GET_MEMORY_NODE: u32 = SIP | 301;

/// Every call, and how many registers it returns beside x0.
pub const ALL: [(u32, usize); 8] = [
    (VERSION, 2),
    (GET_GIC, 2),
    (GET_GIC_ITS, 1),
    (GET_CPU_COUNT, 1),
    (GET_CPU_NODE, 2),
    (GET_CPU_TOPOLOGY, 4),
    (GET_MEMORY_NODE_COUNT, 1),
    (GET_MEMORY_NODE, 3),
];

/// The most cores and memory nodes: an index from here on is an error.
pub const MAX_CORES: u64 = 512;
/// See [`MAX_CORES`].
pub const MAX_MEMORY_NODES: u64 = 128;

/// Passes if the firmware has the calls.
pub fn needed() -> Verdict {
    if !machine::HAS_PLATFORM_CALLS {
        return Err(skipped(format_args!("this machine's firmware tells UEFI nothing")));
    }
    if is_there(smc::call0(VERSION)) { Ok(()) } else { lacks(format_args!("no calls for UEFI")) }
}

/// Makes a call with an index; returns x0 to x4.
pub fn call(function: u32, index: u64) -> [u64; 5] {
    let answer = smc::call(function, [index, 0, 0, 0, 0, 0]);
    core::array::from_fn(|number| answer[number])
}

/// Returns a number that depends on every answer that the firmware has.
pub fn digest() -> u64 {
    let mut digest = 0_u64;
    let mut add = |function, index| {
        for value in call(function, index) {
            digest = (digest.rotate_left(7) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    };
    for (function, _) in ALL {
        add(function, 0);
    }
    for index in 0..=machine::cores() as u64 {
        add(GET_CPU_NODE, index);
    }
    for index in 0..=MAX_MEMORY_NODES {
        add(GET_MEMORY_NODE, index);
    }
    digest
}

/// The machine's device tree.
pub struct Tree(FdtNode<'static>);

impl Tree {
    /// Finds it.
    pub fn get() -> Self {
        // SAFETY: DRAM is mapped, and the tree in it is not written as long as somebody looks at it.
        Self(
            unsafe { Fdt::from_raw(DRAM_BASE as *const u8) }
                .expect("a device tree at the start of DRAM")
                .root(),
        )
    }

    /// Returns the machine's version: major and minor.
    pub fn version(&self) -> [u64; 2] {
        ["machine-version-major", "machine-version-minor"].map(|name| word(self.0, name))
    }

    /// Returns the addresses of distributor and first redistributor, if it has them.
    pub fn gic(&self) -> Option<[u64; 2]> {
        let intc = self.0.child("intc")?;
        Some([reg(intc, 0)?, reg(intc, 2)?])
    }

    /// Returns the address of the ITS, if it has one.
    pub fn its(&self) -> Option<u64> {
        reg(self.0.child("intc")?.child("its")?, 0)
    }

    /// Returns NUMA node and MPIDR of each core.
    pub fn cores(&self) -> impl Iterator<Item = [u64; 2]> {
        let cores = self.0.child("cpus").into_iter().flat_map(|cpus| cpus.children());
        let cores = cores.filter(|node| node.name().starts_with("cpu@"));
        cores.map(|core| [word(core, "numa-node-id"), reg(core, 0).expect("the MPIDR of a core")])
    }

    /// Returns the numbers of sockets, clusters, cores and threads, if it has them.
    pub fn topology(&self) -> Option<[u64; 4]> {
        let topology = self.0.child("cpus")?.child("topology")?;
        Some(["sockets", "clusters", "cores", "threads"].map(|name| word(topology, name)))
    }

    /// Returns NUMA node, address and size of each memory node.
    pub fn memory(&self) -> impl Iterator<Item = [u64; 3]> {
        let nodes = self.0.children().filter(|node| node.name().starts_with("memory@"));
        nodes.map(|node| {
            let number = |place| reg(node, place).expect("address and size of memory");
            [word(node, "numa-node-id"), number(0), number(1)]
        })
    }

    /// Returns whether cores and memory have NUMA nodes.
    pub fn has_numa(&self) -> bool {
        self.0.children().any(|node| node.property("numa-node-id").is_some())
    }
}

/// Returns a property of one cell, 0 if it is missing.
fn word(node: FdtNode, name: &str) -> u64 {
    node.property(name).map_or(0, |property| property.value_as::<u32>().expect("one cell")).into()
}

/// Returns the 64-bit number at this place of a node's `reg`.
fn reg(node: FdtNode, place: usize) -> Option<u64> {
    let reg = node.property("reg")?;
    Some(u64::from_be_bytes(*reg.value().as_chunks().0.get(place)?))
}

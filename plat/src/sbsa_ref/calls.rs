// SPDX-License-Identifier: MIT OR Apache-2.0

//! The calls by which UEFI asks what the machine is: EDK2's SbsaQemu takes the hardware from them and not from the tree.
//! SMC64 only; identifiers, results and errors are those of TF-A's platform for this machine.
//!
//! | call | results from x1 on | else |
//! |---|---|---|
//! | VERSION | major and minor version of the machine; 0 if the tree has none | |
//! | GET_GIC | addresses of distributor and first redistributor | |
//! | GET_GIC_ITS | address of the ITS, 0 if there is none | |
//! | GET_CPU_COUNT | number of cores | |
//! | GET_CPU_NODE (x1: index) | NUMA node and affinity fields of the core; zeros beyond the count | INVALID_PARAMETER: index 512 or more |
//! | GET_CPU_TOPOLOGY | sockets, clusters in a socket, cores in a cluster, threads in a core | NOT_SUPPORTED: the tree does not say |
//! | GET_MEMORY_NODE_COUNT | number of memory nodes | |
//! | GET_MEMORY_NODE (x1: index) | NUMA node, address and size in bytes, in the tree's order; zeros beyond the count | INVALID_PARAMETER: index 128 or more |
//! | every other | | NOT_SUPPORTED |

use super::{
    SbsaRef,
    facts::{Facts, Gic, MAX_NODES},
};
use crate::{CallError, Platform, Registers};

/// A fast call of the 64-bit convention, owner 2. The functions are numbered from here.
const SIP: u32 = 0xc200_0000;
const VERSION: u32 = 1;
const GET_GIC: u32 = 100;
const GET_GIC_ITS: u32 = 101;
const GET_CPU_COUNT: u32 = 200;
const GET_CPU_NODE: u32 = 201;
const GET_CPU_TOPOLOGY: u32 = 202;
const GET_MEMORY_NODE_COUNT: u32 = 300;
const GET_MEMORY_NODE: u32 = 301;

/// Serves a call.
pub(super) fn serve(function: u32, x: &mut Registers, facts: &Facts) -> Result<(), CallError> {
    let Gic { gicd, gicr, its } = facts.gic();
    match function ^ SIP {
        VERSION => [x[1], x[2]] = facts.version(),
        GET_GIC => [x[1], x[2]] = [gicd, gicr],
        GET_GIC_ITS => x[1] = its,
        GET_CPU_COUNT => x[1] = facts.core_count() as u64,
        GET_CPU_NODE => [x[1], x[2]] = core(index(x[1], SbsaRef::MAX_CORES)?, facts),
        GET_CPU_TOPOLOGY => [x[1], x[2], x[3], x[4]] = topology(facts)?,
        GET_MEMORY_NODE_COUNT => x[1] = facts.memory_count() as u64,
        GET_MEMORY_NODE => [x[1], x[2], x[3]] = memory(index(x[1], MAX_NODES)?, facts),
        _ => return Err(CallError::NotSupported),
    }
    Ok(())
}

/// Returns an index below `end`, which is the most that there can be of something and not how many there are.
fn index(x1: u64, end: usize) -> Result<usize, CallError> {
    usize::try_from(x1).ok().filter(|index| *index < end).ok_or(CallError::InvalidParameter)
}

fn core(index: usize, facts: &Facts) -> [u64; 2] {
    if index < facts.core_count() { [facts.numa_node(index), SbsaRef::affinity_of(index)] } else { [0; 2] }
}

fn topology(facts: &Facts) -> Result<[u64; 4], CallError> {
    let topology @ [_, _, cores, _] = facts.topology();
    if cores > 0 { Ok(topology) } else { Err(CallError::NotSupported) }
}

fn memory(index: usize, facts: &Facts) -> [u64; 3] {
    if index < facts.memory_count() { facts.memory(index) } else { [0; 3] }
}

#[cfg(test)]
mod tests;

// SPDX-License-Identifier: MIT OR Apache-2.0

//! How cores are named: by index in the firmware, by the affinity fields of their MPIDR outside.

/// The affinity fields of an MPIDR: Aff3 in bits 39:32, Aff2 to Aff0 in bits 23:0.
pub const AFFINITY_MASK: u64 = 0xff_00ff_ffff;

/// Which cores the machine has.
pub trait Topology {
    /// Returns the index of the core with exactly these affinity fields, or `None` if there is none or if another bit
    /// is set.
    fn index_of(&self, affinity: u64) -> Option<usize>;

    /// Returns the affinity fields of a core that the machine has.
    fn affinity_of(&self, index: usize) -> u64;
}

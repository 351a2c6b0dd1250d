// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the stop service needs of the machine.

use core::ops::Range;

use quell_power::Topology;

/// The machine as the stop service sees it.
pub trait Hardware: Topology {
    /// Returns the system counter, CNTPCT_EL0: the same on every core, and never going back.
    fn now(&self) -> u64;

    /// Returns the counter's frequency in Hz.
    fn frequency(&self) -> u64;

    /// Sends the secure stop interrupt to these cores, after everything written before has become visible to them.
    fn send_stop(&self, cores: impl Iterator<Item = usize>);

    /// Sends a non-secure SGI to these cores: the stop interrupt of the operating system itself.
    fn send_normal(&self, sgi: u32, cores: impl Iterator<Item = usize>);

    /// Returns whether all these physical addresses are non-secure RAM.
    fn is_memory(&self, range: &Range<u64>) -> bool;

    /// Writes to non-secure RAM; `address` is aligned to 8 bytes and has passed [`is_memory`](Self::is_memory).
    fn write(&self, address: u64, value: u64);
}

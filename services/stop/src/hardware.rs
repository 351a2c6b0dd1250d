// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the stop service needs of the machine.

use core::ops::Range;

use quell_power::Topology;

use crate::RecordWriter;

/// The machine as the stop service sees it, and in it the calling core.
pub trait Hardware: Topology {
    /// What [`close`](Self::close) took from the calling core.
    type Closed;

    /// Returns the system counter, CNTPCT_EL0: the same on every core, and never going back.
    fn now(&self) -> u64;

    /// Returns the counter's frequency in Hz.
    fn frequency(&self) -> u64;

    /// Sends the secure stop interrupt to these cores, after everything written before it, and while they were drawn from the
    /// iterator, has become visible to them.
    fn send_stop(&self, cores: impl Iterator<Item = usize>);

    /// Sends a non-secure SGI to these cores, the stop interrupt of the operating system itself, with the same order.
    fn send_normal(&self, sgi: u32, cores: impl Iterator<Item = usize>);

    /// Returns whether all these physical addresses are non-secure RAM.
    fn is_memory(&self, range: &Range<u64>) -> bool;

    /// Writes to non-secure RAM; `address` is aligned to 8 bytes and has passed [`is_memory`](Self::is_memory).
    fn write(&self, address: u64, value: u64);

    /// Takes the secure interrupts that wait for the calling core. What it reads after it, it reads after them.
    fn acknowledge(&self);

    /// Sleeps until a secure interrupt waits for the calling core, which is closed.
    fn sleep(&self);

    /// Makes the calling core deaf to the operating system's interrupts, takes the secure ones that wait for it, and
    /// completes its stores.
    fn close(&self) -> Self::Closed;

    /// Undoes [`close`](Self::close): what has become pending since is taken by the operating system.
    fn reopen(&self, closed: Self::Closed);

    /// Writes the registers of the calling core, as the operating system left them.
    fn capture(&self, writer: &RecordWriter<'_>);

    /// Lets a secure interrupt come to the calling core when the counter gets there, instead of any that was set before.
    fn set_alarm(&self, at: Option<u64>);

    /// Counts a secure interrupt that the calling core got and had no use for.
    fn count_stray(&self);

    /// Resets the machine. Only a machine of a test comes back from it.
    fn reset_machine(&self);
}

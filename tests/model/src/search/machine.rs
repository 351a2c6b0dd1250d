// SPDX-License-Identifier: MIT OR Apache-2.0

//! The hardware of a model: interrupts and the counter.

use interleave::{
    clear, label, set,
    sync::{AtomicU64, Ordering},
};
use quell_power::Topology;
use quell_stop::Hardware;

/// Ticks of a second: a tick is a millisecond.
const FREQUENCY: u64 = 1_000;

/// Just out of reset: not 0, which some code takes for "never".
const FIRST_TICK: u64 = 1 << 32;

/// The interrupts that a core can have pending.
pub(crate) const STOP: u64 = 1;
pub(crate) const DOORBELL: u64 = 2;
/// The stop interrupt of the operating system.
pub(crate) const NORMAL: u64 = 4;

#[derive(Debug)]
pub(crate) struct Machine {
    clock: AtomicU64,
    pub(crate) pending: Vec<AtomicU64>,
}

impl Machine {
    pub(crate) fn new(cores: usize) -> Self {
        Self { clock: AtomicU64::new(FIRST_TICK), pending: (0..cores).map(|_| AtomicU64::new(0)).collect() }
    }

    pub(crate) fn label(&self) {
        label(&self.clock, "clock");
        for (core, pending) in self.pending.iter().enumerate() {
            label(pending, &format!("interrupts of core {core}"));
        }
    }

    pub(crate) fn raise(&self, core: usize, interrupt: u64) {
        set(&self.pending[core], interrupt);
    }

    pub(crate) fn acknowledge(&self, core: usize, interrupts: u64) {
        clear(&self.pending[core], interrupts);
    }

    /// A millisecond passes.
    pub(crate) fn tick(&self) {
        self.clock.fetch_add(1, Ordering::SeqCst);
    }
}

impl Topology for Machine {
    fn index_of(&self, affinity: u64) -> Option<usize> {
        usize::try_from(affinity).ok().filter(|&index| index < self.pending.len())
    }

    fn affinity_of(&self, index: usize) -> u64 {
        index as u64
    }
}

impl Hardware for Machine {
    fn now(&self) -> u64 {
        self.clock.load(Ordering::SeqCst)
    }

    fn frequency(&self) -> u64 {
        FREQUENCY
    }

    fn send_stop(&self, cores: impl Iterator<Item = usize>) {
        cores.for_each(|core| self.raise(core, STOP));
    }

    fn send_normal(&self, _: u32, cores: impl Iterator<Item = usize>) {
        cores.for_each(|core| self.raise(core, NORMAL));
    }

    fn is_memory(&self, _: &std::ops::Range<u64>) -> bool {
        true
    }

    fn write(&self, _: u64, _: u64) {}
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What PSCI keeps of each core.

use crate::{Counters, stat::Stats};

/// What PSCI keeps of one core: what has happened to it, and its power states. No other core's calls write to its cache
/// lines.
#[derive(Debug)]
#[repr(align(64))]
pub struct PsciSlot {
    pub(crate) counters: Counters,
    pub(crate) stats: Stats,
}

impl PsciSlot {
    /// Returns the slot of a core that has done nothing yet.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self { counters: Counters::new(), stats: Stats::new() }
    }

    /// Returns the slot of a core that has done nothing yet.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self { counters: Counters::new(), stats: Stats::new() }
    }

    /// Forgets everything, whatever the memory held. For the first core after a reset, before any other runs.
    pub fn clear(&self) {
        self.counters.clear();
        self.stats.clear();
    }
}

impl Default for PsciSlot {
    fn default() -> Self {
        Self::new()
    }
}

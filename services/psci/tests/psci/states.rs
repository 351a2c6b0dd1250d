// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a core of the reference model does: plain data, and the steps that are the core's own. With it the sleeps that
//! PSCI_STAT tells of.

use crate::machine::{AFFINITIES, CLUSTERS};

/// How a core begins.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Start {
    pub(crate) address: u64,
    pub(crate) context: u64,
    pub(crate) big_endian: bool,
}

/// What a core does.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Core {
    Off,
    OnPending(Start),
    On,
    /// CPU_OFF was accepted and is not complete: it is still on.
    Leaving,
    Standby,
    PowerDown,
    ClusterDown,
    SystemDown,
}

impl Core {
    pub(crate) fn sleeps(self) -> bool {
        matches!(self, Self::Standby | Self::PowerDown | Self::ClusterDown | Self::SystemDown)
    }

    /// Whether its cluster may be powered down.
    pub(crate) fn lets_cluster_go(self, os_initiated: bool) -> bool {
        match self {
            Self::Off | Self::ClusterDown | Self::SystemDown => true,
            // The operating system's last core speaks for it.
            Self::PowerDown => os_initiated,
            _ => false,
        }
    }
}

/// How often, and for how many ticks.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Figure {
    pub(crate) count: u64,
    pub(crate) ticks: u64,
}

impl Figure {
    fn add(&mut self, ticks: u64) {
        *self = Self { count: self.count + 1, ticks: self.ticks + ticks };
    }
}

/// The sleeps of a core, and of the cluster whose first core it is.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Figures {
    pub(crate) standby: Figure,
    pub(crate) power_down: Figure,
    pub(crate) cluster: Figure,
    asleep_since: u64,
    cluster_down_since: Option<u64>,
}

/// The state of the whole machine.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Reference {
    pub(crate) cores: Vec<Core>,
    pub(crate) figures: Vec<Figures>,
    pub(crate) os_initiated: bool,
    pub(crate) mem_protect: bool,
}

impl Reference {
    /// A machine of so many cores, of which the first is on.
    pub(crate) fn new(cores: usize) -> Self {
        let mut reference = Self {
            cores: vec![Core::Off; cores],
            figures: vec![Figures::default(); cores],
            os_initiated: false,
            mem_protect: false,
        };
        reference.cores[0] = Core::On;
        reference
    }

    /// The indices of the cores of a core's cluster.
    pub(crate) fn cluster(core: usize) -> std::ops::Range<usize> {
        CLUSTERS[core].clone()
    }

    /// The index of the core with exactly this affinity.
    pub(crate) fn find(&self, affinity: u64) -> Option<usize> {
        (0..self.cores.len()).find(|&core| AFFINITIES[core] == affinity)
    }

    /// A core that was started begins; returns how. `None` if it was not started.
    pub(crate) fn boot(&mut self, core: usize, now: u64) -> Option<Start> {
        let Core::OnPending(start) = self.cores[core] else { return None };
        self.cores[core] = Core::On;
        self.cluster_is_up(core, now);
        Some(start)
    }

    /// A core that is on goes to sleep.
    pub(crate) fn suspend(&mut self, core: usize, how: Core, now: u64) -> bool {
        if self.cores[core] != Core::On {
            return false;
        }
        self.cores[core] = how;
        self.figures[core].asleep_since = now;
        let lets_go = matches!(how, Core::ClusterDown | Core::SystemDown);
        if lets_go && self.cluster_is_let_go(core) {
            self.figures[Self::cluster(core).start].cluster_down_since.get_or_insert(now);
        }
        true
    }

    fn cluster_is_let_go(&self, core: usize) -> bool {
        self.cores[Self::cluster(core)].iter().all(|core| core.lets_cluster_go(self.os_initiated))
    }

    /// Whether the cluster of a core is down.
    pub(crate) fn is_cluster_down(&self, core: usize) -> bool {
        let is_said =
            !self.os_initiated || self.figures[Self::cluster(core).start].cluster_down_since.is_some();
        let all_off = self.cores[Self::cluster(core)].iter().all(|core| *core == Core::Off);
        all_off || self.cluster_is_let_go(core) && is_said
    }

    /// A core that sleeps wakes up.
    pub(crate) fn wake(&mut self, core: usize, now: u64) -> bool {
        let how = self.cores[core];
        if !how.sleeps() {
            return false;
        }
        self.cores[core] = Core::On;
        let figures = &mut self.figures[core];
        let figure = if how == Core::Standby { &mut figures.standby } else { &mut figures.power_down };
        figure.add(now - figures.asleep_since);
        if how != Core::Standby {
            self.cluster_is_up(core, now);
        }
        true
    }

    /// A core that is on carries out CPU_OFF.
    pub(crate) fn leave(&mut self, core: usize) -> bool {
        let is_on = self.cores[core] == Core::On;
        if is_on {
            self.cores[core] = Core::Leaving;
        }
        is_on
    }

    /// A core that has left is OFF.
    pub(crate) fn publish(&mut self, core: usize) -> bool {
        let leaves = self.cores[core] == Core::Leaving;
        if leaves {
            self.cores[core] = Core::Off;
        }
        leaves
    }

    fn cluster_is_up(&mut self, core: usize, now: u64) {
        let figures = &mut self.figures[Self::cluster(core).start];
        if let Some(since) = figures.cluster_down_since.take() {
            figures.cluster.add(now - since);
        }
    }
}

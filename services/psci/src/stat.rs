// SPDX-License-Identifier: MIT OR Apache-2.0

//! PSCI_STAT_RESIDENCY and PSCI_STAT_COUNT (PSCI 1.3 sections 5.1.21 and 5.1.22), and what they are counted from: a core
//! goes to sleep and wakes up here.
//!
//! | power_state | counted |
//! |---|---|
//! | standby, core | the core that is asked about |
//! | power-down, core | the same, whatever more it let go |
//! | power-down, cluster | the cluster of the core: from when its last core goes to sleep to when its first core is back |
//!
//! The answer is 0 for a core or a power state that does not exist. A sleep counts when it is over. SMC32 callers get the
//! lower 32 bits.
//!
//! # The protocol of the clusters
//!
//! A core that lets its cluster go takes its word to SUSPENDED, **fence**, and looks at the words of the cluster. If all
//! have let it go it writes a note at the cluster, with the time, if there is none, **fence**, and looks again: if one is
//! back, it withdraws its note. A core that comes back takes its word to ON, **fence**, and takes the note that is
//! there, which is a sleep to count.
//!
//! Of the look behind one fence and the taking behind the other at least one sees the other side's write: no note outlives
//! the sleep that it stands for. It is taken or withdrawn once, so no sleep is counted twice, or too long; one that begins
//! or ends while a note is being written may not be counted at all.

use core::sync::atomic::{AtomicU64 as Count, Ordering::Relaxed};

use quell_power::{
    Depth, LocalCore, Protection, full_fence,
    sync::{AtomicU64, Ordering},
};

use crate::{Error, Hardware, Psci, power_state};

/// How often a node was in a power state, and for how long.
#[derive(Debug)]
pub(crate) struct Stat {
    count: Count,
    ticks: Count,
}

impl Stat {
    const fn new() -> Self {
        Self { count: Count::new(0), ticks: Count::new(0) }
    }

    /// Counts a sleep of a cluster, whose cores may do so at once.
    fn add(&self, ticks: u64) {
        self.count.fetch_add(1, Relaxed);
        self.ticks.fetch_add(ticks, Relaxed);
    }

    /// Counts a sleep of the calling core, which alone does.
    fn add_own(&self, ticks: u64) {
        self.count.store(self.count.load(Relaxed) + 1, Relaxed);
        self.ticks.store(self.ticks.load(Relaxed) + ticks, Relaxed);
    }

    fn clear(&self) {
        self.count.store(0, Relaxed);
        self.ticks.store(0, Relaxed);
    }
}

/// The power states of a core, and of the cluster whose first core it is.
#[derive(Debug)]
pub(crate) struct Stats {
    standby: Stat,
    power_down: Stat,
    cluster: Stat,
    /// When the cluster went down, plus one; 0 while it is up.
    cluster_down: AtomicU64,
}

impl Stats {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        let cluster_down = AtomicU64::new(0);
        Self { standby: Stat::new(), power_down: Stat::new(), cluster: Stat::new(), cluster_down }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        let cluster_down = AtomicU64::new(0);
        Self { standby: Stat::new(), power_down: Stat::new(), cluster: Stat::new(), cluster_down }
    }

    pub(crate) fn clear(&self) {
        for stat in [&self.standby, &self.power_down, &self.cluster] {
            stat.clear();
        }
        self.cluster_down.store(0, Ordering::Relaxed);
    }
}

/// A core that sleeps.
#[derive(Clone, Copy, Debug)]
pub struct Asleep {
    depth: Depth,
    since: u64,
}

/// What of a power state is asked for.
#[derive(Clone, Copy)]
pub(crate) enum Figure {
    Residency,
    Count,
}

impl<H: Hardware> Psci<'_, H> {
    /// Takes the caller's word to SUSPENDED; `None` if it is not ON.
    pub fn suspend(&self, caller: &LocalCore<'_>, depth: Depth) -> Option<Asleep> {
        let asleep = Asleep { depth, since: self.hardware.now() };
        if !caller.suspend(depth) {
            return None;
        }
        if depth >= Depth::Cluster {
            self.note_down(caller.index());
        }
        Some(asleep)
    }

    /// Takes the caller's word to ON again, and counts its sleep; returns false if a session stopped it meanwhile.
    ///
    /// The core has still to pass the gate of those that enter.
    pub fn wake(&self, caller: &LocalCore<'_>, asleep: Asleep) -> bool {
        if !caller.wake() {
            return false;
        }
        let slot = &self.slots[caller.index()];
        let stat = if asleep.depth == Depth::Standby { &slot.stats.standby } else { &slot.stats.power_down };
        stat.add_own(self.hardware.now().saturating_sub(asleep.since));
        if asleep.depth >= Depth::Core {
            self.note_up(caller);
        }
        true
    }

    /// Writes a note that the cluster is down, if it is: the caller's word says that it has let it go.
    fn note_down(&self, index: usize) {
        let place = &self.cluster(index).cluster_down;
        let cluster = self.hardware.cluster_of(index);
        let all_let_go = || self.table.words_of(cluster.clone()).all(|word| self.lets_cluster_go(word));
        full_fence(Protection::ClusterFence);
        // At one moment, else it never was down.
        if self.table.settled(cluster.clone(), all_let_go) == Some(true) {
            let note = self.hardware.now() + 1;
            // If there is one already, the cluster went down without this core's help.
            let written = place.compare_exchange(0, note, Ordering::AcqRel, Ordering::Relaxed);
            full_fence(Protection::ClusterFence);
            if written.is_ok() && !all_let_go() {
                // If it has been taken already, this core is done with it, too.
                let _ = place.compare_exchange(note, 0, Ordering::AcqRel, Ordering::Relaxed);
            }
        }
    }

    /// Takes the note that the cluster is down, if there is one: the caller's word is ON since just now.
    pub fn note_up(&self, caller: &LocalCore<'_>) {
        let cluster = self.cluster(caller.index());
        full_fence(Protection::ClusterFence);
        // Most often there is none: a load does not take the cache line away from others.
        if cluster.cluster_down.load(Ordering::Relaxed) == 0 {
            return;
        }
        let note = cluster.cluster_down.swap(0, Ordering::AcqRel);
        if note != 0 {
            cluster.cluster.add(self.hardware.now().saturating_sub(note - 1));
        }
    }

    /// Returns whether a note says that the cluster of this core is down.
    pub(crate) fn is_noted_down(&self, index: usize) -> bool {
        self.cluster(index).cluster_down.load(Ordering::Acquire) != 0
    }

    /// Returns where a cluster is counted: at its first core.
    fn cluster(&self, index: usize) -> &Stats {
        &self.slots[self.hardware.cluster_of(index).start].stats
    }

    #[inline(never)]
    pub(crate) fn stat(&self, figure: Figure, target: u64, state: u64) -> u64 {
        let stat = || {
            let index = self.index(target)?;
            let depth = power_state::parse(state).ok_or(Error::InvalidParameters)?;
            Ok::<_, Error>(match depth {
                Depth::Standby => &self.slots[index].stats.standby,
                Depth::Core => &self.slots[index].stats.power_down,
                Depth::Cluster | Depth::System => &self.cluster(index).cluster,
            })
        };
        match (stat(), figure) {
            (Ok(stat), Figure::Count) => stat.count.load(Relaxed),
            (Ok(stat), Figure::Residency) => {
                let (ticks, frequency) = (stat.ticks.load(Relaxed), self.hardware.frequency());
                // Seconds apart: no product overflows.
                ticks / frequency * 1_000_000 + ticks % frequency * 1_000_000 / frequency
            }
            (Err(_), _) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Outcome,
        testing::{MICROSECOND, Machine},
    };

    const STAT_RESIDENCY_32: u64 = 0x8400_0010;
    const STAT_RESIDENCY_64: u64 = 0xc400_0010;
    const STAT_COUNT: u64 = 0xc400_0011;
    const STANDBY: u64 = 1;
    const CORE: u64 = 0x0001_0002;
    const CLUSTER: u64 = 0x0101_0022;

    /// Count and microseconds.
    fn stat(machine: &Machine, target: u64, state: u64) -> (u64, u64) {
        let ask = |function| match machine.call(0, [function, target, state, 0]) {
            Outcome::Value(value) => value,
            other => panic!("{other:?}"),
        };
        (ask(STAT_COUNT), ask(STAT_RESIDENCY_64))
    }

    /// Lets a core sleep while `meanwhile` happens.
    fn sleep(machine: &Machine, core: usize, depth: Depth, meanwhile: impl FnOnce()) {
        let local = machine.table().local(core);
        let asleep = machine.psci().suspend(&local, depth).unwrap();
        meanwhile();
        assert!(machine.psci().wake(&local, asleep));
    }

    #[test]
    fn sleeps_are_counted_by_their_depth() {
        let machine = Machine::new(2);
        machine.boot(1);
        sleep(&machine, 1, Depth::Standby, || machine.advance(5 * MICROSECOND));
        sleep(&machine, 1, Depth::Standby, || machine.advance(2 * MICROSECOND));
        assert_eq!((stat(&machine, 1, STANDBY), stat(&machine, 1, CORE)), ((2, 7), (0, 0)));
        sleep(&machine, 1, Depth::Core, || machine.advance(3 * MICROSECOND));
        sleep(&machine, 1, Depth::Cluster, || machine.advance(4 * MICROSECOND));
        assert_eq!((stat(&machine, 1, STANDBY), stat(&machine, 1, CORE)), ((2, 7), (2, 7)));
        assert_eq!(stat(&machine, 1, CLUSTER), (0, 0), "core 0 had not let it go");
        assert_eq!(stat(&machine, 0, CORE), (0, 0));
    }

    #[test]
    fn a_cluster_is_down_from_its_last_core_to_its_first() {
        let machine = Machine::new(10);
        machine.boot(8);
        machine.boot(9);
        sleep(&machine, 8, Depth::Cluster, || {
            machine.advance(10 * MICROSECOND);
            sleep(&machine, 9, Depth::Cluster, || machine.advance(3 * MICROSECOND));
            machine.advance(100 * MICROSECOND);
        });
        assert_eq!(stat(&machine, 0x100, CLUSTER), (1, 3));
        assert_eq!(stat(&machine, 0x101, CLUSTER), (1, 3), "it is the cluster's");
        assert_eq!(stat(&machine, 0, CLUSTER), (0, 0));
        machine.off(9);
        sleep(&machine, 8, Depth::Cluster, || machine.advance(4 * MICROSECOND));
        assert_eq!(stat(&machine, 0x100, CLUSTER), (2, 7), "a core that is OFF needs no cluster");
        sleep(&machine, 8, Depth::Cluster, || {
            machine.advance(5 * MICROSECOND);
            machine.boot(9);
            machine.psci().note_up(&machine.table().local(9));
            machine.advance(50 * MICROSECOND);
        });
        assert_eq!(stat(&machine, 0x100, CLUSTER), (3, 12), "a start ends it");
    }

    #[test]
    fn the_operating_system_says_which_core_is_the_last() {
        const SET_SUSPEND_MODE: u64 = 0x8400_000f;
        const NODE_HW_STATE: u64 = 0xc400_000d;
        let machine = Machine::new(10);
        assert_eq!(machine.call(0, [SET_SUSPEND_MODE, 1, 0, 0]), Outcome::Return(0));
        let node = || machine.call(0, [NODE_HW_STATE, 0x100, 1, 0]);
        machine.boot(8);
        machine.boot(9);
        let (psci, [last, other]) = (machine.psci(), [8, 9].map(|core| machine.table().local(core)));
        let sleeps = psci.suspend(&other, Depth::Core).unwrap();
        assert_eq!(node(), Outcome::Return(0), "a core runs");
        let asleep = psci.suspend(&last, Depth::Cluster).unwrap();
        assert_eq!(node(), Outcome::Return(1), "the last one has let it go for all");
        machine.advance(3 * MICROSECOND);
        assert!(psci.wake(&other, sleeps));
        assert_eq!(stat(&machine, 0x100, CLUSTER), (1, 3));
        psci.suspend(&other, Depth::Core).unwrap();
        assert_eq!(node(), Outcome::Return(0), "nobody has let it go since");
        assert!(psci.wake(&last, asleep));
        assert_eq!(stat(&machine, 0x100, CLUSTER), (1, 3));
    }

    #[test]
    fn what_does_not_exist_was_never_used() {
        let machine = Machine::new(2);
        sleep(&machine, 0, Depth::Standby, || machine.advance(5 * MICROSECOND));
        for (target, state) in [(2, STANDBY), (1 << 31, STANDBY), (0, 0), (0, 2), (0, 1 << 31 | 1)] {
            assert_eq!(stat(&machine, target, state), (0, 0), "{target:#x} {state:#x}");
        }
    }

    #[test]
    fn smc32_callers_get_32_bits() {
        let machine = Machine::new(1);
        sleep(&machine, 0, Depth::Standby, || machine.advance(((1 << 32) + 7) * MICROSECOND));
        assert_eq!(machine.call(0, [STAT_RESIDENCY_32, 0, STANDBY, 0]), Outcome::Value(7));
        assert_eq!(machine.call(0, [STAT_RESIDENCY_64, 0, STANDBY, 0]), Outcome::Value((1 << 32) + 7));
    }

    #[test]
    fn a_sleeper_that_was_stopped_is_not_counted() {
        let machine = Machine::new(2);
        machine.boot(1);
        let local = machine.table().local(1);
        let asleep = machine.psci().suspend(&local, Depth::Standby).unwrap();
        machine.open_session(0);
        machine.table().remote(1).unwrap().contain(machine.table().control().load());
        assert!(!machine.psci().wake(&local, asleep));
        assert!(machine.psci().suspend(&local, Depth::Core).is_none());
        assert_eq!(stat(&machine, 1, STANDBY), (0, 0));
    }
}

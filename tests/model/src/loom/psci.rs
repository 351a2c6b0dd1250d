// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine of the models as PSCI sees it: its cores are one cluster, and begin anywhere.

use std::{ops::Range, sync::atomic::Ordering::Relaxed};

use quell_abi::Why;
use quell_arch::FunctionId;
use quell_power::{Depth, Entry};
use quell_psci::{Asleep, Hardware, Outcome, Psci};
use quell_stop::Way;

use super::{
    machine::{FREQUENCY, Machine, NOW},
    world::{CORES, World, entry_of},
};

const CPU_ON: u64 = 0xc400_0003;
const STAT_COUNT: u64 = 0xc400_0011;
const CLUSTER: u64 = 0x0101_0022;

/// PSCI's return codes.
pub(crate) const SUCCESS: Outcome = Outcome::Return(0);
pub(crate) const DENIED: Outcome = Outcome::Return(-3);
pub(crate) const ALREADY_ON: Outcome = Outcome::Return(-4);

/// Returns the mailbox of a CPU_ON by this core.
pub(crate) fn entry_by_call(starter: usize) -> Entry {
    let entry = entry_of(starter);
    Entry::new(entry.address(), entry.context(), false)
}

impl World {
    /// Returns PSCI on this core.
    pub(crate) fn psci(&self, core: usize) -> Psci<'_, Machine> {
        Psci::new(self.table(), &self.shared, &self.psci_slots, &self.machines[core])
    }

    /// A call of PSCI, up to where the monitor carries out what becomes of the caller.
    pub(crate) fn psci_call(&self, caller: usize, [function, arguments @ ..]: [u64; 4]) -> Outcome {
        let function = FunctionId::from_register(function).unwrap();
        let (psci, local) = (self.psci(caller), self.table().local(caller));
        psci.handle(function, arguments, &local, psci.counters(caller))
    }

    /// CPU_ON, as a call.
    pub(crate) fn cpu_on(&self, starter: usize, target: usize) -> Outcome {
        let entry = entry_by_call(starter);
        self.psci_call(starter, [CPU_ON, target as u64, entry.address(), entry.context()])
    }

    /// The core goes to sleep; `None` if it is not ON.
    pub(crate) fn fall_asleep(&self, core: usize, depth: Depth) -> Option<Asleep> {
        let asleep = self.psci(core).suspend(&self.table().local(core), depth)?;
        self.inside[core].store(0, Relaxed);
        Some(asleep)
    }

    /// The core wakes up, and comes to the gate or, if a session has stopped it in its sleep, to the pen.
    pub(crate) fn wake_up(&self, core: usize, asleep: Asleep) -> Way {
        let (local, stop) = (self.table().local(core), self.stop(core));
        let way = if self.psci(core).wake(&local, asleep) {
            stop.enter(&local, Why::Suspended)
        } else {
            stop.arrive(&local, Why::Suspended)
        };
        self.follow(core, way);
        way
    }

    /// Returns how often the cluster was down.
    pub(crate) fn times_down(&self) -> u64 {
        match self.psci_call(0, [STAT_COUNT, 0, CLUSTER, 0]) {
            Outcome::Value(count) => count,
            other => panic!("PSCI_STAT_COUNT ends as {other:?}"),
        }
    }
}

impl Hardware for Machine {
    fn cluster_of(&self, _: usize) -> Range<usize> {
        0..CORES
    }

    fn is_entry_point(&self, _: u64) -> bool {
        true
    }

    fn caller_is_big_endian(&self) -> bool {
        false
    }

    fn ring_doorbell(&self, core: usize) {
        // Without interrupts a core in the pen looks again whenever a model lets it.
        self.bus.send(core);
    }

    fn replace_mem_protect(&self, _: bool) -> bool {
        false
    }

    fn memory(&self) -> Range<u64> {
        0..u64::MAX
    }

    fn now(&self) -> u64 {
        NOW
    }

    fn frequency(&self) -> u64 {
        FREQUENCY
    }
}

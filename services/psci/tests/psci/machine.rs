// SPDX-License-Identifier: MIT OR Apache-2.0

//! A machine whose cores are threads, or take turns: up to six cores, in as many shapes of affinity as there are fields.

use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use quell_arch::FunctionId;
use quell_power::{Control, CoreSlot, CoreTable, Topology};
use quell_psci::{Hardware, Outcome, Psci, PsciSlot, Shared};

/// Affinities of the cores: two clusters of two, one of another Aff2, one of another Aff3.
pub(crate) const AFFINITIES: [u64; 6] = [0x000, 0x001, 0x100, 0x101, 0x2_0000, 0x3_0000_0001];

/// The first core of each core's cluster, and the one behind its last.
pub(crate) const CLUSTERS: [Range<usize>; 6] = [0..2, 0..2, 2..4, 2..4, 4..5, 5..6];

/// Where a core may begin. The end is not aligned.
pub(crate) const ENTRY_POINTS: Range<u64> = 0x1000_0000..0x1000_1002;

/// RAM, below and above 4 GiB.
pub(crate) const MEMORY: Range<u64> = 0x8000_0000..0x2_0000_0000;

/// Ticks of the counter.
pub(crate) const MICROSECOND: u64 = 7;

pub(crate) struct Machine {
    control: Control,
    cores: Vec<CoreSlot>,
    shared: Shared,
    slots: Vec<PsciSlot>,
    /// Whose doorbells were rung.
    pub(crate) rung: Mutex<Vec<usize>>,
    mem_protect: AtomicBool,
    /// Whether the caller is big-endian.
    pub(crate) big_endian: AtomicBool,
    pub(crate) now: AtomicU64,
    /// What happens between two words of a look at the cores.
    between_words: Box<dyn Fn(&Self) + Send + Sync>,
}

impl Machine {
    /// Returns a machine of so many cores, of which the first is on.
    pub(crate) fn new(cores: usize) -> Self {
        Self::with(cores, |_| {})
    }

    /// Returns a machine where something happens between two words of a look at the cores.
    pub(crate) fn with(cores: usize, between_words: impl Fn(&Self) + Send + Sync + 'static) -> Self {
        let machine = Self {
            control: Control::new(),
            cores: (0..cores).map(|_| CoreSlot::new()).collect(),
            shared: Shared::new(),
            slots: (0..cores).map(|_| PsciSlot::new()).collect(),
            rung: Mutex::default(),
            mem_protect: AtomicBool::new(false),
            big_endian: AtomicBool::new(false),
            now: AtomicU64::new(1),
            between_words: Box::new(between_words),
        };
        machine.table().cold_boot(0);
        machine
    }

    pub(crate) fn table(&self) -> CoreTable<'_> {
        CoreTable::new(&self.control, &self.cores)
    }

    pub(crate) fn psci(&self) -> Psci<'_, Self> {
        Psci::new(self.table(), &self.shared, &self.slots, self)
    }

    /// Makes a call as the monitor does: what has no function identifier is nobody's.
    pub(crate) fn call(&self, caller: usize, [function, arguments @ ..]: [u64; 4]) -> Outcome {
        match FunctionId::from_register(function) {
            Some(function) => {
                let (psci, local) = (self.psci(), self.table().local(caller));
                psci.handle(function, arguments, &local, psci.counters(caller))
            }
            None => Outcome::Return(quell_arch::NOT_SUPPORTED),
        }
    }
}

impl Topology for Machine {
    fn index_of(&self, affinity: u64) -> Option<usize> {
        AFFINITIES[..self.cores.len()].iter().position(|&known| known == affinity)
    }

    fn affinity_of(&self, index: usize) -> u64 {
        (self.between_words)(self);
        AFFINITIES[index]
    }
}

impl Hardware for Machine {
    fn cluster_of(&self, index: usize) -> Range<usize> {
        CLUSTERS[index].clone()
    }

    fn is_entry_point(&self, address: u64) -> bool {
        ENTRY_POINTS.contains(&address)
    }

    fn caller_is_big_endian(&self) -> bool {
        self.big_endian.load(Relaxed)
    }

    fn ring_doorbell(&self, core: usize) {
        self.rung.lock().unwrap().push(core);
    }

    fn replace_mem_protect(&self, on: bool) -> bool {
        self.mem_protect.swap(on, Relaxed)
    }

    fn memory(&self) -> Range<u64> {
        MEMORY
    }

    fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }

    fn frequency(&self) -> u64 {
        1_000_000 * MICROSECOND
    }
}

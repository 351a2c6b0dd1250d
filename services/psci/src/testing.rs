// SPDX-License-Identifier: MIT OR Apache-2.0

//! A machine for the unit tests: sbsa-ref's core numbering, one range of entry points.

use std::{
    cell::{Cell, RefCell},
    ops::Range,
    vec::Vec,
};

use quell_abi::{Flags, Kind, State, Why};
use quell_arch::FunctionId;
use quell_power::{Control, CoreSlot, CoreTable, Entry, Gate, Phase, Topology};

use crate::{Error, Hardware, Outcome, Psci, PsciSlot, Shared};

/// An address that a core may begin at.
pub(crate) const ENTRY: u64 = 0x1000_0000;

/// An address that it may not begin at.
pub(crate) const BAD_ENTRY: u64 = 0x2000_0000;

/// RAM.
pub(crate) const MEMORY: Range<u64> = 0x100_0000_0000..0x100_8000_0000;

/// Ticks of the counter.
pub(crate) const MICROSECOND: u64 = 1_000;

pub(crate) const SUCCESS: Outcome = Outcome::Return(0);

pub(crate) fn returns(error: Error) -> Outcome {
    Outcome::Return(error.code())
}

pub(crate) struct Machine {
    control: Control,
    cores: Vec<CoreSlot>,
    shared: Shared,
    slots: Vec<PsciSlot>,
    rung: RefCell<Vec<usize>>,
    mem_protect: Cell<bool>,
    now: Cell<u64>,
}

impl Machine {
    /// Returns a machine whose core 0 is on.
    pub(crate) fn new(cores: usize) -> Self {
        let machine = Self {
            control: Control::new(),
            cores: (0..cores).map(|_| CoreSlot::new()).collect(),
            shared: Shared::new(),
            slots: (0..cores).map(|_| PsciSlot::new()).collect(),
            rung: RefCell::default(),
            mem_protect: Cell::new(false),
            now: Cell::new(12_345),
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

    pub(crate) fn slot(&self, core: usize) -> &PsciSlot {
        &self.slots[core]
    }

    /// Starts a core on behalf of core 0; it is on its way then.
    pub(crate) fn start(&self, core: usize) {
        let table = self.table();
        let entry = Entry::new(ENTRY, 0, false);
        table.remote(core).unwrap().start(&table.local(0), entry).unwrap();
    }

    /// Lets a core enter that is on its way.
    pub(crate) fn let_in(&self, core: usize) {
        let local = self.table().local(core);
        assert!(local.boot().is_some());
        assert_eq!(local.enter(), Gate::Pass);
        assert_eq!(local.word().state(), State::On);
    }

    /// Starts a core on behalf of core 0, and lets it enter.
    pub(crate) fn boot(&self, core: usize) {
        self.start(core);
        self.let_in(core);
    }

    /// Takes a core OFF that is on.
    pub(crate) fn off(&self, core: usize) {
        let local = self.table().local(core);
        assert!(local.leave());
        assert!(local.publish(Why::Off, None));
    }

    /// Gives a core up that is on, in a session of core 0.
    pub(crate) fn give_up(&self, core: usize) {
        let session = self.control.load().opened(Kind::Crash, Flags::default(), 0).at(Phase::Releasing);
        self.control.replace(self.control.load(), session).unwrap();
        let (word, _) = self.table().remote(core).unwrap().give_up(session);
        assert!(word.is_quarantined());
        self.control.replace(session, session.at(Phase::Idle)).unwrap();
    }

    /// Opens a session of kind CRASH.
    pub(crate) fn open_session(&self, owner: usize) {
        let idle = self.control.load();
        self.control.replace(idle, idle.opened(Kind::Crash, Flags::default(), owner)).unwrap();
    }

    pub(crate) fn call(&self, caller: usize, [function, arguments @ ..]: [u64; 4]) -> Outcome {
        let function = FunctionId::from_register(function).unwrap();
        self.psci().handle(function, arguments, &self.table().local(caller), self.psci().counters(caller))
    }

    /// Returns whose doorbells were rung.
    pub(crate) fn rung(&self) -> Vec<usize> {
        self.rung.borrow().clone()
    }

    pub(crate) fn advance(&self, ticks: u64) {
        self.now.set(self.now.get() + ticks);
    }
}

impl Topology for Machine {
    fn index_of(&self, affinity: u64) -> Option<usize> {
        (0..self.cores.len()).find(|&index| self.affinity_of(index) == affinity)
    }

    fn affinity_of(&self, index: usize) -> u64 {
        ((index as u64 / 8) << 8) | (index as u64 % 8)
    }
}

impl Hardware for Machine {
    fn cluster_of(&self, index: usize) -> Range<usize> {
        let first = index / 8 * 8;
        first..(first + 8).min(self.cores.len())
    }

    fn is_entry_point(&self, address: u64) -> bool {
        (ENTRY..ENTRY + 0x1000).contains(&address)
    }

    fn caller_is_big_endian(&self) -> bool {
        false
    }

    fn ring_doorbell(&self, core: usize) {
        self.rung.borrow_mut().push(core);
    }

    fn replace_mem_protect(&self, on: bool) -> bool {
        self.mem_protect.replace(on)
    }

    fn memory(&self) -> Range<u64> {
        MEMORY
    }

    fn now(&self) -> u64 {
        self.now.get()
    }

    fn frequency(&self) -> u64 {
        1_000_000 * MICROSECOND
    }
}

#[test]
fn features_and_the_functions_agree() {
    let machine = Machine::new(1);
    for number in 0..=0x20 {
        for function in [0x8400_0000 | number, 0xc400_0000 | number] {
            let features = machine.call(0, [0x8400_000a, function, 0, 0]);
            let answer = machine.call(0, [function, u64::MAX, u64::MAX, u64::MAX]);
            // FEATURES itself answers NOT_SUPPORTED about a function that there is not.
            let is_there = answer != Outcome::Return(-1) || function == 0x8400_000a;
            assert_eq!(features != Outcome::Return(-1), is_there, "{function:#x}");
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! A machine for the unit tests: sbsa-ref's core numbering, one range of entry points.

use std::{cell::RefCell, vec::Vec};

use quell_abi::{Flags, Kind, State};
use quell_arch::FunctionId;
use quell_power::{Control, CoreSlot, CoreTable, Entry, Gate, Topology};

use crate::{Hardware, Outcome, handle};

/// An address that a core may begin at.
pub(crate) const ENTRY: u64 = 0x1000_0000;

/// An address that it may not begin at.
pub(crate) const BAD_ENTRY: u64 = 0x2000_0000;

pub(crate) struct Machine {
    control: Control,
    slots: Vec<CoreSlot>,
    rung: RefCell<Vec<usize>>,
}

impl Machine {
    /// Returns a machine whose core 0 is on.
    pub(crate) fn new(cores: usize) -> Self {
        let machine = Self {
            control: Control::new(),
            slots: (0..cores).map(|_| CoreSlot::new()).collect(),
            rung: RefCell::default(),
        };
        machine.table().cold_boot(0);
        machine
    }

    pub(crate) fn table(&self) -> CoreTable<'_> {
        CoreTable::new(&self.control, &self.slots)
    }

    /// Starts a core on behalf of core 0, and lets it enter.
    pub(crate) fn boot(&self, core: usize) {
        let table = self.table();
        let entry = Entry { address: ENTRY, context: 0, big_endian: false };
        table.remote(core).unwrap().start(&table.local(0), entry).unwrap();
        let local = table.local(core);
        assert_eq!(local.boot(), Some(entry));
        assert_eq!(local.enter(), Gate::Pass);
        assert_eq!(local.word().state(), State::On);
    }

    /// Opens a session of kind CRASH.
    pub(crate) fn open_session(&self, owner: usize) {
        let idle = self.control.load();
        self.control.replace(idle, idle.opened(Kind::Crash, Flags::default(), owner)).unwrap();
    }

    pub(crate) fn call(&self, caller: usize, [function, arguments @ ..]: [u64; 4]) -> Outcome {
        let function = FunctionId::from_register(function).unwrap();
        let table = self.table();
        handle(function, arguments, &table.local(caller), &table, self)
    }

    /// Returns whose doorbells were rung.
    pub(crate) fn rung(&self) -> Vec<usize> {
        self.rung.borrow().clone()
    }
}

impl Topology for Machine {
    fn index_of(&self, affinity: u64) -> Option<usize> {
        (0..self.slots.len()).find(|&index| self.affinity_of(index) == affinity)
    }

    fn affinity_of(&self, index: usize) -> u64 {
        ((index as u64 / 8) << 8) | (index as u64 % 8)
    }
}

impl Hardware for Machine {
    fn is_entry_point(&self, address: u64) -> bool {
        (ENTRY..ENTRY + 0x1000).contains(&address)
    }

    fn caller_is_big_endian(&self) -> bool {
        false
    }

    fn ring_doorbell(&self, core: usize) {
        self.rung.borrow_mut().push(core);
    }
}

#[test]
fn functions_that_are_not_there_are_not_supported() {
    let machine = Machine::new(1);
    for number in 0..=0x20 {
        for function in [0x8400_0000 | number, 0xc400_0000 | number] {
            let features = machine.call(0, [0x8400_000a, function, 0, 0]);
            // The calls that end the caller are not made here; their own files do.
            if ![0x8400_0002, 0x8400_0008, 0x8400_0009].contains(&function) {
                let answer = machine.call(0, [function, u64::MAX, u64::MAX, u64::MAX]);
                assert_eq!(
                    features == Outcome::Return(-1),
                    answer == Outcome::Return(-1) && function != 0x8400_000a,
                    "{function:#x}"
                );
            } else {
                assert_eq!(features, Outcome::Return(0));
            }
        }
    }
}

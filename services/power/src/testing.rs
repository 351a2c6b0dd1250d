// SPDX-License-Identifier: MIT OR Apache-2.0

//! Two cores for the unit tests of what one does to the other's word.

use std::vec::Vec;

use quell_abi::{Flags, Kind, State, Why};

use crate::{Control, ControlWord, CoreSlot, CoreTable, CoreWord, Entry};

pub(crate) const ENTRY: Entry = Entry::new(0x1000, 7, true);
pub(crate) const OTHER: Entry = Entry::new(0x2000, 8, false);

/// Runs `test` on a core 0 that is ON and a core 1 whose word is in this state, with the generation 5.
pub(crate) fn with_core(state: State, test: impl FnOnce(CoreTable<'_>, &CoreSlot)) {
    let control = Control::new();
    let slots: Vec<_> = (0..2).map(|_| CoreSlot::new()).collect();
    let table = CoreTable::new(&control, &slots);
    table.cold_boot(0);
    slots[1].force(CoreWord::default().next(state, Why::None, 5));
    test(table, &slots[1]);
}

/// Returns a session of core 0 with this generation.
pub(crate) fn session(generation: u32) -> ControlWord {
    let word = ControlWord::with_generation(generation.wrapping_sub(1));
    let session = word.opened(Kind::Crash, Flags::default(), 0);
    assert_eq!(session.generation(), generation);
    session
}

pub(crate) fn open(table: CoreTable<'_>, session: ControlWord) {
    let control = table.control();
    control.replace(control.load(), session).unwrap();
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The wait of who has nothing else to do than to drive a session: POLL with a budget, and SYNC.

use quell_abi::State;

use crate::{Hardware, Stop, tally::is_left};

impl<H: Hardware> Stop<'_, H> {
    /// Waits until a session has to be driven: no core is left, or one that [`drive`](Self::drive) contains; a deadline
    /// passes; or somebody else changes it. But no longer than until `end`. It looks at one core at a time, so that the wait
    /// does not grow with their number.
    pub(crate) fn wait(&self, generation: u32, end: u64) {
        let session = self.table.control().load();
        if session.generation() != generation || !session.is_open() {
            return;
        }
        let end = self.next_deadline(session).map_or(end, |deadline| deadline.min(end));
        for (index, _) in self.others(session) {
            let core = self.core(index);
            loop {
                let word = core.word();
                if !is_left(word, session) {
                    break;
                }
                let is_for_drive = matches!(
                    word.state(),
                    State::Claimed | State::Pending | State::Suspended | State::Parked
                );
                if is_for_drive && !word.is_quarantined() {
                    return;
                }
                if self.table.control().load() != session || self.hardware.now() >= end {
                    return;
                }
                core::hint::spin_loop();
            }
        }
    }
}

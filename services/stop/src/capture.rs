// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a core writes into its record when it stops, or is asked for its registers.

use core::mem::offset_of;

use quell_abi::{CoreRecord, Why};
use quell_power::{ControlWord, Protection, intact};

use crate::{Hardware, Stop};

/// Returns whether a core that ends for this reason is captured: one that called CPU_OFF, or never began, has no registers
/// worth a record.
pub(crate) const fn is_captured(why: Why) -> bool {
    !matches!(why, Why::Off | Why::NeverRan)
}

impl<H: Hardware> Stop<'_, H> {
    /// Records the calling core, which has stopped, for the session with this generation. The first capture in a generation
    /// stays: a stop interrupt that comes late must not overwrite what the core did when it was stopped. A
    /// core that called CPU_OFF, or never began, has no registers worth a record.
    pub(crate) fn record(&self, index: usize, generation: u32, why: Why) {
        let is_new = !self.records[index].is_stop_of(generation) || !intact(Protection::FirstCapture);
        if is_new && is_captured(why) {
            self.capture(index, generation, why, self.slots[index].stopped());
        }
    }

    /// Records the calling core, which is evicted: several times in one generation, if it is started between.
    pub(crate) fn record_eviction(&self, index: usize, generation: u32) {
        self.note_stop(index, None);
        self.capture(index, generation, Why::Nmi, self.slots[index].stopped());
    }

    /// Notes that the calling core has stopped, for a session or without one.
    pub(crate) fn note_stop(&self, index: usize, session: Option<ControlWord>) {
        let earliest = session
            .map_or(u64::MAX, |session| self.slots[session.owner()].read_parameters(session).grace_end);
        self.slots[index].note_stop(self.hardware.now(), earliest);
    }

    pub(crate) fn capture(&self, index: usize, generation: u32, why: Why, now: u64) {
        let slot = &self.slots[index];
        let control = self.table.control().load();
        // Another session's cookie is none of this capture's.
        let cookie = match generation {
            0 => 0,
            _ if generation != control.generation() => 0,
            _ => self.slots[control.owner()].read_parameters(control).cookie,
        };
        let saved_registers = if why == Why::Ack { slot.saved_registers() } else { 0 };
        self.records[index].capture(generation, why, |writer| {
            writer.set(offset_of!(CoreRecord, cookie), cookie);
            writer.set(offset_of!(CoreRecord, signalled), slot.signalled());
            writer.set(offset_of!(CoreRecord, stopped), now);
            writer.set(offset_of!(CoreRecord, saved_registers), saved_registers);
            self.hardware.capture(writer);
        });
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! READ: copy a core's record to non-secure memory. And the other end: what a core does that stops.
//!
//! | x0 | when |
//! |---|---|
//! | SUCCESS | x1 bytes written; the header's `valid` says whether the registers are there |
//! | INVALID_PARAMETERS | no such core; the size is 0, more than a record, or no multiple of 8 |
//! | INVALID_ADDRESS | the buffer is not aligned to 8 bytes, or not wholly in non-secure RAM |

use core::mem::offset_of;

use quell_abi::{CoreRecord, RECORD_MAGIC, RECORD_SIZE, RECORD_VERSION, Status, Why};
use quell_arch::Answer;

use crate::{
    Hardware, Outcome, RecordWriter, Stop,
    record::{IDENTITY, Identity},
};

impl<H: Hardware> Stop<'_, H> {
    pub(crate) fn read(&self, affinity: u64, address: u64, bytes: u64) -> Outcome {
        match self.copy_out(affinity, address, bytes) {
            Ok(()) => Outcome::Return(Answer::registers([Status::Success.to_register(), bytes])),
            Err(status) => status.into(),
        }
    }

    fn copy_out(&self, affinity: u64, address: u64, bytes: u64) -> Result<(), Status> {
        let index = self.hardware.index_of(affinity).ok_or(Status::InvalidParameters)?;
        if !(1..=RECORD_SIZE as u64).contains(&bytes) || !bytes.is_multiple_of(8) {
            return Err(Status::InvalidParameters);
        }
        let end = address.checked_add(bytes).ok_or(Status::InvalidAddress)?;
        if !address.is_multiple_of(8) || !self.hardware.is_memory(&(address..end)) {
            return Err(Status::InvalidAddress);
        }
        let words = (bytes / 8) as usize;
        let write = |word: usize, value| {
            if word < words {
                self.hardware.write(address + word as u64 * 8, value);
            }
        };
        let record = &self.records[index];
        let captured = record.identity();
        for word in IDENTITY + 1..words {
            write(word, if captured.is_some() { record.word(word) } else { 0 });
        }
        let word = self.table.remote(index).expect("the topology knows only cores of the table").word();
        // The core may have been captured anew while this copied: then what was copied is no capture.
        let identity = captured.filter(|&captured| record.is_still(captured)).unwrap_or(Identity {
            generation: word.generation(),
            why: self.why(index, word),
            valid: false,
        });
        write(0, u64::from(RECORD_MAGIC) | u64::from(RECORD_VERSION) << 32);
        write(1, RECORD_SIZE as u64 | (index as u64) << 32);
        write(2, affinity);
        write(IDENTITY, identity.to_word(word.state() as u8));
        Ok(())
    }

    /// Records a core that stops, on that core: `capture` writes its registers. The first capture in a generation stays.
    pub fn record(&self, index: usize, generation: u32, why: Why, capture: impl FnOnce(&RecordWriter<'_>)) {
        let slot = &self.slots[index];
        let now = self.hardware.now();
        slot.note_stop(now);
        let record = &self.records[index];
        if record.identity().is_some_and(|identity| identity.generation == generation) {
            return;
        }
        let control = self.table.control().load();
        let cookie = self.slots[control.owner()].read_parameters(control).cookie;
        let saved_registers = if why == Why::Ack { slot.saved_registers() } else { 0 };
        record.capture(generation, why, |writer| {
            writer.set(offset_of!(CoreRecord, cookie), cookie);
            writer.set(offset_of!(CoreRecord, signalled), slot.signalled());
            writer.set(offset_of!(CoreRecord, stopped), now);
            writer.set(offset_of!(CoreRecord, saved_registers), saved_registers);
            capture(writer);
        });
    }
}

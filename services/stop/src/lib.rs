// SPDX-License-Identifier: MIT OR Apache-2.0

//! The coordinated stop over the core table: Coordinated Stop ABI 1.0 (docs/stop-abi.md).
//!
//! # The protocol
//!
//! A session is a walk of the control word: IDLE, FENCED, GRACE, NMI, and PARTIAL if cores are left when the time is over;
//! a PAUSE stays in DONE until it is released. Every step is a compare-and-swap of the whole word, so of several drivers one
//! takes it and the others load again.
//!
//! - BEGIN writes the session's parameters into the caller's own slot, in the half that belongs to the parity of the new
//!   generation, and then swaps the control word. Whoever loads that control word (Acquire) sees the parameters that its
//!   owner wrote before (Release). The half is written again only for the generation after next, whose BEGIN has replaced
//!   the word: a driver that still uses the old parameters finds that its next swap fails.
//! - To *drive* is: load the control word; **fence**; look at the word of every core but the owner, taking those that
//!   are not in the operating system to OFF; if none is left, swap to IDLE; else, if the phase's time is over, swap to the
//!   next phase. Who swaps to NMI sends the secure interrupt; it is sent again while cores are left, because interrupts
//!   merge. Any number of cores may drive at once: who calls POLL or SYNC, and whose alarm rings (`alarm.rs`).
//! - DONE is nothing but the control word being idle in the same generation: whoever made it idle has seen every word OFF
//!   after the fence of the session was up, and behind the fence no word leaves OFF. A PAUSE is DONE when every word is
//!   OFF, PARKED, SUSPENDED or PENDING: behind the fence the gate holds whoever leaves one of the last two.
//!
//! What a core does that stops is in `pen.rs`, how a session ends that does not end by itself in `release.rs`, and what cores
//! ask of each other without a session in `request.rs`.
//!
//! A core that stops captures its registers into its own record before it publishes OFF or PARKED. A record's third word
//! holds its generation and says whether it is valid: it is cleared first and written last. The captures are counted, for
//! two of one generation have the same word. So a reader that finds the same valid word and the same count before and after
//! has read one capture.

#![cfg_attr(not(test), no_std)]

mod ack;
mod alarm;
mod arbitrate;
mod begin;
mod capture;
mod drive;
mod evict;
mod hardware;
mod pen;
mod poll;
mod progress;
mod query;
mod read;
mod record;
mod release;
mod request;
mod rest;
mod slot;
mod snapshot;
mod tally;
#[cfg(all(test, not(loom)))]
mod testing;
mod wait;

use quell_abi::{
    CALL_UID, Call, REVISION_FID, REVISION_MAJOR, REVISION_MINOR, Status, UID_FID, VERSION, VERSION_FID32,
};
use quell_arch::{Answer, FunctionId, NOT_SUPPORTED};
use quell_power::{ControlWord, CoreTable, LocalCore, RemoteCore};

pub use alarm::Shared;
pub use hardware::Hardware;
pub use pen::Way;
pub use record::{RecordSlot, RecordWriter};
pub use slot::StopSlot;

/// What becomes of the caller.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The call returns.
    Return(Answer),
    /// A session stops the caller, as [`Stop::obey`] does. If it was a PAUSE and is over, the call returns.
    Stop(Order),
}

/// Why a call does not return, or not yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// The caller has acknowledged this session.
    Acknowledged(ControlWord),
    /// The caller has lost arbitration to this session.
    Lost(ControlWord),
    /// The caller has accepted to be evicted.
    Evicted,
}

impl From<Status> for Outcome {
    fn from(status: Status) -> Self {
        Self::Return(Answer::code(status as i32))
    }
}

/// The stop service: the core table, what it keeps of each core, and the machine.
#[derive(Debug)]
pub struct Stop<'a, H> {
    table: CoreTable<'a>,
    shared: &'a Shared,
    slots: &'a [StopSlot],
    records: &'a [RecordSlot],
    hardware: &'a H,
}

impl<'a, H: Hardware> Stop<'a, H> {
    /// Returns the service.
    ///
    /// # Panics
    ///
    /// Panics if there is not one slot and one record for each core of the table.
    pub const fn new(
        table: CoreTable<'a>,
        shared: &'a Shared,
        slots: &'a [StopSlot],
        records: &'a [RecordSlot],
        hardware: &'a H,
    ) -> Self {
        assert!(slots.len() == table.len() && records.len() == table.len());
        Self { table, shared, slots, records, hardware }
    }

    /// Returns the view of a core that the table has.
    fn core(&self, index: usize) -> RemoteCore<'a> {
        self.table.remote(index).expect("the index is below the table's length")
    }

    /// Carries out a call of owner 7 that `caller` made with `arguments` in x1 to x6.
    pub fn handle(&self, function: FunctionId, arguments: [u64; 6], caller: &LocalCore<'_>) -> Outcome {
        match function.bits() {
            UID_FID => return Outcome::Return(Answer::registers(CALL_UID.map(u64::from))),
            REVISION_FID => {
                return Outcome::Return(Answer::registers([REVISION_MAJOR, REVISION_MINOR].map(u64::from)));
            }
            VERSION_FID32 => return Outcome::Return(Answer::registers([u64::from(VERSION)])),
            _ => {}
        }
        let Some(call) = Call::from_fid(function.bits()) else {
            return Outcome::Return(Answer::code(NOT_SUPPORTED));
        };
        let [x1, x2, x3, ..] = arguments;
        match call {
            Call::Version => Outcome::Return(Answer::registers([u64::from(VERSION)])),
            Call::Features => self.features(),
            Call::Begin => self.begin(arguments, caller),
            Call::Sync => self.sync(arguments, caller),
            Call::Poll => self.poll(x1, x2, caller),
            Call::Ack => self.ack(x1, caller),
            Call::Status => self.status(x1),
            Call::Read => self.read(x1, x2, x3),
            Call::Mask => self.mask(x1),
            Call::CoreId => self.core_id(x1),
            Call::Release => self.release([x1, x2, x3], caller),
            Call::Snapshot => self.snapshot(x1, x2, caller),
            Call::Evict => self.evict(x1, x2, caller),
        }
    }
}

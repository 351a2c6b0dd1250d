// SPDX-License-Identifier: MIT OR Apache-2.0

//! The calls that only tell: FEATURES, STATUS, MASK, CORE_ID.
//!
//! STATUS, MASK and CORE_ID return INVALID_PARAMETERS for a core, or a word of cores, that the machine does not have.

use quell_abi::{Call, Kind, RECORD_SIZE, State, Status, Why};
use quell_arch::Answer;
use quell_power::{CoreWord, Phase};

use crate::{Hardware, Outcome, Stop};

/// x0 of every answer but an error.
const SUCCESS: u64 = Status::Success.to_register();

/// The calls that are there.
const CALLS: [Call; 10] = [
    Call::Version,
    Call::Features,
    Call::Begin,
    Call::Poll,
    Call::Ack,
    Call::Status,
    Call::Read,
    Call::Mask,
    Call::Sync,
    Call::CoreId,
];

/// The kinds that BEGIN takes.
const KINDS: [Kind; 3] = [Kind::Halt, Kind::Kexec, Kind::Crash];

impl<H: Hardware> Stop<'_, H> {
    /// FEATURES: x1 bit n for call n and bit 32 + k for kind k, x2 number of cores, x3 bytes of a core record.
    pub(crate) fn features(&self) -> Outcome {
        let calls = CALLS.into_iter().fold(0, |bits, call| bits | call.feature());
        let bits = KINDS.into_iter().fold(calls, |bits, kind| bits | kind.feature());
        Outcome::Return(Answer::registers([SUCCESS, bits, self.table.len() as u64, RECORD_SIZE as u64]))
    }

    /// STATUS: x1 state, why and generation; x2 and x3 the counter when it was signalled and when it had stopped.
    pub(crate) fn status(&self, affinity: u64) -> Outcome {
        let Some(index) = self.hardware.index_of(affinity) else {
            return Status::InvalidParameters.into();
        };
        let word = self.table.remote(index).expect("the topology knows only cores of the table").word();
        let bits =
            word.state() as u64 | (self.why(index, word) as u64) << 8 | u64::from(word.generation()) << 32;
        Outcome::Return(Answer::registers([
            SUCCESS,
            bits,
            self.slots[index].signalled(),
            self.slots[index].stopped(),
        ]))
    }

    /// Returns why a core is as it is; for one that a session could not stop, why not.
    pub(crate) fn why(&self, index: usize, word: CoreWord) -> Why {
        let control = self.table.control().load();
        if !control.targets(index) || control.phase() != Phase::Partial {
            return word.why();
        }
        match word.state() {
            State::On => Why::NoAnswer,
            State::Claimed | State::Pending | State::Cancelled | State::Stopping => Why::InEl3,
            State::Off | State::Suspended | State::Parked => word.why(),
        }
    }

    /// MASK: x1 on, x2 pending, x3 stopped, x4 epoch.
    pub(crate) fn mask(&self, word: u64) -> Outcome {
        let census = usize::try_from(word).ok().and_then(|word| self.table.census(word));
        match census {
            Some(census) => Outcome::Return(Answer::registers([
                SUCCESS,
                census.on,
                census.pending,
                census.stopped,
                census.epoch,
            ])),
            None => Status::InvalidParameters.into(),
        }
    }

    /// CORE_ID: x1 affinity fields of the core's MPIDR.
    pub(crate) fn core_id(&self, index: u64) -> Outcome {
        match usize::try_from(index) {
            Ok(index) if index < self.table.len() => {
                Outcome::Return(Answer::registers([SUCCESS, self.hardware.affinity_of(index)]))
            }
            _ => Status::InvalidParameters.into(),
        }
    }
}

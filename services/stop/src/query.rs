// SPDX-License-Identifier: MIT OR Apache-2.0

//! The calls that only tell: FEATURES, STATUS, MASK, CORE_ID.
//!
//! STATUS, MASK and CORE_ID return INVALID_PARAMETERS for a core, or a word of cores, that the machine does not have.

use quell_abi::{Call, Flags, Kind, RECORD_SIZE, STATE_QUARANTINED, State, Status, Why};
use quell_arch::Answer;
use quell_power::{CoreWord, Phase};

use crate::{Hardware, Outcome, Stop};

/// x0 of every answer but an error.
const SUCCESS: u64 = Status::Success.to_register();

/// The flags that BEGIN takes.
const FLAGS: [Flags; 2] = [Flags::TRY, Flags::ORPHAN_RESET];

/// Returns the bits of everything that there is.
const fn all_features() -> u64 {
    let mut bits = 0;
    let mut at = 0;
    while at < Call::ALL.len() {
        bits |= Call::ALL[at].feature();
        at += 1;
    }
    at = 0;
    while at < Kind::ALL.len() {
        bits |= Kind::ALL[at].feature();
        at += 1;
    }
    bits | FLAGS[0].feature() | FLAGS[1].feature()
}

/// Returns a core's state as STATUS and READ tell it.
pub(crate) const fn state_byte(word: CoreWord) -> u8 {
    word.state() as u8 | if word.is_quarantined() { STATE_QUARANTINED } else { 0 }
}

impl<H: Hardware> Stop<'_, H> {
    /// FEATURES: x1 bit n for call n, bit 32 + k for kind k, BEGIN's flags from bit 40 on; x2 number of cores, x3 bytes of a core record.
    pub(crate) fn features(&self) -> Outcome {
        const BITS: u64 = all_features();
        Outcome::Return(Answer::registers([SUCCESS, BITS, self.table.len() as u64, RECORD_SIZE as u64]))
    }

    /// STATUS: x1 state, why and generation; x2 and x3 the counter when it was signalled and when it had stopped.
    pub(crate) fn status(&self, affinity: u64) -> Outcome {
        let Some(index) = self.hardware.index_of(affinity) else {
            return Status::InvalidParameters.into();
        };
        let word = self.table.remote(index).expect("the topology knows only cores of the table").word();
        let bits = u64::from(state_byte(word))
            | (self.why(index, word) as u64) << 8
            | u64::from(word.generation()) << 32;
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::testing::{MILLISECOND, Machine};

    const INVALID: Status = Status::InvalidParameters;

    /// STATUS: state, why, generation, signalled, stopped.
    fn status(machine: &Machine, core: u64) -> (State, Why, u64, u64, u64) {
        let [status, bits, signalled, stopped] = machine.results(0, Call::Status, &[core]);
        assert_eq!(status, SUCCESS);
        assert_eq!(bits >> 16 & 0xffff, 0, "the bits between are zero");
        let state = State::from_bits(bits & 0xff).unwrap();
        (state, Why::from_bits(bits >> 8 & 0xff).unwrap(), bits >> 32, signalled, stopped)
    }

    /// What FEATURES says is there does not answer NOT_SUPPORTED, and the rest does.
    #[test]
    fn features_agree_with_the_calls() {
        let machine = Machine::new(3);
        let [status, bits, cores, record] = machine.results(0, Call::Features, &[]);
        assert_eq!((status, cores, record), (SUCCESS, 3, RECORD_SIZE as u64));
        let mut known = 0;
        for call in Call::ALL {
            let is_there = match machine.call(0, call, &[u64::MAX; 6]) {
                Outcome::Return(answer) => answer.as_slice()[0] != Status::NotSupported.to_register(),
                Outcome::Stop(_) => true,
            };
            assert_eq!(bits & call.feature() != 0, is_there, "{call:?}");
            known |= call.feature();
        }
        for kind in Kind::ALL {
            let machine = Machine::new(1);
            let status = machine.status(0, Call::Begin, &[kind as u64, 0, 0, 1, u64::MAX, 0]);
            assert_eq!(bits & kind.feature() != 0, status == Status::Success, "{kind:?} {status:?}");
            known |= kind.feature();
        }
        for flag in [Flags::TRY, Flags::ORPHAN_RESET] {
            let x1 = Kind::Crash as u64 | u64::from(flag.bits()) << 8;
            let status = Machine::new(1).status(0, Call::Begin, &[x1, 0, 0, 1, u64::MAX, 0]);
            assert_eq!(bits & flag.feature() != 0, status == Status::Success, "{flag:?} {status:?}");
            known |= flag.feature();
        }
        assert_eq!(bits & !known, 0, "no bit without a meaning");
    }

    #[test]
    fn cores_and_words_that_are_not_there_are_invalid() {
        let machine = Machine::new(9);
        for absent in [9, 0x102, 0x1_0000, 1 << 31, 1 << 32, 1 << 63, u64::MAX] {
            assert_eq!(machine.status(0, Call::Status, &[absent]), INVALID, "{absent:#x}");
            assert_eq!(machine.status(0, Call::CoreId, &[absent]), INVALID, "{absent:#x}");
            assert_eq!(machine.status(0, Call::Mask, &[absent]), INVALID, "{absent:#x}");
        }
        assert_eq!(machine.status(0, Call::Mask, &[1]), INVALID);
        assert_eq!(machine.results(0, Call::CoreId, &[8])[1], 0x100);
        assert_eq!(machine.status(0, Call::Status, &[0x100]), Status::Success);
    }

    #[test]
    fn status_tells_when_a_core_was_signalled_and_had_stopped() {
        let machine = Machine::new(3);
        assert_eq!(status(&machine, 1), (State::On, Why::None, 0, 0, 0));
        machine.advance(MILLISECOND);
        let handle = machine.begin(0, Kind::Crash, [0, 10]);
        let signalled = machine.time();
        machine.advance(2 * MILLISECOND);
        // Sent again: the first time is the one that counts.
        machine.poll(0, handle);
        let stopped = machine.time();
        machine.stop_core(1, Why::Nmi, handle, 0);
        assert_eq!(status(&machine, 1), (State::Off, Why::Nmi, handle, signalled, stopped));
        assert_eq!(status(&machine, 2), (State::On, Why::None, 0, signalled, 0));

        // A core that begins anew forgets it; one that does not begin has not been signalled.
        machine.stop_core(2, Why::Nmi, handle, 0);
        machine.poll(0, handle);
        machine.boot(0, 1);
        assert_eq!(status(&machine, 1), (State::On, Why::None, handle, 0, 0));
        machine.start(0, 2);
        machine.advance(MILLISECOND);
        let next = machine.begin(0, Kind::Crash, [10, 10]);
        assert_eq!(status(&machine, 1), (State::On, Why::None, handle, 0, 0));
        assert_eq!(status(&machine, 2), (State::Off, Why::NeverRan, next, 0, machine.time()));
    }

    #[test]
    fn what_is_left_of_a_session_is_named_with_the_reason() {
        let machine = Machine::new(4);
        machine.off(3);
        let handle = machine.begin(0, Kind::Crash, [0, 1]);
        assert!(machine.table().local(2).leave());
        assert_eq!(status(&machine, 1).1, Why::None, "there is time yet");
        machine.advance(MILLISECOND);
        machine.poll(0, handle);
        assert_eq!(status(&machine, 0).1, Why::None, "the owner is not left");
        assert_eq!(status(&machine, 1).1, Why::NoAnswer);
        assert_eq!(status(&machine, 2).1, Why::InEl3);
        assert_eq!(status(&machine, 3).1, Why::Off);
    }

    #[test]
    fn the_mask_tells_what_the_cores_do() {
        let machine = Machine::new(70);
        machine.off(1);
        machine.off(65);
        machine.start(0, 65);
        let mask = |word| {
            let Outcome::Return(answer) = machine.call(0, Call::Mask, &[word]) else { panic!() };
            <[u64; 5]>::try_from(answer.as_slice()).unwrap()
        };
        let [low, high] = [0, 1].map(mask);
        assert_eq!(low[..4], [SUCCESS, !0b10, 0, 0]);
        assert_eq!(high[..4], [SUCCESS, 0b11_1101, 0b10, 0]);
        assert_eq!(low[4], high[4], "nothing has changed between");
        let handle = machine.begin(0, Kind::Crash, [1, 1]);
        machine.stop_core(2, Why::Ack, handle, 0);
        let [low, high] = [0, 1].map(mask);
        assert_eq!(low[..4], [SUCCESS, !0b110, 0, 0b100]);
        assert_eq!(high[..4], [SUCCESS, 0b11_1101, 0, 0b10]);
    }
}

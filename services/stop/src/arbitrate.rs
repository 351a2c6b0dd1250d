// SPDX-License-Identifier: MIT OR Apache-2.0

//! Arbitration: which BEGIN may replace the control word that it found.
//!
//! | the open session | the caller's kind | what becomes of the caller |
//! |---|---|---|
//! | none | any | it opens one |
//! | any | higher | it takes the session over; as the owner it stays owner |
//! | its own | same or lower | DENIED |
//! | another's, the lease is over | same | it takes the session over |
//! | another's, before the secure interrupt | same or lower, with TRY | BUSY |
//! | another's | same or lower | it is stopped |
//! | one that is being released, or the last one of all (the machine ends, the firmware has failed) | any | it is stopped |
//!
//! Who is stopped by a PAUSE is held, and returns with BUSY when it is over.

use quell_abi::{Flags, Status};
use quell_power::{ControlWord, Phase, Protection, intact};

use crate::{Hardware, Stop, begin::Request};

/// What arbitration says to a BEGIN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Arbitration {
    /// It may open its session.
    Won,
    /// It returns.
    Busy,
    /// Its caller is stopped.
    Lost,
}

impl<H: Hardware> Stop<'_, H> {
    /// Decides whether `request` may replace the control word `seen`.
    pub(crate) fn arbitrate(
        &self,
        seen: ControlWord,
        request: &Request,
        caller: usize,
        now: u64,
    ) -> Result<Arbitration, Status> {
        if matches!(seen.phase(), Phase::Final | Phase::Releasing) {
            // No session comes after the first, and the second is about to end.
            return Ok(Arbitration::Lost);
        }
        if !seen.is_open() || request.kind > seen.kind() || !intact(Protection::Arbitration) {
            return Ok(Arbitration::Won);
        }
        if seen.owner() == caller {
            return Err(Status::Denied);
        }
        let lease_end = self.slots[seen.owner()].read_parameters(seen).lease_end;
        if request.kind == seen.kind() && now >= lease_end {
            return Ok(Arbitration::Won);
        }
        if request.flags.contains(Flags::TRY) && !seen.phase().stops() {
            return Ok(Arbitration::Busy);
        }
        Ok(Arbitration::Lost)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use quell_abi::{Call, Kind, State, Why};
    use quell_power::Phase;

    use super::*;
    use crate::testing::{CRASH, HALT, KEXEC, MILLISECOND, MS, Machine, NO_SGI, TRY, arguments};
    use crate::{Order, Outcome};

    /// What a BEGIN of core 1 comes to, in a session of core 0.
    #[derive(Debug, PartialEq)]
    enum End {
        Wins,
        Lost,
        Busy,
    }

    fn end_of(machine: &Machine, x1: u64) -> End {
        let before = machine.table().control().load();
        let outcome = machine.call(1, Call::Begin, &arguments(x1));
        let after = machine.table().control().load();
        if let Outcome::Stop(Order::Lost(session)) = outcome {
            assert_eq!((session, after), (before, before));
            return End::Lost;
        }
        let Outcome::Return(answer) = outcome else { panic!("{outcome:?}") };
        match *answer.as_slice() {
            [0, handle, ..] => {
                assert_eq!((after.owner(), u64::from(after.generation())), (1, handle));
                assert_eq!(after.generation(), before.generation() + 1);
                End::Wins
            }
            [status, owner, kind] => {
                assert_eq!(status, Status::Busy.to_register());
                assert_eq!((owner, kind, after), (0, before.kind() as u64, before));
                End::Busy
            }
            ref other => panic!("{other:x?}"),
        }
    }

    #[test]
    fn arbitration_goes_by_kind_lease_try_and_phase() {
        // Kind of the session, x1 of the other BEGIN, lease over, phase; end.
        #[rustfmt::skip]
        let table = [
            (HALT,  HALT,        false, Phase::Grace, End::Lost),
            (HALT,  HALT | TRY,  false, Phase::Grace, End::Busy),
            (HALT,  HALT | TRY,  false, Phase::Nmi, End::Lost),
            (HALT,  HALT | TRY,  false, Phase::Partial, End::Lost),
            (HALT,  HALT,        true,  Phase::Grace, End::Wins),
            (HALT,  HALT | TRY,  true,  Phase::Partial, End::Wins),
            (HALT,  KEXEC,       false, Phase::Grace, End::Wins),
            (HALT,  CRASH,       false, Phase::Partial, End::Wins),
            (HALT,  CRASH | TRY, false, Phase::Nmi, End::Wins),
            (CRASH, HALT,        false, Phase::Grace, End::Lost),
            (CRASH, HALT,        true,  Phase::Partial, End::Lost),
            (CRASH, KEXEC | TRY, true,  Phase::Grace, End::Busy),
            (CRASH, CRASH,       false, Phase::Nmi, End::Lost),
            (KEXEC, CRASH,       false, Phase::Nmi, End::Wins),
        ];
        for (kind, x1, is_lease_over, phase, end) in table {
            let machine = Machine::new(3);
            let (grace, nmi) = match phase {
                Phase::Grace => (MS, MS),
                Phase::Nmi => (0, MS),
                _ => (0, 0),
            };
            machine.call(0, Call::Begin, &[kind, grace, nmi, 5, NO_SGI, 0]);
            assert_eq!(machine.phase(), phase);
            machine.advance(MILLISECOND / 200 - u64::from(!is_lease_over));
            assert_eq!(end_of(&machine, x1), end, "{kind} {x1:#x} {is_lease_over} {phase:?}");
        }
    }

    #[test]
    fn nothing_comes_after_a_failure_of_the_firmware() {
        let machine = Machine::new(2);
        let control = machine.table().control().load();
        let failed = control.opened(Kind::Crash, Flags::default(), 0).at(Phase::Final);
        machine.table().control().replace(control, failed).unwrap();
        assert_eq!(end_of(&machine, CRASH), End::Lost);
        machine.off(1);
        assert_eq!(machine.status(0, Call::Poll, &[1, 0]), Status::StaleHandle);
        assert_eq!(machine.table().control().load(), failed, "it is not closed when nobody runs");
    }

    #[test]
    fn a_lease_of_0_never_ends() {
        let machine = Machine::new(2);
        machine.begin(0, Kind::Halt, [1, 1]);
        machine.advance(u64::MAX - 1 - machine.time());
        assert_eq!(end_of(&machine, HALT), End::Lost);
    }

    #[test]
    fn the_owner_may_only_ask_for_more() {
        let machine = Machine::new(3);
        // The lease is over at once: for others. The owner has no use for a second session of the same kind.
        machine.call(0, Call::Begin, &[KEXEC, MS, MS, 1, NO_SGI, 0]);
        machine.advance(MILLISECOND);
        for x1 in [HALT, KEXEC, KEXEC | TRY] {
            for call in [Call::Begin, Call::Sync] {
                assert_eq!(machine.status(0, call, &arguments(x1)), Status::Denied);
            }
        }
        assert_eq!(machine.results(0, Call::Begin, &arguments(CRASH)), [0, 2, 2, 0]);
        assert_eq!(machine.table().control().load().owner(), 0);
    }

    /// A takeover: what the session before has stopped counts, keeps its record, and the owner of before is a target.
    #[test]
    fn a_takeover_keeps_what_was_stopped() {
        let machine = Machine::new(4);
        let halt = machine.begin(0, Kind::Halt, [1, 1]);
        machine.stop_core(2, Why::Ack, halt, 0x2222);
        let [status, crash, targets, contained] = machine.results(1, Call::Begin, &arguments(CRASH));
        assert_eq!((status, crash, targets, contained), (0, halt + 1, 3, 1));
        machine.stop_core(0, Why::Nmi, crash, 0x1000);
        machine.stop_core(3, Why::Nmi, crash, 0x3333);
        let poll = machine.poll(1, crash);
        assert_eq!((poll.status, poll.acked, poll.nmi), (Status::Success, 1, 2));
        assert_eq!(machine.state(2), (State::Off, Why::Ack));
        assert_eq!(machine.table().local(2).word().generation(), halt as u32);
        assert_eq!(machine.status(0, Call::Poll, &[halt, 0]), Status::StaleHandle);
    }
}

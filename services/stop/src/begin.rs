// SPDX-License-Identifier: MIT OR Apache-2.0

//! BEGIN: the opening of a session; who may is in [`arbitrate`](crate::arbitrate). SYNC is BEGIN and a wait: it returns what
//! POLL does, and the handle in x4.
//!
//! | x0 | when |
//! |---|---|
//! | SUCCESS | the session is open, or was done at once: x1 handle, x2 targets, x3 of them contained |
//! | INVALID_PARAMETERS | a reserved bit of x1 is set, a time is above 2^32 - 1, the SGI is not one of the non-secure world; a PAUSE has no lease, or one above 100 ms; ORPHAN_RESET with a PAUSE or without a lease |
//! | DENIED | the caller owns the open session and asks for no higher kind |
//! | BUSY | another core owns it, and TRY was given in time; or it was a PAUSE, which has held the caller and is over: x1 its MPIDR, x2 the kind |
//! | does not return | another core owns it, and it is not of a lower kind: the caller is stopped |
//!
//! A grace time of 0 leaves the phase out. A lease of 0 never ends.

use quell_abi::{BEGIN_KIND_MASK, Flags, Kind, PAUSE_LEASE_MAX, State, Status};
use quell_arch::Answer;
use quell_power::{ControlWord, LocalCore, Protection, full_fence, intact};

use crate::{
    Hardware, Order, Outcome, Stop, arbitrate::Arbitration, progress::Progress, slot::Parameters,
    tally::Tally,
};

/// The most microseconds that a time may have.
const LONGEST: u64 = u32::MAX as u64;

/// x5 of a BEGIN that wants no SGI.
const NO_SGI: u64 = u64::MAX;

/// The SGIs of the non-secure world; the others are the firmware's.
const NON_SECURE_SGIS: u64 = 8;

/// The control word changes a few times in a session; who loses as many swaps as this found something impossible.
pub(crate) const TRIES: usize = 64;

/// The arguments of BEGIN, checked.
pub(crate) struct Request {
    pub kind: Kind,
    pub flags: Flags,
    grace: u64,
    nmi: u64,
    lease: u64,
    sgi: Option<u32>,
    cookie: u64,
}

impl Request {
    fn parse([x1, grace, nmi, lease, sgi, cookie]: [u64; 6]) -> Result<Self, Status> {
        let kind = Kind::from_bits(x1 & BEGIN_KIND_MASK).ok_or(Status::InvalidParameters)?;
        let flags = Flags::from_bits(x1 >> BEGIN_KIND_MASK.count_ones()).ok_or(Status::InvalidParameters)?;
        if [grace, nmi, lease].into_iter().any(|time| time > LONGEST) {
            return Err(Status::InvalidParameters);
        }
        let sgi = match sgi {
            NO_SGI => None,
            0..NON_SECURE_SGIS => Some(sgi as u32),
            _ => return Err(Status::InvalidParameters),
        };
        if flags.contains(Flags::ORPHAN_RESET) && (kind == Kind::Pause || lease == 0) {
            return Err(Status::InvalidParameters);
        }
        if kind == Kind::Pause && !(1..=PAUSE_LEASE_MAX).contains(&lease) {
            return Err(Status::InvalidParameters);
        }
        Ok(Self { kind, flags, grace, nmi, lease, sgi, cookie })
    }
}

impl<H: Hardware> Stop<'_, H> {
    pub(crate) fn begin(&self, arguments: [u64; 6], caller: &LocalCore<'_>) -> Outcome {
        match self.open(arguments, caller) {
            Ok((session, tally)) => {
                self.drive_on(session.generation(), caller, Some((session, tally)));
                self.set_up_drivers(session, tally, caller);
                Outcome::Return(Answer::registers([
                    Status::Success.to_register(),
                    u64::from(session.generation()),
                    tally.targets(),
                    tally.contained(),
                ]))
            }
            Err(outcome) => outcome,
        }
    }

    pub(crate) fn sync(&self, arguments: [u64; 6], caller: &LocalCore<'_>) -> Outcome {
        let (session, tally) = match self.open(arguments, caller) {
            Ok(opened) => opened,
            Err(outcome) => return outcome,
        };
        let mut looked = Some((session, tally));
        // Bounded: the grace and NMI times pass. A takeover ends it with a stale handle.
        let progress = loop {
            let progress = self.drive_on(session.generation(), caller, looked.take());
            if !matches!(progress, Progress::Pending(..)) {
                break progress;
            }
            self.wait(session.generation(), u64::MAX);
        };
        // What is left open has a lease that somebody has to watch.
        self.set_up_drivers(session, tally, caller);
        self.report(progress, Some(session.generation()))
    }

    /// Sees that the deadlines of a session that the caller has opened pass even if nobody calls again.
    fn set_up_drivers(&self, session: ControlWord, tally: Tally, caller: &LocalCore<'_>) {
        let now = self.table.control().load();
        let is_mine = now.is_open() && now.owner() == caller.index();
        if is_mine && now.generation() == session.generation() {
            self.appoint_one(now, tally);
        }
        self.set_alarm(is_mine);
    }

    /// Opens a session or takes one over; returns it with a first look at the cores.
    ///
    /// # Errors
    ///
    /// Returns what becomes of a caller that does not.
    fn open(&self, arguments: [u64; 6], caller: &LocalCore<'_>) -> Result<(ControlWord, Tally), Outcome> {
        let request = Request::parse(arguments)?;
        let now = self.hardware.now();
        for _ in 0..TRIES {
            let seen = self.table.control().load();
            // A core that is not ON any more (its operating system was replaced under it) opens nothing.
            if caller.word().state() != State::On && intact(Protection::OpenerOn) {
                return Err(Status::Denied.into());
            }
            match self.arbitrate(seen, &request, caller.index(), now)? {
                Arbitration::Won => {}
                Arbitration::Busy => return Err(Outcome::Return(self.busy(seen))),
                Arbitration::Lost => return Err(Outcome::Stop(Order::Lost(seen))),
            }
            let session = seen.opened(request.kind, request.flags, caller.index());
            self.slots[caller.index()]
                .write_parameters(session.generation(), self.parameters(&request, seen, session, now));
            if self.table.control().replace(seen, session).is_ok() {
                // The open control word before the words of those that are told: the other half is in
                // `LocalCore::enter`. A core that passed the gate just before is told, too.
                full_fence(Protection::SessionFence);
                // In a session without a time of grace nobody has the time to answer it.
                if let Some(sgi) = request.sgi.filter(|_| request.grace != 0) {
                    self.hardware.send_normal(sgi, self.running(session));
                }
                return Ok((session, self.tally(session)));
            }
        }
        Err(Status::InternalFailure.into())
    }

    fn parameters(&self, request: &Request, seen: ControlWord, session: ControlWord, now: u64) -> Parameters {
        let grace_end = now.saturating_add(self.ticks(request.grace));
        let first_generation = if seen.is_open() {
            self.slots[seen.owner()].read_parameters(seen).first_generation
        } else {
            session.generation()
        };
        Parameters {
            grace_end,
            nmi_end: grace_end.saturating_add(self.ticks(request.nmi)),
            lease_end: if request.lease == 0 {
                u64::MAX
            } else {
                now.saturating_add(self.ticks(request.lease))
            },
            cookie: request.cookie,
            first_generation,
        }
    }

    /// Returns microseconds, at most [`LONGEST`], in ticks of the counter.
    pub(crate) fn ticks(&self, microseconds: u64) -> u64 {
        microseconds.saturating_mul(self.hardware.frequency()) / 1_000_000
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use quell_abi::{Call, State, Why};
    use quell_power::{Depth, Phase};

    use super::*;
    use crate::testing::{CRASH, HALT, KEXEC, MILLISECOND, MS, Machine, Sent, TRY, arguments};

    const ORPHAN_RESET: u64 = (Flags::ORPHAN_RESET.bits() as u64) << 8;

    const BEGIN_OR_SYNC: [Call; 2] = [Call::Begin, Call::Sync];

    #[test]
    fn arguments_out_of_range_are_refused_and_change_nothing() {
        let machine = Machine::new(2);
        let mut bad = Vec::new();
        // Kinds above CRASH, flags without a meaning, and every bit above them.
        bad.extend([4, 5, 0x10, 0x80, 0xff].map(arguments));
        bad.extend((10..64).map(|bit| arguments(HALT | 1 << bit)));
        for time in 1..=3 {
            for value in [1 << 32, 1 << 63, u64::MAX] {
                let mut with_time = arguments(HALT);
                with_time[time] = value;
                bad.push(with_time);
            }
        }
        for sgi in [8, 15, 16, 255, 1 << 32, u64::from(u32::MAX), u64::MAX - 1] {
            bad.push([HALT, MS, MS, 0, sgi, 0]);
        }
        // A PAUSE ends, and soon.
        for lease in [0, PAUSE_LEASE_MAX + 1, LONGEST] {
            bad.push([Kind::Pause as u64, MS, MS, lease, NO_SGI, 0]);
        }
        // What resets the machine when the lease is over needs a lease, and a PAUSE is resumed then.
        bad.push([CRASH | ORPHAN_RESET, MS, MS, 0, NO_SGI, 0]);
        bad.push([Kind::Pause as u64 | ORPHAN_RESET, MS, MS, MS, NO_SGI, 0]);
        for arguments in bad {
            for call in BEGIN_OR_SYNC {
                let status = machine.status(0, call, &arguments);
                assert_eq!(status, Status::InvalidParameters, "{call:?} {arguments:x?}");
            }
        }
        assert_eq!(machine.table().control().load(), ControlWord::default());
        assert!(machine.sent().is_empty());
    }

    #[test]
    fn arguments_at_the_edge_are_taken() {
        for arguments in [
            arguments(HALT),
            arguments(KEXEC),
            arguments(CRASH | TRY),
            [HALT, LONGEST, LONGEST, LONGEST, 0, u64::MAX],
            [HALT, 1, 0, 1, 7, 0],
            [HALT | TRY | ORPHAN_RESET, MS, MS, 1, NO_SGI, 0],
            [Kind::Pause as u64, MS, MS, 1, NO_SGI, 0],
            [Kind::Pause as u64 | TRY, MS, MS, PAUSE_LEASE_MAX, NO_SGI, 0],
        ] {
            let machine = Machine::new(2);
            let results = machine.results(0, Call::Begin, &arguments);
            assert_eq!(results, [0, 1, 1, 0], "{arguments:x?}");
            let control = machine.table().control().load();
            assert_eq!(u64::from(control.flags().bits()) << 8 | control.kind() as u64, arguments[0]);
        }
    }

    #[test]
    fn the_longest_times_do_not_overflow() {
        let machine = Machine::new(2);
        machine.advance(u64::MAX / 2);
        let handle = machine.results(0, Call::Begin, &[HALT, LONGEST, LONGEST, LONGEST, NO_SGI, 0])[1];
        assert_eq!((machine.phase(), machine.poll(0, handle).remaining), (Phase::Grace, LONGEST));
    }

    #[test]
    fn the_normal_stop_interrupt_goes_to_those_that_run() {
        let machine = Machine::new(4);
        machine.off(2);
        machine.call(0, Call::Begin, &[HALT, MS, MS, 0, 7, 0]);
        assert_eq!(machine.sent(), [Sent::Normal(7, vec![1, 3]), Sent::Stop(vec![2])], "core 2 is deputy");

        let machine = Machine::new(2);
        machine.call(0, Call::Begin, &arguments(HALT));
        assert!(machine.sent().is_empty(), "~0 asks for none");
    }

    /// Cores that do not run are contained by BEGIN itself, and those that were off before are no targets.
    #[test]
    fn begin_counts_targets_and_contains_those_outside() {
        let machine = Machine::new(6);
        (2..6).for_each(|core| machine.off(core));
        machine.start(0, 3);
        assert!(machine.table().local(1).suspend(Depth::Standby));
        machine.boot(0, 5);
        assert_eq!(machine.results(0, Call::Begin, &arguments(HALT)), [0, 1, 3, 2]);
        assert_eq!(machine.state(1), (State::Off, Why::Suspended));
        assert_eq!(machine.state(3), (State::Off, Why::NeverRan));
        assert_eq!(machine.state(5), (State::On, Why::None));
        assert_eq!(
            machine.sent(),
            [Sent::Stop(vec![1]), Sent::Stop(vec![4])],
            "the one is woken to record its registers, the other to be the deputy"
        );
    }

    #[test]
    fn a_session_without_targets_is_done_at_once() {
        let machine = Machine::new(2);
        machine.off(1);
        assert_eq!(machine.results(0, Call::Begin, &arguments(CRASH)), [0, 1, 0, 0]);
        assert_eq!(machine.phase(), Phase::Idle);
        assert_eq!(machine.results(0, Call::Sync, &arguments(CRASH)), [0, 0, 0, u64::MAX]);
        machine.boot(0, 1);
    }

    #[test]
    fn grace_0_leaves_the_phase_out() {
        let machine = Machine::new(2);
        machine.call(0, Call::Begin, &[HALT, 0, MS, 0, NO_SGI, 0]);
        assert_eq!((machine.phase(), machine.sent()), (Phase::Nmi, vec![Sent::Stop(vec![1])]));
    }

    #[test]
    fn a_core_that_is_not_on_opens_nothing() {
        let machine = Machine::new(2);
        machine.off(1);
        assert_eq!(machine.status(1, Call::Begin, &arguments(CRASH)), Status::Denied);
        assert_eq!(machine.table().control().load(), ControlWord::default());
    }

    #[test]
    fn sync_returns_its_handle() {
        let machine = Machine::new(1);
        for handle in 1..3 {
            let Outcome::Return(answer) = machine.call(0, Call::Sync, &arguments(CRASH)) else {
                panic!("SYNC returns")
            };
            assert_eq!(answer.as_slice()[4], handle);
        }
    }

    #[test]
    fn sync_waits_until_nobody_is_left_or_the_time_is_over() {
        let machine = Machine::new(2);
        machine.tick(MILLISECOND / 10);
        let begun = machine.time();
        let results = machine.results(0, Call::Sync, &[CRASH, MS, 2 * MS, 0, NO_SGI, 0]);
        assert_eq!(results, [Status::Partial.to_register(), 1 << 48, 0, 1]);
        let handle = u64::from(machine.table().control().load().generation());
        assert_eq!(machine.poll(0, handle).status, Status::Partial);
        assert!((3 * MILLISECOND..4 * MILLISECOND).contains(&(machine.time() - begun)));
        assert_eq!(machine.phase(), Phase::Partial);

        // The session stays, and a higher kind of the owner's own goes on from there.
        let machine = Machine::new(2);
        machine.tick(MILLISECOND);
        machine.call(0, Call::Sync, &[HALT, 0, 0, 0, NO_SGI, 0]);
        machine.stop_core(1, Why::Nmi, 1, 0);
        assert_eq!(machine.results(0, Call::Sync, &arguments(CRASH)), [0, 1 << 16, 0, u64::MAX]);
    }
}

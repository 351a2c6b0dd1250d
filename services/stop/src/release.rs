// SPDX-License-Identifier: MIT OR Apache-2.0

//! RELEASE: the end of a session that does not end by itself.
//!
//! | x0 | when |
//! |---|---|
//! | SUCCESS | x1: cores that go on (RESUME), or that were given up (OFF) |
//! | INVALID_PARAMETERS | x2 is neither RESUME nor OFF, or x3 is not ~0 |
//! | NO_SESSION | there never was one, or this one is over |
//! | STALE_HANDLE | the handle is not that of the newest session |
//! | DENIED | the caller does not own it, it is no PAUSE (RESUME), or it is neither PARTIAL nor a PAUSE that is DONE (OFF) |
//!
//! RESUME and the end of a PAUSE's lease are the same swap, from whatever phase to IDLE; whoever succeeds wakes those that
//! are parked.
//!
//! OFF goes by way of RELEASING, in which nobody takes the session over and the gate stops whoever comes to it. Every core
//! that is left is given up: its word goes to OFF, quarantined. So no word is left that is not OFF, and whoever sees that
//! closes; any driver may.

use quell_abi::{ALL_CORES, Kind, Release, State, Status};
use quell_arch::Answer;
use quell_power::{ControlWord, LocalCore, Phase, Protection, full_fence};

use crate::{Hardware, Outcome, Stop, begin::TRIES};

impl<H: Hardware> Stop<'_, H> {
    pub(crate) fn release(&self, arguments: [u64; 3], caller: &LocalCore<'_>) -> Outcome {
        match self.try_release(arguments, caller) {
            Ok(released) => {
                self.set_alarm(true);
                Outcome::Return(Answer::registers([Status::Success.to_register(), released]))
            }
            Err(status) => status.into(),
        }
    }

    fn try_release(&self, [handle, how, which]: [u64; 3], caller: &LocalCore<'_>) -> Result<u64, Status> {
        let how = Release::from_bits(how).filter(|_| which == ALL_CORES).ok_or(Status::InvalidParameters)?;
        for _ in 0..TRIES {
            let session = self.table.control().load();
            self.check_handle(session, handle)?;
            if !session.is_open() {
                return Err(Status::NoSession);
            }
            let may = match (how, session.kind(), session.phase()) {
                (_, _, Phase::Releasing | Phase::Final) => false,
                (Release::Resume, kind, _) => kind == Kind::Pause,
                (Release::Off, _, Phase::Partial) | (Release::Off, Kind::Pause, Phase::Done) => true,
                (Release::Off, ..) => false,
            };
            if session.owner() != caller.index() || !may || caller.word().state() != State::On {
                return Err(Status::Denied);
            }
            // A driver may take the session to its next phase meanwhile.
            let released = match how {
                Release::Resume => self.resume(session),
                Release::Off => self.give_up(session),
            };
            if let Some(released) = released {
                return Ok(released);
            }
        }
        Err(Status::InternalFailure)
    }

    /// Ends a PAUSE: whoever it holds goes on. Returns how many do, or `None` if it is in another phase by now.
    pub(crate) fn resume(&self, session: ControlWord) -> Option<u64> {
        let held = self.others(session).filter(|(_, word)| {
            matches!(word.state(), State::Parked | State::Suspended | State::Pending | State::Stopping)
        });
        let held = held.count() as u64;
        self.table.control().replace(session, session.at(Phase::Idle)).ok()?;
        // The control word before the look at who is parked: the other half is in `hold`.
        full_fence(Protection::ResumeFence);
        let parked = self.others(session).filter(|(_, word)| word.state() == State::Parked);
        self.hardware.send_stop(parked.map(|(index, _)| index));
        Some(held)
    }

    /// Gives up what a session is left with. Returns how many cores that are, or `None` if it is in another phase by now.
    fn give_up(&self, session: ControlWord) -> Option<u64> {
        let releasing = session.at(Phase::Releasing);
        self.table.control().replace(session, releasing).ok()?;
        Some(self.finish_release(releasing))
    }

    /// Takes a session that is RELEASING to its end, and returns how many cores have been given up.
    pub(crate) fn finish_release(&self, releasing: ControlWord) -> u64 {
        // The control word before the words of the cores: the other half is in `RemoteCore::start` and `LocalCore::enter`.
        full_fence(Protection::SessionFence);
        for (index, _) in self.others(releasing) {
            let core = self.core(index);
            let (word, step) = core.give_up(releasing);
            self.note_step(index, word, step, releasing);
        }
        let left = || self.others(releasing).filter(|(_, word)| word.is_quarantined());
        let count = left().count() as u64;
        self.hardware.send_stop(left().map(|(index, _)| index));
        // If it fails, another driver has closed it.
        let _ = self.table.control().replace(releasing, releasing.at(Phase::Idle));
        count
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use quell_abi::{Call, Why};

    use super::*;
    use crate::testing::{MILLISECOND, MS, Machine, NO_SGI, Sent, TRY};

    const PAUSE: u64 = Kind::Pause as u64;
    const RESUME: u64 = Release::Resume as u64;
    const OFF: u64 = Release::Off as u64;

    /// Opens a PAUSE of core 0 with no time of grace and a lease of 100 ms.
    fn pause(machine: &Machine) -> u64 {
        machine.results(0, Call::Begin, &[PAUSE, 0, MS, 100 * MS, NO_SGI, 0])[1]
    }

    fn release(machine: &Machine, caller: usize, handle: u64, how: u64) -> (Status, u64) {
        let [status, released, ..] = machine.results(caller, Call::Release, &[handle, how, ALL_CORES]);
        (Status::from_register(status).unwrap(), released)
    }

    #[test]
    fn errors_come_in_this_order() {
        let machine = Machine::new(2);
        let status = |caller, arguments: [u64; 3]| machine.status(caller, Call::Release, &arguments);
        assert_eq!(status(0, [1, RESUME, ALL_CORES]), Status::NoSession);
        let handle = pause(&machine);
        for (how, which) in [(2, ALL_CORES), (1 << 32, ALL_CORES), (RESUME, 0), (OFF, ALL_CORES - 1)] {
            assert_eq!(status(1, [handle + 1, how, which]), Status::InvalidParameters);
        }
        for stale in [0, handle - 1, handle + 1, handle | 1 << 32] {
            assert_eq!(status(1, [stale, RESUME, ALL_CORES]), Status::StaleHandle);
        }
        assert_eq!(status(1, [handle, RESUME, ALL_CORES]), Status::Denied, "it is not the owner");
        assert_eq!(status(0, [handle, OFF, ALL_CORES]), Status::Denied, "there is time yet");
        assert_eq!(status(0, [handle, RESUME, ALL_CORES]), Status::Success);
        assert_eq!(status(0, [handle, RESUME, ALL_CORES]), Status::NoSession);

        let handle = machine.begin(0, Kind::Crash, [0, 1]);
        assert_eq!(status(0, [handle, RESUME, ALL_CORES]), Status::Denied, "it is no PAUSE");
        assert_eq!(status(0, [handle, OFF, ALL_CORES]), Status::Denied, "there is time yet");
    }

    /// The whole way of a PAUSE: a core that is stopped is parked, and goes on when its owner says so.
    #[test]
    fn a_parked_core_goes_on_when_it_is_resumed() {
        let machine = Machine::new(3);
        machine.off(2);
        let handle = pause(&machine);
        machine.sent();
        machine.on_sleep(move |machine| {
            assert_eq!(machine.state(1), (State::Parked, Why::Nmi));
            let poll = machine.poll(0, handle);
            assert_eq!((poll.status, poll.nmi, poll.left), (Status::Success, 1, 0));
            assert_eq!(machine.phase(), Phase::Done);
            assert_eq!(release(machine, 0, handle, RESUME), (Status::Success, 1));
            assert_eq!(machine.sent(), [Sent::Stop(vec![1])], "it is woken");
        });
        assert_eq!(machine.stop().gate(&machine.table().local(1)), crate::Way::Back);
        assert_eq!(machine.state(1), (State::On, Why::None));
        assert_eq!(machine.status(0, Call::Poll, &[handle, 0]), Status::NoSession);
    }

    #[test]
    fn the_end_of_the_lease_resumes() {
        let machine = Machine::new(2);
        let handle = pause(&machine);
        machine.on_sleep(move |machine| {
            assert_eq!(machine.poll(0, handle).status, Status::Success);
            machine.advance(100 * MILLISECOND);
            assert_eq!(machine.status(0, Call::Poll, &[handle, 0]), Status::NoSession);
        });
        assert_eq!(machine.stop().gate(&machine.table().local(1)), crate::Way::Back);
        assert_eq!(release(&machine, 0, handle, RESUME).0, Status::NoSession, "it comes too late");
    }

    #[test]
    fn a_call_that_was_held_returns_afterwards() {
        for (call, expected) in [(Call::Ack, Status::Success), (Call::Begin, Status::Busy)] {
            let machine = Machine::new(2);
            let handle = pause(&machine);
            machine.on_sleep(move |machine| {
                machine.poll(0, handle);
                assert_eq!(release(machine, 0, handle, RESUME), (Status::Success, 1));
            });
            let arguments = [PAUSE, MS, MS, MS, NO_SGI, 0];
            let crate::Outcome::Stop(order) = machine.call(1, call, &arguments) else {
                panic!("{call:?} returns")
            };
            let answer = machine.stop().obey(&machine.table().local(1), order).expect("it was held");
            assert_eq!(answer.as_slice()[0], expected.to_register(), "{call:?}");
        }
    }

    /// TRY does not help a core whose session's interrupt is out: it is held, too.
    #[test]
    fn cores_outside_the_operating_system_are_left_as_they_are_and_held_at_the_gate() {
        let machine = Machine::new(4);
        machine.off(2);
        machine.off(3);
        machine.start(0, 2);
        assert!(machine.table().local(1).suspend(quell_power::Depth::Standby));
        let [status, handle, targets, contained] =
            machine.results(0, Call::Begin, &[PAUSE | TRY, 0, MS, 100 * MS, NO_SGI, 0]);
        assert_eq!((status, targets, contained), (0, 2, 2));
        assert_eq!((machine.state(1).0, machine.state(2).0), (State::Suspended, State::Pending));
        assert_eq!(machine.phase(), Phase::Done);
        machine.on_sleep(move |machine| {
            assert_eq!(machine.state(2), (State::Parked, Why::NeverRan));
            assert_eq!(machine.poll(0, handle).off, 2);
            assert_eq!(release(machine, 0, handle, RESUME), (Status::Success, 2));
        });
        let local = machine.table().local(2);
        machine.stop().stay(&local);
        assert_eq!(machine.stop().enter(&local, Why::NeverRan), crate::Way::Back);
        assert!(machine.table().local(1).wake());
        assert_eq!(machine.stop().enter(&machine.table().local(1), Why::Suspended), crate::Way::Back);
    }

    /// A session of a higher kind takes a PAUSE over: who is parked is OFF at once, and its record goes with it.
    #[test]
    fn a_takeover_stops_who_is_parked() {
        let machine = Machine::new(3);
        pause(&machine);
        machine.on_sleep(|machine| {
            let crash = machine.begin(1, Kind::Crash, [0, 1]);
            assert_eq!(machine.state(2), (State::Off, Why::Nmi));
            machine.stop_core(0, Why::Nmi, crash, 0);
            assert_eq!(machine.poll(1, crash).status, Status::Success);
            assert_eq!(machine.table().local(2).word().generation(), crash as u32);
        });
        assert_eq!(machine.stop().gate(&machine.table().local(2)), crate::Way::Pen);
        machine.boot(1, 2);
    }

    #[test]
    fn another_pause_takes_over_one_whose_lease_is_over_and_keeps_who_is_parked() {
        let machine = Machine::new(3);
        pause(&machine);
        machine.on_sleep(|machine| {
            machine.advance(100 * MILLISECOND);
            let [status, next, ..] = machine.results(1, Call::Begin, &[PAUSE, MS, MS, 100 * MS, NO_SGI, 0]);
            assert_eq!(status, 0);
            assert_eq!(machine.state(2), (State::Parked, Why::Nmi));
            assert_eq!(u64::from(machine.table().local(2).word().generation()), next);
        });
        machine.on_sleep(|machine| {
            let next = u64::from(machine.table().control().load().generation());
            assert_eq!(release(machine, 1, next, RESUME), (Status::Success, 1));
        });
        assert_eq!(machine.stop().gate(&machine.table().local(2)), crate::Way::Back);
    }

    /// RELEASE(OFF): who has not answered is OFF, and may be started, but does not begin before it has arrived.
    #[test]
    fn who_is_given_up_arrives_later_and_does_not_go_on() {
        let machine = Machine::new(3);
        let handle = machine.begin(0, Kind::Crash, [0, 0]);
        assert!(machine.table().local(2).leave());
        machine.sent();
        assert_eq!(release(&machine, 0, handle, OFF), (Status::Success, 2));
        assert_eq!(machine.sent(), [Sent::Stop(vec![1, 2])]);
        assert_eq!(
            [1, 2].map(|core| machine.state(core)),
            [(State::Off, Why::NoAnswer), (State::Off, Why::InEl3)]
        );
        assert_eq!((machine.phase(), machine.poll(0, handle).left), (Phase::Idle, 2));
        assert_eq!(machine.poll(0, handle).status, Status::Partial);

        // Started, it waits for itself.
        machine.start(0, 1);
        let straggler = machine.table().local(1);
        assert_eq!(straggler.boot(), None);
        assert_eq!(machine.stop().gate(&straggler), crate::Way::Pen);
        assert!(straggler.boot().is_some());
        assert_eq!(machine.stop().enter(&straggler, Why::NeverRan), crate::Way::Back);

        // On its way to the pen, it finds out there.
        assert!(!machine.table().local(2).publish(Why::Nmi, Some(handle as u32)));
        machine.table().local(2).arrive(|_| {});
        assert_eq!(
            (machine.state(2), machine.poll(0, handle).status),
            ((State::Off, Why::Nmi), Status::Success)
        );
    }

    #[test]
    fn who_is_given_up_is_left_in_the_next_session_until_it_arrives() {
        let machine = Machine::new(2);
        let handle = machine.begin(0, Kind::Crash, [0, 0]);
        release(&machine, 0, handle, OFF);
        let next = machine.begin(0, Kind::Crash, [0, 1]);
        let poll = machine.poll(0, next);
        assert_eq!((poll.status, poll.left), (Status::Pending, 1));
        assert_eq!(machine.stop().gate(&machine.table().local(1)), crate::Way::Pen);
        assert_eq!(machine.poll(0, next).status, Status::Success);
    }

    #[test]
    fn an_owner_that_is_not_on_releases_nothing() {
        let machine = Machine::new(2);
        let handle = pause(&machine);
        assert!(machine.table().local(0).leave());
        assert_eq!(release(&machine, 0, handle, RESUME).0, Status::Denied);
    }

    #[test]
    fn a_core_that_is_about_to_be_parked_goes_on_too() {
        let machine = Machine::new(2);
        let handle = pause(&machine);
        assert!(machine.table().local(1).leave());
        assert_eq!(release(&machine, 0, handle, RESUME), (Status::Success, 1));
    }

    #[test]
    fn what_is_being_released_is_not_released_again() {
        for phase in [Phase::Releasing, Phase::Final] {
            let machine = Machine::new(2);
            let handle = pause(&machine);
            let control = machine.table().control();
            control.replace(control.load(), control.load().at(phase)).unwrap();
            for how in [RESUME, OFF] {
                assert_eq!(release(&machine, 0, handle, how).0, Status::Denied, "{phase:?} {how}");
            }
        }
    }

    #[test]
    fn a_pause_may_be_ended_for_good() {
        let machine = Machine::new(2);
        let handle = pause(&machine);
        machine.on_sleep(move |machine| {
            machine.poll(0, handle);
            assert_eq!(release(machine, 0, handle, OFF), (Status::Success, 0));
            assert_eq!(machine.state(1), (State::Off, Why::Nmi));
        });
        assert_eq!(machine.stop().gate(&machine.table().local(1)), crate::Way::Pen);
        machine.boot(0, 1);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Driving a session: see who is left, and take the next step when it is due.

use quell_abi::{Flags, Kind};
use quell_power::{ControlWord, LocalCore, Phase};

use crate::{Hardware, Stop, progress::Progress, tally::Tally};

/// How often the secure interrupt is sent again while cores are left, in microseconds. Interrupts merge, and one that
/// came before its target's word said ON was cleared.
pub(crate) const RESEND: u64 = 1_000;

/// A session has at most eight phases: a driver that goes round more often than twice that lost every swap to another driver.
const ROUNDS: usize = 14;

impl<H: Hardware> Stop<'_, H> {
    /// Takes the session with this generation as far as it goes now.
    pub(crate) fn drive(&self, generation: u32, driver: &LocalCore<'_>) -> Progress {
        self.drive_on(generation, driver, None)
    }

    /// As [`drive`](Self::drive), for who has looked at the cores of the session just now.
    ///
    /// One look is enough for all phases that are due at once but the last, PARTIAL: it was taken behind the fence of the session,
    /// and a core that stops after it is found by the next.
    pub(crate) fn drive_on(
        &self,
        generation: u32,
        driver: &LocalCore<'_>,
        mut looked: Option<(ControlWord, Tally)>,
    ) -> Progress {
        let mut progress = Progress::Stale;
        for _ in 0..ROUNDS {
            let session = self.table.control().load();
            if session.generation() != generation || generation == 0 {
                return Progress::Stale;
            }
            if !session.is_open() {
                return self.aftermath(session);
            }
            let now = self.hardware.now();
            if self.is_lease_over(session, now) {
                self.end_lease(session, driver);
                continue;
            }
            match session.phase() {
                // Nobody but its owner drives it. The gate is about to stop the caller.
                Phase::Final => return Progress::Stale,
                Phase::Releasing => {
                    self.finish_release(session);
                    continue;
                }
                _ => {}
            }
            let (tally, is_old) = match looked.take() {
                Some((of, tally)) if of == session => (tally, true),
                _ => (self.tally(session), false),
            };
            let (next, next_progress) = self.next_phase(session, tally, now);
            if is_old && next == Some(Phase::Partial) {
                // Who was left before the secure interrupt may be so no more: look again.
                continue;
            }
            progress = next_progress;
            match next {
                Some(next) => {
                    let then = session.at(next);
                    if self.table.control().replace(session, then).is_err() {
                        continue;
                    }
                    match next {
                        Phase::Done | Phase::Idle => return progress,
                        Phase::Nmi => self.signal(session, now),
                        _ => {}
                    }
                    looked = Some((then, tally));
                }
                None => {
                    let is_due = now.saturating_sub(self.slots[session.owner()].sent()) >= self.ticks(RESEND);
                    if tally.has_left() && session.phase().stops() && is_due {
                        self.signal(session, now);
                    }
                    return progress;
                }
            }
        }
        progress
    }

    /// Tells how a session ended: none was left when it closed, and a core that is not OFF now was started since. What it
    /// gave up may not have arrived yet.
    fn aftermath(&self, session: ControlWord) -> Progress {
        if session.kind() == Kind::Pause {
            return Progress::Over;
        }
        let mut rest = self.tally(session).without_left();
        for (index, _) in self.others(session).filter(|(_, word)| word.is_quarantined()) {
            rest.add_left(index);
        }
        if rest.has_left() { Progress::Partial(rest) } else { Progress::Done(rest) }
    }

    /// Returns whether a lease is over that ends the session.
    fn is_lease_over(&self, session: ControlWord, now: u64) -> bool {
        ends_with_lease(session)
            && !matches!(session.phase(), Phase::Releasing | Phase::Final)
            && now >= self.slots[session.owner()].read_parameters(session).lease_end
    }

    /// Ends a session whose lease is over: a PAUSE is resumed, one with ORPHAN_RESET resets the machine.
    #[inline(never)]
    fn end_lease(&self, session: ControlWord, driver: &LocalCore<'_>) {
        if session.kind() == Kind::Pause {
            // If it fails, another driver has done it, or the session is in another phase.
            self.resume(session);
        } else if self.rest_instead_of(session, driver) {
            self.hardware.reset_machine();
        }
    }

    /// Returns the phase that is due, if one is, and how far the session is until it is entered.
    fn next_phase(&self, session: ControlWord, tally: Tally, now: u64) -> (Option<Phase>, Progress) {
        if !tally.has_left() {
            let next = match (session.holds(), session.phase()) {
                (true, Phase::Done) => None,
                (true, _) => Some(Phase::Done),
                (false, _) => Some(Phase::Idle),
            };
            return (next, Progress::Done(tally));
        }
        let parameters = self.slots[session.owner()].read_parameters(session);
        let lease_end = if ends_with_lease(session) { parameters.lease_end } else { u64::MAX };
        let until = |end: u64| Progress::Pending(tally, self.microseconds(end.min(lease_end) - now));
        match session.phase() {
            Phase::Fenced if now < parameters.grace_end => (Some(Phase::Grace), until(parameters.grace_end)),
            Phase::Grace if now < parameters.grace_end => (None, until(parameters.grace_end)),
            Phase::Fenced | Phase::Grace => (Some(Phase::Nmi), Progress::Pending(tally, 0)),
            Phase::Nmi if now < parameters.nmi_end => (None, until(parameters.nmi_end)),
            Phase::Nmi => (Some(Phase::Partial), Progress::Partial(tally)),
            // Whoever comes to the gate of a PAUSE that is DONE is held there: it does not become less done.
            Phase::Done => (None, Progress::Done(tally.without_left())),
            Phase::Partial | Phase::Releasing | Phase::Idle | Phase::Final => {
                (None, Progress::Partial(tally))
            }
        }
    }

    /// Sends the secure interrupt to every core that is left.
    fn signal(&self, session: ControlWord, now: u64) {
        let owner = &self.slots[session.owner()];
        owner.note_sent(now);
        let earliest = owner.read_parameters(session).grace_end;
        // The note is there before the interrupt: see `Hardware::send_stop`.
        let noted = self.running(session).inspect(|target| self.slots[*target].note_signal(now, earliest));
        self.hardware.send_stop(noted);
    }
}

/// Returns whether the end of its lease ends a session.
pub(crate) fn ends_with_lease(session: ControlWord) -> bool {
    session.kind() == Kind::Pause || session.flags().contains(Flags::ORPHAN_RESET)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use quell_abi::{Call, Kind, State, Status, Why};
    use quell_power::Depth;

    use super::*;
    use crate::progress::NOBODY;
    use crate::testing::{COOKIE, MILLISECOND, MS, Machine, NO_SGI, Poll, Sent};

    /// Milliseconds as POLL tells them.
    const fn ms(milliseconds: u64) -> u64 {
        milliseconds * MS
    }

    fn pending(left: u64, remaining: u64, straggler: u64) -> Poll {
        Poll { status: Status::Pending, acked: 0, nmi: 0, off: 0, left, remaining, straggler }
    }

    #[test]
    fn a_session_goes_through_its_phases_when_they_are_due() {
        let machine = Machine::new(3);
        let handle = machine.begin(0, Kind::Crash, [2, 3]);
        assert_eq!((machine.phase(), machine.poll(0, handle)), (Phase::Grace, pending(2, ms(2), 2)));

        machine.advance(2 * MILLISECOND - 1);
        assert_eq!((machine.poll(0, handle), machine.phase()), (pending(2, 1, 2), Phase::Grace));
        assert!(machine.sent().is_empty(), "no secure interrupt in the grace time");

        machine.advance(1);
        assert_eq!((machine.poll(0, handle), machine.phase()), (pending(2, ms(3), 2), Phase::Nmi));
        assert_eq!(machine.sent(), [Sent::Stop(vec![1, 2])]);

        machine.advance(3 * MILLISECOND - 1);
        assert_eq!((machine.poll(0, handle), machine.phase()), (pending(2, 1, 2), Phase::Nmi));

        machine.advance(1);
        let partial = Poll { status: Status::Partial, ..pending(2, 0, 2) };
        assert_eq!((machine.poll(0, handle), machine.phase()), (partial, Phase::Partial));
        assert_eq!(machine.poll(0, handle), partial, "it stays so");

        machine.stop_core(2, Why::Nmi, handle, 0);
        assert_eq!(machine.poll(0, handle), Poll { nmi: 1, left: 1, straggler: 1, ..partial });
        machine.stop_core(1, Why::Nmi, handle, 0);
        let done = Poll { status: Status::Success, nmi: 2, left: 0, straggler: NOBODY, ..partial };
        assert_eq!((machine.poll(0, handle), machine.phase()), (done, Phase::Idle));
        assert_eq!(machine.poll(0, handle), done, "as often as one asks");
    }

    /// The time of the secure interrupt passes while it is being sent, and the core answers it.
    #[test]
    fn nobody_is_missing_by_a_look_that_is_older_than_the_interrupt() {
        let machine = Machine::new(2);
        machine.on_send(|machine| {
            machine.stop_core(1, Why::Nmi, 1, 0);
            machine.advance(2 * MILLISECOND);
        });
        let handle = machine.begin(0, Kind::Crash, [0, 1]);
        assert_eq!(machine.phase(), Phase::Idle);
        assert_eq!(machine.poll(0, handle).status, Status::Success);
    }

    #[test]
    fn a_phase_ends_early_when_nobody_is_left() {
        let machine = Machine::new(2);
        let handle = machine.begin(0, Kind::Halt, [1_000, 1_000]);
        machine.stop_core(1, Why::Ack, handle, 0);
        assert_eq!(machine.poll(0, handle).status, Status::Success);
        assert!(machine.sent().is_empty());
    }

    #[test]
    fn phases_that_nobody_drove_are_made_up_for() {
        let machine = Machine::new(2);
        let handle = machine.begin(0, Kind::Halt, [1, 1]);
        machine.advance(5 * MILLISECOND);
        assert_eq!(machine.poll(0, handle).status, Status::Partial);
        assert_eq!(machine.sent(), [Sent::Stop(vec![1])], "the interrupt is not left out");
    }

    #[test]
    fn the_secure_interrupt_is_sent_again_to_those_left_and_not_too_often() {
        let machine = Machine::new(3);
        let handle = machine.begin(0, Kind::Halt, [0, 10]);
        assert_eq!(machine.sent(), [Sent::Stop(vec![1, 2])]);
        machine.advance(MILLISECOND - 1);
        machine.poll(0, handle);
        assert!(machine.sent().is_empty(), "not yet");
        machine.advance(1);
        machine.stop_core(1, Why::Nmi, handle, 0);
        machine.poll(0, handle);
        assert_eq!(machine.sent(), [Sent::Stop(vec![2])]);
        machine.poll(0, handle);
        assert!(machine.sent().is_empty(), "not twice");
        // Later than the end of the time, too: somebody may still answer.
        machine.advance(20 * MILLISECOND);
        assert_eq!(machine.poll(0, handle).status, Status::Partial);
        assert_eq!(machine.sent(), [Sent::Stop(vec![2])]);
    }

    /// The interval is one of a session: the next session's first interrupt does not wait for it.
    #[test]
    fn a_session_right_after_another_sends_at_once() {
        let machine = Machine::new(2);
        let first = machine.begin(0, Kind::Halt, [0, 1]);
        machine.stop_core(1, Why::Nmi, first, 0);
        assert_eq!(machine.poll(0, first).status, Status::Success);
        machine.boot(0, 1);
        machine.sent();
        machine.begin(0, Kind::Halt, [0, 1]);
        assert_eq!(machine.sent(), [Sent::Stop(vec![1])]);
    }

    #[test]
    fn every_way_to_stop_is_counted_where_it_belongs() {
        let machine = Machine::new(9);
        machine.off(8);
        machine.off(7);
        machine.off(6);
        machine.start(0, 6);
        assert!(machine.table().local(5).suspend(Depth::Standby));
        let handle = machine.begin(0, Kind::Crash, [1, 1]);
        machine.stop_core(1, Why::Ack, handle, 0);
        machine.stop_core(2, Why::Nmi, handle, 0);
        machine.stop_core(3, Why::Lost, handle, 0);
        machine.off(4);
        // Off: CPU_OFF in the session, a sleeper, and one that never ran; not those that were off before.
        let poll = machine.poll(0, handle);
        assert_eq!((poll.acked, poll.nmi, poll.off, poll.left), (1, 2, 3, 0));
        assert_eq!(poll.status, Status::Success);
    }

    #[test]
    fn a_core_that_suspends_or_leaves_the_pen_meanwhile_is_contained() {
        let machine = Machine::new(3);
        machine.off(2);
        machine.start(0, 2);
        let handle = machine.begin(0, Kind::Crash, [1, 1]);
        assert_eq!(machine.table().local(2).boot(), None, "its start is withdrawn");
        let local = machine.table().local(1);
        assert!(local.suspend(Depth::Standby));
        let poll = machine.poll(0, handle);
        assert_eq!((poll.status, poll.off), (Status::Success, 2));
        assert!(!local.wake());
        assert_eq!(machine.sent(), [Sent::Stop(vec![2]), Sent::Stop(vec![1])], "core 2 is the deputy");
    }

    /// A core between its last instruction and the pen counts as left, and is sent the interrupt: it does no harm there.
    #[test]
    fn a_core_on_its_way_to_the_pen_is_left() {
        let machine = Machine::new(2);
        let handle = machine.begin(0, Kind::Crash, [0, 0]);
        assert!(machine.table().local(1).leave());
        let poll = machine.poll(0, handle);
        assert_eq!((poll.status, poll.left, poll.straggler), (Status::Partial, 1, 1));
        assert!(machine.table().local(1).publish(Why::Nmi, Some(handle as u32)));
        assert_eq!(machine.poll(0, handle).status, Status::Success);
    }

    #[test]
    fn done_stays_done_when_a_core_is_started_afterwards() {
        let machine = Machine::new(3);
        let handle = machine.begin(0, Kind::Crash, [0, 1]);
        machine.stop_core(1, Why::Nmi, handle, 0);
        machine.stop_core(2, Why::Nmi, handle, 0);
        assert_eq!(machine.poll(0, handle).nmi, 2);
        machine.boot(0, 1);
        machine.start(0, 2);
        let poll = machine.poll(0, handle);
        assert_eq!((poll.status, poll.left, poll.straggler), (Status::Success, 0, NOBODY));
        assert_eq!(machine.state(2), (State::Pending, Why::None), "a closed session withdraws nothing");
    }

    #[test]
    fn any_core_drives_and_the_owner_is_never_a_target() {
        let machine = Machine::new(3);
        let handle = machine.begin(1, Kind::Crash, [1, 1]);
        machine.advance(MILLISECOND);
        assert_eq!(machine.poll(2, handle).left, 2);
        assert_eq!((machine.phase(), machine.sent()), (Phase::Nmi, vec![Sent::Stop(vec![0, 2])]));
        machine.stop_core(0, Why::Nmi, handle, 0);
        machine.stop_core(2, Why::Nmi, handle, 0);
        assert_eq!(machine.poll(1, handle).status, Status::Success);
        assert_eq!(machine.state(1), (State::On, Why::None));
    }

    #[test]
    fn remaining_time_is_rounded_up() {
        let machine = Machine::new(2);
        let handle = machine.results(0, Call::Begin, &[1, 1, 1, 0, NO_SGI, COOKIE])[1];
        // A microsecond is 62.5 ticks, of which 62 fit.
        assert_eq!(machine.poll(0, handle).remaining, 1);
        machine.advance(61);
        assert_eq!((machine.poll(0, handle).remaining, machine.phase()), (1, Phase::Grace));
        machine.advance(1);
        machine.poll(0, handle);
        assert_eq!(machine.phase(), Phase::Nmi);
    }

    /// The last target sleeps in CPU_SUSPEND: that is for the next drive to contain, and nothing to wait for.
    #[test]
    fn a_wait_ends_when_there_is_something_to_contain() {
        let machine = Machine::new(2);
        machine.tick(MILLISECOND / 100);
        let handle = machine.begin(0, Kind::Halt, [1000, 1000]);
        assert!(machine.table().local(1).suspend(Depth::Standby));
        let begun = machine.time();
        machine.stop().wait(handle as u32, u64::MAX);
        assert!(machine.time() - begun < MILLISECOND);
    }

    #[test]
    fn without_a_time_of_grace_nobody_is_told() {
        let machine = Machine::new(2);
        machine.call(0, Call::Begin, &[Kind::Halt as u64, 0, MS, 0, 3, 0]);
        assert_eq!(machine.sent(), [Sent::Stop(vec![1])]);
    }

    #[test]
    fn a_deadline_is_no_later_than_the_lease_that_ends_the_session() {
        let machine = Machine::new(2);
        let pause = [Kind::Pause as u64, 1000 * MS, MS, 50 * MS, NO_SGI, 0];
        let handle = machine.results(0, Call::Begin, &pause)[1];
        assert_eq!(machine.poll(0, handle).remaining, ms(50));
    }
}

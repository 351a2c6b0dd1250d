// SPDX-License-Identifier: MIT OR Apache-2.0

//! EVICT: one named core of a running system stops.
//!
//! | x0 | when |
//! |---|---|
//! | DONE | it is OFF: it was, it went, or it was stopped, with its registers in its record |
//! | PENDING | the time is over; it has accepted, and will be OFF |
//! | PARTIAL | the time is over; it did not answer, and will not be stopped by this call |
//! | INVALID_PARAMETERS | there is no such core, it is the caller, or the time is above 10 seconds |
//! | BUSY | a session is open: x1 its owner, x2 its kind; or the core is being started: x1 its MPIDR, x2 0 |
//! | DENIED | the caller's operating system has been replaced |
//! | does not return | a session, or another core's EVICT, stops the caller meanwhile |

use quell_abi::{State, Status, TIMEOUT_MAX};
use quell_arch::Answer;
use quell_power::LocalCore;

use crate::{
    Hardware, Order, Outcome, Stop,
    drive::RESEND,
    request::{Request, Standing, Wish},
};

impl<H: Hardware> Stop<'_, H> {
    pub(crate) fn evict(&self, affinity: u64, timeout: u64, caller: &LocalCore<'_>) -> Outcome {
        let target = self.hardware.index_of(affinity).filter(|&index| index != caller.index());
        let (Some(target), 0..=TIMEOUT_MAX) = (target, timeout) else {
            return Status::InvalidParameters.into();
        };
        if let Err(outcome) = self.may_ask(caller) {
            return outcome;
        }
        let request = self.slots[caller.index()].inbox.next(Wish::Evict, caller.index());
        self.insist(target, request, self.hardware.now().saturating_add(self.ticks(timeout)), caller)
    }

    /// Asks until the core is OFF, or the time is over.
    fn insist(&self, target: usize, request: Request, end: u64, caller: &LocalCore<'_>) -> Outcome {
        let inbox = &self.slots[target].inbox;
        let core = self.table.remote(target).expect("the topology knows only cores of the table");
        let mut is_asked = false;
        let mut next = 0;
        loop {
            let session = self.table.control().load();
            let now = self.hardware.now();
            match inbox.standing(request) {
                Standing::Gone if is_asked => return Status::Success.into(),
                Standing::Gone => match core.word().state() {
                    State::Off if !core.word().is_quarantined() => return Status::Success.into(),
                    State::Claimed | State::Pending | State::Cancelled => {
                        return Outcome::Return(Answer::registers([
                            Status::Busy.to_register(),
                            self.hardware.affinity_of(target),
                            0,
                        ]));
                    }
                    // One that is on its way out is waited for.
                    State::On | State::Suspended if !session.is_open() => is_asked = inbox.ask(request),
                    _ => {}
                },
                Standing::Asked if now >= next => {
                    // Sent again now and then: interrupts merge.
                    self.hardware.send_stop(core::iter::once(target));
                    next = now.saturating_add(self.ticks(RESEND));
                }
                Standing::Asked | Standing::Accepted => {}
            }
            if now >= end || session.is_open() || self.is_void(caller) {
                let has_accepted = is_asked && !inbox.take_back(request);
                return match (has_accepted, inbox.standing(request)) {
                    (true, Standing::Gone) => Status::Success.into(),
                    (true, _) => Status::Pending.into(),
                    (false, _) if session.is_open() => Outcome::Return(self.busy(session)),
                    (false, _) => Status::Partial.into(),
                };
            }
            if self.is_asked(caller) {
                // Who is stopped itself asks no more; if it was accepted it happens.
                let was_asked = is_asked && !inbox.take_back(request);
                if self.serve(caller) {
                    return Outcome::Stop(Order::Evicted);
                }
                is_asked = was_asked;
            }
            core::hint::spin_loop();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use quell_abi::{Call, Kind, Why};

    use super::*;
    use crate::{
        Way,
        testing::{MILLISECOND, MS, Machine},
    };

    fn evict(machine: &Machine, affinity: u64, milliseconds: u64) -> Status {
        machine.status(0, Call::Evict, &[affinity, milliseconds * MS])
    }

    #[test]
    fn errors_change_nothing() {
        let machine = Machine::new(4);
        for bad in [[0, MS], [4, MS], [1 << 31, MS], [u64::MAX, MS], [1, TIMEOUT_MAX + 1], [1, u64::MAX]] {
            assert_eq!(machine.status(0, Call::Evict, &bad), Status::InvalidParameters, "{bad:x?}");
        }
        machine.off(2);
        machine.off(3);
        machine.start(0, 3);
        assert_eq!(evict(&machine, 2, 0), Status::Success, "it is OFF");
        assert_eq!(machine.results(0, Call::Evict, &[3, MS]), [Status::Busy.to_register(), 3, 0, 0]);
        machine.begin(1, Kind::Crash, [1, 1]);
        assert_eq!(
            machine.results(0, Call::Evict, &[1, MS]),
            [Status::Busy.to_register(), 1, Kind::Crash as u64, 0]
        );
        assert_eq!(machine.state(1), (State::On, Why::None));
    }

    #[test]
    fn a_core_that_does_not_answer_goes_on() {
        let machine = Machine::new(2);
        machine.tick(MILLISECOND / 4);
        assert_eq!(evict(&machine, 1, 5), Status::Partial);
        assert!(machine.sent().len() > 2, "asked again and again");
        assert_eq!(
            machine.stop().interrupted(&machine.table().local(1)),
            Way::Back,
            "it is not asked any more"
        );
        assert_eq!(machine.state(1), (State::On, Why::None));
    }

    #[test]
    fn a_core_that_answers_is_off_with_its_registers() {
        let machine = Machine::new(2);
        let request = machine.stop().slots[0].inbox.next(Wish::Evict, 0);
        assert!(machine.stop().slots[1].inbox.ask(request));
        machine.set_pc(0x1234);
        assert_eq!(machine.stop().interrupted(&machine.table().local(1)), Way::Pen);
        assert_eq!(machine.stop().slots[1].inbox.standing(request), Standing::Accepted);
        assert_eq!(machine.state(1), (State::Off, Why::Nmi));
        machine.boot(0, 1);
        assert_eq!(machine.stop().slots[1].inbox.standing(request), Standing::Gone);
    }

    #[test]
    fn two_that_evict_each_other_do_not_wait_for_ever() {
        let machine = Machine::new(2);
        machine.tick(MILLISECOND);
        let request = machine.stop().slots[1].inbox.next(Wish::Evict, 1);
        assert!(machine.stop().slots[0].inbox.ask(request));
        let outcome = machine.call(0, Call::Evict, &[1, 5 * MS]);
        assert_eq!(outcome, Outcome::Stop(Order::Evicted));
        assert_eq!(machine.stop().obey(&machine.table().local(0), Order::Evicted), None);
        assert_eq!(machine.state(0), (State::Off, Why::Nmi));
        assert_eq!(machine.stop().interrupted(&machine.table().local(1)), Way::Back, "its own is taken back");
    }

    #[test]
    fn the_longest_time_is_one() {
        let machine = Machine::new(2);
        machine.off(1);
        assert_eq!(machine.status(0, Call::Evict, &[1, TIMEOUT_MAX]), Status::Success);
    }

    /// Gives up every core but the caller.
    fn give_up_others(machine: &Machine, caller: usize) {
        let handle = machine.begin(caller, Kind::Crash, [0, 0]);
        let off = [handle, quell_abi::Release::Off as u64, quell_abi::ALL_CORES];
        assert_eq!(machine.status(caller, Call::Release, &off), Status::Success);
    }

    #[test]
    fn a_core_that_was_given_up_is_not_off_before_it_arrives() {
        let machine = Machine::new(2);
        give_up_others(&machine, 0);
        assert_eq!(evict(&machine, 1, 0), Status::Partial);
        assert_eq!(machine.stop().gate(&machine.table().local(1)), Way::Pen);
        assert_eq!(evict(&machine, 1, 0), Status::Success);
    }

    #[test]
    fn a_core_that_sleeps_is_asked_too() {
        let machine = Machine::new(2);
        machine.tick(MILLISECOND);
        assert!(machine.table().local(1).suspend(quell_power::Depth::Standby));
        assert_eq!(evict(&machine, 1, 5), Status::Partial);
        assert_eq!(machine.sent()[0], crate::testing::Sent::Stop(vec![1]));
    }

    #[test]
    fn a_session_that_opens_meanwhile_ends_it_at_once() {
        let machine = Machine::new(3);
        machine.tick(MILLISECOND);
        let begun = machine.time();
        machine.on_time(begun + 3 * MILLISECOND, |machine| _ = machine.begin(2, Kind::Halt, [100, 100]));
        let busy = [Status::Busy.to_register(), 2, Kind::Halt as u64, 0];
        assert_eq!(machine.results(0, Call::Evict, &[1, 50 * MS]), busy);
        assert!(machine.time() < begun + 20 * MILLISECOND);
        assert!(!machine.stop().is_asked(&machine.table().local(1)), "it is taken back");
    }

    /// The caller's operating system is replaced while it asks.
    #[test]
    fn a_caller_that_was_given_up_asks_no_more() {
        let machine = Machine::new(3);
        machine.tick(MILLISECOND);
        let begun = machine.time();
        machine.on_time(begun + 3 * MILLISECOND, |machine| give_up_others(machine, 2));
        assert_eq!(evict(&machine, 1, 50), Status::Partial);
        assert!(machine.time() < begun + 20 * MILLISECOND);
        assert!(!machine.stop().is_asked(&machine.table().local(1)), "it is taken back");
    }

    /// The core answers in the last moment, and is OFF when the caller wants its request back.
    #[test]
    fn a_core_that_is_off_in_the_last_moment_is_done() {
        let machine = Machine::new(3);
        machine.tick(MILLISECOND);
        machine.on_send(|machine| {
            assert_eq!(machine.stop().interrupted(&machine.table().local(1)), Way::Pen);
            machine.stop().drop_request(&machine.table().local(1));
        });
        assert_eq!(evict(&machine, 1, 2), Status::Success);
    }

    #[test]
    fn a_core_that_is_not_on_evicts_nobody() {
        let machine = Machine::new(3);
        machine.off(2);
        assert_eq!(machine.status(2, Call::Evict, &[1, 0]), Status::Denied);
    }
}

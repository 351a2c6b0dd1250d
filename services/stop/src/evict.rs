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
    fn a_core_that_is_not_on_evicts_nobody() {
        let machine = Machine::new(3);
        machine.off(2);
        assert_eq!(machine.status(2, Call::Evict, &[1, 0]), Status::Denied);
    }
}

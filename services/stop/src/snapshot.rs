// SPDX-License-Identifier: MIT OR Apache-2.0

//! SNAPSHOT: the registers of cores that go on.
//!
//! | x0 | when |
//! |---|---|
//! | DONE | x1: cores that were captured |
//! | PARTIAL | x2 of them were not, x3 is the MPIDR of one |
//! | INVALID_PARAMETERS | there is no such core, it is the caller, or the time is above 10 seconds |
//! | BUSY | a session is open, or opened meanwhile: x1 its owner, x2 its kind |
//! | DENIED | the caller's operating system has been replaced |
//! | does not return | a session, or another core's EVICT, stops the caller meanwhile |
//!
//! With ~0 for the MPIDR it is every other core that is ON or SUSPENDED. The record of a core that a session has stopped is
//! evidence: no snapshot of the same generation takes its place, and such a core counts as missing. A core is captured at
//! most once in a millisecond; who asks earlier waits.

use core::ops::Range;

use quell_abi::{ALL_CORES, Status, TIMEOUT_MAX, Why};
use quell_arch::Answer;
use quell_power::{LocalCore, Protection, intact};

use crate::{
    Hardware, Order, Outcome, Stop,
    drive::RESEND,
    progress::NOBODY,
    request::{Request, Standing, Wish},
};

/// The least time between two captures of a core, in microseconds: what others can take of its time is bounded.
const INTERVAL: u64 = 1_000;

/// What one SNAPSHOT is about.
struct Query {
    cores: Range<usize>,
    request: Request,
    begin: u64,
    generation: u32,
}

impl<H: Hardware> Stop<'_, H> {
    pub(crate) fn snapshot(&self, affinity: u64, timeout: u64, caller: &LocalCore<'_>) -> Outcome {
        let cores = match self.hardware.index_of(affinity) {
            Some(index) if index != caller.index() => index..index + 1,
            None if affinity == ALL_CORES => 0..self.table.len(),
            _ => return Status::InvalidParameters.into(),
        };
        if timeout > TIMEOUT_MAX {
            return Status::InvalidParameters.into();
        }
        if let Err(outcome) = self.may_ask(caller) {
            return outcome;
        }
        let query = Query {
            cores,
            request: self.slots[caller.index()].inbox.next(Wish::Snapshot, caller.index()),
            begin: self.hardware.now(),
            generation: self.table.control().load().generation(),
        };
        self.collect(&query, query.begin.saturating_add(self.ticks(timeout)), caller)
    }

    /// Asks until every core is captured, or the time is over.
    fn collect(&self, query: &Query, end: u64, caller: &LocalCore<'_>) -> Outcome {
        let mut next = 0;
        loop {
            let session = self.table.control().load();
            let now = self.hardware.now();
            let is_over = now >= end
                || session.is_open()
                || self.is_void(caller)
                || !self.ask_missing(query, caller.index(), now);
            if is_over {
                self.end_requests(query, now);
                let is_open = session.is_open();
                let answer = if is_open { self.busy(session) } else { self.answer(query, caller.index()) };
                return Outcome::Return(answer);
            }
            if now >= next {
                let is_asked = |&index: &usize| self.standing(query, index) == Standing::Asked;
                self.hardware.send_stop(query.cores.clone().filter(is_asked));
                next = now.saturating_add(self.ticks(RESEND));
            }
            if self.serve(caller) {
                self.end_requests(query, now);
                return Outcome::Stop(Order::Evicted);
            }
            core::hint::spin_loop();
        }
    }

    /// Asks the cores that are not captured, if they can be; returns whether there is one to wait for.
    fn ask_missing(&self, query: &Query, caller: usize, now: u64) -> bool {
        let mut is_waiting = false;
        for index in self.missing(query, caller) {
            let core = self.core(index);
            let is_evidence =
                self.records[index].is_stop_of(query.generation) && intact(Protection::FirstCapture);
            if !Self::can_answer(core.word()) || is_evidence {
                continue;
            }
            is_waiting = true;
            let last = self.records[index].snapshot_time().unwrap_or(0);
            if self.standing(query, index) == Standing::Gone
                && now >= last.saturating_add(self.ticks(INTERVAL))
            {
                self.slots[index].inbox.ask(query.request);
            }
        }
        is_waiting
    }

    /// Returns the cores that can answer and have not.
    fn missing(&self, query: &Query, caller: usize) -> impl Iterator<Item = usize> {
        query.cores.clone().filter(move |&index| {
            let core = self.core(index);
            let is_named = query.cores.len() == 1;
            index != caller && (is_named || Self::can_answer(core.word())) && !self.is_captured(query, index)
        })
    }

    /// Returns whether a core has been captured since the call began, for whomever.
    fn is_captured(&self, query: &Query, index: usize) -> bool {
        self.records[index].snapshot_time().is_some_and(|time| time >= query.begin)
    }

    fn standing(&self, query: &Query, index: usize) -> Standing {
        self.slots[index].inbox.standing(query.request)
    }

    /// Takes back what was not accepted; what was accepted is done in a moment, which is waited for.
    fn end_requests(&self, query: &Query, now: u64) {
        let end = now.saturating_add(self.ticks(RESEND));
        for index in query.cores.clone() {
            self.slots[index].inbox.take_back(query.request);
            while self.standing(query, index) == Standing::Accepted && self.hardware.now() < end {
                core::hint::spin_loop();
            }
        }
    }

    fn answer(&self, query: &Query, caller: usize) -> Answer {
        let captured = query.cores.clone().filter(|&index| self.is_captured(query, index)).count() as u64;
        let missing = || self.missing(query, caller);
        let (status, one) = match missing().next() {
            Some(index) => (Status::Partial, self.hardware.affinity_of(index)),
            None => (Status::Success, NOBODY),
        };
        Answer::registers([status.to_register(), captured, missing().count() as u64, one])
    }

    /// Captures the calling core, which goes on.
    pub(crate) fn record_snapshot(&self, index: usize) {
        let generation = self.table.control().load().generation();
        let (record, now) = (&self.records[index], self.hardware.now());
        // Of two that ask at once one comes too early for the other.
        let is_early =
            record.snapshot_time().is_some_and(|last| now.saturating_sub(last) < self.ticks(INTERVAL));
        let is_evidence = record.is_stop_of(generation) && intact(Protection::FirstCapture);
        if !is_evidence && !is_early {
            self.capture(index, generation, Why::None, now);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use quell_abi::{Call, CoreRecord, Kind, RECORD_SIZE, State};

    use super::*;
    use crate::{
        Way,
        testing::{MILLISECOND, MS, Machine, RAM},
    };

    fn snapshot(machine: &Machine, affinity: u64) -> [u64; 4] {
        machine.results(0, Call::Snapshot, &[affinity, 5 * MS])
    }

    /// valid, why, pc.
    fn record(machine: &Machine, core: u64) -> (u64, u64, u64) {
        machine.written();
        machine.results(0, Call::Read, &[core, RAM.start, RECORD_SIZE as u64]);
        let written = machine.written();
        let identity = written[&(RAM.start + 24)];
        let pc = written[&(RAM.start + core::mem::offset_of!(CoreRecord, pc) as u64)];
        (identity >> 56, identity >> 40 & 0xff, pc)
    }

    /// Core `index` answers, as it does when the interrupt comes.
    fn answers(machine: &Machine, index: usize, pc: u64) -> Way {
        machine.set_pc(pc);
        machine.stop().interrupted(&machine.table().local(index))
    }

    #[test]
    fn errors_change_nothing() {
        let machine = Machine::new(2);
        for bad in [[0, MS], [2, MS], [1 << 31, MS], [1, TIMEOUT_MAX + 1], [ALL_CORES, u64::MAX]] {
            assert_eq!(machine.status(0, Call::Snapshot, &bad), Status::InvalidParameters, "{bad:x?}");
        }
        machine.begin(1, Kind::Halt, [1, 1]);
        let busy = [Status::Busy.to_register(), 1, Kind::Halt as u64, 0];
        assert_eq!(snapshot(&machine, ALL_CORES), busy);
    }

    #[test]
    fn who_does_not_answer_is_missing() {
        let machine = Machine::new(4);
        machine.off(3);
        machine.tick(MILLISECOND / 8);
        assert_eq!(snapshot(&machine, ALL_CORES), [Status::Partial.to_register(), 0, 2, 1]);
        assert_eq!(answers(&machine, 1, 7), Way::Back, "it is not asked any more");
        assert_eq!(record(&machine, 1).0, 0);
        assert_eq!(snapshot(&machine, 3), [Status::Partial.to_register(), 0, 1, 3], "it is OFF");
    }

    #[test]
    fn a_core_that_is_asked_is_captured_and_goes_on() {
        let machine = Machine::new(2);
        let request = machine.stop().slots[0].inbox.next(Wish::Snapshot, 0);
        assert!(machine.stop().slots[1].inbox.ask(request));
        assert_eq!(answers(&machine, 1, 0x4321), Way::Back);
        assert_eq!(record(&machine, 1), (1, Why::None as u64, 0x4321));
        assert_eq!(machine.state(1), (State::On, Why::None));
        assert_eq!(machine.strays(), 0);
    }

    #[test]
    fn what_a_session_has_recorded_stays() {
        let machine = Machine::new(2);
        let handle = machine.begin(0, Kind::Crash, [0, 1]);
        machine.stop_core(1, Why::Nmi, handle, 0x1111);
        machine.poll(0, handle);
        machine.boot(0, 1);
        machine.tick(MILLISECOND);
        machine.sent();
        assert_eq!(snapshot(&machine, 1), [Status::Partial.to_register(), 0, 1, 1]);
        assert!(machine.sent().is_empty(), "it is not asked");
        machine.set_pc(0x2222);
        machine.stop().record_snapshot(1);
        assert_eq!(record(&machine, 1), (1, Why::Nmi as u64, 0x1111));
    }

    #[test]
    fn a_core_is_not_captured_more_often_than_once_in_a_millisecond() {
        let machine = Machine::new(2);
        machine.advance(10 * MILLISECOND);
        let query = |begin| Query {
            cores: 1..2,
            request: machine.stop().slots[0].inbox.next(Wish::Snapshot, 0),
            begin,
            generation: 0,
        };
        let first = machine.time();
        assert!(machine.stop().ask_missing(&query(first), 0, first));
        assert_eq!(answers(&machine, 1, 1), Way::Back);
        let later = query(first + 1);
        let asked = |now| {
            assert!(machine.stop().ask_missing(&later, 0, now));
            machine.stop().standing(&later, 1)
        };
        assert_eq!(asked(first + MILLISECOND - 1), Standing::Gone);
        assert_eq!(asked(first + MILLISECOND), Standing::Asked);
        assert!(
            machine.stop().is_captured(&query(first), 1) && !machine.stop().is_captured(&query(first + 1), 1)
        );
    }

    /// Two ask at once: the core itself holds the time, too.
    #[test]
    fn a_core_that_was_just_captured_does_not_capture_itself_again() {
        let machine = Machine::new(2);
        machine.advance(10 * MILLISECOND);
        let capture = |pc| {
            machine.set_pc(pc);
            machine.stop().record_snapshot(1);
            record(&machine, 1).2
        };
        assert_eq!(capture(1), 1);
        machine.advance(MILLISECOND - 1);
        assert_eq!(capture(2), 1);
        machine.advance(1);
        assert_eq!(capture(3), 3);
    }

    /// A request that was accepted when the time is over is done in a moment: the answer tells of it.
    #[test]
    fn what_was_accepted_is_waited_for() {
        let machine = Machine::new(2);
        let request = machine.stop().slots[0].inbox.next(Wish::Snapshot, 0);
        let query = Query { cores: 1..2, request, begin: machine.time(), generation: 0 };
        assert!(machine.stop().slots[1].inbox.ask(request));
        // In the middle of the capture, as the asker sees it.
        let asker = machine.time();
        let seen = std::rc::Rc::new(core::cell::Cell::new(None));
        let during = seen.clone();
        machine.on_capture(move |machine| {
            machine.tick(1);
            machine.on_time(asker + 10, |machine| machine.stop().drop_request(&machine.table().local(1)));
            machine.stop().end_requests(&query, machine.time());
            during.set(Some((machine.stop().standing(&query, 1), machine.time() > asker + 10)));
        });
        assert_eq!(answers(&machine, 1, 7), Way::Back);
        assert_eq!(seen.take(), Some((Standing::Gone, true)));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Deadlines that pass although nobody calls: EL3 has a timer on every core, and two cores set theirs for a session.
//!
//! One is the owner, wherever it is: the interrupt of the timer can not be masked below EL3. The other is the *deputy*, a
//! core in the pen: BEGIN names one that is OFF and wakes it; if there is none, the first core that comes to the pen names
//! itself. There is one deputy for each generation: its name is swapped in only over an older one.
//!
//! Both drive the session when they wake, as POLL does, and set their timer for the next deadline.

use quell_abi::State;
use quell_power::{
    ControlWord, CoreWord, LocalCore, Phase, Protection, intact, is_older,
    sync::{AtomicU64, Ordering},
};

use crate::{
    Hardware, Stop,
    begin::TRIES,
    drive::{RESEND, ends_with_lease},
    tally::Tally,
};

/// What exists once in the service: who is deputy, as its generation in the upper half and its index plus one.
#[derive(Debug)]
pub struct Shared {
    deputy: AtomicU64,
}

impl Shared {
    /// Returns the state of a machine that never had a session.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self { deputy: AtomicU64::new(0) }
    }

    /// Returns the state of a machine that never had a session.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self { deputy: AtomicU64::new(0) }
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self::new()
    }
}

fn name(session: ControlWord, index: usize) -> u64 {
    u64::from(session.generation()) << 32 | (index as u64 + 1)
}

impl<H: Hardware> Stop<'_, H> {
    /// Drives the open session if that is for this core to do, and sets its timer for the next time.
    #[inline(always)]
    pub fn attend(&self, local: &LocalCore<'_>) {
        let session = self.table.control().load();
        if session.is_open() {
            self.attend_session(session, local);
        } else {
            self.hardware.set_alarm(None);
        }
    }

    #[inline(never)]
    fn attend_session(&self, session: ControlWord, local: &LocalCore<'_>) {
        let is_driver = session.owner() == local.index() || self.is_deputy(session, local.index());
        if is_driver && intact(Protection::Alarm) {
            self.drive(session.generation(), local);
        }
        self.set_alarm(is_driver);
    }

    /// Sets the timer of a core that drives the open session, if one is open and has a deadline.
    pub(crate) fn set_alarm(&self, is_driver: bool) {
        let session = self.table.control().load();
        let at = if is_driver && session.is_open() && intact(Protection::Alarm) {
            self.next_deadline(session)
        } else {
            None
        };
        // A drive may take longer than the time to the next one. The operating system goes on between.
        let soonest = || self.hardware.now().saturating_add(self.ticks(RESEND / 2));
        self.hardware.set_alarm(at.map(|at| at.max(soonest())));
    }

    /// Returns when something is due in an open session.
    pub(crate) fn next_deadline(&self, session: ControlWord) -> Option<u64> {
        let slot = &self.slots[session.owner()];
        let parameters = slot.read_parameters(session);
        let phase = match session.phase() {
            Phase::Fenced | Phase::Grace => Some(parameters.grace_end),
            Phase::Nmi => Some(parameters.nmi_end.min(slot.sent().saturating_add(self.ticks(RESEND)))),
            Phase::Idle | Phase::Done | Phase::Partial | Phase::Releasing | Phase::Final => None,
        };
        let has_lease = ends_with_lease(session) && session.phase() != Phase::Final;
        let lease = has_lease.then_some(parameters.lease_end);
        match (phase, lease) {
            (Some(phase), Some(lease)) => Some(phase.min(lease)),
            (phase, lease) => phase.or(lease),
        }
    }

    /// Makes a core that is in the pen the deputy of a session, and wakes it: the one that a look has found, or one that has come
    /// there since without knowing of the session. Who was ON names itself.
    pub(crate) fn appoint_one(&self, session: ControlWord, tally: Tally) {
        let found = tally.idle();
        let idle = if tally.is_moving() { found.or_else(|| self.find_idle(session)) } else { found };
        if let Some(index) = idle.filter(|&index| self.claim_deputy(session, index)) {
            self.hardware.send_stop(core::iter::once(index));
        }
    }

    fn find_idle(&self, session: ControlWord) -> Option<usize> {
        let is_idle =
            |word: CoreWord| matches!(word.state(), State::Off | State::Parked) && !word.is_quarantined();
        self.others(session).find(|(_, word)| is_idle(*word)).map(|(index, _)| index)
    }

    /// Makes the calling core, which is in the pen, the deputy of the open session if there is none yet.
    #[inline(always)]
    pub(crate) fn volunteer(&self, local: &LocalCore<'_>) {
        let session = self.table.control().load();
        if session.targets(local.index()) {
            self.claim_deputy(session, local.index());
        }
    }

    fn is_deputy(&self, session: ControlWord, index: usize) -> bool {
        self.shared.deputy.load(Ordering::Acquire) == name(session, index)
    }

    fn claim_deputy(&self, session: ControlWord, index: usize) -> bool {
        let mut seen = self.shared.deputy.load(Ordering::Acquire);
        for _ in 0..TRIES {
            let is_older = is_older((seen >> 32) as u32, session.generation());
            if seen != 0 && !(is_older && intact(Protection::DeputyAge)) {
                return false;
            }
            let next = name(session, index);
            match self.shared.deputy.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use quell_abi::{Call, Flags, Kind, Why};

    use super::*;
    use crate::testing::{CRASH, MILLISECOND, MS, Machine, NO_SGI, Sent};

    const ORPHAN_RESET: u64 = (Flags::ORPHAN_RESET.bits() as u64) << 8;

    #[test]
    fn the_alarm_of_the_owner_is_set_for_the_next_deadline() {
        let machine = Machine::new(2);
        let begun = machine.time();
        let handle = machine.begin(0, Kind::Crash, [2, 5]);
        assert_eq!(machine.alarm(), Some(begun + 2 * MILLISECOND), "the end of grace");
        machine.advance(2 * MILLISECOND);
        machine.stop().attend(&machine.table().local(0));
        assert_eq!((machine.phase(), machine.sent()), (Phase::Nmi, vec![Sent::Stop(vec![1])]));
        assert_eq!(machine.alarm(), Some(begun + 3 * MILLISECOND), "the interrupt is sent again");
        machine.advance(5 * MILLISECOND);
        machine.stop().attend(&machine.table().local(0));
        assert_eq!((machine.phase(), machine.alarm()), (Phase::Partial, None));
        machine.stop_core(1, Why::Nmi, handle, 0);
        machine.poll(0, handle);
        machine.stop().attend(&machine.table().local(0));
        assert_eq!(machine.alarm(), None);
    }

    #[test]
    fn an_alarm_leaves_time_for_the_operating_system() {
        let machine = Machine::new(2);
        let begun = machine.time();
        machine.call(0, Call::Begin, &[CRASH, 100, MS, 0, NO_SGI, 0]);
        assert_eq!(machine.alarm(), Some(begun + MILLISECOND / 2));
    }

    /// A core that was given up is OFF, but not in the pen: it drives nothing.
    #[test]
    fn a_core_that_has_not_arrived_is_not_appointed() {
        let machine = Machine::new(3);
        let handle = machine.begin(0, Kind::Crash, [0, 0]);
        machine.stop_core(2, Why::Nmi, handle, 0);
        machine.call(0, Call::Release, &[handle, quell_abi::Release::Off as u64, quell_abi::ALL_CORES]);
        machine.sent();
        machine.begin(0, Kind::Crash, [1, 1]);
        assert_eq!(machine.sent(), [Sent::Stop(vec![2])]);
    }

    /// The session is taken over when its lease is over: that of the next one is not.
    #[test]
    fn a_session_that_was_taken_over_resets_nothing() {
        let machine = Machine::new(3);
        machine.call(0, Call::Begin, &[CRASH | ORPHAN_RESET, 0, 0, 5 * MS, NO_SGI, 0]);
        machine.advance(5 * MILLISECOND);
        machine.on_time(machine.time(), |machine| _ = machine.begin(1, Kind::Crash, [100, 100]));
        machine.stop().attend(&machine.table().local(0));
        assert_eq!((machine.resets(), machine.phase()), (0, Phase::Grace));
        assert_eq!(machine.table().control().load().owner(), 1);
    }

    /// A core was on its way to the pen when the session looked, came there without knowing of it, and sleeps.
    #[test]
    fn who_came_to_the_pen_behind_the_look_is_named() {
        let machine = Machine::new(3);
        assert!(machine.table().local(2).leave());
        machine.on_send(|machine| assert!(machine.table().local(2).publish(Why::Off, None)));
        machine.begin(0, Kind::Crash, [0, 1]);
        assert_eq!(machine.sent(), [Sent::Stop(vec![1, 2]), Sent::Stop(vec![2])]);
    }

    #[test]
    fn the_owner_is_not_its_own_deputy() {
        let machine = Machine::new(2);
        machine.begin(0, Kind::Crash, [1, 1]);
        machine.stop().volunteer(&machine.table().local(0));
        let session = machine.table().control().load();
        assert!(!machine.stop().is_deputy(session, 0) && machine.stop().claim_deputy(session, 1));
    }

    #[test]
    fn a_core_that_has_nothing_to_do_with_it_drives_nothing() {
        let machine = Machine::new(2);
        machine.begin(0, Kind::Crash, [1, 1]);
        machine.advance(10 * MILLISECOND);
        machine.stop().attend(&machine.table().local(1));
        assert_eq!((machine.phase(), machine.alarm()), (Phase::Grace, None));
    }

    /// The owner says nothing more after BEGIN: a core that is OFF takes the session to its end.
    #[test]
    fn a_core_that_is_off_is_appointed_and_drives() {
        let machine = Machine::new(3);
        machine.off(2);
        let handle = machine.begin(0, Kind::Crash, [1, 1]);
        assert_eq!(machine.sent(), [Sent::Stop(vec![2])], "it is woken");
        machine.on_sleep(|machine| machine.advance(MILLISECOND));
        machine.on_sleep(|machine| {
            assert_eq!((machine.phase(), machine.sent()), (Phase::Nmi, vec![Sent::Stop(vec![1])]));
            machine.stop_core(1, Why::Nmi, 1, 0);
        });
        machine.on_sleep(move |machine| {
            assert_eq!((machine.phase(), machine.alarm()), (Phase::Idle, None));
            assert_eq!(machine.poll(0, handle).status, quell_abi::Status::Success);
            machine.start(0, 2);
        });
        machine.stop().stay(&machine.table().local(2));
    }

    #[test]
    fn the_first_core_in_the_pen_volunteers() {
        let machine = Machine::new(3);
        machine.begin(0, Kind::Crash, [0, 10]);
        machine.stop_core(1, Why::Nmi, 1, 0);
        machine.on_sleep(|machine| {
            assert!(machine.alarm().is_some());
            machine.advance(10 * MILLISECOND);
        });
        machine.on_sleep(|machine| {
            assert_eq!(machine.phase(), Phase::Partial);
            machine.stop_core(2, Why::Nmi, 1, 0);
            machine.poll(0, 1);
            machine.start(0, 1);
        });
        machine.stop().stay(&machine.table().local(1));
        // The second one leaves it to the first.
        let machine = Machine::new(3);
        let session = machine.table().control().load().opened(Kind::Crash, Flags::default(), 0);
        let stop = machine.stop();
        assert!(stop.claim_deputy(session, 1) && !stop.claim_deputy(session, 2));
        let next = session.opened(Kind::Crash, Flags::default(), 1);
        assert!(stop.claim_deputy(next, 2) && !stop.claim_deputy(session, 0), "a later session has another");
    }

    #[test]
    fn an_orphan_resets_the_machine() {
        let machine = Machine::new(2);
        machine.call(0, Call::Begin, &[CRASH | ORPHAN_RESET, 0, 0, 5 * MS, NO_SGI, 0]);
        assert_eq!(machine.phase(), Phase::Partial);
        let alarm = machine.alarm().expect("somebody watches the lease");
        machine.stop_core(1, Why::Nmi, 1, 0);
        machine.advance(alarm - machine.time() - 1);
        machine.stop().attend(&machine.table().local(0));
        assert_eq!(machine.resets(), 0, "it was done before");

        let machine = Machine::new(2);
        machine.call(0, Call::Begin, &[CRASH | ORPHAN_RESET, 0, 0, 5 * MS, NO_SGI, 0]);
        machine.advance(alarm - machine.time());
        machine.tick(MILLISECOND);
        machine.stop().attend(&machine.table().local(0));
        assert_eq!((machine.resets(), machine.phase()), (1, Phase::Final));
    }

    #[test]
    fn an_interrupt_without_a_use_is_counted() {
        let machine = Machine::new(2);
        assert_eq!(machine.stop().interrupted(&machine.table().local(1)), crate::Way::Back);
        assert_eq!(machine.strays(), 1);
        machine.begin(0, Kind::Crash, [1, 1]);
        assert_eq!(machine.stop().interrupted(&machine.table().local(1)), crate::Way::Back);
        assert_eq!(machine.strays(), 1);
    }
}

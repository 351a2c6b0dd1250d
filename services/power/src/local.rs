// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a core does to its own word: boot, sleep, leave, and the gate. The protocol is in the crate's documentation.

use quell_abi::{State, Why};

use crate::{
    Control, ControlWord, CoreSlot, CoreWord, Depth, Entry, Gate, Protection, Role, Step,
    protection::{full_fence, intact},
    remote::is_older,
};

/// More sessions than can open, or be taken over, while a core publishes that it is OFF.
const MARKS: usize = 64;

/// The view that a core has of itself. Only the core with this index uses it.
#[derive(Clone, Copy, Debug)]
pub struct LocalCore<'a> {
    control: &'a Control,
    slot: &'a CoreSlot,
    index: usize,
}

impl<'a> LocalCore<'a> {
    pub(crate) const fn new(control: &'a Control, slot: &'a CoreSlot, index: usize) -> Self {
        Self { control, slot, index }
    }

    /// Returns the core's index.
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Returns the core's word.
    pub fn word(&self) -> CoreWord {
        self.slot.load()
    }

    /// Takes an accepted start: the core is ON and knows where to begin. `None` if none is accepted.
    ///
    /// The core has still to pass [`enter`](Self::enter).
    #[inline(always)]
    pub fn boot(&self) -> Option<Entry> {
        let word = self.slot.load();
        if word.state() != State::Pending {
            return None;
        }
        let entry = self.slot.read_mailbox();
        // Fails if a session withdraws the start; then the core stays OFF.
        self.slot.step(Role::Itself, word, Step::Boot, Why::None, word.generation()).ok()?;
        Some(entry)
    }

    /// Goes to sleep; returns false if the core is not ON.
    #[inline(always)]
    pub fn suspend(&self, depth: Depth) -> bool {
        let word = self.slot.load();
        let asleep = word.next(State::Suspended, Why::None, word.generation()).asleep(depth);
        self.slot.step_to(Role::Itself, word, Step::Suspend, asleep).is_ok()
    }

    /// Wakes up; returns false if a session stopped the core in its sleep.
    ///
    /// The core has still to pass [`enter`](Self::enter).
    #[inline(always)]
    pub fn wake(&self) -> bool {
        let word = self.slot.load();
        self.slot.step(Role::Itself, word, Step::Wake, Why::None, word.generation()).is_ok()
    }

    /// The gate of a core that was not in the operating system and is ON since just now (boot, wake-up, end of a PAUSE).
    #[inline(always)]
    pub fn enter(&self) -> Gate {
        // The step to ON before the load of the control word: the other half is in the session's opener.
        full_fence(Protection::EntryFence);
        let session = self.control.load();
        if session.targets(self.index) && intact(Protection::EntryGate) {
            return Gate::Stop { session };
        }
        self.own_word()
    }

    /// The gate of a core that has been ON all the time: it returns from a call or an interrupt.
    #[inline]
    pub fn resume(&self) -> Gate {
        if !intact(Protection::GateOrder) {
            let own = self.own_word();
            return if self.is_stopped().is_some() { Gate::Pen } else { own };
        }
        match self.is_stopped() {
            Some(session) => Gate::Stop { session },
            None => self.own_word(),
        }
    }

    /// Returns the session that stops a core which comes from the operating system, if one does.
    #[inline]
    fn is_stopped(&self) -> Option<ControlWord> {
        let session = self.control.load();
        let is_due = session.phase().stops() || !intact(Protection::Grace);
        (session.targets(self.index) && is_due).then_some(session)
    }

    /// The last look of both gates.
    #[inline]
    fn own_word(&self) -> Gate {
        if self.slot.load().state() == State::On || !intact(Protection::OwnWord) {
            Gate::Pass
        } else {
            Gate::Pen
        }
    }

    /// Leaves the operating system for good; returns false if the core is not ON.
    ///
    /// The core does what has to be done before it counts as OFF, then calls [`publish`](Self::publish) from the pen.
    #[inline(always)]
    pub fn leave(&self) -> bool {
        let word = self.slot.load();
        self.slot.step(Role::Itself, word, Step::Leave, word.why(), word.generation()).is_ok()
    }

    /// Returns the generation of the session that a core that has left is a target of, if one is open.
    ///
    /// A session that opens later finds the core's word STOPPING, and marks it, or OFF.
    #[inline(always)]
    pub fn session(&self) -> Option<u32> {
        // The step to STOPPING before the load of the control word: the other half is in the session's opener.
        full_fence(Protection::LeaveFence);
        let control = self.control.load();
        control.targets(self.index).then(|| control.generation())
    }

    /// Says that the core is OFF: the last thing it does in the pen before it looks for a start. Returns false if a session
    /// has given the core up meanwhile; then it has to [`arrive`](Self::arrive).
    ///
    /// `session` is the generation of the session that the core stopped for or left in, if there was one.
    ///
    /// # Panics
    ///
    /// Panics if the core has not left: somebody else wrote its word.
    #[inline(always)]
    #[must_use]
    pub fn publish(&self, why: Why, session: Option<u32>) -> bool {
        self.finish(Step::Publish, why, session)
    }

    /// Says that the core is PARKED: the last thing it does before it waits for the end of the PAUSE with this generation.
    /// Returns false if a session has given the core up meanwhile; then it has to [`arrive`](Self::arrive).
    ///
    /// # Panics
    ///
    /// Panics if the core has not left: somebody else wrote its word.
    #[must_use]
    pub fn park(&self, why: Why, session: u32) -> bool {
        self.finish(Step::Park, why, Some(session))
    }

    #[inline(always)]
    fn finish(&self, step: Step, why: Why, session: Option<u32>) -> bool {
        // Only a session changes STOPPING, and each session marks it once: a third try would need a takeover in between.
        for _ in 0..MARKS {
            let word = self.slot.load();
            if word.is_quarantined() {
                return false;
            }
            assert!(word.state() == State::Stopping, "only the core itself leaves STOPPING");
            let generation = match session {
                // A later session has marked the core: it is one of its targets.
                Some(session) if step == Step::Publish && is_older(session, word.generation()) => {
                    word.generation()
                }
                Some(session) => session,
                None => word.generation(),
            };
            if self.slot.step(Role::Itself, word, step, why, generation).is_ok() {
                return true;
            }
        }
        panic!("sessions open faster than a core can stop");
    }

    /// Leaves the PAUSE that has ended; returns false if a session has stopped the core for good.
    ///
    /// The core has still to pass [`enter`](Self::enter).
    pub fn unpark(&self) -> bool {
        // A PAUSE that takes over another one changes the word, and leaves it PARKED.
        for _ in 0..MARKS {
            let word = self.slot.load();
            if word.state() != State::Parked {
                return false;
            }
            if self.slot.step(Role::Itself, word, Step::Resume, Why::None, word.generation()).is_ok() {
                return true;
            }
        }
        panic!("sessions open faster than a core can go on");
    }

    /// Says that the core is in the pen although a session gave it up: from here on a start takes it. `prepare` is called before
    /// each attempt, with the word that the core would arrive from: a later session may have marked it.
    pub fn arrive(&self, prepare: impl Fn(CoreWord)) {
        // Others start the core meanwhile, and sessions take that back.
        for _ in 0..MARKS {
            let word = self.slot.load();
            if !word.is_quarantined() {
                return;
            }
            prepare(word);
            if self.slot.arrive(word).is_ok() {
                return;
            }
        }
        panic!("starts come faster than a core can arrive");
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::vec::Vec;

    use quell_abi::{Flags, Kind};

    use super::*;
    use crate::{CoreTable, Phase};

    /// Runs `test` on three cores, of which the first two are ON.
    fn with_table(test: impl FnOnce(CoreTable<'_>)) {
        let control = Control::new();
        let slots: Vec<_> = (0..3).map(|_| CoreSlot::new()).collect();
        let table = CoreTable::new(&control, &slots);
        table.cold_boot(0);
        table.cold_boot(1);
        test(table);
    }

    /// Opens a session of core 0 and takes it to this phase; returns its generation.
    fn open(table: &CoreTable<'_>, phase: Phase) -> ControlWord {
        let seen = table.control().load();
        let session = seen.opened(Kind::Crash, Flags::default(), 0).at(phase);
        table.control().replace(seen, session).unwrap();
        session
    }

    const OPEN: [Phase; 7] = [
        Phase::Fenced,
        Phase::Grace,
        Phase::Nmi,
        Phase::Done,
        Phase::Partial,
        Phase::Releasing,
        Phase::Final,
    ];

    #[test]
    fn both_gates_pass_without_a_session() {
        with_table(|table| {
            for core in [0, 1] {
                assert_eq!(table.local(core).enter(), Gate::Pass);
                assert_eq!(table.local(core).resume(), Gate::Pass);
            }
        });
    }

    #[test]
    fn a_core_that_enters_is_stopped_in_every_phase_and_the_owner_in_none() {
        for phase in OPEN {
            with_table(|table| {
                let session = open(&table, phase);
                assert_eq!(table.local(1).enter(), Gate::Stop { session }, "{phase:?}");
                assert_eq!(table.local(0).enter(), Gate::Pass, "{phase:?}");
            });
        }
    }

    #[test]
    fn a_core_that_returns_is_stopped_once_the_secure_interrupt_is_due() {
        for phase in OPEN {
            with_table(|table| {
                let session = open(&table, phase);
                let stops = !matches!(phase, Phase::Fenced | Phase::Grace);
                let gate = if stops { Gate::Stop { session } } else { Gate::Pass };
                assert_eq!(table.local(1).resume(), gate, "{phase:?}");
                assert_eq!(table.local(0).resume(), Gate::Pass, "{phase:?}");
            });
        }
    }

    #[test]
    fn a_core_that_is_not_on_goes_to_the_pen() {
        with_table(|table| {
            for gate in [LocalCore::enter, LocalCore::resume] {
                assert_eq!(gate(&table.local(2)), Gate::Pen);
            }
            assert!(table.local(1).suspend(Depth::Standby));
            assert_eq!(table.local(1).resume(), Gate::Pen);
        });
    }

    #[test]
    fn sleep_and_wake_take_turns() {
        with_table(|table| {
            let local = table.local(1);
            assert!(!local.wake(), "it is awake");
            assert!(local.suspend(Depth::Standby) && !local.suspend(Depth::Standby));
            assert_eq!(local.word().state(), State::Suspended);
            assert!(!local.leave(), "it sleeps");
            assert!(local.wake() && local.leave());
            assert!(!local.suspend(Depth::Standby), "it has left");
        });
    }

    #[test]
    fn a_core_is_alone_when_every_other_one_is_off() {
        let others = State::ALL.into_iter().flat_map(|first| State::ALL.map(|last| (first, last)));
        for (first, last) in others {
            let control = Control::new();
            let slots = [const { CoreSlot::new() }; 3];
            let table = CoreTable::new(&control, &slots);
            // It is the one in the middle: neither its own word counts nor does its place.
            table.cold_boot(1);
            for (slot, state) in [(&slots[0], first), (&slots[2], last)] {
                slot.force(CoreWord::default().next(state, Why::None, 0));
            }
            let is_alone = first == State::Off && last == State::Off;
            assert_eq!(table.is_alone(1), is_alone, "{first:?} {last:?}");
        }
    }

    #[test]
    fn a_sleeper_that_was_contained_does_not_wake() {
        with_table(|table| {
            assert!(table.local(1).suspend(Depth::Standby));
            open(&table, Phase::Fenced);
            let session = table.control().load();
            table.remote(1).unwrap().contain(session);
            assert!(!table.local(1).wake());
            assert_eq!(table.local(1).word().state(), State::Off);
        });
    }

    #[test]
    fn a_core_keeps_its_generation_unless_a_session_stops_it() {
        with_table(|table| {
            assert!(table.local(1).leave());
            assert!(table.local(1).publish(Why::Off, None));
            let word = table.local(1).word();
            assert_eq!((word.state(), word.why(), word.generation()), (State::Off, Why::Off, 0));

            let generation = open(&table, Phase::Idle).generation();
            let entry = Entry::new(0x1000, 1, true);
            table.remote(1).unwrap().start(&table.local(0), entry).unwrap();
            assert_eq!(table.local(1).boot(), Some(entry));
            let word = table.local(1).word();
            assert_eq!((word.why(), word.generation()), (Why::None, generation));
            assert!(table.local(1).leave());
            assert!(table.local(1).publish(Why::Nmi, Some(9)));
            let word = table.local(1).word();
            assert_eq!((word.state(), word.why(), word.generation()), (State::Off, Why::Nmi, 9));
        });
    }

    #[test]
    fn a_core_that_leaves_finds_its_session_or_is_found_by_it() {
        with_table(|table| {
            let local = table.local(1);
            assert!(local.leave());
            assert_eq!(local.session(), None);
            let session = open(&table, Phase::Grace);
            assert_eq!((local.session(), table.local(0).session()), (Some(session.generation()), None));
            // The session opened after the core had looked: it marks the core, and the mark stays.
            assert_eq!(table.remote(1).unwrap().contain(session).0.state(), State::Stopping);
            assert!(local.publish(Why::Off, None));
            assert_eq!((local.word().why(), local.word().generation()), (Why::Off, session.generation()));
        });
    }

    #[test]
    fn there_is_nothing_to_boot_without_a_start() {
        with_table(|table| {
            for core in 0..3 {
                let before = table.local(core).word();
                assert_eq!(table.local(core).boot(), None);
                assert_eq!(table.local(core).word(), before);
            }
        });
    }

    #[test]
    #[should_panic(expected = "only the core itself leaves STOPPING")]
    fn off_is_not_published_by_a_core_that_has_not_left() {
        with_table(|table| assert!(table.local(1).publish(Why::Off, None)));
    }
}

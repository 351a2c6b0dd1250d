// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a core does to the word of another: start it, or stop it where it is not in the operating system. The protocol is
//! in the crate's documentation.

use quell_abi::{State, Why};

use crate::{
    ControlWord, CoreSlot, CoreTable, CoreWord, Entry, LocalCore, Protection, Role, Step,
    protection::{full_fence, intact},
};

/// Why a core was not started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StartError {
    /// It is ON, or suspended, or has not finished to go OFF.
    AlreadyOn,
    /// A start of it is under way.
    OnPending,
    /// A session is open, or one opened meanwhile.
    Denied,
}

/// The view that others have of a core.
#[derive(Clone, Copy, Debug)]
pub struct RemoteCore<'a> {
    table: CoreTable<'a>,
    slot: &'a CoreSlot,
}

impl<'a> RemoteCore<'a> {
    pub(crate) const fn new(table: CoreTable<'a>, slot: &'a CoreSlot) -> Self {
        Self { table, slot }
    }

    /// Returns the core's word.
    pub fn word(&self) -> CoreWord {
        self.slot.load()
    }

    /// Accepts a start of the core by `starter`; the caller rings the core's doorbell then.
    ///
    /// # Errors
    ///
    /// A start that is refused has not touched the core's mailbox unless the core was OFF.
    pub fn start(&self, starter: &LocalCore<'_>, entry: Entry) -> Result<(), StartError> {
        let seen = self.table.control().load();
        if seen.is_open() || starter.word().state() != State::On {
            return Err(StartError::Denied);
        }
        let (word, claimed) = self.claim(seen.generation())?;
        if intact(Protection::MailboxFirst) {
            self.slot.write_mailbox(entry);
        }
        // The step to CLAIMED before the second load of the control word: the other half is in the session's opener.
        full_fence(Protection::StartFence);
        if !self.unchanged_since(seen) {
            self.take_back(claimed, word);
            return Err(StartError::Denied);
        }
        let accepted = self.starter_step(claimed, Step::Accept, Why::None, claimed.generation());
        if !intact(Protection::MailboxFirst) {
            self.slot.write_mailbox(entry);
        }
        accepted.map(|_| ()).map_err(|cancelled| {
            self.drop_cancelled(cancelled);
            StartError::Denied
        })
    }

    /// Claims the core; returns its word before and after.
    fn claim(&self, generation: u32) -> Result<(CoreWord, CoreWord), StartError> {
        let mut word = self.slot.load();
        for _ in 0..CLAIMS {
            refuse(word.state())?;
            match self.slot.step(Role::Starter, word, Step::Claim, Why::None, generation) {
                Ok(claimed) => return Ok((word, claimed)),
                // Another's start came and went, or the core has arrived in the pen.
                Err(now) => word = now,
            }
        }
        Err(StartError::OnPending)
    }

    /// Takes a step of the starter; the core may arrive in the pen meanwhile, which does not change its state.
    fn starter_step(
        &self,
        seen: CoreWord,
        step: Step,
        why: Why,
        generation: u32,
    ) -> Result<CoreWord, CoreWord> {
        self.slot.step(Role::Starter, seen, step, why, generation).or_else(|now| {
            let has_arrived = seen.is_quarantined() && !now.is_quarantined();
            if !has_arrived || now.state() != seen.state() {
                return Err(now);
            }
            // OFF again, it is so because it has arrived.
            let why = if step == Step::RollBack { Why::Nmi } else { why };
            self.slot.step(Role::Starter, now, step, why, generation)
        })
    }

    /// Returns whether no session has opened since the control word was `seen` idle.
    fn unchanged_since(&self, seen: ControlWord) -> bool {
        if !intact(Protection::Recheck) {
            return true;
        }
        let now = self.table.control().load();
        if intact(Protection::WholeWord) { now == seen } else { !now.is_open() }
    }

    /// Takes back a start that was claimed and not accepted: the core is OFF as it was `before`.
    fn take_back(&self, claimed: CoreWord, before: CoreWord) {
        let rolled_back = self.starter_step(claimed, Step::RollBack, before.why(), before.generation());
        if let Err(cancelled) = rolled_back {
            self.drop_cancelled(cancelled);
        }
    }

    /// Lets go of a core whose start a session has cancelled. It keeps the session's generation.
    fn drop_cancelled(&self, cancelled: CoreWord) {
        let dropped = self.starter_step(cancelled, Step::Drop, Why::NeverRan, cancelled.generation());
        assert!(
            dropped.is_ok(),
            "only a session and arrival change CLAIMED, only the starter and arrival CANCELLED"
        );
    }

    /// Does to the core what the open session `session` does to one that is not in the operating system: it stops it, or
    /// holds it if it is a PAUSE. One that is on its way out is marked as a target.
    ///
    /// Returns the core's word afterwards, and the step that this call has taken, if it has. The session has fenced before.
    pub fn contain(&self, session: ControlWord) -> (CoreWord, Option<Step>) {
        // A driver may be so late that its session is over, and the core's word is of the time after it; the owner of a
        // later one has a word that is older than either. But a word that was read before the session was seen open is one
        // of its time.
        let is_open = || {
            let now = self.table.control().load();
            now.is_open() && now.generation() == session.generation() || !is_rule_c_intact()
        };
        self.settle(|word| containment(word, session).filter(|_| is_open()), session.generation())
    }

    /// Takes the core OFF for the session `session`, which is releasing what it is left with.
    ///
    /// Returns the core's word afterwards, and the step that this call has taken, if it has.
    pub fn give_up(&self, session: ControlWord) -> (CoreWord, Option<Step>) {
        // A session releases words of its own generation, too, so their age does not tell them from later ones. But it
        // does not close before this word is OFF: if it is open after the word was read, the word is not a later one.
        let is_open = || self.table.control().load() == session || !is_rule_c_intact();
        self.settle(|word| surrender(word).filter(|_| is_open()), session.generation())
    }

    /// Takes the steps of a session that `rule` asks for, until it asks for none.
    fn settle(
        &self,
        rule: impl Fn(CoreWord) -> Option<(Step, Why)>,
        generation: u32,
    ) -> (CoreWord, Option<Step>) {
        let (mut word, mut taken) = (self.slot.load(), None);
        for _ in 0..CHANGES {
            let Some((step, why)) = rule(word) else { break };
            match self.slot.step(Role::Session, word, step, why, generation) {
                // Marked, or kept: it stays in its state.
                Ok(next) if next.state() == word.state() => return (next, Some(step)),
                Ok(next) => (word, taken) = (next, Some(step)),
                Err(now) => word = now,
            }
        }
        (word, taken)
    }
}

/// Returns whether a driver that comes late is kept from words that are not its session's.
#[inline(always)]
fn is_rule_c_intact() -> bool {
    intact(Protection::StillOpen) && intact(Protection::GenerationAge)
}

/// How often a starter tries to claim a core that is OFF each time that it looks.
const CLAIMS: usize = 3;

/// More changes than a core's word goes through while a session is open: from CLAIMED by way of PENDING, ON, SUSPENDED and ON
/// again to STOPPING and OFF.
const CHANGES: usize = 16;

/// Returns what a session does to a core with this word that is not in the operating system.
fn containment(word: CoreWord, session: ControlWord) -> Option<(Step, Why)> {
    if intact(Protection::GenerationAge) && !is_older(word.generation(), session.generation()) {
        return None;
    }
    match word.state() {
        State::Claimed => Some((Step::Cancel, Why::NeverRan)),
        State::Stopping => Some((Step::Mark, word.why())),
        State::Parked if session.holds() => Some((Step::Keep, word.why())),
        State::Parked => Some((Step::Unpark, word.why())),
        State::Pending if !session.holds() => Some((Step::Withdraw, Why::NeverRan)),
        State::Suspended if !session.holds() => Some((Step::Contain, Why::Suspended)),
        _ => None,
    }
}

/// Returns what a session does to a core with this word that it gives up.
const fn surrender(word: CoreWord) -> Option<(Step, Why)> {
    match word.state() {
        State::On => Some((Step::GiveUp, Why::NoAnswer)),
        State::Stopping => Some((Step::GiveUpStopping, Why::InEl3)),
        State::Parked => Some((Step::Unpark, word.why())),
        State::Claimed => Some((Step::Cancel, Why::NeverRan)),
        State::Pending => Some((Step::Withdraw, Why::NeverRan)),
        State::Suspended => Some((Step::Contain, Why::Suspended)),
        State::Off | State::Cancelled => None,
    }
}

/// Returns whether generation `a` comes before `b`. Generations wrap; two that are compared are never far apart.
pub const fn is_older(a: u32, b: u32) -> bool {
    (b.wrapping_sub(a) as i32) > 0
}

/// Returns the error of a start of a core in this state.
const fn refuse(state: State) -> Result<(), StartError> {
    match state {
        State::Off => Ok(()),
        State::Claimed | State::Pending | State::Cancelled => Err(StartError::OnPending),
        State::On | State::Suspended | State::Stopping | State::Parked => Err(StartError::AlreadyOn),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::vec::Vec;

    use quell_abi::{Flags, Kind};

    use super::*;
    use crate::{Control, Phase};

    const ENTRY: Entry = Entry { address: 0x1000, context: 7, big_endian: true };
    const OTHER: Entry = Entry { address: 0x2000, context: 8, big_endian: false };

    /// Runs `test` on a core 0 that is ON and a core 1 whose word is in this state, with the generation 5.
    fn with_core(state: State, test: impl FnOnce(CoreTable<'_>, &CoreSlot)) {
        let control = Control::new();
        let slots: Vec<_> = (0..2).map(|_| CoreSlot::new()).collect();
        let table = CoreTable::new(&control, &slots);
        table.cold_boot(0);
        slots[1].force(CoreWord::default().next(state, Why::None, 5));
        test(table, &slots[1]);
    }

    fn session(generation: u32) -> ControlWord {
        let word = ControlWord::with_generation(generation.wrapping_sub(1));
        let session = word.opened(Kind::Crash, Flags::default(), 0);
        assert_eq!(session.generation(), generation);
        session
    }

    fn open(table: CoreTable<'_>, session: ControlWord) {
        let control = table.control();
        control.replace(control.load(), session).unwrap();
    }

    #[test]
    fn only_a_core_that_is_off_is_started() {
        for state in State::ALL {
            with_core(state, |table, slot| {
                let before = slot.load();
                let expected = match state {
                    State::Off => Ok(()),
                    State::Claimed | State::Pending | State::Cancelled => Err(StartError::OnPending),
                    State::On | State::Suspended | State::Stopping | State::Parked => {
                        Err(StartError::AlreadyOn)
                    }
                };
                slot.write_mailbox(OTHER);
                assert_eq!(table.remote(1).unwrap().start(&table.local(0), ENTRY), expected, "{state:?}");
                if expected.is_ok() {
                    assert_eq!((slot.load().state(), slot.read_mailbox()), (State::Pending, ENTRY));
                } else {
                    assert_eq!((slot.load(), slot.read_mailbox()), (before, OTHER), "{state:?}");
                }
            });
        }
    }

    #[test]
    fn a_starter_that_is_not_on_starts_nothing() {
        with_core(State::Off, |table, slot| {
            assert!(table.local(0).leave());
            assert_eq!(table.remote(1).unwrap().start(&table.local(0), ENTRY), Err(StartError::Denied));
            assert_eq!(slot.load().changes(), 1, "its word was not touched");
        });
    }

    #[test]
    fn nobody_is_started_in_a_session() {
        for phase in [Phase::Fenced, Phase::Grace, Phase::Nmi, Phase::Partial] {
            with_core(State::Off, |table, slot| {
                let control = table.control();
                control.replace(control.load(), session(1).at(phase)).unwrap();
                let start = table.remote(1).unwrap().start(&table.local(0), ENTRY);
                assert_eq!(start, Err(StartError::Denied), "{phase:?}");
                assert_eq!(slot.load().changes(), 1, "its word was not touched");
            });
        }
    }

    #[test]
    fn a_start_keeps_the_generation_that_it_saw() {
        with_core(State::Off, |table, slot| {
            let control = table.control();
            control.replace(control.load(), session(9).at(Phase::Idle)).unwrap();
            table.remote(1).unwrap().start(&table.local(0), ENTRY).unwrap();
            assert_eq!((slot.load().generation(), slot.load().why()), (9, Why::None));
        });
    }

    #[test]
    fn a_session_contains_those_outside_the_operating_system_and_marks_those_on_their_way_out() {
        for state in State::ALL {
            with_core(state, |table, slot| {
                let before = slot.load();
                open(table, session(6));
                let (after, _) = table.remote(1).unwrap().contain(session(6));
                assert_eq!(slot.load(), after, "it returns the word as it is");
                let expected = match state {
                    State::Claimed => (State::Cancelled, Why::NeverRan),
                    State::Pending => (State::Off, Why::NeverRan),
                    State::Suspended => (State::Off, Why::Suspended),
                    State::Stopping => (State::Stopping, Why::None),
                    State::Parked => (State::Off, Why::None),
                    _ => {
                        assert_eq!(after, before, "{state:?}");
                        return;
                    }
                };
                assert_eq!((after.state(), after.why()), expected, "{state:?}");
                assert_eq!(after.generation(), 6);
            });
        }
    }

    #[test]
    fn a_pause_leaves_those_where_they_are_that_the_gate_will_hold() {
        for state in State::ALL {
            with_core(state, |table, slot| {
                let before = slot.load();
                let pause = ControlWord::with_generation(5).opened(Kind::Pause, Flags::default(), 0);
                open(table, pause);
                let (after, _) = table.remote(1).unwrap().contain(pause);
                match state {
                    State::Claimed => assert_eq!(after.state(), State::Cancelled),
                    State::Stopping | State::Parked => {
                        assert_eq!((after.state(), after.generation()), (state, 6));
                    }
                    _ => assert_eq!(after, before),
                }
            });
        }
    }

    /// What a session gives up is OFF, and quarantined if it may still be in the operating system.
    #[test]
    fn who_is_given_up_is_off_and_takes_no_step_of_its_own_until_it_arrives() {
        for state in State::ALL {
            with_core(state, |table, slot| {
                let control = table.control();
                control.replace(control.load(), session(6).at(Phase::Releasing)).unwrap();
                let (after, _) = table.remote(1).unwrap().give_up(control.load());
                let is_late = matches!(state, State::On | State::Stopping);
                assert_eq!(after.is_quarantined(), is_late, "{state:?}");
                match state {
                    State::Claimed | State::Cancelled => return assert_eq!(after.state(), State::Cancelled),
                    _ => assert_eq!(after.state(), State::Off, "{state:?}"),
                }
                control.replace(control.load(), session(6).at(Phase::Idle)).unwrap();
                assert_eq!(table.remote(1).unwrap().start(&table.local(0), ENTRY), Ok(()));
                assert_eq!(table.local(1).boot().is_some(), !is_late, "{state:?}");
                if is_late {
                    assert_eq!(slot.load().state(), State::Pending);
                    table.local(1).arrive();
                    assert_eq!(table.local(1).boot(), Some(ENTRY));
                }
            });
        }
    }

    /// A driver that comes late finds a word of the time after its session.
    #[test]
    fn nobody_is_given_up_when_the_release_is_over() {
        for state in State::ALL {
            with_core(state, |table, slot| {
                let before = slot.load();
                let control = table.control();
                control.replace(control.load(), session(5).at(Phase::Idle)).unwrap();
                table.remote(1).unwrap().give_up(session(5).at(Phase::Releasing));
                assert_eq!(slot.load(), before, "{state:?}");
            });
        }
    }

    #[test]
    fn a_session_leaves_words_alone_that_are_not_older() {
        for state in [State::Claimed, State::Pending, State::Suspended, State::Stopping, State::Parked] {
            for generation in [5, 4, 1, 5_u32.wrapping_sub(1 << 31)] {
                with_core(state, |table, slot| {
                    let before = slot.load();
                    open(table, session(generation));
                    table.remote(1).unwrap().contain(session(generation));
                    assert_eq!(slot.load(), before, "{state:?} {generation}");
                });
            }
        }
    }

    #[test]
    fn age_wraps_around() {
        assert!(is_older(0, 1) && is_older(u32::MAX, 1) && is_older(u32::MAX - 5, 3));
        assert!(!is_older(1, 1) && !is_older(1, u32::MAX) && !is_older(2, 1));
        assert!(is_older(0, i32::MAX as u32), "as far apart as can be");
    }

    #[test]
    fn the_starter_lets_go_of_a_start_that_was_cancelled() {
        with_core(State::Claimed, |table, slot| {
            let claimed = slot.load();
            let core = table.remote(1).unwrap();
            open(table, session(6));
            core.contain(session(6));
            core.take_back(claimed, CoreWord::default());
            let word = slot.load();
            assert_eq!((word.state(), word.why(), word.generation()), (State::Off, Why::NeverRan, 6));
        });
        with_core(State::Claimed, |table, slot| {
            let before = CoreWord::default().next(State::Off, Why::Nmi, 4);
            table.remote(1).unwrap().take_back(slot.load(), before);
            let word = slot.load();
            assert_eq!((word.state(), word.why(), word.generation()), (State::Off, Why::Nmi, 4));
        });
    }

    /// The core arrives at every place in the middle of its start: that is no other start, and none is lost.
    #[test]
    fn a_start_goes_on_when_the_core_arrives_meanwhile() {
        let quarantined = |state| CoreWord::default().next(state, Why::NoAnswer, 5).quarantined();
        for step in [Step::Accept, Step::RollBack] {
            with_core(State::Off, |table, slot| {
                let claimed = quarantined(State::Claimed);
                slot.force(claimed);
                table.local(1).arrive();
                let next = table.remote(1).unwrap().starter_step(claimed, step, Why::NoAnswer, 5).unwrap();
                assert!(!next.is_quarantined());
                let expected = match step {
                    Step::Accept => (State::Pending, Why::NoAnswer),
                    _ => (State::Off, Why::Nmi),
                };
                assert_eq!((next.state(), next.why()), expected);
            });
        }
        with_core(State::Off, |table, slot| {
            slot.force(quarantined(State::Cancelled));
            let cancelled = slot.load();
            table.local(1).arrive();
            table.remote(1).unwrap().drop_cancelled(cancelled);
            assert_eq!(slot.load().state(), State::Off);
        });
    }

    /// The owner of a takeover keeps the word of its own start, which is older than the session that it has taken over.
    #[test]
    fn a_driver_of_an_older_session_leaves_the_owner_of_a_later_one_alone() {
        for closes in [false, true] {
            with_core(State::On, |table, slot| {
                let halt = ControlWord::with_generation(5).opened(Kind::Halt, Flags::default(), 0);
                open(table, halt);
                let crash = halt.opened(Kind::Crash, Flags::default(), 1);
                open(table, if closes { crash.at(Phase::Idle) } else { crash });
                assert!(table.local(1).suspend(crate::Depth::Standby));
                let before = slot.load();
                assert_eq!(table.remote(1).unwrap().contain(halt), (before, None));
            });
        }
    }

    #[test]
    fn a_core_that_leaves_keeps_the_mark_of_a_later_session() {
        with_core(State::Stopping, |table, slot| {
            open(table, session(9));
            table.remote(1).unwrap().contain(session(9));
            assert!(table.local(1).publish(Why::Off, Some(6)));
            assert_eq!(slot.load().generation(), 9);
        });
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a session does to the word of a core that is not in the operating system, or that it gives up. The protocol is in the
//! crate's documentation. How a core is started is in `start.rs`.

use quell_abi::{State, Why};

use crate::{Control, ControlWord, CoreSlot, CoreWord, Protection, Role, Step, protection::intact};

/// The view that others have of a core.
#[derive(Clone, Copy, Debug)]
pub struct RemoteCore<'a> {
    pub(crate) control: &'a Control,
    pub(crate) slot: &'a CoreSlot,
}

impl<'a> RemoteCore<'a> {
    pub(crate) const fn new(control: &'a Control, slot: &'a CoreSlot) -> Self {
        Self { control, slot }
    }

    /// Returns the core's word.
    pub fn word(&self) -> CoreWord {
        self.slot.load()
    }

    /// Does to the core what the open session `session` does to one that is not in the operating system: it stops it, or
    /// holds it if it is a PAUSE. One that is on its way out, or was given up and has not arrived, is marked as a target.
    ///
    /// Returns the core's word afterwards, and the step that this call has taken, if it has. The session has fenced before.
    pub fn contain(&self, session: ControlWord) -> (CoreWord, Option<Step>) {
        // A driver may be so late that its session is over, and the core's word is of the time after it; the owner of a
        // later one has a word that is older than either. But a word that was read before the session was seen open is one
        // of its time.
        let is_open = || {
            let now = self.control.load();
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
        let is_open = || self.control.load() == session || !is_rule_c_intact();
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
        State::Off if word.is_quarantined() => Some((Step::MarkMissing, word.why())),
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

#[cfg(all(test, not(loom)))]
mod tests {
    use quell_abi::{Flags, Kind};

    use super::*;
    use crate::{
        Phase,
        testing::{ENTRY, open, session, with_core},
    };

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

    /// Who was given up by an earlier session is a target of this one until it arrives, and has stopped in it then.
    #[test]
    fn who_has_not_arrived_is_marked() {
        for kind in [Kind::Pause, Kind::Crash] {
            with_core(State::Off, |table, slot| {
                let missing = slot.load().next(State::Off, Why::NoAnswer, 5).quarantined();
                slot.force(missing);
                let next = ControlWord::with_generation(5).opened(kind, Flags::default(), 0);
                open(table, next);
                let (after, step) = table.remote(1).unwrap().contain(next);
                assert_eq!(step, Some(Step::MarkMissing));
                assert_eq!((after.is_quarantined(), after.why()), (true, Why::NoAnswer));
                assert_eq!(table.remote(1).unwrap().contain(next), (after, None), "once");
                table.local(1).arrive(|_| {});
                assert_eq!((slot.load().generation(), slot.load().is_off()), (6, true));
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
                    table.local(1).arrive(|_| {});
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

// SPDX-License-Identifier: MIT OR Apache-2.0

//! A start: what CPU_ON does to the word of its target. The protocol is in the crate's documentation.

use quell_abi::{State, Why};

use crate::{
    ControlWord, CoreWord, Entry, LocalCore, Protection, RemoteCore, Role, Step,
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

/// How often a starter tries to claim a core that is OFF each time that it looks.
const CLAIMS: usize = 3;

impl RemoteCore<'_> {
    /// Accepts a start of the core by `starter`; the caller rings the core's doorbell then.
    ///
    /// # Errors
    ///
    /// A start that is refused has not touched the core's mailbox unless the core was OFF.
    pub fn start(&self, starter: &LocalCore<'_>, entry: Entry) -> Result<(), StartError> {
        let seen = self.control.load();
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
            match self.slot.step(Role::Starter, word, Step::Claim, Why::None, generation) {
                Ok(claimed) => return Ok((word, claimed)),
                // It is not OFF; or another's start came and went, or the core has arrived in the pen.
                Err(now) => {
                    refuse(now.state())?;
                    word = now;
                }
            }
        }
        Err(StartError::OnPending)
    }

    /// Takes a step of the starter; the core may arrive in the pen meanwhile, which does not change its state.
    #[inline(always)]
    fn starter_step(
        &self,
        seen: CoreWord,
        step: Step,
        why: Why,
        generation: u32,
    ) -> Result<CoreWord, CoreWord> {
        let taken = self.slot.step(Role::Starter, seen, step, why, generation);
        taken.or_else(|now| self.step_after_arrival(seen, now, step, why, generation))
    }

    #[cold]
    fn step_after_arrival(
        &self,
        seen: CoreWord,
        now: CoreWord,
        step: Step,
        why: Why,
        generation: u32,
    ) -> Result<CoreWord, CoreWord> {
        let has_arrived = seen.is_quarantined() && !now.is_quarantined();
        if !has_arrived || now.state() != seen.state() {
            return Err(now);
        }
        // OFF again, it is so because it has arrived.
        let why = if step == Step::RollBack { Why::Nmi } else { why };
        self.slot.step(Role::Starter, now, step, why, generation)
    }

    /// Returns whether no session has opened since the control word was `seen` idle.
    fn unchanged_since(&self, seen: ControlWord) -> bool {
        if !intact(Protection::Recheck) {
            return true;
        }
        let now = self.control.load();
        if intact(Protection::WholeWord) { now == seen } else { !now.is_open() }
    }

    /// Takes back a start that was claimed and not accepted: the core is OFF as it was `before`.
    #[cold]
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
    use super::*;
    use crate::{
        Phase,
        testing::{ENTRY, OTHER, open, session, with_core},
    };

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
                table.local(1).arrive(|_| {});
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
            table.local(1).arrive(|_| {});
            table.remote(1).unwrap().drop_cancelled(cancelled);
            assert_eq!(slot.load().state(), State::Off);
        });
    }
}

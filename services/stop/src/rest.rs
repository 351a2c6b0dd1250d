// SPDX-License-Identifier: MIT OR Apache-2.0

//! The last session: the machine is about to end, or the firmware found itself wrong. Every other core comes to rest, so
//! that nobody writes memory while the machine resets, and nobody comes back.
//!
//! | the open session | who opens the last one |
//! |---|---|
//! | none, or one of the caller's own | the caller |
//! | a HALT of another core | the caller |
//! | a PAUSE of another core | nobody: the caller is held, and looks again when it is over |
//! | a KEXEC or a CRASH of another core | nobody: the caller is stopped, for a reboot may not kill the dump |
//! | any, and the caller is not ON | nobody: it is stopped |
//! | the last one already | nobody: the caller is stopped; of two cores that end the machine one does |
//!
//! It is a session in a phase that has no way out, [`Phase::Final`]: the gate stops whoever comes to it, no start is
//! accepted, and what sleeps is taken OFF. Its owner waits for the others, but not for ever: it ends the machine even if
//! one does not answer.

use quell_abi::{Flags, Kind, State, Why};
use quell_power::{ControlWord, LocalCore, Phase, Protection, full_fence};

use crate::{Hardware, Stop, begin::TRIES, drive::RESEND, pen::Way, slot::Parameters, tally::is_left};

/// How long the others have, in microseconds: longer than the slowest emulation of the largest machine takes.
const LONGEST_REST: u64 = 5_000_000;

/// How an attempt to open the last session ends.
enum Last {
    Opened(ControlWord),
    /// This session stops the caller.
    Forbidden(ControlWord),
    /// Others changed the control word all the time.
    Contended,
}

impl<H: Hardware> Stop<'_, H> {
    /// Brings every other core to rest, for the caller to end the machine; [`Way::Pen`] if a session stops it instead.
    pub fn rest(&self, caller: &LocalCore<'_>) -> Way {
        let forbids = |seen: ControlWord| {
            // As for BEGIN: a core that is not ON any more (its operating system was replaced under it) ends nothing.
            caller.word().state() != State::On
                || seen.targets(caller.index()) && (seen.kind() != Kind::Halt || seen.phase() == Phase::Final)
        };
        loop {
            match self.open_last(caller.index(), forbids) {
                Last::Opened(session) => {
                    self.await_rest(session);
                    return Way::Back;
                }
                Last::Forbidden(session) => {
                    if self.stop(caller, session, Why::Nmi) == Way::Pen {
                        return Way::Pen;
                    }
                }
                // A machine that shall end does.
                Last::Contended => return Way::Back,
            }
        }
    }

    /// Brings every other core to rest in place of the session `over`, for the caller to reset the machine; false if it is not
    /// that session any more.
    pub(crate) fn rest_instead_of(&self, over: ControlWord, caller: &LocalCore<'_>) -> bool {
        match self.open_last(caller.index(), |seen| seen != over) {
            Last::Opened(session) => {
                self.await_rest(session);
                true
            }
            Last::Forbidden(_) | Last::Contended => false,
        }
    }

    /// Waits until no other core can run the operating system, but not for ever.
    fn await_rest(&self, session: ControlWord) {
        // The control word before the words of the others: the other half is in `RemoteCore::start` and in
        // `LocalCore::enter`.
        full_fence(Protection::SessionFence);
        let begin = self.hardware.now();
        let mut next = begin;
        loop {
            let left = || (0..self.table.len()).filter(|&core| self.can_run(core, session));
            let now = self.hardware.now();
            if left().next().is_none() || now.saturating_sub(begin) >= self.ticks(LONGEST_REST) {
                return;
            }
            if now >= next {
                self.hardware.send_stop(left());
                next = now.saturating_add(self.ticks(RESEND));
            }
            core::hint::spin_loop();
        }
    }

    /// Stops every other core whatever is going on, for a report; nobody waits for them.
    pub fn fail(&self, owner: usize) {
        if self.table.is_empty() {
            // So early that the cores are not known yet: none runs.
            return;
        }
        // If another core fails, or ends the machine, at the same time, its session serves as well.
        let _ = self.open_last(owner, |seen| seen.targets(owner) && seen.phase() == Phase::Final);
        self.hardware.send_stop((0..self.table.len()).filter(|&core| core != owner));
    }

    /// Opens the last session, unless the control word that it finds forbids it.
    fn open_last(&self, owner: usize, forbids: impl Fn(ControlWord) -> bool) -> Last {
        let now = self.hardware.now();
        let mut seen = self.table.control().load();
        for _ in 0..TRIES {
            if forbids(seen) {
                return Last::Forbidden(seen);
            }
            let session = seen.opened(Kind::Crash, Flags::default(), owner).at(Phase::Final);
            let parameters = Parameters {
                grace_end: now,
                nmi_end: now,
                lease_end: u64::MAX,
                cookie: 0,
                first_generation: session.generation(),
            };
            self.slots[owner].write_parameters(session.generation(), parameters);
            match self.table.control().replace(seen, session) {
                Ok(()) => return Last::Opened(session),
                Err(now) => seen = now,
            }
        }
        Last::Contended
    }

    /// Returns whether a core can still run the operating system; one that sleeps is taken OFF.
    fn can_run(&self, index: usize, session: ControlWord) -> bool {
        let core = self.core(index);
        index != session.owner() && is_left(core.contain(session).0, session)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use quell_abi::Why;
    use quell_power::{Depth, Gate};

    use super::*;
    use crate::testing::{MILLISECOND, Machine, Sent};

    #[test]
    fn a_machine_of_one_core_is_at_rest() {
        let machine = Machine::new(1);
        assert_eq!(machine.stop().rest(&machine.table().local(0)), Way::Back);
        assert_eq!(machine.phase(), Phase::Final);
        assert!(machine.sent().is_empty());
    }

    #[test]
    fn those_outside_the_operating_system_are_taken_off_and_all_others_are_told() {
        let machine = Machine::new(5);
        machine.off(3);
        machine.off(4);
        machine.start(0, 3);
        assert!(machine.table().local(2).suspend(Depth::Core));
        machine.tick(MILLISECOND);
        assert_eq!(machine.stop().rest(&machine.table().local(0)), Way::Back, "it gives up on core 1");
        let states = [1, 2, 3, 4].map(|core| machine.table().local(core).word().state());
        assert_eq!(states, [State::On, State::Off, State::Off, State::Off]);
        let sent = machine.sent();
        assert!(sent.len() > 1000 && sent.iter().all(|sent| *sent == Sent::Stop(vec![1])), "again and again");
        for gate in [LocalCore::enter, LocalCore::resume] {
            assert!(matches!(gate(&machine.table().local(1)), Gate::Stop { .. }));
            assert_eq!(gate(&machine.table().local(0)), Gate::Pass);
        }
        assert!(machine.table().local(3).boot().is_none(), "its start was withdrawn");
    }

    #[test]
    fn it_ends_as_soon_as_the_last_one_has_stopped() {
        let machine = Machine::new(2);
        machine.off(1);
        assert_eq!(machine.stop().rest(&machine.table().local(0)), Way::Back);
        assert!(machine.sent().is_empty());
    }

    #[test]
    fn one_core_ends_the_machine() {
        let machine = Machine::new(3);
        let stop = machine.stop();
        stop.fail(0);
        let generation = machine.table().control().load().generation();
        assert_eq!(stop.rest(&machine.table().local(1)), Way::Pen);
        assert_eq!(machine.table().local(1).word().generation(), generation);
        assert_eq!(machine.table().control().load().owner(), 0);
        stop.fail(2);
        assert_eq!(machine.table().control().load().owner(), 0, "the first failure is the one to report");
        assert_eq!(machine.sent(), [Sent::Stop(vec![1, 2]), Sent::Stop(vec![0, 1])]);
    }

    #[test]
    fn a_reboot_does_not_kill_the_dump() {
        for (kind, wins) in [(Kind::Halt, true), (Kind::Kexec, false), (Kind::Crash, false)] {
            for caller in [0, 1] {
                let machine = Machine::new(2);
                machine.begin(0, kind, [1, 1]);
                machine.tick(MILLISECOND);
                let expected = if wins || caller == 0 { Way::Back } else { Way::Pen };
                assert_eq!(
                    machine.stop().rest(&machine.table().local(caller)),
                    expected,
                    "{kind:?} {caller}"
                );
            }
        }
    }

    #[test]
    fn a_core_that_is_not_on_ends_nothing() {
        let machine = Machine::new(2);
        machine.tick(MILLISECOND);
        machine.off(1);
        assert_eq!(machine.stop().rest(&machine.table().local(1)), Way::Pen);
        assert_eq!(machine.phase(), Phase::Idle, "nothing has changed");
    }

    #[test]
    fn a_core_that_stops_has_stopped_in_the_last_session() {
        let machine = Machine::new(2);
        machine.stop().fail(0);
        let Gate::Stop { session } = machine.table().local(1).resume() else { panic!("it is stopped") };
        machine.stop_core(1, Why::Nmi, u64::from(session.generation()), 0);
        assert_eq!(machine.stop().rest(&machine.table().local(0)), Way::Back, "its owner may open it again");
    }
}

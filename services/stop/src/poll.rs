// SPDX-License-Identifier: MIT OR Apache-2.0

//! POLL: drive a session for a while and tell how far it is.
//!
//! | x0 | when |
//! |---|---|
//! | DONE | every core but the owner is OFF |
//! | PENDING | cores are left, and time: x2 microseconds to the next deadline |
//! | PARTIAL | cores are left, and no time |
//! | INVALID_PARAMETERS | the budget is above 1000 microseconds |
//! | NO_SESSION | there never was one, or it was a PAUSE and is over |
//! | STALE_HANDLE | the handle is not that of the newest session |
//!
//! With the first three: x1 counts acked, nmi, off and left in 16 bits each, x3 is the MPIDR of one that is left, or ~0.

use quell_abi::Status;
use quell_power::{ControlWord, LocalCore};

use crate::{Hardware, Outcome, Stop, progress::Progress};

/// The longest budget in microseconds: a call into EL3 is bounded.
const LONGEST_BUDGET: u64 = 1_000;

impl<H: Hardware> Stop<'_, H> {
    pub(crate) fn poll(&self, handle: u64, budget: u64, caller: &LocalCore<'_>) -> Outcome {
        if budget > LONGEST_BUDGET {
            return Status::InvalidParameters.into();
        }
        if let Err(status) = self.check_handle(self.table.control().load(), handle) {
            return status.into();
        }
        let generation = handle as u32;
        let end = self.hardware.now().saturating_add(self.ticks(budget));
        loop {
            let progress = self.drive(generation, caller);
            let control = self.table.control().load();
            // A target that polls does not wait in EL3 for its own stop: the gate is where that happens.
            let is_stopped = control.targets(caller.index()) && control.phase().stops();
            if !matches!(progress, Progress::Pending(..)) || is_stopped || self.hardware.now() >= end {
                return self.report(progress, None);
            }
            self.wait(generation, end);
        }
    }

    /// Returns an error if a handle is not that of the newest session.
    pub(crate) fn check_handle(&self, newest: ControlWord, handle: u64) -> Result<(), Status> {
        match newest.generation() {
            0 => Err(Status::NoSession),
            generation if u64::from(generation) != handle => Err(Status::StaleHandle),
            _ => Ok(()),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use quell_abi::{Call, Kind, Why};
    use quell_power::Phase;

    use super::*;
    use crate::testing::{MILLISECOND, Machine};

    const CRASH: Kind = Kind::Crash;

    #[test]
    fn errors_come_in_this_order() {
        let machine = Machine::new(2);
        assert_eq!(machine.status(0, Call::Poll, &[0, LONGEST_BUDGET + 1]), Status::InvalidParameters);
        assert_eq!(machine.status(0, Call::Poll, &[0, u64::MAX]), Status::InvalidParameters);
        for handle in [0, 1, u64::MAX] {
            assert_eq!(machine.status(0, Call::Poll, &[handle, 0]), Status::NoSession);
        }
        let handle = machine.begin(0, CRASH, [1, 1]);
        assert_eq!(machine.status(0, Call::Poll, &[handle, LONGEST_BUDGET + 1]), Status::InvalidParameters);
        for stale in [0, handle - 1, handle + 1, handle | 1 << 32, handle | 1 << 63, u64::MAX] {
            assert_eq!(machine.status(0, Call::Poll, &[stale, 0]), Status::StaleHandle, "{stale:#x}");
        }
    }

    /// A stale handle drives nothing: neither the session of before nor the one that is open.
    #[test]
    fn a_stale_handle_changes_nothing() {
        let machine = Machine::new(2);
        let first = machine.begin(0, Kind::Halt, [1, 1]);
        machine.begin(0, CRASH, [1, 1]);
        machine.advance(10 * MILLISECOND);
        let before = machine.table().control().load();
        assert_eq!(machine.status(1, Call::Poll, &[first, 0]), Status::StaleHandle);
        assert_eq!(machine.table().control().load(), before);
        assert!(machine.sent().is_empty());
    }

    #[test]
    fn an_older_session_is_stale_when_the_newer_is_done() {
        let machine = Machine::new(2);
        machine.off(1);
        let first = machine.begin(0, CRASH, [1, 1]);
        assert_eq!(machine.poll(0, first).status, Status::Success);
        let second = machine.begin(0, CRASH, [1, 1]);
        assert_eq!(machine.status(0, Call::Poll, &[first, 0]), Status::StaleHandle);
        assert_eq!(machine.poll(0, second).status, Status::Success);
    }

    /// Returns how many ticks a POLL by `caller` with this budget takes.
    fn duration(machine: &Machine, caller: usize, budget: u64) -> u64 {
        let begun = machine.time();
        machine.call(caller, Call::Poll, &[1, budget]);
        machine.time() - begun
    }

    #[test]
    fn the_budget_is_waited_for_and_no_longer() {
        let machine = Machine::new(2);
        machine.begin(0, CRASH, [100, 100]);
        machine.tick(100);
        let once = duration(&machine, 0, 0);
        assert!(once < MILLISECOND / 10, "{once}");
        let full = duration(&machine, 0, LONGEST_BUDGET);
        assert!((MILLISECOND..MILLISECOND + 2 * once).contains(&full), "{full}");
        machine.stop_core(1, Why::Ack, 1, 0);
        assert!(duration(&machine, 0, LONGEST_BUDGET) <= once, "DONE ends the wait");
    }

    #[test]
    fn a_target_does_not_wait_for_its_own_stop() {
        let machine = Machine::new(2);
        machine.begin(0, CRASH, [0, 100]);
        machine.tick(100);
        assert_eq!(machine.phase(), Phase::Nmi);
        assert!(duration(&machine, 1, LONGEST_BUDGET) < MILLISECOND / 10);
        assert!(duration(&machine, 0, LONGEST_BUDGET) >= MILLISECOND);
    }

    #[test]
    fn partial_ends_the_wait() {
        let machine = Machine::new(2);
        machine.begin(0, CRASH, [0, 0]);
        machine.tick(100);
        assert!(duration(&machine, 0, LONGEST_BUDGET) < MILLISECOND / 10);
    }
}

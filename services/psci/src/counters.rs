// SPDX-License-Identifier: MIT OR Apache-2.0

//! What has happened to a core, counted: for a crash report.
//!
//! Only the core itself counts, so a load and a store do; whoever reads sees numbers that were true a moment ago. They
//! wrap around after 2^32.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::{Error, Function};

/// The counters of one core.
#[derive(Debug)]
pub struct Counters {
    calls: [AtomicU32; Function::ALL.len()],
    errors: [AtomicU32; Error::ALL.len()],
    stray_doorbells: AtomicU32,
}

/// Adds one to a counter of the calling core.
fn count(counter: &AtomicU32) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

impl Counters {
    pub(crate) const fn new() -> Self {
        Self {
            calls: [const { AtomicU32::new(0) }; Function::ALL.len()],
            errors: [const { AtomicU32::new(0) }; Error::ALL.len()],
            stray_doorbells: AtomicU32::new(0),
        }
    }

    pub(crate) fn clear(&self) {
        for counter in self.calls.iter().chain(&self.errors).chain([&self.stray_doorbells]) {
            counter.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_call(&self, function: Function) {
        count(&self.calls[function as usize]);
    }

    /// Counts an error, and returns its code.
    pub(crate) fn counted(&self, error: Error) -> i32 {
        count(&self.errors[error as usize]);
        error.code()
    }

    /// Counts a doorbell that had nothing to say.
    pub fn count_stray_doorbell(&self) {
        count(&self.stray_doorbells);
    }

    /// Returns every counter that is not 0, with its name: calls by function, failures by code, doorbells that came
    /// for nothing.
    pub fn nonzero(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let calls = Function::ALL.iter().map(|function| function.name()).zip(&self.calls);
        let errors = Error::ALL.iter().map(|error| error.name()).zip(&self.errors);
        calls
            .chain(errors)
            .chain([("stray_doorbells", &self.stray_doorbells)])
            .map(|(name, counter)| (name, counter.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count != 0)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use crate::testing::{ENTRY, Machine};

    #[test]
    fn calls_and_failures_are_counted_at_their_caller() {
        let machine = Machine::new(3);
        machine.boot(1);
        machine.call(0, [0x8400_0000, 0, 0, 0]);
        machine.call(0, [0xc400_0003, 2, ENTRY, 0]);
        machine.call(1, [0xc400_0003, 2, ENTRY, 0]);
        machine.call(1, [0x8400_001f, 0, 0, 0]);
        let counted = |core| machine.psci().counters(core).nonzero().collect::<Vec<_>>();
        assert_eq!(counted(0), [("PSCI_VERSION", 1), ("CPU_ON", 1)]);
        assert_eq!(counted(1), [("CPU_ON", 1), ("NOT_SUPPORTED", 1), ("ON_PENDING", 1)]);
        machine.psci().counters(2).count_stray_doorbell();
        assert_eq!(counted(2), [("stray_doorbells", 1)]);
        machine.slot(1).clear();
        assert_eq!(counted(1), []);
    }
}

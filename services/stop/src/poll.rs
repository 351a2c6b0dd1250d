// SPDX-License-Identifier: MIT OR Apache-2.0

//! POLL: drive a session for a while and tell how far it is.
//!
//! | x0 | when |
//! |---|---|
//! | DONE | every core but the owner is OFF |
//! | PENDING | cores are left, and time: x2 microseconds to the next deadline |
//! | PARTIAL | cores are left, and no time |
//! | INVALID_PARAMETERS | the budget is above 1000 microseconds |
//! | NO_SESSION | there never was one |
//! | STALE_HANDLE | the handle is not that of the newest session |
//!
//! With the first three: x1 counts acked, nmi, off and left in 16 bits each, x3 is the MPIDR of one that is left, or ~0.

use quell_abi::Status;
use quell_power::LocalCore;

use crate::{Hardware, Outcome, Stop, drive::Progress};

/// The longest budget in microseconds: a call into EL3 is bounded.
const LONGEST_BUDGET: u64 = 1_000;

impl<H: Hardware> Stop<'_, H> {
    pub(crate) fn poll(&self, handle: u64, budget: u64, caller: &LocalCore<'_>) -> Outcome {
        if budget > LONGEST_BUDGET {
            return Status::InvalidParameters.into();
        }
        if self.table.control().load().generation() == 0 {
            return Status::NoSession.into();
        }
        let Ok(generation) = u32::try_from(handle) else {
            return Status::StaleHandle.into();
        };
        let end = self.hardware.now().saturating_add(self.ticks(budget));
        loop {
            let progress = self.drive(generation);
            let control = self.table.control().load();
            // A target that polls does not wait in EL3 for its own stop: the gate is where that happens.
            let is_stopped = control.targets(caller.index()) && control.phase().stops();
            if !matches!(progress, Progress::Pending { .. }) || is_stopped || self.hardware.now() >= end {
                return progress.into();
            }
            core::hint::spin_loop();
        }
    }
}

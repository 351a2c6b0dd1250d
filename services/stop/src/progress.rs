// SPDX-License-Identifier: MIT OR Apache-2.0

//! How far a session is, and how POLL and SYNC tell it.

use quell_abi::Status;
use quell_arch::Answer;

use crate::{Hardware, Outcome, Stop, tally::Tally};

/// x3 when no core is left, or missing.
pub(crate) const NOBODY: u64 = u64::MAX;

/// How far a session is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// No core is left.
    Done(Tally),
    /// Cores are left, and time: microseconds to the next deadline.
    Pending(Tally, u64),
    /// Cores are left, and no time.
    Partial(Tally),
    /// It was a PAUSE, and is over.
    Over,
    /// The session is not the newest one.
    Stale,
}

impl<H: Hardware> Stop<'_, H> {
    /// Returns what POLL says of a session that is so far; with its handle in x4 for SYNC, whose caller has none.
    pub(crate) fn report(&self, progress: Progress, handle: Option<u32>) -> Outcome {
        let (status, tally, remaining) = match progress {
            Progress::Done(tally) => (Status::Success, tally, 0),
            Progress::Pending(tally, remaining) => (Status::Pending, tally, remaining),
            Progress::Partial(tally) => (Status::Partial, tally, 0),
            Progress::Over => return Status::NoSession.into(),
            Progress::Stale => return Status::StaleHandle.into(),
        };
        let straggler = tally.straggler().map_or(NOBODY, |index| self.hardware.affinity_of(index));
        let results = [status.to_register(), tally.counts(), remaining, straggler];
        Outcome::Return(match handle {
            Some(handle) => {
                Answer::registers([results[0], results[1], results[2], results[3], handle.into()])
            }
            None => Answer::registers(results),
        })
    }

    /// Returns ticks in microseconds, rounded up: a caller that waits as long as it is told finds the deadline past.
    pub(crate) fn microseconds(&self, ticks: u64) -> u64 {
        let frequency = self.hardware.frequency();
        ticks / frequency * 1_000_000 + (ticks % frequency * 1_000_000).div_ceil(frequency)
    }
}

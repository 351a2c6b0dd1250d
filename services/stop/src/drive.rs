// SPDX-License-Identifier: MIT OR Apache-2.0

//! Driving a session: see who is left, and take the next step when it is due.

use core::sync::atomic::{Ordering, fence};

use quell_abi::{State, Status, Why};
use quell_arch::Answer;
use quell_power::{ControlWord, CoreTable, CoreWord, Phase};

use crate::{Hardware, Outcome, Stop};

/// How often the secure interrupt is sent again while cores are left, in microseconds. Interrupts merge, and one that
/// came before its target's word said ON was cleared.
const RESEND: u64 = 1_000;

/// A session has five phases: a driver that goes round more often than twice that lost every swap to another driver.
const ROUNDS: usize = 10;

/// What POLL answers when no core is left.
const NOBODY: u64 = u64::MAX;

/// How the cores of a session stand.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    acked: u64,
    nmi: u64,
    off: u64,
    left: u64,
    /// Index of one that is left.
    straggler: Option<usize>,
}

impl Tally {
    /// Adds a core, whose word is no older than the row of sessions that began with `first_generation` if it was stopped
    /// by them.
    fn add(&mut self, index: usize, word: CoreWord, first_generation: u32) {
        if word.state() != State::Off {
            self.left += 1;
            self.straggler = Some(index);
        } else if word.generation().wrapping_sub(first_generation) < u32::MAX / 2 {
            match word.why() {
                Why::Ack => self.acked += 1,
                Why::Nmi | Why::Lost => self.nmi += 1,
                Why::Off | Why::Suspended | Why::NeverRan => self.off += 1,
                Why::None | Why::InEl3 | Why::NoAnswer => {}
            }
        }
    }

    /// Returns how many cores the session has to stop, or has stopped.
    pub(crate) const fn targets(&self) -> u64 {
        self.contained() + self.left
    }

    /// Returns how many of them have stopped.
    pub(crate) const fn contained(&self) -> u64 {
        self.acked + self.nmi + self.off
    }

    /// Returns the cores that may be running the operating system in spite of the session.
    pub(crate) fn running<'a>(
        table: &CoreTable<'a>,
        session: ControlWord,
    ) -> impl Iterator<Item = usize> + use<'a> {
        table
            .words()
            .enumerate()
            .filter(move |(index, word)| {
                *index != session.owner()
                    && matches!(word.state(), State::On | State::Suspended | State::Stopping)
            })
            .map(|(index, _)| index)
    }
}

/// How far a session is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// No core is left.
    Done(Tally),
    /// Cores are left, and time.
    Pending {
        tally: Tally,
        /// Microseconds to the next deadline.
        remaining: u64,
        /// MPIDR of one that is left.
        straggler: u64,
    },
    /// Cores are left, and no time.
    Partial {
        tally: Tally,
        /// MPIDR of one that is left.
        straggler: u64,
    },
    /// The session is not the newest one.
    Stale,
}

impl From<Progress> for Outcome {
    fn from(progress: Progress) -> Self {
        let (status, tally, remaining, straggler) = match progress {
            Progress::Done(tally) => (Status::Success, tally, 0, NOBODY),
            Progress::Pending { tally, remaining, straggler } => {
                (Status::Pending, tally, remaining, straggler)
            }
            Progress::Partial { tally, straggler } => (Status::Partial, tally, 0, straggler),
            Progress::Stale => return Status::StaleHandle.into(),
        };
        let counts = tally.acked | tally.nmi << 16 | tally.off << 32 | tally.left << 48;
        Self::Return(Answer::registers([status.to_register(), counts, remaining, straggler]))
    }
}

impl<H: Hardware> Stop<'_, H> {
    /// Takes the session with this generation as far as it goes now.
    pub(crate) fn drive(&self, generation: u32) -> Progress {
        let mut progress = Progress::Stale;
        for _ in 0..ROUNDS {
            let session = self.table.control().load();
            if session.generation() != generation || generation == 0 {
                return Progress::Stale;
            }
            let tally = self.tally(session);
            if !session.is_open() {
                return Progress::Done(tally);
            }
            let now = self.hardware.now();
            let (next, next_progress) = self.next_phase(session, tally, now);
            progress = next_progress;
            match next {
                Some(next) => {
                    let swapped = self.table.control().replace(session, session.at(next)).is_ok();
                    if swapped && next == Phase::Nmi {
                        self.signal(session, now);
                    }
                }
                None => {
                    if session.phase().stops() {
                        self.signal(session, now);
                    }
                    return progress;
                }
            }
        }
        progress
    }

    /// Returns the phase that is due, if one is, and how far the session is until it is entered.
    fn next_phase(&self, session: ControlWord, tally: Tally, now: u64) -> (Option<Phase>, Progress) {
        let Some(straggler) = tally.straggler.map(|index| self.hardware.affinity_of(index)) else {
            return (Some(Phase::Idle), Progress::Done(tally));
        };
        let parameters = self.slots[session.owner()].read_parameters(session);
        let until =
            |end: u64| Progress::Pending { tally, remaining: self.microseconds(end - now), straggler };
        match session.phase() {
            Phase::Fenced if now < parameters.grace_end => (Some(Phase::Grace), until(parameters.grace_end)),
            Phase::Grace if now < parameters.grace_end => (None, until(parameters.grace_end)),
            Phase::Fenced | Phase::Grace => {
                (Some(Phase::Nmi), Progress::Pending { tally, remaining: 0, straggler })
            }
            Phase::Nmi if now < parameters.nmi_end => (None, until(parameters.nmi_end)),
            Phase::Nmi => (Some(Phase::Partial), Progress::Partial { tally, straggler }),
            Phase::Partial | Phase::Idle => (None, Progress::Partial { tally, straggler }),
        }
    }

    /// Looks at every core but the owner; in an open session those that are not in the operating system are stopped.
    pub(crate) fn tally(&self, session: ControlWord) -> Tally {
        // The load of the control word before those of the core words: the other half is in `RemoteCore::start` and in
        // `LocalCore::enter`.
        fence(Ordering::SeqCst);
        let first_generation = self.slots[session.owner()].read_parameters(session).first_generation;
        let mut tally = Tally::default();
        for index in (0..self.table.len()).filter(|&index| index != session.owner()) {
            let core = self.table.remote(index).expect("the index is below the table's length");
            let word = if session.is_open() { self.contain(index, session) } else { core.word() };
            tally.add(index, word, first_generation);
        }
        tally
    }

    /// Stops a core that is not in the operating system, and notes when.
    fn contain(&self, index: usize, session: ControlWord) -> CoreWord {
        let core = self.table.remote(index).expect("the index is below the table's length");
        let before = core.word();
        if matches!(before.state(), State::Off | State::On) {
            return before;
        }
        let after = core.contain(session);
        if after.state() == State::Off && after.generation() == session.generation() {
            self.slots[index].note_stop(self.hardware.now());
            if after.why() == Why::Suspended {
                // It sleeps: it is woken to capture its registers and to go where a core that is OFF belongs.
                self.hardware.send_stop(core::iter::once(index));
            }
        }
        after
    }

    /// Sends the secure interrupt to every core that is left, unless it was sent just now.
    fn signal(&self, session: ControlWord, now: u64) {
        if self.slots[session.owner()].is_time_to_send(now, self.ticks(RESEND)) {
            for target in Tally::running(&self.table, session) {
                self.slots[target].note_signal(now);
            }
            self.hardware.send_stop(Tally::running(&self.table, session));
        }
    }

    fn microseconds(&self, ticks: u64) -> u64 {
        // Rounded up: a caller that waits as long as it is told finds the deadline past.
        (u128::from(ticks) * 1_000_000).div_ceil(u128::from(self.hardware.frequency())) as u64
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the service keeps of each core beside its word.

use quell_power::{
    ControlWord,
    sync::{AtomicU64, Ordering},
};

use crate::request::Inbox;

/// The parameters of one session: absolute times are counter values.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Parameters {
    /// When the grace time is over.
    pub grace_end: u64,
    /// When the time of the secure interrupt is over.
    pub nmi_end: u64,
    /// When another core may take the session over with the same kind; `u64::MAX` for never.
    pub lease_end: u64,
    /// x6 of BEGIN, for the records.
    pub cookie: u64,
    /// Generation of the first session in a row of takeovers: what those have stopped, this one has, too.
    pub first_generation: u32,
}

/// [`Parameters`] where drivers on other cores can read them.
#[derive(Debug)]
struct ParameterSlot {
    grace_end: AtomicU64,
    nmi_end: AtomicU64,
    lease_end: AtomicU64,
    cookie: AtomicU64,
    first_generation: AtomicU64,
}

/// The bit of a time that says that the stop is over. The counter does not get there.
const OVER: u64 = 1 << 63;

/// What the service keeps of one core.
#[derive(Debug)]
#[repr(align(64))]
pub struct StopSlot {
    /// Parameters of the sessions that this core opened, by the parity of their generation.
    parameters: [ParameterSlot; 2],
    /// Counter value when the secure interrupt was first sent to it for its last stop; 0 if none was.
    signalled: AtomicU64,
    /// Counter value when it had last stopped; 0 if it has not since it began. With [`OVER`] if it has gone on since.
    stopped: AtomicU64,
    /// x1 of its ACK.
    saved_registers: AtomicU64,
    /// Counter value when a session of this core last sent the secure interrupt.
    sent: AtomicU64,
    /// What others ask of it.
    pub(crate) inbox: Inbox,
}

macro_rules! new_slots {
    ($($qualifier:tt)*) => {
        impl ParameterSlot {
            $($qualifier)* new() -> Self {
                Self {
                    grace_end: AtomicU64::new(0),
                    nmi_end: AtomicU64::new(0),
                    lease_end: AtomicU64::new(0),
                    cookie: AtomicU64::new(0),
                    first_generation: AtomicU64::new(0),
                }
            }
        }

        impl StopSlot {
            /// Returns the slot of a core that nothing has happened to.
            pub $($qualifier)* new() -> Self {
                Self {
                    parameters: [ParameterSlot::new(), ParameterSlot::new()],
                    signalled: AtomicU64::new(0),
                    stopped: AtomicU64::new(0),
                    saved_registers: AtomicU64::new(0),
                    sent: AtomicU64::new(0),
                    inbox: Inbox::new(),
                }
            }
        }
    };
}

#[cfg(not(loom))]
new_slots!(const fn);
// loom's atomics register themselves with the model when they are made.
#[cfg(loom)]
new_slots!(fn);

impl StopSlot {
    /// Forgets everything, whatever the memory held.
    pub fn clear(&self) {
        self.forget();
        for generation in 0..2 {
            self.write_parameters(generation, Parameters::default());
        }
        self.saved_registers.store(0, Ordering::Relaxed);
        self.sent.store(0, Ordering::Relaxed);
        self.inbox.clear();
    }

    /// Writes the parameters of a session that this core is about to open. Only this core may; the swap of the control
    /// word publishes them.
    pub(crate) fn write_parameters(&self, generation: u32, parameters: Parameters) {
        let half = &self.parameters[generation as usize % 2];
        half.grace_end.store(parameters.grace_end, Ordering::Relaxed);
        half.nmi_end.store(parameters.nmi_end, Ordering::Relaxed);
        half.lease_end.store(parameters.lease_end, Ordering::Relaxed);
        half.cookie.store(parameters.cookie, Ordering::Relaxed);
        half.first_generation.store(u64::from(parameters.first_generation), Ordering::Relaxed);
    }

    /// Reads the parameters of a session of this core; the caller has loaded `session` from the control word.
    pub(crate) fn read_parameters(&self, session: ControlWord) -> Parameters {
        let half = &self.parameters[session.generation() as usize % 2];
        Parameters {
            grace_end: half.grace_end.load(Ordering::Relaxed),
            nmi_end: half.nmi_end.load(Ordering::Relaxed),
            lease_end: half.lease_end.load(Ordering::Relaxed),
            cookie: half.cookie.load(Ordering::Relaxed),
            first_generation: half.first_generation.load(Ordering::Relaxed) as u32,
        }
    }

    pub(crate) fn signalled(&self) -> u64 {
        self.signalled.load(Ordering::Relaxed)
    }

    /// Notes that the secure interrupt is sent to this core. The first time in a session counts, which sends none before
    /// `earliest`.
    pub(crate) fn note_signal(&self, now: u64, earliest: u64) {
        // Two drivers may both come first; the later one's time is as true.
        if self.signalled() < earliest {
            self.signalled.store(now, Ordering::Relaxed);
        }
    }

    /// Forgets what was done to this core in an earlier life.
    pub(crate) fn forget(&self) {
        self.signalled.store(0, Ordering::Relaxed);
        self.stopped.store(0, Ordering::Relaxed);
    }

    pub(crate) fn stopped(&self) -> u64 {
        self.stopped.load(Ordering::Relaxed) & !OVER
    }

    /// Notes that this core goes on after a PAUSE: its next stop is another one.
    pub(crate) fn note_end_of_stop(&self) {
        self.stopped.store(self.stopped() | OVER, Ordering::Relaxed);
    }

    /// Notes that this core was stopped in its sleep: who contains it and the core itself both do, and the first time counts.
    pub(crate) fn note_first_stop(&self, now: u64) {
        let before = self.stopped.load(Ordering::Relaxed);
        if before == 0 || before & OVER != 0 {
            // If the swap fails, the other one has come first.
            if self.stopped.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                // Who sleeps was not signalled.
                self.signalled.store(0, Ordering::Relaxed);
            }
        }
    }

    /// Notes that this core has stopped, for a session that sent no secure interrupt before `earliest`.
    pub(crate) fn note_stop(&self, now: u64, earliest: u64) {
        if self.signalled() < earliest {
            self.signalled.store(0, Ordering::Relaxed);
        }
        self.stopped.store(now, Ordering::Relaxed);
    }

    pub(crate) fn saved_registers(&self) -> u64 {
        self.saved_registers.load(Ordering::Relaxed)
    }

    pub(crate) fn note_ack(&self, saved_registers: u64) {
        self.saved_registers.store(saved_registers, Ordering::Relaxed);
    }

    /// Returns when the secure interrupt of this core's session was last sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Notes that the secure interrupt of this core's session is sent. Two drivers may send at once: that does no harm.
    pub(crate) fn note_sent(&self, now: u64) {
        self.sent.store(now, Ordering::Relaxed);
    }
}

impl Default for StopSlot {
    fn default() -> Self {
        Self::new()
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! BEGIN: arbitration, and the opening of a session. SYNC is BEGIN and a wait.
//!
//! | x0 | when |
//! |---|---|
//! | SUCCESS | the session is open, or was done at once: x1 handle, x2 targets, x3 of them contained |
//! | INVALID_PARAMETERS | a reserved bit of x1 is set, a time is above 2^32 - 1, the SGI is not one of the non-secure world |
//! | NOT_SUPPORTED | the kind is PAUSE |
//! | DENIED | the caller owns the open session and asks for no higher kind |
//! | BUSY | another core owns it, and TRY was given in time: x1 its MPIDR, x2 the kind |
//! | does not return | another core owns it, and it is not of a lower kind: the caller is stopped |
//!
//! A grace time of 0 leaves the phase out. A lease of 0 never ends.

use quell_abi::{BEGIN_KIND_MASK, Flags, Kind, Status};
use quell_arch::Answer;
use quell_power::{ControlWord, LocalCore};

use crate::{
    Hardware, Outcome, Stop,
    drive::{Progress, Tally},
    slot::Parameters,
};

/// The most microseconds that a time may have.
const LONGEST: u64 = u32::MAX as u64;

/// x5 of a BEGIN that wants no SGI.
const NO_SGI: u64 = u64::MAX;

/// The SGIs of the non-secure world; the others are the firmware's.
const NON_SECURE_SGIS: u64 = 8;

/// The control word changes a few times in a session; who loses as many swaps as this found something impossible.
const TRIES: usize = 64;

/// The arguments of BEGIN, checked.
struct Request {
    kind: Kind,
    flags: Flags,
    grace: u64,
    nmi: u64,
    lease: u64,
    sgi: Option<u32>,
    cookie: u64,
}

impl Request {
    fn parse([x1, grace, nmi, lease, sgi, cookie]: [u64; 6]) -> Result<Self, Status> {
        let kind = Kind::from_bits(x1 & BEGIN_KIND_MASK).ok_or(Status::InvalidParameters)?;
        let flags = Flags::from_bits(x1 >> BEGIN_KIND_MASK.count_ones()).ok_or(Status::InvalidParameters)?;
        if [grace, nmi, lease].into_iter().any(|time| time > LONGEST) {
            return Err(Status::InvalidParameters);
        }
        let sgi = match sgi {
            NO_SGI => None,
            0..NON_SECURE_SGIS => Some(sgi as u32),
            _ => return Err(Status::InvalidParameters),
        };
        if kind == Kind::Pause {
            return Err(Status::NotSupported);
        }
        Ok(Self { kind, flags, grace, nmi, lease, sgi, cookie })
    }
}

/// How an attempt to open a session ends.
enum Opened {
    Yes(ControlWord),
    No(Outcome),
}

impl<H: Hardware> Stop<'_, H> {
    pub(crate) fn begin(&self, arguments: [u64; 6], caller: &LocalCore<'_>) -> Outcome {
        match self.open(arguments, caller) {
            Ok(Opened::Yes(session)) => {
                let tally = self.tally(session);
                self.drive(session.generation());
                Outcome::Return(Answer::registers([
                    Status::Success.to_register(),
                    u64::from(session.generation()),
                    tally.targets(),
                    tally.contained(),
                ]))
            }
            Ok(Opened::No(outcome)) => outcome,
            Err(status) => status.into(),
        }
    }

    pub(crate) fn sync(&self, arguments: [u64; 6], caller: &LocalCore<'_>) -> Outcome {
        match self.open(arguments, caller) {
            Ok(Opened::Yes(session)) => loop {
                let progress = self.drive(session.generation());
                // Bounded: the grace and NMI times pass. A takeover ends it with a stale handle.
                if !matches!(progress, Progress::Pending { .. }) {
                    break progress.into();
                }
                core::hint::spin_loop();
            },
            Ok(Opened::No(outcome)) => outcome,
            Err(status) => status.into(),
        }
    }

    /// Opens a session, takes one over, or says why not.
    fn open(&self, arguments: [u64; 6], caller: &LocalCore<'_>) -> Result<Opened, Status> {
        let request = Request::parse(arguments)?;
        let now = self.hardware.now();
        for _ in 0..TRIES {
            let seen = self.table.control().load();
            // A core that is not ON any more (its operating system was replaced under it) opens nothing.
            if caller.word().state() != quell_abi::State::On {
                return Err(Status::Denied);
            }
            if let Some(outcome) = self.arbitrate(seen, &request, caller.index(), now)? {
                return Ok(Opened::No(outcome));
            }
            let session = seen.opened(request.kind, request.flags, caller.index());
            self.slots[caller.index()]
                .write_parameters(session.generation(), self.parameters(&request, seen, session, now));
            if self.table.control().replace(seen, session).is_ok() {
                self.announce(session, request.sgi);
                return Ok(Opened::Yes(session));
            }
        }
        Err(Status::InternalFailure)
    }

    /// Decides whether `request` may replace the control word `seen`: `None` if it may.
    fn arbitrate(
        &self,
        seen: ControlWord,
        request: &Request,
        caller: usize,
        now: u64,
    ) -> Result<Option<Outcome>, Status> {
        if !seen.is_open() || request.kind > seen.kind() {
            return Ok(None);
        }
        if seen.owner() == caller {
            return Err(Status::Denied);
        }
        let lease_end = self.slots[seen.owner()].read_parameters(seen).lease_end;
        if request.kind == seen.kind() && now >= lease_end {
            return Ok(None);
        }
        if request.flags.contains(Flags::TRY) && !seen.phase().stops() {
            return Ok(Some(Outcome::Return(Answer::registers([
                Status::Busy.to_register(),
                self.hardware.affinity_of(seen.owner()),
                seen.kind() as u64,
            ]))));
        }
        Ok(Some(Outcome::Lost { generation: seen.generation() }))
    }

    fn parameters(&self, request: &Request, seen: ControlWord, session: ControlWord, now: u64) -> Parameters {
        let grace_end = now.saturating_add(self.ticks(request.grace));
        let first_generation = if seen.is_open() {
            self.slots[seen.owner()].read_parameters(seen).first_generation
        } else {
            session.generation()
        };
        Parameters {
            grace_end,
            nmi_end: grace_end.saturating_add(self.ticks(request.nmi)),
            lease_end: if request.lease == 0 {
                u64::MAX
            } else {
                now.saturating_add(self.ticks(request.lease))
            },
            cookie: request.cookie,
            first_generation,
        }
    }

    /// Clears what earlier sessions noted of the targets, and raises the operating system's own stop interrupt on them.
    fn announce(&self, session: ControlWord, sgi: Option<u32>) {
        for target in Tally::running(&self.table, session) {
            self.slots[target].forget();
        }
        if let Some(sgi) = sgi {
            self.hardware.send_normal(sgi, Tally::running(&self.table, session));
        }
    }

    /// Returns microseconds, at most [`LONGEST`], in ticks of the counter.
    pub(crate) fn ticks(&self, microseconds: u64) -> u64 {
        microseconds.saturating_mul(self.hardware.frequency()) / 1_000_000
    }
}

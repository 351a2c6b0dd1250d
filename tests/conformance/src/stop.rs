// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls of the stop service.

use quell_abi::{CALL_UID, Call, CoreRecord, Flags, Kind, STATE_QUARANTINED, State, UID_FID, Why};

use crate::machine::mpidr;
use crate::registers::mask_all;
use crate::smc;
use crate::verdict::{Verdict, skipped};

/// x5 of BEGIN: the firmware sends no SGI.
pub const NO_SGI: u64 = u64::MAX;

/// What a call returned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reply {
    /// x0.
    pub status: u64,
    /// x1 to x4.
    pub x: [u64; 4],
}

/// Calls with x1 and up as given.
pub fn call(call: Call, arguments: [u64; 6]) -> Reply {
    let [status, x1, x2, x3, x4, ..] = smc::call(call.fid(), arguments);
    Reply { status, x: [x1, x2, x3, x4] }
}

/// Returns whether the firmware has the service.
pub fn is_there() -> bool {
    smc::call(UID_FID, [0; 6])[..4].iter().eq(CALL_UID.map(u64::from).iter())
}

/// Returns the feature bits, the number of cores and the size of a record.
pub fn features() -> Reply {
    call(Call::Features, [0; 6])
}

/// Returns whether a call is there.
pub fn has(wanted: Call) -> bool {
    features().x[0] & wanted.feature() != 0
}

/// Returns whether a kind is there.
pub fn has_kind(wanted: Kind) -> bool {
    features().x[0] & wanted.feature() != 0
}

/// Returns whether BEGIN takes a flag.
pub fn has_flag(wanted: Flags) -> bool {
    features().x[0] & wanted.feature() != 0
}

/// Skips the case if a call is not there.
pub fn needs(wanted: Call) -> Verdict {
    if has(wanted) { Ok(()) } else { Err(skipped(format_args!("FEATURES denies {wanted:?}"))) }
}

/// Skips the case if a kind is not there.
pub fn needs_kind(wanted: Kind) -> Verdict {
    if has_kind(wanted) { Ok(()) } else { Err(skipped(format_args!("FEATURES denies {wanted:?}"))) }
}

/// Skips the case if a flag is not there.
pub fn needs_flag(wanted: Flags) -> Verdict {
    if has_flag(wanted) { Ok(()) } else { Err(skipped(format_args!("FEATURES denies {wanted:?}"))) }
}

/// The arguments of BEGIN and SYNC.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// What the session is for.
    pub kind: Kind,
    /// The flags.
    pub flags: Flags,
    /// Microseconds until those left get the secure interrupt.
    pub grace: u64,
    /// Microseconds from there until the session is given up.
    pub nmi: u64,
    /// Microseconds until others may take the session over.
    pub lease: u64,
    /// The SGI that the firmware sends to the targets, or [`NO_SGI`].
    pub sgi: u64,
    /// Anything; it comes back in the records.
    pub cookie: u64,
}

impl Request {
    /// A request that goes straight to the secure interrupt.
    pub const fn at_once(kind: Kind) -> Self {
        Self {
            kind,
            flags: Flags::from_bits(0).expect("no flag is a set of flags"),
            grace: 0,
            nmi: 2_000_000,
            lease: 10_000_000,
            sgi: NO_SGI,
            cookie: 0,
        }
    }

    /// A request with a time of grace in which the firmware sends `sgi`.
    pub const fn with_grace(kind: Kind, grace: u64, sgi: u64) -> Self {
        Self { grace, sgi, ..Self::at_once(kind) }
    }

    /// A PAUSE that goes straight to the secure interrupt and lasts at most this long.
    pub const fn pause(lease: u64) -> Self {
        Self { lease, ..Self::at_once(Kind::Pause) }
    }

    /// Returns x1 to x6.
    pub fn arguments(&self) -> [u64; 6] {
        let x1 = u64::from(self.kind as u8) | u64::from(self.flags.bits()) << 8;
        [x1, self.grace, self.nmi, self.lease, self.sgi, self.cookie]
    }

    /// BEGIN.
    pub fn begin(&self) -> Reply {
        call(Call::Begin, self.arguments())
    }

    /// SYNC.
    pub fn sync(&self) -> Reply {
        call(Call::Sync, self.arguments())
    }
}

/// POLL.
pub fn poll(handle: u64, budget: u64) -> Reply {
    call(Call::Poll, [handle, budget, 0, 0, 0, 0])
}

/// The numbers in x1 of POLL and SYNC.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Targets that answered.
    pub acked: u64,
    /// Targets that the secure interrupt stopped.
    pub nmi: u64,
    /// Targets that were or went off by themselves.
    pub off: u64,
    /// Targets that still run.
    pub left: u64,
}

impl Counts {
    /// Takes x1 apart.
    pub fn of(reply: &Reply) -> Self {
        let field = |shift: u32| reply.x[0] >> shift & 0xffff;
        Self { acked: field(0), nmi: field(16), off: field(32), left: field(48) }
    }
}

/// What becomes of the cores of a session that RELEASE ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// They go on.
    Resume = 0,
    /// They are off, and those that are left will be.
    Off = 1,
}

/// RELEASE.
pub fn release(handle: u64, fate: Fate) -> Reply {
    call(Call::Release, [handle, fate as u64, u64::MAX, 0, 0, 0])
}

/// The MPIDR of SNAPSHOT that means every other core.
pub const EVERYBODY: u64 = u64::MAX;

/// SNAPSHOT.
pub fn snapshot(mpidr: u64, timeout: u64) -> Reply {
    call(Call::Snapshot, [mpidr, timeout, 0, 0, 0, 0])
}

/// EVICT.
pub fn evict(mpidr: u64, timeout: u64) -> Reply {
    call(Call::Evict, [mpidr, timeout, 0, 0, 0, 0])
}

/// ACK with the address of saved registers. Returns only if it fails.
pub fn ack(saved_registers: u64) -> Reply {
    call(Call::Ack, [saved_registers, 0, 0, 0, 0, 0])
}

/// Answers a stop request with ACK. Returns if the request is of no session.
pub extern "C" fn answer(saved_registers: u64) {
    mask_all();
    ack(saved_registers);
}

/// What STATUS says of a core.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CoreStatus {
    /// The state byte.
    pub state: u64,
    /// The why byte.
    pub why: u64,
    /// Generation of the session that stopped it.
    pub generation: u64,
    /// CNTPCT when it was signalled.
    pub signalled: u64,
    /// CNTPCT when it had stopped.
    pub stopped: u64,
}

impl CoreStatus {
    /// Takes a reply of STATUS apart.
    pub fn of(reply: &Reply) -> Self {
        let [x1, signalled, stopped, _] = reply.x;
        Self { state: x1 & 0xff, why: x1 >> 8 & 0xff, generation: x1 >> 32, signalled, stopped }
    }

    /// Returns the reason by its name.
    pub fn why(&self) -> Option<Why> {
        Why::from_bits(self.why)
    }

    /// Returns the state by its name.
    pub fn state(&self) -> Option<State> {
        State::from_bits(self.state & !u64::from(STATE_QUARANTINED))
    }

    /// Returns whether the core was given up and has not arrived yet.
    pub fn is_quarantined(&self) -> bool {
        self.state & u64::from(STATE_QUARANTINED) != 0
    }
}

/// STATUS of a core by its MPIDR.
pub fn status_of(mpidr: u64) -> Reply {
    call(Call::Status, [mpidr, 0, 0, 0, 0, 0])
}

/// STATUS of a core that exists.
pub fn status(index: usize) -> CoreStatus {
    CoreStatus::of(&status_of(mpidr(index)))
}

/// READ to any address.
pub fn read_to(mpidr: u64, address: u64, bytes: u64) -> Reply {
    call(Call::Read, [mpidr, address, bytes, 0, 0, 0])
}

/// READ: returns the record of a core, or the status.
pub fn read(index: usize) -> Result<CoreRecord, u64> {
    let mut record = CoreRecord::EMPTY;
    let address = (&raw mut record) as u64;
    let reply = read_to(mpidr(index), address, size_of::<CoreRecord>() as u64);
    // The firmware wrote the record, not this program: look at memory again.
    let record = core::hint::black_box(record);
    if reply.status == 0 { Ok(record) } else { Err(reply.status) }
}

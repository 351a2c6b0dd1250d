// SPDX-License-Identifier: MIT OR Apache-2.0

//! Coordinated Stop ABI 1.0: the contract between the firmware and an operating system.
//!
//! The same numbers stand in `quell_abi.h` for C; a test compiles the header and compares every one of them.
//! All calls are SMC64 fast calls of owner 7 (vendor-specific EL3 monitor). Times are microseconds.
//! `docs/stop-abi.md` says what the calls promise.

#![no_std]

mod call;
mod record;
mod status;

pub use call::{
    ALL_CORES, BEGIN_KIND_MASK, CALL_UID, Call, FEATURE_FLAGS_SHIFT, FEATURE_KIND_SHIFT, Flags, Kind,
    PAUSE_LEASE_MAX, REVISION_FID, REVISION_MAJOR, REVISION_MINOR, Release, SERVICE_BASE, TIMEOUT_MAX,
    UID_FID, VERSION, VERSION_FID32,
};
pub use record::{CoreRecord, RECORD_MAGIC, RECORD_SIZE, RECORD_VERSION, World};
pub use status::{STATE_QUARANTINED, State, Status, Why};

// SPDX-License-Identifier: MIT OR Apache-2.0

//! READ writes to NS DRAM, only there, and only what was asked for.

use quell_abi::{CoreRecord, Kind, RECORD_SIZE, Status};
use zerocopy::IntoBytes;

use crate::case::cases;
use crate::cases::psci_cpu_on::not_mpidrs;
use crate::fixture::start_with_job;
use crate::machine::{DRAM_BASE, FLASH, GICD, SECURE_RAM, UART, dram_end, mpidr};
use crate::section;
use crate::stop::{self, Request};
use crate::stopped::record;
use crate::verdict::{Finding, Text, Verdict, equal, holds, status};
use crate::{psci, wedge};

cases! {
    [section::STOP_RECORD]
    /// READ to anything but RAM is INVALID_ADDRESS and writes nothing.
    "stop.read.bad_address", 2, bad_address;
    /// READ of no bytes, or too many, is refused.
    "stop.read.bad_length", 2, bad_length;
    /// READ of a core that there is not is INVALID_PARAMETERS.
    "stop.read.absent_core", 1, absent_core;
    /// READ of a core that was never captured has no valid record.
    "stop.read.never_captured", 1, never_captured;
    /// READ writes as many bytes as were asked for, and none behind.
    "stop.read.prefix", 2, prefix;
    /// A record stays when its core starts again.
    "stop.read.stays_after_restart", 2, stays_after_restart;
}

const BYTES: u64 = RECORD_SIZE as u64;
const CANARY: u8 = 0xa5;

/// Room for a record with canaries around it.
#[repr(C, align(8))]
struct Buffer([u8; 2 * RECORD_SIZE]);

impl Buffer {
    const NEW: Self = Self([CANARY; 2 * RECORD_SIZE]);

    fn address(&mut self) -> u64 {
        (&raw mut self.0) as u64
    }

    /// Returns the bytes as the firmware left them.
    fn bytes(&self) -> &[u8] {
        core::hint::black_box(&self.0)
    }
}

fn capture() -> Verdict {
    if !stop::has(quell_abi::Call::Read) {
        return Err(Finding::Skipped(Text::of(format_args!("READ is not there"))));
    }
    start_with_job(1, wedge::deaf)?;
    status("SYNC", Request::at_once(Kind::Crash).sync().status, 0)
}

fn bad_address() -> Verdict {
    capture()?;
    let mut buffer = Buffer::NEW;
    let inside = buffer.address();
    let addresses = [
        0,
        FLASH.start,
        SECURE_RAM.start,
        SECURE_RAM.start + 0x10_0000,
        GICD as u64,
        UART as u64,
        DRAM_BASE - 8,
        DRAM_BASE - BYTES,
        dram_end() - BYTES + 8,
        dram_end() - 8,
        dram_end(),
        u64::MAX - 7,
        u64::MAX - BYTES + 1,
        1 << 63 | inside,
        1 << 52 | inside,
        inside + 1,
        inside + 4,
        inside + 7,
    ];
    for address in addresses {
        let saw = stop::read_to(mpidr(1), address, BYTES).status;
        status(format_args!("READ to {address:#x}"), saw, Status::InvalidAddress as i32)?;
    }
    holds("nothing is written", buffer.bytes().iter().all(|&byte| byte == CANARY))
}

fn bad_length() -> Verdict {
    capture()?;
    let mut buffer = Buffer::NEW;
    let address = buffer.address();
    for bytes in [0, 1, 7, 12, BYTES + 1, BYTES + 8, 2 * BYTES, 1 << 32, 1 << 63, u64::MAX] {
        let saw = stop::read_to(mpidr(1), address, bytes).status;
        status(format_args!("READ of {bytes:#x} bytes"), saw, psci::INVALID_PARAMETERS)?;
    }
    holds("nothing is written", buffer.bytes().iter().all(|&byte| byte == CANARY))
}

fn needs_read() -> Verdict {
    if stop::has(quell_abi::Call::Read) {
        return Ok(());
    }
    Err(Finding::Skipped(Text::of(format_args!("READ is not there"))))
}

fn absent_core() -> Verdict {
    needs_read()?;
    let mut buffer = Buffer::NEW;
    let address = buffer.address();
    for target in not_mpidrs() {
        let saw = stop::read_to(target, address, BYTES).status;
        status(format_args!("READ of {target:#x}"), saw, psci::INVALID_PARAMETERS)?;
    }
    holds("nothing is written", buffer.bytes().iter().all(|&byte| byte == CANARY))
}

/// The boot core has been captured by nobody, or at least not as the owner of this session.
fn never_captured() -> Verdict {
    needs_read()?;
    let mut own = CoreRecord::EMPTY;
    let reply = stop::read_to(mpidr(0), (&raw mut own) as u64, BYTES);
    let own = core::hint::black_box(own);
    status("READ of the caller", reply.status, 0)?;
    equal("x1 of READ", reply.x[0], BYTES)?;
    equal("magic", own.magic.into(), quell_abi::RECORD_MAGIC.into())?;
    equal("MPIDR", own.mpidr, mpidr(0))?;
    equal("valid", own.valid.into(), 0)
}

fn prefix() -> Verdict {
    capture()?;
    let whole = record(1)?;
    for length in [8, 64, 512, RECORD_SIZE - 8, RECORD_SIZE] {
        let mut buffer = Buffer::NEW;
        let reply = stop::read_to(mpidr(1), buffer.address(), length as u64);
        status(format_args!("READ of {length} bytes"), reply.status, 0)?;
        equal("x1 of READ", reply.x[0], length as u64)?;
        let (inside, after) = buffer.bytes().split_at(length);
        holds(format_args!("the first {length} bytes of the record"), inside == &whole.as_bytes()[..length])?;
        holds(format_args!("nothing after {length} bytes"), after.iter().all(|&byte| byte == CANARY))?;
    }
    Ok(())
}

fn stays_after_restart() -> Verdict {
    capture()?;
    let before = record(1)?;
    crate::fixture::start(1)?;
    let after = match stop::read(1) {
        Ok(record) => record,
        Err(saw) => return status("READ of a core that was started again", saw, 0),
    };
    equal("valid", after.valid.into(), 1)?;
    equal("pc", after.pc, before.pc)?;
    holds("x0 to x30 as before", after.x == before.x)
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! PSCI 1.3 over the core table (Arm DEN 0022).
//!
//! One file per operation; each begins with the table of what it returns. What a call does to the core that makes it
//! (go OFF, sleep) is not done here: it is the [`Outcome`], and the monitor carries it out.

#![cfg_attr(not(test), no_std)]

mod affinity_info;
mod cpu_off;
mod cpu_on;
mod cpu_suspend;
mod error;
mod features;
mod function;
mod migrate;
mod system;
#[cfg(test)]
mod testing;

use quell_arch::FunctionId;
use quell_power::{CoreTable, LocalCore, Topology};

pub use error::Error;
use function::Function;

/// PSCI 1.3: major in bits 31:16, minor in bits 15:0.
pub const VERSION: i32 = 0x0001_0003;

/// What PSCI needs to know of the machine, and the one thing it does to it.
pub trait Hardware: Topology {
    /// Returns whether a core may begin in the non-secure world at this physical address.
    fn is_entry_point(&self, address: u64) -> bool;

    /// Returns whether the calling core's exception level has big-endian data accesses (SCTLR_ELx.EE).
    fn caller_is_big_endian(&self) -> bool;

    /// Wakes a core in the pen, after everything written before has become visible to it.
    fn ring_doorbell(&self, core: usize);
}

/// What becomes of the caller.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The call returns this in x0, sign-extended.
    Return(i32),
    /// The core goes OFF: CPU_OFF does not return.
    Off,
    /// The core sleeps until an interrupt is pending, then the call returns SUCCESS.
    Standby,
    /// The machine goes off.
    SystemOff,
    /// The machine resets.
    SystemReset,
    /// The session with this generation stops the caller: it may not end the machine under a dump.
    Stop {
        /// The session's generation.
        generation: u32,
    },
}

impl From<Result<i32, Error>> for Outcome {
    fn from(result: Result<i32, Error>) -> Self {
        Self::Return(result.unwrap_or_else(Error::code))
    }
}

/// Carries out a call of owner 4 that `caller` made with `arguments` in x1 to x3.
pub fn handle(
    function: FunctionId,
    arguments: [u64; 3],
    caller: &LocalCore<'_>,
    table: &CoreTable<'_>,
    hardware: &impl Hardware,
) -> Outcome {
    let [x1, x2, x3] = arguments.map(|register| function.argument(register));
    let Some(function) = Function::from_fid(function.bits()) else {
        return Err(Error::NotSupported).into();
    };
    match function {
        Function::Version => Ok(VERSION).into(),
        Function::CpuSuspend => cpu_suspend::handle(x1),
        Function::CpuOff => cpu_off::handle(caller, table),
        Function::CpuOn => cpu_on::handle([x1, x2, x3], caller, table, hardware).into(),
        Function::AffinityInfo => affinity_info::handle(x1, x2, table, hardware).into(),
        Function::MigrateInfoType => Ok(migrate::INFO_TYPE).into(),
        Function::SystemOff => system::handle(Outcome::SystemOff, caller, table),
        Function::SystemReset => system::handle(Outcome::SystemReset, caller, table),
        Function::Features => features::handle(x1).into(),
    }
}

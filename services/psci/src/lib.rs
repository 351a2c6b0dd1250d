// SPDX-License-Identifier: MIT OR Apache-2.0

//! PSCI 1.3 over the core table (Arm DEN 0022).
//!
//! One file per operation; each begins with the table of what it returns. What a call does to the core that makes it
//! (go OFF, sleep) is not done here: it is the [`Outcome`], and the monitor carries it out.

#![cfg_attr(not(any(test, loom)), no_std)]

mod affinity_info;
mod at_once;
mod counters;
mod cpu_off;
mod cpu_on;
mod cpu_suspend;
mod entry;
mod error;
mod features;
mod function;
mod mem_protect;
mod migrate;
mod node_hw_state;
mod power_state;
mod slot;
mod stat;
mod suspend_mode;
mod system;
mod system_suspend;
#[cfg(all(test, not(loom)))]
mod testing;

use core::ops::Range;

use quell_arch::FunctionId;
use quell_power::{CoreTable, Depth, Entry, LocalCore, RemoteCore, Topology};

pub use at_once::{AtOnce, Rest};
pub use counters::Counters;
pub use error::Error;
pub use function::Function;
pub use slot::PsciSlot;
pub use stat::Asleep;
use stat::Figure;
pub use suspend_mode::Shared;
pub use system::End;

/// PSCI 1.3: major in bits 31:16, minor in bits 15:0.
pub const VERSION: i32 = 0x0001_0003;

const SUCCESS: i32 = 0;

/// What PSCI needs to know of the machine, and the two things it does to it.
pub trait Hardware: Topology {
    /// Returns the indices of the cores that share the cluster of this one, itself among them.
    fn cluster_of(&self, index: usize) -> Range<usize>;

    /// Returns whether a core may begin in the non-secure world at this physical address.
    fn is_entry_point(&self, address: u64) -> bool;

    /// Returns whether the calling core's exception level has big-endian data accesses (SCTLR_ELx.EE).
    fn caller_is_big_endian(&self) -> bool;

    /// Wakes a core in the pen, after everything written before has become visible to it.
    fn ring_doorbell(&self, core: usize);

    /// Says whether the next reset clears RAM, and returns what was said before.
    fn replace_mem_protect(&self, on: bool) -> bool;

    /// Returns where RAM is.
    fn memory(&self) -> Range<u64>;

    /// Returns the system counter.
    fn now(&self) -> u64;

    /// Returns how often the system counter counts in a second.
    fn frequency(&self) -> u64;
}

/// What becomes of the caller.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The call returns this in x0, sign-extended.
    Return(i32),
    /// The call returns this in x0.
    Value(u64),
    /// The core goes OFF: CPU_OFF does not return.
    Off,
    /// The core sleeps until an interrupt is pending, then the call returns SUCCESS.
    Standby,
    /// The core sleeps until an interrupt is pending, then it begins anew.
    PowerDown {
        /// How much of the machine it lets go.
        depth: Depth,
        /// Where it begins.
        entry: Entry,
    },
    /// The machine ends, if no session stops the caller.
    End(End),
}

/// PSCI: the core table, what it keeps of the machine and of each core, and the machine.
#[derive(Debug)]
pub struct Psci<'a, H> {
    table: CoreTable<'a>,
    shared: &'a Shared,
    slots: &'a [PsciSlot],
    hardware: &'a H,
}

impl<'a, H: Hardware> Psci<'a, H> {
    /// Returns the service.
    ///
    /// # Panics
    ///
    /// Panics if there is not one slot for each core of the table.
    pub const fn new(
        table: CoreTable<'a>,
        shared: &'a Shared,
        slots: &'a [PsciSlot],
        hardware: &'a H,
    ) -> Self {
        assert!(slots.len() == table.len());
        Self { table, shared, slots, hardware }
    }

    /// Returns the core table.
    pub const fn table(&self) -> CoreTable<'a> {
        self.table
    }

    /// Returns what has happened to a core.
    ///
    /// # Panics
    ///
    /// Panics if there is no such core.
    pub fn counters(&self, index: usize) -> &'a Counters {
        &self.slots[index].counters
    }

    /// Carries out a call of owner 4 that `caller` made with `arguments` in x1 to x3; `counters` are the caller's.
    pub fn handle(
        &self,
        function: FunctionId,
        arguments: [u64; 3],
        caller: &LocalCore<'_>,
        counters: &Counters,
    ) -> Outcome {
        let outcome = match Function::from_fid(function.bits()) {
            Some(known) => {
                counters.count_call(known);
                self.call(
                    known,
                    function.is_smc64(),
                    arguments.map(|register| function.argument(register)),
                    caller,
                )
            }
            None => Err(Error::NotSupported),
        };
        outcome.unwrap_or_else(|error| Outcome::Return(counters.counted(error)))
    }

    fn call(
        &self,
        function: Function,
        is_smc64: bool,
        [x1, x2, x3]: [u64; 3],
        caller: &LocalCore<'_>,
    ) -> Result<Outcome, Error> {
        let success = |()| Outcome::Return(SUCCESS);
        let value = |value| Outcome::Value(if is_smc64 { value } else { value as u32 as u64 });
        match function {
            Function::Version => Ok(Outcome::Return(VERSION)),
            Function::CpuSuspend => self.cpu_suspend(x1, x2, x3, caller),
            Function::CpuOff | Function::CpuFreeze => self.cpu_off(caller),
            Function::CpuOn => self.cpu_on(x1, x2, x3, caller).map(success),
            Function::AffinityInfo => self.affinity_info(x1, x2).map(Outcome::Return),
            Function::MigrateInfoType => Ok(Outcome::Return(migrate::INFO_TYPE)),
            Function::SystemOff => Ok(Outcome::End(End::Off)),
            Function::SystemReset => Ok(Outcome::End(End::Reset)),
            Function::Features => features::handle(x1).map(Outcome::Return),
            Function::CpuDefaultSuspend => self.power_down(Depth::Core, x1, x2, caller),
            Function::NodeHwState => self.node_hw_state(x1, x2).map(Outcome::Return),
            Function::SystemSuspend => self.system_suspend(x1, x2, caller),
            Function::SetSuspendMode => self.set_suspend_mode(x1, caller).map(success),
            Function::StatResidency => Ok(value(self.stat(Figure::Residency, x1, x2))),
            Function::StatCount => Ok(value(self.stat(Figure::Count, x1, x2))),
            Function::SystemReset2 => system::reset2(x1),
            Function::MemProtect => self.mem_protect(x1).map(Outcome::Return),
            Function::MemProtectCheckRange => self.mem_protect_check_range(x1, x2).map(success),
            Function::SystemOff2 => system::off2(x1, x2),
        }
    }

    /// Returns the index of the core with these affinity fields.
    #[inline]
    fn index(&self, target: u64) -> Result<usize, Error> {
        self.hardware.index_of(target).ok_or(Error::InvalidParameters)
    }

    /// Returns the core with these affinity fields.
    #[inline]
    fn core(&self, target: u64) -> Result<RemoteCore<'a>, Error> {
        self.table.remote(self.index(target)?).ok_or(Error::InvalidParameters)
    }
}

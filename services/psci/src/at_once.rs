// SPDX-License-Identifier: MIT OR Apache-2.0

//! The short way of the calls that are made most: those that end in few instructions whatever other cores do, and those that
//! let the core rest. What they answer is in their own files, as for every other call. What is not answered here
//! [`Psci::handle`] does, and some of these, too.

use quell_arch::FunctionId;
use quell_power::LocalCore;
use smccc::psci::{PSCI_AFFINITY_INFO_64, PSCI_CPU_OFF, PSCI_CPU_ON_64, PSCI_CPU_SUSPEND_64, PSCI_VERSION};

use crate::{Counters, Error, Function, Hardware, Outcome, Psci, SUCCESS, VERSION, affinity_info};

/// The calls that have a short way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AtOnce {
    /// PSCI_VERSION: [`Psci::version_at_once`].
    Version,
    /// CPU_ON, SMC64: [`Psci::cpu_on_at_once`].
    CpuOn,
    /// A number of the standard owner that is nobody's: NOT_SUPPORTED.
    Unknown,
    /// AFFINITY_INFO, SMC64: [`Psci::affinity_info_at_once`].
    AffinityInfo,
}

/// The calls that let the core rest: [`Psci::rest_at_once`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rest {
    /// CPU_SUSPEND, SMC64.
    Suspend,
    /// CPU_OFF.
    Off,
}

impl AtOnce {
    /// Returns the call that x0 names, if it is one of them.
    #[inline(always)]
    pub const fn from_register(x0: u64) -> Option<Self> {
        // A comparison costs all that come behind it: AFFINITY_INFO feels it least.
        match x0 as u32 {
            PSCI_VERSION => Some(Self::Version),
            PSCI_CPU_ON_64 => Some(Self::CpuOn),
            _ if FunctionId::is_unknown_standard(x0) => Some(Self::Unknown),
            PSCI_AFFINITY_INFO_64 => Some(Self::AffinityInfo),
            _ => None,
        }
    }
}

impl Rest {
    /// Returns the call that x0 names, if it is one of them.
    #[inline(always)]
    pub const fn from_register(x0: u64) -> Option<Self> {
        match x0 as u32 {
            PSCI_CPU_OFF => Some(Self::Off),
            PSCI_CPU_SUSPEND_64 => Some(Self::Suspend),
            _ => None,
        }
    }
}

/// The answers; `counters` are the caller's.
impl<H: Hardware> Psci<'_, H> {
    /// Answers PSCI_VERSION.
    #[inline(always)]
    pub fn version_at_once(&self, counters: &Counters) -> i32 {
        counters.count_call(Function::Version);
        VERSION
    }

    /// Answers CPU_ON with these x1 to x3. `None` if it is denied, by a session or because the caller is not ON: nothing is left
    /// of the start, and the long way makes it again, and leads to the gate.
    #[inline(always)]
    pub fn cpu_on_at_once(
        &self,
        [target, address, context]: [u64; 3],
        caller: &LocalCore<'_>,
        counters: &Counters,
    ) -> Option<i32> {
        let code = match self.cpu_on(target, address, context, caller) {
            Ok(()) => SUCCESS,
            Err(Error::Denied) => return None,
            Err(error) => counters.counted(error),
        };
        counters.count_call(Function::CpuOn);
        Some(code)
    }

    /// Returns what becomes of a core that wants to rest, called with these x1 to x3.
    #[inline(always)]
    pub fn rest_at_once(
        &self,
        rest: Rest,
        [x1, x2, x3]: [u64; 3],
        caller: &LocalCore<'_>,
        counters: &Counters,
    ) -> Outcome {
        let outcome = match rest {
            Rest::Suspend => {
                counters.count_call(Function::CpuSuspend);
                self.cpu_suspend(x1, x2, x3, caller)
            }
            Rest::Off => {
                counters.count_call(Function::CpuOff);
                self.cpu_off(caller)
            }
        };
        outcome.unwrap_or_else(|error| Outcome::Return(counters.counted(error)))
    }

    /// Answers AFFINITY_INFO with these x1 and x2, if it is of a core that there is. `None`: nothing has happened.
    #[inline(always)]
    pub fn affinity_info_at_once(&self, target: u64, level: u64, counters: &Counters) -> Option<i32> {
        if level as u32 != 0 {
            return None;
        }
        let core = self.core(target).ok()?;
        counters.count_call(Function::AffinityInfo);
        Some(affinity_info::info(core.word()))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use quell_arch::NOT_SUPPORTED;

    use super::*;
    use crate::testing::{BAD_ENTRY, ENTRY, Machine, SUCCESS};

    /// A machine with cores in several states: ON, on its way, given up, OFF.
    fn machine() -> Machine {
        let machine = Machine::new(4);
        machine.start(1);
        machine.boot(2);
        machine.give_up(2);
        machine
    }

    fn at_once(machine: &Machine, registers: [u64; 4]) -> Option<Outcome> {
        let (psci, [x0, arguments @ ..]) = (machine.psci(), registers);
        let [x1, x2, _] = arguments;
        let counters = psci.counters(0);
        let local = &machine.table().local(0);
        if let Some(rest) = Rest::from_register(x0) {
            return Some(psci.rest_at_once(rest, arguments, local, counters));
        }
        let code = match AtOnce::from_register(x0)? {
            AtOnce::Version => psci.version_at_once(counters),
            AtOnce::CpuOn => psci.cpu_on_at_once(arguments, local, counters)?,
            AtOnce::Unknown => NOT_SUPPORTED,
            AtOnce::AffinityInfo => psci.affinity_info_at_once(x1, x2, counters)?,
        };
        Some(Outcome::Return(code))
    }

    /// Everything that a call leaves behind where others can see it.
    fn left(machine: &Machine) -> (Vec<u64>, Vec<usize>, Vec<(&'static str, u32)>) {
        let words = machine.table().words().map(|word| word.bits());
        (words.collect(), machine.rung(), machine.psci().counters(0).nonzero().collect())
    }

    /// Each call on two machines that are alike: once the short way, once the long one.
    #[test]
    fn both_ways_do_the_same() {
        let targets = (0..6).chain([1 << 8, 1 << 31, 1 << 40, 0x0001_0002, 0x0101_0022]);
        let arguments =
            targets.flat_map(|x1| [0, 1, 1 << 32, ENTRY, BAD_ENTRY, ENTRY + 1].map(|x2| (x1, x2)));
        let functions =
            [0x8400_0000, 0xffff_ffff_8400_0000, 0x8400_0002, 0xc400_0001, 0xc400_0003, 0xc400_0004];
        let mut answered = 0;
        for (x0, (x1, x2)) in arguments.flat_map(|pair| functions.map(|x0| (x0, pair))) {
            let (short, long) = (machine(), machine());
            if let Some(outcome) = at_once(&short, [x0, x1, x2, 7]) {
                assert_eq!(long.call(0, [x0, x1, x2, 7]), outcome, "{x0:#x} {x1:#x} {x2:#x}");
                answered += 1;
            }
            assert_eq!(left(&short), left(&long), "{x0:#x} {x1:#x} {x2:#x}");
        }
        // AFFINITY_INFO for level 0 of the four cores, the others in any case.
        assert_eq!(answered, 5 * 11 * 6 + 4 * 2);
    }

    #[test]
    fn all_else_goes_the_long_way() {
        let machine = machine();
        let before = left(&machine);
        assert_eq!(at_once(&machine, [0x8400_0060, 3, 0, 0]), Some(Outcome::Return(NOT_SUPPORTED)));
        for x0 in [0x8400_0001, 0x8401_0000, 0x8400_0003, 0x8400_0004, 0xc400_0000, 0, 0x0400_0000] {
            assert_eq!(at_once(&machine, [x0, 3, 0, 0]), None, "{x0:#x}");
        }
        assert_eq!(left(&machine), before);
    }

    #[test]
    fn a_start_in_a_session_goes_the_long_way() {
        let machine = Machine::new(2);
        machine.open_session(0);
        let before = left(&machine);
        assert_eq!(at_once(&machine, [0xc400_0003, 1, ENTRY, 0]), None);
        assert_eq!(left(&machine), before);
    }

    #[test]
    fn a_core_is_started_with_its_entry() {
        let machine = Machine::new(2);
        assert_eq!(at_once(&machine, [0xc400_0003, 1, ENTRY, 0xfeed]), Some(SUCCESS));
        let entry = machine.table().local(1).boot().unwrap();
        assert_eq!((entry.address(), entry.context()), (ENTRY, 0xfeed));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! PSCI_SET_SUSPEND_MODE (PSCI 1.3 section 5.1.20): who decides when a cluster powers down.
//!
//! | answer | when |
//! |---|---|
//! | INVALID_PARAMETERS | the mode is neither 0 (platform-coordinated) nor 1 (OS-initiated) |
//! | SUCCESS | it is the mode already |
//! | DENIED | to OS-initiated: a core is neither on nor the only one; to platform-coordinated: the caller is not alone |
//! | SUCCESS | the mode has changed |
//!
//! A CPU_SUSPEND that another core makes at the same time is decided by either mode.
//!
//! | mode | a cluster is down when |
//! |---|---|
//! | platform-coordinated | each of its cores is OFF, or sleeps in a power state of the cluster |
//! | OS-initiated | each is OFF or powered down, and the last one said that the cluster goes, too |

use core::sync::atomic::{AtomicU32, Ordering};

use quell_abi::State;
use quell_power::{CoreWord, Depth, LocalCore};

use crate::{Error, Hardware, Psci};

/// Who coordinates the power states of clusters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SuspendMode {
    /// The firmware: a cluster powers down when its last core lets it go.
    PlatformCoordinated = 0,
    /// The operating system: its last core says so, and must be the last.
    OsInitiated = 1,
}

/// What PSCI keeps of the machine as a whole.
#[derive(Debug)]
pub struct Shared {
    mode: AtomicU32,
}

impl Shared {
    /// Returns what there is to keep at a cold boot.
    pub const fn new() -> Self {
        Self { mode: AtomicU32::new(SuspendMode::PlatformCoordinated as u32) }
    }

    pub(crate) fn mode(&self) -> SuspendMode {
        if self.mode.load(Ordering::Acquire) == SuspendMode::OsInitiated as u32 {
            SuspendMode::OsInitiated
        } else {
            SuspendMode::PlatformCoordinated
        }
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Hardware> Psci<'_, H> {
    /// Returns whether a core in this state does not keep its cluster from going down.
    pub(crate) fn lets_cluster_go(&self, word: CoreWord) -> bool {
        let least = match self.shared.mode() {
            SuspendMode::PlatformCoordinated => Depth::Cluster,
            SuspendMode::OsInitiated => Depth::Core,
        };
        word.is_off() || word.depth() >= Some(least)
    }

    #[inline(never)]
    pub(crate) fn set_suspend_mode(&self, mode: u64, caller: &LocalCore<'_>) -> Result<(), Error> {
        // The mode is 32 bits wide.
        let mode = match mode as u32 {
            0 => SuspendMode::PlatformCoordinated,
            1 => SuspendMode::OsInitiated,
            _ => return Err(Error::InvalidParameters),
        };
        if mode == self.shared.mode() {
            return Ok(());
        }
        let all_on = || {
            let words = || self.table.words().all(|word| word.state() == State::On);
            self.table.settled(0..self.table.len(), words) == Some(true)
        };
        if self.table.is_alone(caller.index()) || (mode == SuspendMode::OsInitiated && all_on()) {
            self.shared.mode.store(mode as u32, Ordering::Release);
            Ok(())
        } else {
            Err(Error::Denied)
        }
    }
}

#[cfg(test)]
mod tests {
    use quell_power::Depth;

    use crate::{
        Error, Outcome,
        testing::{Machine, SUCCESS, returns},
    };

    const SET_SUSPEND_MODE: u64 = 0x8400_000f;

    #[test]
    fn the_mode_changes_when_the_others_can_not_tell() {
        let machine = Machine::new(3);
        let set = |mode| machine.call(0, [SET_SUSPEND_MODE, mode, 0, 0]);
        assert_eq!([2, 0xffff_ffff].map(set), [returns(Error::InvalidParameters); 2]);
        assert_eq!(set(0), SUCCESS, "it is so");
        assert_eq!(set(0xffff_ffff_0000_0001), SUCCESS, "it is alone");
        machine.boot(1);
        assert_eq!((set(1), set(0)), (SUCCESS, returns(Error::Denied)));
        machine.boot(2);
        assert_eq!(set(0), returns(Error::Denied), "not even if all are on");
        for core in [1, 2] {
            machine.off(core);
        }
        assert_eq!(set(0), SUCCESS);
        machine.boot(1);
        assert_eq!(set(1), returns(Error::Denied), "some are on");
        machine.boot(2);
        assert_eq!(set(1), SUCCESS, "all are on");
    }

    #[test]
    fn a_core_that_sleeps_is_not_on() {
        let machine = Machine::new(2);
        machine.boot(1);
        assert!(machine.table().local(1).suspend(Depth::Core));
        let set = machine.call(0, [SET_SUSPEND_MODE, 1, 0, 0]);
        assert_eq!(set, Outcome::Return(-3));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_SUSPEND and CPU_DEFAULT_SUSPEND (PSCI 1.3 sections 5.1.2 and 5.1.17).
//!
//! | answer | when, in this order |
//! |---|---|
//! | INVALID_PARAMETERS | there is no such [power state](crate::power_state) |
//! | SUCCESS | standby: when an interrupt is pending, masked or not; entry point and context are ignored |
//! | INVALID_ADDRESS | power-down: the [entry point](crate::entry) is none |
//! | DENIED | OS-initiated mode, cluster: another core of the cluster is on, or on its way |
//! | INVALID_PARAMETERS | OS-initiated mode, cluster: another core of the cluster stands by |
//! | does not return | the core begins at the entry point when an interrupt is pending, also if one was when it called |
//!
//! CPU_DEFAULT_SUSPEND is CPU_SUSPEND with the core's own power-down.

use quell_abi::State;
use quell_power::{CoreWord, Depth, LocalCore};

use crate::{Error, Hardware, Outcome, Psci, entry, power_state, suspend_mode::SuspendMode};

impl<H: Hardware> Psci<'_, H> {
    #[inline(always)]
    pub(crate) fn cpu_suspend(
        &self,
        state: u64,
        address: u64,
        context: u64,
        caller: &LocalCore<'_>,
    ) -> Result<Outcome, Error> {
        match power_state::parse(state).ok_or(Error::InvalidParameters)? {
            Depth::Standby => Ok(Outcome::Standby),
            depth => self.power_down(depth, address, context, caller),
        }
    }

    /// CPU_DEFAULT_SUSPEND, and CPU_SUSPEND but for its standby.
    #[inline(never)]
    pub(crate) fn power_down(
        &self,
        depth: Depth,
        address: u64,
        context: u64,
        caller: &LocalCore<'_>,
    ) -> Result<Outcome, Error> {
        let entry = entry::parse(address, context, self.hardware)?;
        if depth == Depth::Cluster && self.shared.mode() == SuspendMode::OsInitiated {
            self.is_last_of_cluster(caller.index())?;
        }
        Ok(Outcome::PowerDown { depth, entry })
    }

    /// Checks that the other cores of the cluster have let it go already, as whoever calls for the cluster claims.
    fn is_last_of_cluster(&self, caller: usize) -> Result<(), Error> {
        let cluster = self.hardware.cluster_of(caller);
        let others = || cluster.clone().zip(self.table.words_of(cluster.clone()));
        let worst = || {
            let words = others().filter(|(index, _)| *index != caller).map(|(_, word)| word);
            words.filter_map(objection).max_by_key(|error| *error == Error::Denied)
        };
        match self.table.settled(cluster.clone(), worst) {
            Some(None) => Ok(()),
            Some(Some(error)) => Err(error),
            // They change all the time: they run.
            None => Err(Error::Denied),
        }
    }
}

/// Returns why a core in this state keeps the cluster from powering down.
fn objection(word: CoreWord) -> Option<Error> {
    match (word.state(), word.depth()) {
        (State::Off, _) if word.is_off() => None,
        (State::Suspended, Some(Depth::Standby)) => Some(Error::InvalidParameters),
        (State::Suspended, _) => None,
        _ => Some(Error::Denied),
    }
}

#[cfg(test)]
mod tests {
    use quell_power::Entry;

    use super::*;
    use crate::testing::{BAD_ENTRY, ENTRY, Machine, returns};

    const CPU_SUSPEND_32: u64 = 0x8400_0001;
    const CPU_SUSPEND_64: u64 = 0xc400_0001;
    const CPU_DEFAULT_SUSPEND_64: u64 = 0xc400_000c;
    const SET_SUSPEND_MODE: u64 = 0x8400_000f;
    const CORE: u64 = 0x0001_0002;
    const CLUSTER: u64 = 0x0101_0022;

    fn power_down(depth: Depth, context: u64) -> Outcome {
        Outcome::PowerDown { depth, entry: Entry::new(ENTRY, context, false) }
    }

    #[test]
    fn every_state_has_its_outcome() {
        let machine = Machine::new(2);
        machine.boot(1);
        for function in [CPU_SUSPEND_32, CPU_SUSPEND_64] {
            assert_eq!(machine.call(0, [function, 1, BAD_ENTRY, 0]), Outcome::Standby);
            assert_eq!(machine.call(0, [function, CORE, ENTRY, 7]), power_down(Depth::Core, 7));
            assert_eq!(machine.call(0, [function, CLUSTER, ENTRY, 8]), power_down(Depth::Cluster, 8));
            assert_eq!(machine.call(0, [function, 3, BAD_ENTRY, 0]), returns(Error::InvalidParameters));
            assert_eq!(machine.call(0, [function, CORE, BAD_ENTRY, 0]), returns(Error::InvalidAddress));
            assert_eq!(machine.call(0, [function, CLUSTER, ENTRY + 1, 0]), returns(Error::InvalidAddress));
        }
        let upper = 0xffff_ffff_0000_0000;
        assert_eq!(
            machine.call(0, [CPU_SUSPEND_32, upper | CORE, upper | ENTRY, upper | 9]),
            power_down(Depth::Core, 9)
        );
        assert_eq!(machine.call(0, [CPU_DEFAULT_SUSPEND_64, ENTRY, 5, 0]), power_down(Depth::Core, 5));
        let refused = machine.call(0, [CPU_DEFAULT_SUSPEND_64, BAD_ENTRY, 5, 0]);
        assert_eq!(refused, returns(Error::InvalidAddress));
    }

    #[test]
    fn the_operating_system_names_the_last_core_itself() {
        // Cores 0 to 7 are one cluster, 8 and 9 another.
        let machine = Machine::new(10);
        assert_eq!(machine.call(0, [SET_SUSPEND_MODE, 1, 0, 0]), Outcome::Return(0));
        machine.boot(9);
        let ask = || machine.call(0, [CPU_SUSPEND_64, CLUSTER, ENTRY, 0]);
        assert_eq!(ask(), power_down(Depth::Cluster, 0), "the others are off, or of another cluster");
        machine.boot(3);
        assert_eq!(ask(), returns(Error::Denied));
        assert_eq!(machine.call(0, [CPU_SUSPEND_64, CLUSTER, BAD_ENTRY, 0]), returns(Error::InvalidAddress));
        assert_eq!(machine.call(0, [CPU_SUSPEND_64, CORE, ENTRY, 0]), power_down(Depth::Core, 0));
        let sleeper = machine.table().local(3);
        for (depth, end) in [
            (Depth::Standby, returns(Error::InvalidParameters)),
            (Depth::Core, power_down(Depth::Cluster, 0)),
            (Depth::Cluster, power_down(Depth::Cluster, 0)),
        ] {
            assert!(sleeper.suspend(depth));
            assert_eq!(ask(), end, "{depth:?}");
            assert!(sleeper.wake());
        }
        assert!(sleeper.suspend(Depth::Standby));
        machine.boot(4);
        assert_eq!(ask(), returns(Error::Denied), "one runs, one stands by");
    }
}

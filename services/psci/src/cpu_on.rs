// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_ON (PSCI 1.3 section 5.1.4).
//!
//! | answer | when, in this order |
//! |---|---|
//! | INVALID_PARAMETERS | no core has this affinity, or a bit outside the affinity fields is set |
//! | INVALID_ADDRESS | the [entry point](crate::entry) is none |
//! | DENIED | a session is open, or opened before the start was accepted |
//! | ALREADY_ON | the core is on, or suspended |
//! | ON_PENDING | it has been started and is on its way |
//! | SUCCESS | accepted: the core will begin at the entry point |

use quell_power::{LocalCore, StartError};

use crate::{Error, Hardware, Psci, entry};

impl<H: Hardware> Psci<'_, H> {
    #[inline(never)]
    pub(crate) fn cpu_on(
        &self,
        target: u64,
        address: u64,
        context: u64,
        caller: &LocalCore<'_>,
    ) -> Result<(), Error> {
        let index = self.index(target)?;
        let core = self.table.remote(index).ok_or(Error::InvalidParameters)?;
        let entry = entry::parse(address, context, self.hardware)?;
        core.start(caller, entry).map_err(|error| match error {
            StartError::AlreadyOn => Error::AlreadyOn,
            StartError::OnPending => Error::OnPending,
            StartError::Denied => Error::Denied,
        })?;
        self.hardware.ring_doorbell(index);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use quell_power::Entry;

    use super::*;
    use crate::testing::{BAD_ENTRY, ENTRY, Machine, SUCCESS, returns};

    const CPU_ON_32: u64 = 0x8400_0003;
    const CPU_ON_64: u64 = 0xc400_0003;

    #[test]
    fn an_accepted_start_hands_over_entry_and_context() {
        let machine = Machine::new(10);
        assert_eq!(machine.call(0, [CPU_ON_64, 0x101, ENTRY, 0xfeed_f00d_dead_beef]), SUCCESS);
        assert_eq!(machine.rung(), [9]);
        let entry = machine.table().local(9).boot().unwrap();
        assert_eq!(entry, Entry::new(ENTRY, 0xfeed_f00d_dead_beef, false));
    }

    #[test]
    fn smc32_arguments_are_zero_extended() {
        let machine = Machine::new(2);
        let low = [CPU_ON_32, 0xffff_ffff_0000_0001, 0xffff_ffff_0000_0000 | ENTRY, u64::MAX];
        assert_eq!(machine.call(0, low), SUCCESS);
        let entry = machine.table().local(1).boot().unwrap();
        assert_eq!((entry.address(), entry.context()), (ENTRY, 0xffff_ffff));
    }

    #[test]
    fn errors_come_in_the_order_of_the_specification() {
        let machine = Machine::new(2);
        for absent in [2, 0x100, 1 << 24, 1 << 31, 1 << 40, 0x1_0000_0001, u64::MAX] {
            assert_eq!(machine.call(0, [CPU_ON_64, absent, BAD_ENTRY, 0]), returns(Error::InvalidParameters));
        }
        assert_eq!(machine.call(0, [CPU_ON_64, 0, BAD_ENTRY, 0]), returns(Error::InvalidAddress));
        assert_eq!(machine.call(0, [CPU_ON_64, 1, ENTRY + 2, 0]), returns(Error::InvalidAddress));
        assert_eq!(machine.call(0, [CPU_ON_64, 0, ENTRY, 0]), returns(Error::AlreadyOn));
        assert!(machine.rung().is_empty());
    }

    #[test]
    fn a_refused_start_leaves_the_accepted_one_alone() {
        let machine = Machine::new(2);
        assert_eq!(machine.call(0, [CPU_ON_64, 1, ENTRY, 1]), SUCCESS);
        assert_eq!(machine.call(0, [CPU_ON_64, 1, ENTRY + 4, 2]), returns(Error::OnPending));
        assert_eq!(machine.rung(), [1]);
        let entry = machine.table().local(1).boot().unwrap();
        assert_eq!((entry.address(), entry.context()), (ENTRY, 1));
    }

    #[test]
    fn nothing_starts_in_a_session() {
        let machine = Machine::new(3);
        machine.boot(1);
        machine.open_session(0);
        for caller in [0, 1] {
            assert_eq!(machine.call(caller, [CPU_ON_64, 2, ENTRY, 0]), returns(Error::Denied));
        }
        assert!(machine.table().local(2).boot().is_none());
    }
}

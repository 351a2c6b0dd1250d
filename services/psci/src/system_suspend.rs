// SPDX-License-Identifier: MIT OR Apache-2.0

//! SYSTEM_SUSPEND (PSCI 1.3 section 5.1.19).
//!
//! | answer | when, in this order |
//! |---|---|
//! | DENIED | a session is open, or another core is not OFF |
//! | INVALID_ADDRESS | the [entry point](crate::entry) is none |
//! | does not return | the core begins at the entry point when an interrupt is pending |
//!
//! That every other core is OFF is seen at one moment. From then on nobody but the caller could start one, so it needs no
//! fence against a CPU_ON.

use quell_power::{Depth, LocalCore};

use crate::{Error, Hardware, Outcome, Psci};

impl<H: Hardware> Psci<'_, H> {
    #[inline(never)]
    pub(crate) fn system_suspend(
        &self,
        address: u64,
        context: u64,
        caller: &LocalCore<'_>,
    ) -> Result<Outcome, Error> {
        if self.table.control().load().is_open() || !self.table.is_alone(caller.index()) {
            return Err(Error::Denied);
        }
        self.power_down(Depth::System, address, context, caller)
    }
}

#[cfg(test)]
mod tests {
    use quell_power::Entry;

    use super::*;
    use crate::testing::{BAD_ENTRY, ENTRY, Machine, returns};

    const SYSTEM_SUSPEND: u64 = 0xc400_000e;

    #[test]
    fn only_the_last_core_suspends_the_machine() {
        let machine = Machine::new(3);
        let ask = |entry| machine.call(0, [SYSTEM_SUSPEND, entry, 4, 0]);
        let entry = Entry::new(ENTRY, 4, false);
        assert_eq!(ask(ENTRY), Outcome::PowerDown { depth: Depth::System, entry });
        assert_eq!(ask(BAD_ENTRY), returns(Error::InvalidAddress));
        machine.start(1);
        assert_eq!(ask(BAD_ENTRY), returns(Error::Denied), "a core is on its way");
        machine.let_in(1);
        assert_eq!(ask(ENTRY), returns(Error::Denied), "a core is on");
        assert!(machine.table().local(1).suspend(Depth::Cluster));
        assert_eq!(ask(ENTRY), returns(Error::Denied), "a core sleeps");
        assert!(machine.table().local(1).wake());
        machine.off(1);
        assert_eq!(ask(ENTRY), Outcome::PowerDown { depth: Depth::System, entry });
        machine.open_session(0);
        assert_eq!(ask(ENTRY), returns(Error::Denied), "a session is open");
    }
}

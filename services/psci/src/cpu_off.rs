// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_OFF and CPU_FREEZE (PSCI 1.3 sections 5.1.3 and 5.1.16).
//!
//! | answer | when |
//! |---|---|
//! | does not return | the core goes OFF; in a session it has then stopped, too |
//! | DENIED | the caller owns the open session: nobody would be left to finish it |
//!
//! A frozen core is a core that is OFF, but for what may happen to it: interrupts may be targeted at it. Here they may at
//! every core that is OFF; they stay pending and wake nobody.

use quell_power::LocalCore;

use crate::{Error, Hardware, Outcome, Psci};

impl<H: Hardware> Psci<'_, H> {
    pub(crate) fn cpu_off(&self, caller: &LocalCore<'_>) -> Result<Outcome, Error> {
        let control = self.table.control().load();
        if control.is_open() && control.owner() == caller.index() {
            return Err(Error::Denied);
        }
        Ok(Outcome::Off)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Outcome, testing::Machine};

    const CPU_OFF: u64 = 0x8400_0002;
    const CPU_FREEZE: u64 = 0x8400_000b;

    #[test]
    fn a_core_goes_off_in_a_session_too_but_not_its_owner() {
        for function in [CPU_OFF, CPU_FREEZE] {
            let machine = Machine::new(2);
            machine.boot(1);
            assert_eq!(machine.call(0, [function, 0, 0, 0]), Outcome::Off);
            machine.open_session(0);
            assert_eq!(machine.call(1, [function, 0, 0, 0]), Outcome::Off);
            assert_eq!(machine.call(0, [function, 0, 0, 0]), Outcome::Return(-3));
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_OFF (PSCI 1.3 section 5.1.4).
//!
//! | answer | when |
//! |---|---|
//! | does not return | the core goes OFF; in a session it has then stopped, too |
//! | DENIED | the caller owns the open session: nobody would be left to finish it |

use quell_power::{CoreTable, LocalCore};

use crate::{Error, Outcome};

pub(crate) fn handle(caller: &LocalCore<'_>, table: &CoreTable<'_>) -> Outcome {
    let control = table.control().load();
    if control.is_open() && control.owner() == caller.index() {
        Err(Error::Denied).into()
    } else {
        Outcome::Off
    }
}

#[cfg(test)]
mod tests {
    use crate::{Outcome, testing::Machine};

    const CPU_OFF: u64 = 0x8400_0002;

    #[test]
    fn a_core_goes_off_in_a_session_too_but_not_its_owner() {
        let machine = Machine::new(2);
        machine.boot(1);
        assert_eq!(machine.call(0, [CPU_OFF, 0, 0, 0]), Outcome::Off);
        machine.open_session(0);
        assert_eq!(machine.call(1, [CPU_OFF, 0, 0, 0]), Outcome::Off);
        assert_eq!(machine.call(0, [CPU_OFF, 0, 0, 0]), Outcome::Return(-3));
    }
}

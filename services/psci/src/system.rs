// SPDX-License-Identifier: MIT OR Apache-2.0

//! SYSTEM_OFF and SYSTEM_RESET (PSCI 1.3 sections 5.1.9 and 5.1.10).
//!
//! | answer | when |
//! |---|---|
//! | does not return | the machine goes off, or resets |
//! | does not return | the caller is the target of a KEXEC or CRASH session: it is stopped, not the machine |

use quell_abi::Kind;
use quell_power::{CoreTable, LocalCore};

use crate::Outcome;

pub(crate) fn handle(asked: Outcome, caller: &LocalCore<'_>, table: &CoreTable<'_>) -> Outcome {
    let control = table.control().load();
    if control.targets(caller.index()) && control.kind() >= Kind::Kexec {
        Outcome::Stop { generation: control.generation() }
    } else {
        asked
    }
}

#[cfg(test)]
mod tests {
    use crate::{Outcome, testing::Machine};

    const SYSTEM_OFF: u64 = 0x8400_0008;
    const SYSTEM_RESET: u64 = 0x8400_0009;

    #[test]
    fn a_reboot_does_not_kill_the_dump() {
        let machine = Machine::new(2);
        machine.boot(1);
        assert_eq!(machine.call(1, [SYSTEM_RESET, 0, 0, 0]), Outcome::SystemReset);
        machine.open_session(0);
        assert_eq!(machine.call(1, [SYSTEM_RESET, 0, 0, 0]), Outcome::Stop { generation: 1 });
        assert_eq!(machine.call(1, [SYSTEM_OFF, 0, 0, 0]), Outcome::Stop { generation: 1 });
        assert_eq!(machine.call(0, [SYSTEM_RESET, 0, 0, 0]), Outcome::SystemReset);
        assert_eq!(machine.call(0, [SYSTEM_OFF, 0, 0, 0]), Outcome::SystemOff);
    }
}

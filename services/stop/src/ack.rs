// SPDX-License-Identifier: MIT OR Apache-2.0

//! ACK: a target says that it has stopped.
//!
//! | x0 | when |
//! |---|---|
//! | does not return | the core is OFF |
//! | SUCCESS | the session was a PAUSE, and is over |
//! | NO_SESSION | none is open |
//! | DENIED | the caller owns the session |

use quell_abi::Status;
use quell_power::LocalCore;

use crate::{Hardware, Order, Outcome, Stop};

impl<H: Hardware> Stop<'_, H> {
    pub(crate) fn ack(&self, saved_registers: u64, caller: &LocalCore<'_>) -> Outcome {
        let control = self.table.control().load();
        if !control.is_open() {
            return Status::NoSession.into();
        }
        if control.owner() == caller.index() {
            return Status::Denied.into();
        }
        self.slots[caller.index()].note_ack(saved_registers);
        Outcome::Stop(Order::Acknowledged(control))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use core::mem::offset_of;

    use quell_abi::{Call, CoreRecord, Kind, RECORD_SIZE, State, Why};

    use super::*;
    use crate::testing::{Machine, RAM};

    const SAVED: usize = offset_of!(CoreRecord, saved_registers);

    fn saved_registers(machine: &Machine, core: u64) -> u64 {
        machine.results(0, Call::Read, &[core, RAM.start, RECORD_SIZE as u64]);
        machine.written()[&(RAM.start + SAVED as u64)]
    }

    #[test]
    fn only_a_target_acknowledges() {
        let machine = Machine::new(2);
        assert_eq!(machine.status(1, Call::Ack, &[0]), Status::NoSession);
        let handle = machine.begin(0, Kind::Halt, [1, 1]);
        assert_eq!(machine.status(0, Call::Ack, &[0]), Status::Denied);
        machine.stop_core(1, Why::Nmi, handle, 0);
        assert_eq!(machine.poll(0, handle).status, Status::Success);
        assert_eq!(machine.status(0, Call::Ack, &[0]), Status::NoSession, "it is over");
    }

    /// x1 is kept as it is, wild or not, and shows in the record of the core that gave it.
    #[test]
    fn the_address_is_recorded_and_not_looked_at() {
        let machine = Machine::new(4);
        let generation = machine.begin(0, Kind::Halt, [1, 1]);
        for (core, address) in [(1, u64::MAX), (2, 0)] {
            let outcome = machine.call(core, Call::Ack, &[address]);
            assert_eq!(outcome, Outcome::Stop(Order::Acknowledged(machine.table().control().load())));
            machine.stop_core(core, Why::Ack, generation, 0);
            assert_eq!(machine.state(core), (State::Off, Why::Ack));
            assert_eq!(saved_registers(&machine, core as u64), address);
        }
        assert_eq!(machine.poll(0, generation).acked, 2);

        // The interrupt came before the call was carried out: then there is nothing that the core has saved.
        machine.call(3, Call::Ack, &[0x1234]);
        machine.stop_core(3, Why::Nmi, generation, 0);
        assert_eq!(saved_registers(&machine, 3), 0);
    }
}

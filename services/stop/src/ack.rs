// SPDX-License-Identifier: MIT OR Apache-2.0

//! ACK: a target says that it has stopped.
//!
//! | x0 | when |
//! |---|---|
//! | does not return | the core is OFF |
//! | NO_SESSION | none is open |
//! | DENIED | the caller owns the session |

use quell_abi::Status;
use quell_power::LocalCore;

use crate::{Hardware, Outcome, Stop};

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
        Outcome::Ack { generation: control.generation() }
    }
}

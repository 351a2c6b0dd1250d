// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the gate says to a core that wants to enter the operating system.

use crate::ControlWord;

/// The gate's answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gate {
    /// The core may enter.
    Pass,
    /// A session stops the core here, or holds it.
    Stop {
        /// The session.
        session: ControlWord,
    },
    /// The core is not ON: it goes where its word says, the pen.
    Pen,
}

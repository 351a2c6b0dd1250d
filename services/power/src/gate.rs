// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the gate says to a core that wants to enter the operating system.

/// The gate's answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gate {
    /// The core may enter.
    Pass,
    /// A session stops the core here.
    Stop {
        /// The session's generation.
        generation: u32,
    },
    /// The core is not ON: it goes where its word says, the pen.
    Pen,
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Entry points: where a core may begin, after CPU_ON or a power-down (PSCI 1.3 section 5.4.1).

use quell_power::Entry;

use crate::{Error, Hardware};

/// An A64 instruction is 4 bytes long, and aligned.
const ALIGNMENT: u64 = 4;

/// Returns the mailbox of a core that begins at `address` with `context` in x0.
///
/// # Errors
///
/// INVALID_ADDRESS if the address is not a multiple of 4, or not where the non-secure world may begin.
#[inline]
pub(crate) fn parse(address: u64, context: u64, hardware: &impl Hardware) -> Result<Entry, Error> {
    if address.is_multiple_of(ALIGNMENT) && hardware.is_entry_point(address) {
        Ok(Entry::new(address, context, hardware.caller_is_big_endian()))
    } else {
        Err(Error::InvalidAddress)
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! PSCI_FEATURES (PSCI 1.3 section 5.1.15).
//!
//! | asked for | answer |
//! |---|---|
//! | CPU_SUSPEND | bit 0: there is an OS-initiated mode; bit 1 is 0: power_state has the original format |
//! | SYSTEM_OFF2 | bit 0: HIBERNATE_OFF |
//! | another function that is there, or SMCCC_VERSION | 0 |
//! | anything else | NOT_SUPPORTED |

use smccc::arch::SMCCC_VERSION;

use crate::{Error, Function, system};

/// CPU_SUSPEND: OS-initiated mode.
const OS_INITIATED: i32 = 1;

const NO_FLAGS: i32 = 0;

#[inline(never)]
pub(crate) fn handle(x1: u64) -> Result<i32, Error> {
    // The function identifier is 32 bits wide.
    let function = x1 as u32;
    match Function::from_fid(function) {
        Some(Function::CpuSuspend) => Ok(OS_INITIATED),
        Some(Function::SystemOff2) => Ok(system::OFF2_TYPES),
        Some(_) => Ok(NO_FLAGS),
        None if function == SMCCC_VERSION => Ok(NO_FLAGS),
        None => Err(Error::NotSupported),
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! PSCI_FEATURES (PSCI 1.3 section 5.1.15).
//!
//! | asked for | answer |
//! |---|---|
//! | CPU_SUSPEND | 0: original format of power_state, platform-coordinated mode only |
//! | another function that is there, or SMCCC_VERSION | 0 |
//! | anything else | NOT_SUPPORTED |

use smccc::arch::SMCCC_VERSION;

use crate::{Error, function::Function};

/// No feature flag is set.
const NO_FLAGS: i32 = 0;

pub(crate) fn handle(x1: u64) -> Result<i32, Error> {
    let function = x1 as u32;
    if function == SMCCC_VERSION || Function::from_fid(function).is_some() {
        Ok(NO_FLAGS)
    } else {
        Err(Error::NotSupported)
    }
}

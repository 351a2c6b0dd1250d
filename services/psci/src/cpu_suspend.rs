// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_SUSPEND (PSCI 1.3 section 5.1.2), original format of power_state.
//!
//! | power_state | answer |
//! |---|---|
//! | 0x00000001: standby, core level | SUCCESS when an interrupt is pending, masked or not; entry point and context are ignored |
//! | anything else | INVALID_PARAMETERS |

use crate::{Error, Outcome};

/// StateType 0 (standby), power level 0 (core), StateID 1.
const STANDBY: u32 = 0x0000_0001;

pub(crate) fn handle(power_state: u64) -> Outcome {
    // power_state is 32 bits in both conventions.
    if power_state as u32 == STANDBY { Outcome::Standby } else { Err(Error::InvalidParameters).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_standby_is_there() {
        assert_eq!(handle(1), Outcome::Standby);
        assert_eq!(handle(0xffff_ffff_0000_0001), Outcome::Standby);
        for other in [0, 2, 0x0001_0002, 0x0101_0022, 0x8000_0001, 0x0002_0001, 0x0100_0001] {
            assert_eq!(handle(other), Outcome::Return(-2), "{other:#x}");
        }
    }
}

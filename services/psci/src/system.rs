// SPDX-License-Identifier: MIT OR Apache-2.0

//! SYSTEM_OFF, SYSTEM_RESET, SYSTEM_RESET2 and SYSTEM_OFF2 (PSCI 1.3 sections 5.1.9 to 5.1.12): the end of the machine.
//!
//! | answer | when |
//! |---|---|
//! | INVALID_PARAMETERS | SYSTEM_RESET2: the type is not 0, the architecture's warm reset; this machine has no types of its own |
//! | INVALID_PARAMETERS | SYSTEM_OFF2: the type is neither 0 nor 1, HIBERNATE_OFF; or the cookie is not 0 |
//! | does not return | the machine ends; or another core, or a session that this one may not end, stops the caller |
//!
//! A warm reset keeps RAM, protected or not: it ends MEM_PROTECT. Off for hibernation is off.

use crate::{Error, Outcome};

/// How the machine ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// It goes off.
    Off,
    /// It resets; RAM is cleared if MEM_PROTECT is on.
    Reset,
    /// It resets, and RAM is kept.
    WarmReset,
}

/// SYSTEM_RESET2's reset_type of the architecture's warm reset.
const SYSTEM_WARM_RESET: u32 = 0;

/// SYSTEM_OFF2's types: HIBERNATE_OFF, which 0 stands for too.
const HIBERNATE_OFF: u32 = 1;

/// What PSCI_FEATURES says of SYSTEM_OFF2: a bit for each type.
pub(crate) const OFF2_TYPES: i32 = 1 << (HIBERNATE_OFF - 1);

pub(crate) const fn reset2(reset_type: u64) -> Result<Outcome, Error> {
    // reset_type is 32 bits in both conventions.
    match reset_type as u32 {
        SYSTEM_WARM_RESET => Ok(Outcome::End(End::WarmReset)),
        _ => Err(Error::InvalidParameters),
    }
}

pub(crate) const fn off2(off_type: u64, cookie: u64) -> Result<Outcome, Error> {
    // The type is 32 bits in both conventions.
    match (off_type as u32, cookie) {
        (0 | HIBERNATE_OFF, 0) => Ok(Outcome::End(End::Off)),
        _ => Err(Error::InvalidParameters),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Machine, returns};

    const SYSTEM_OFF: u64 = 0x8400_0008;
    const SYSTEM_RESET: u64 = 0x8400_0009;
    const SYSTEM_RESET2: [u64; 2] = [0x8400_0012, 0xc400_0012];
    const SYSTEM_OFF2: [u64; 2] = [0x8400_0015, 0xc400_0015];

    #[test]
    fn off_and_reset_take_no_arguments() {
        let machine = Machine::new(1);
        assert_eq!(machine.call(0, [SYSTEM_OFF, 1, 2, 3]), Outcome::End(End::Off));
        assert_eq!(machine.call(0, [SYSTEM_RESET, 1, 2, 3]), Outcome::End(End::Reset));
    }

    #[test]
    fn reset2_has_one_type() {
        let machine = Machine::new(1);
        for function in SYSTEM_RESET2 {
            for reset_type in [0, 0xffff_ffff_0000_0000] {
                assert_eq!(machine.call(0, [function, reset_type, 7, 0]), Outcome::End(End::WarmReset));
            }
            for reset_type in [1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
                let refused = machine.call(0, [function, reset_type, 0, 0]);
                assert_eq!(refused, returns(Error::InvalidParameters), "{reset_type:#x}");
            }
        }
    }

    #[test]
    fn off2_has_one_type_and_no_cookie() {
        let machine = Machine::new(1);
        for function in SYSTEM_OFF2 {
            for off_type in [0, 1] {
                assert_eq!(machine.call(0, [function, off_type, 0, 0]), Outcome::End(End::Off));
            }
            for (off_type, cookie) in [(2, 0), (0x8000_0000, 0), (0xffff_ffff, 0), (1, 1), (0, 1 << 31)] {
                let refused = machine.call(0, [function, off_type, cookie, 0]);
                assert_eq!(refused, returns(Error::InvalidParameters), "{off_type:#x} {cookie:#x}");
            }
        }
        let low = machine.call(0, [SYSTEM_OFF2[0], 1 << 32, 1 << 32, 0]);
        assert_eq!(low, Outcome::End(End::Off), "SMC32 arguments are 32 bits");
        assert_eq!(machine.call(0, [SYSTEM_OFF2[1], 1, 1 << 32, 0]), returns(Error::InvalidParameters));
    }
}

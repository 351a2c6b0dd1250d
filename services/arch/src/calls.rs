// SPDX-License-Identifier: MIT OR Apache-2.0

//! The calls of owner 0 (SMCCC 1.5 section 7).
//!
//! | call | answer |
//! |---|---|
//! | SMCCC_VERSION | [`SMCCC_VERSION`] |
//! | SMCCC_ARCH_FEATURES | 0 for the two calls that are there, else NOT_SUPPORTED |

use smccc::arch::{SMCCC_ARCH_FEATURES, SMCCC_VERSION as SMCCC_VERSION_FID};

use crate::{FunctionId, NOT_SUPPORTED};

/// SMCCC 1.5: major in bits 31:16, minor in bits 15:0.
pub const SMCCC_VERSION: i32 = 0x0001_0005;

const SUCCESS: i32 = 0;

/// Answers a call of owner 0; `x1` is its first argument.
pub const fn handle(function: FunctionId, x1: u64) -> i32 {
    match function.bits() {
        SMCCC_VERSION_FID => SMCCC_VERSION,
        SMCCC_ARCH_FEATURES => features(x1 as u32),
        _ => NOT_SUPPORTED,
    }
}

/// Tells whether an architecture call is there (SMCCC 1.5 section 7.3).
const fn features(function: u32) -> i32 {
    match function {
        SMCCC_VERSION_FID | SMCCC_ARCH_FEATURES => SUCCESS,
        _ => NOT_SUPPORTED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(function: u64, x1: u64) -> i32 {
        handle(FunctionId::from_register(function).unwrap(), x1)
    }

    #[test]
    fn version_is_1_5() {
        assert_eq!(call(0x8000_0000, 0), 0x10005);
    }

    #[test]
    fn features_agree_with_the_calls() {
        for function in
            [0x8000_0000_u64, 0x8000_0001, 0x8000_0002, 0x8000_3fff, 0x8000_7fff, 0x8000_8000, 0xc000_0000]
        {
            let there = call(function, 0x8000_0000) != NOT_SUPPORTED;
            assert_eq!(
                call(0x8000_0001, 0xffff_ffff_0000_0000 | function) == SUCCESS,
                there,
                "{function:#x}"
            );
        }
    }
}

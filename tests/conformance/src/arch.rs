// SPDX-License-Identifier: MIT OR Apache-2.0

//! The architecture calls of the SMC calling convention.

use smccc::arch::SMCCC_ARCH_FEATURES;

use crate::verdict::{Finding, Text, Verdict, failed, register};
use crate::{smc, stop};

pub use smccc::arch::error::{INVALID_PARAMETER, NOT_REQUIRED, NOT_SUPPORTED};

/// Bit 30 of a function identifier: SMC64.
pub const SMC64: u32 = 1 << 30;

/// SMCCC_ARCH_SOC_ID, SMC64.
pub const SMCCC_ARCH_SOC_ID_64: u32 = smccc::arch::SMCCC_ARCH_SOC_ID | SMC64;
/// SMCCC_ARCH_FEATURE_AVAILABILITY: there is only the SMC64 one.
pub const SMCCC_ARCH_FEATURE_AVAILABILITY: u32 = 0x8000_0003 | SMC64;
/// SMCCC_ARCH_WORKAROUND_4.
pub const SMCCC_ARCH_WORKAROUND_4: u32 = 0x8000_0004;

/// SMCCC_ARCH_FEATURES of a function: x0.
pub fn features(function: u32) -> u64 {
    smc::call(SMCCC_ARCH_FEATURES, [function.into(), 0, 0, 0, 0, 0])[0]
}

/// Returns whether a call that answers this is there: errors are negative.
pub fn is_there(features: u64) -> bool {
    features.cast_signed() >= 0
}

/// Skips the case if the firmware does not advertise a function.
pub fn needs(function: u32) -> Verdict {
    if is_there(features(function)) {
        return Ok(());
    }
    lacks(format_args!("the firmware does not advertise {function:#x}"))
}

/// Skips the case because the firmware lacks something optional. Quell, which is known by its stop service, must not.
pub fn lacks(what: core::fmt::Arguments) -> Verdict {
    if stop::is_there() { Err(failed(format_args!("Quell to have it"), what)) } else { skipped(what) }
}

/// Skips the case.
pub fn skipped(reason: core::fmt::Arguments) -> Verdict {
    Err(Finding::Skipped(Text::of(reason)))
}

/// Returns whether x0 is this error.
pub fn is_error(saw: u64, error: i32) -> bool {
    saw == register(error)
}

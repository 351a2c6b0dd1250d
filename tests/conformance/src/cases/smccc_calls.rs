// SPDX-License-Identifier: MIT OR Apache-2.0

//! The calling convention: versions, discovery, and identifiers that mean nothing.

use smccc::arch::{SMCCC_ARCH_FEATURES, SMCCC_ARCH_SOC_ID, SMCCC_VERSION};
use smccc::psci::{PSCI_AFFINITY_INFO_32, PSCI_AFFINITY_INFO_64, PSCI_FEATURES, PSCI_VERSION};

use crate::arch::{SMCCC_ARCH_SOC_ID_64, is_there};
use crate::case::cases;
use crate::psci::NOT_SUPPORTED;
use crate::section;
use crate::smc;
use crate::stop;
use crate::verdict::{Verdict, equal, failed, holds, register, status};

cases! {
    [section::SMCCC_VERSION]
    /// SMCCC_VERSION is 1.1 or later, which PSCI_FEATURES can announce.
    "smccc.version", 1, version;

    [section::SMCCC_ARCH_FEATURES]
    /// ARCH_FEATURES knows the version, itself and every function that the convention demands.
    "smccc.arch_features.known", 1, known_features;
    /// ARCH_FEATURES denies identifiers that are no architecture calls.
    "smccc.arch_features.unknown", 1, unknown_features;
    /// A call that ARCH_FEATURES denies answers NOT_SUPPORTED, one that it knows does not.
    "smccc.arch_features.agrees_with_call", 1, features_agree;

    [section::SMCCC_UNKNOWN]
    /// An unknown fast call of every owner answers NOT_SUPPORTED, in 64 bits.
    "smccc.unknown.every_owner", 1, unknown_in_every_owner;
    /// A yielding call that nobody serves answers NOT_SUPPORTED.
    "smccc.unknown.yielding", 1, yielding;
    /// An identifier with reserved bits set is an unknown call.
    "smccc.unknown.reserved_bits", 1, reserved_bits;

    [section::SMCCC_IDENTIFIER]
    /// The SVE hint changes no architecture call.
    "smccc.sve_hint", 1, sve_hint;
    /// Only w0 is the identifier: what is above it means nothing.
    "smccc.upper_half.function_id", 1, upper_half_of_function_id;

    [section::SMCCC_REGISTERS]
    /// An SMC32 call ignores the upper halves of its arguments.
    "smccc.upper_half.arguments", 1, upper_half_of_arguments;
}

/// The first version that PSCI_FEATURES announces.
const SMCCC_1_1: u64 = 0x1_0001;
const SMCCC_1_5: u64 = 0x1_0005;
const SVE_HINT: u32 = 1 << 16;

fn version() -> Verdict {
    let saw = smc::call0(SMCCC_VERSION);
    holds(format_args!("SMCCC_VERSION 1.1 or later, saw {saw:#x}"), saw >= SMCCC_1_1 && saw >> 31 == 0)?;
    if stop::is_there() { equal("SMCCC_VERSION", saw, SMCCC_1_5) } else { Ok(()) }
}

fn arch_features(function: u32) -> u64 {
    smc::call(SMCCC_ARCH_FEATURES, [function.into(), 0, 0, 0, 0, 0])[0]
}

fn known_features() -> Verdict {
    status("ARCH_FEATURES(VERSION)", arch_features(SMCCC_VERSION), 0)?;
    status("ARCH_FEATURES(ARCH_FEATURES)", arch_features(SMCCC_ARCH_FEATURES), 0)
}

fn unknown_features() -> Verdict {
    for function in [0x8000_0fed, 0x8000_ffff, 0xc000_0fed, 0, u32::MAX, 0x8000_0001 | 1 << 17] {
        status(format_args!("ARCH_FEATURES({function:#x})"), arch_features(function), NOT_SUPPORTED)?;
    }
    Ok(())
}

/// Every identifier that there is, and others. The argument is one that every call refuses or that does no harm.
fn features_agree() -> Verdict {
    for number in (0..0x20).chain([0x3fff, 0x7fff, 0x8000, 0xfffe]) {
        for wide in [0, 1] {
            let function = fast(0, wide, number);
            let advertised = arch_features(function);
            let saw = smc::call(function, [SMCCC_VERSION.into(), 0, 0, 0, 0, 0])[0];
            if advertised == register(NOT_SUPPORTED) {
                status(format_args!("call {function:#x}, not advertised"), saw, NOT_SUPPORTED)?;
            } else if is_there(advertised) && saw == register(NOT_SUPPORTED) {
                let expected = format_args!("call {function:#x}, advertised, to be there");
                return Err(failed(expected, format_args!("NOT_SUPPORTED")));
            }
        }
    }
    Ok(())
}

/// Returns the identifier of a fast call.
const fn fast(owner: u32, wide: u32, number: u32) -> u32 {
    1 << 31 | wide << 30 | owner << 24 | number
}

fn unknown_in_every_owner() -> Verdict {
    for owner in 0..64 {
        for wide in [0, 1] {
            for number in [0x0eee, 0xfeee] {
                let function = fast(owner, wide, number);
                status(format_args!("call {function:#x}"), smc::call0(function), NOT_SUPPORTED)?;
            }
        }
    }
    Ok(())
}

fn yielding() -> Verdict {
    for owner in [0, 2, 4, 7, 31, 50, 63] {
        for wide in [0, 1] {
            let function = fast(owner, wide, 0) & !(1 << 31);
            status(format_args!("yielding call {function:#x}"), smc::call0(function), NOT_SUPPORTED)?;
        }
    }
    Ok(())
}

fn reserved_bits() -> Verdict {
    for function in [PSCI_VERSION, SMCCC_VERSION, PSCI_AFFINITY_INFO_64] {
        for bit in 17..24 {
            let function = function | 1 << bit;
            status(format_args!("call {function:#x}"), smc::call0(function), NOT_SUPPORTED)?;
        }
    }
    Ok(())
}

fn sve_hint() -> Verdict {
    for function in [
        PSCI_VERSION,
        SMCCC_VERSION,
        PSCI_AFFINITY_INFO_64,
        SMCCC_ARCH_SOC_ID,
        SMCCC_ARCH_SOC_ID_64,
        0x8000_0fed,
    ] {
        let with_hint = smc::call0(function | SVE_HINT);
        equal(format_args!("call {function:#x} with the SVE hint"), with_hint, smc::call0(function))?;
    }
    Ok(())
}

fn upper_half_of_function_id() -> Verdict {
    for function in [PSCI_VERSION, SMCCC_VERSION, SMCCC_ARCH_SOC_ID, SMCCC_ARCH_SOC_ID_64] {
        let mut registers = [0; 31];
        registers[0] = 0xdead_beef_0000_0000 | u64::from(function);
        let saw = smc::call_with_all_registers(&registers)[0];
        equal(format_args!("x0 {:#x}", registers[0]), saw, smc::call0(function))?;
    }
    Ok(())
}

fn upper_half_of_arguments() -> Verdict {
    const GARBAGE: u64 = 0xdead_beef_0000_0000;
    for function in [PSCI_VERSION, PSCI_AFFINITY_INFO_64, PSCI_AFFINITY_INFO_32] {
        let argument = u64::from(function);
        let clean = smc::call(PSCI_FEATURES, [argument, 0, 0, 0, 0, 0])[0];
        let saw = smc::call(PSCI_FEATURES, [GARBAGE | argument, 0, 0, 0, 0, 0])[0];
        equal(format_args!("FEATURES({:#x})", GARBAGE | argument), saw, clean)?;
    }
    for function in [SMCCC_VERSION, SMCCC_ARCH_SOC_ID, 0x8000_0fed] {
        let saw = smc::call(SMCCC_ARCH_FEATURES, [GARBAGE | u64::from(function), 0, 0, 0, 0, 0])[0];
        equal(format_args!("ARCH_FEATURES({function:#x}) with garbage"), saw, arch_features(function))?;
    }
    // Core 0 at level 0: this core, which is on.
    let saw = smc::call(PSCI_AFFINITY_INFO_32, [GARBAGE, GARBAGE, 0, 0, 0, 0])[0];
    status("AFFINITY_INFO (SMC32) with garbage above bit 31", saw, 0)
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls from EL1 are served as those from EL2 are.

use smccc::arch::{SMCCC_ARCH_FEATURES, SMCCC_VERSION};
use smccc::psci::{PSCI_AFFINITY_INFO_64, PSCI_VERSION};

use crate::arch::skipped;
use crate::case::cases;
use crate::cases::smccc_registers::pattern;
use crate::psci::NOT_SUPPORTED;
use crate::section;
use crate::verdict::{Verdict, equal, status};
use crate::{el1, smc};

cases! {
    [section::SMCCC_REGISTERS]
    /// SMCCC_VERSION answers EL1 as it answers EL2.
    "smccc.el1.version", 1, version;
    /// A call from EL1 leaves its registers as they were.
    "smccc.el1.registers", 1, registers;
    /// An unknown call from EL1 answers NOT_SUPPORTED.
    "smccc.el1.unknown", 1, unknown;
    /// A call from AArch32 at EL1 is served.
    "smccc.el1.aarch32", 1, aarch32;
    /// An SMC64 call from AArch32 answers NOT_SUPPORTED.
    "smccc.el1.aarch32_has_no_smc64", 1, aarch32_has_no_smc64;
}

/// Returns registers for a call, with a pattern in those that are no argument.
fn call(function: u32, arguments: &[u64]) -> [u64; 31] {
    let mut registers: [u64; 31] = core::array::from_fn(pattern);
    registers[0] = function.into();
    registers[1..=arguments.len()].copy_from_slice(arguments);
    registers
}

fn version() -> Verdict {
    for function in [SMCCC_VERSION, PSCI_VERSION] {
        let saw = el1::smc(&call(function, &[]))[0];
        equal(format_args!("call {function:#x} from EL1"), saw, smc::call0(function))?;
    }
    Ok(())
}

fn registers() -> Verdict {
    for (function, arguments) in [
        (SMCCC_VERSION, &[][..]),
        (SMCCC_ARCH_FEATURES, &[SMCCC_VERSION as u64]),
        (PSCI_VERSION, &[]),
        (PSCI_AFFINITY_INFO_64, &[0, 0]),
        (0x8400_0fed, &[]),
    ] {
        let before = call(function, arguments);
        let after = el1::smc(&before);
        for register in 1..31 {
            equal(
                format_args!("x{register} after call {function:#x} from EL1"),
                after[register],
                before[register],
            )?;
        }
    }
    Ok(())
}

fn unknown() -> Verdict {
    for function in [0x8000_0fed, 0x8400_0fed, 0xc400_0fed, 0xc200_0fed, 0xc700_0fed, 0x0400_0000, u32::MAX] {
        let saw = el1::smc(&call(function, &[]))[0];
        status(format_args!("call {function:#x} from EL1"), saw, NOT_SUPPORTED)?;
    }
    Ok(())
}

fn needs_aarch32() -> Verdict {
    if el1::has_aarch32() { Ok(()) } else { skipped(format_args!("the core has no AArch32 at EL1")) }
}

fn aarch32() -> Verdict {
    needs_aarch32()?;
    for function in [SMCCC_VERSION, PSCI_VERSION, 0x8400_0fed] {
        let saw = el1::smc_aarch32([function, 0, 0, 0]);
        equal(
            format_args!("call {function:#x} from AArch32"),
            saw.into(),
            smc::call0(function) as u32 as u64,
        )?;
    }
    Ok(())
}

fn aarch32_has_no_smc64() -> Verdict {
    needs_aarch32()?;
    for function in [PSCI_AFFINITY_INFO_64, 0xc000_0000, 0xc700_0100, 0xc400_0fed] {
        let saw = el1::smc_aarch32([function, 0, 0, 0]);
        equal(format_args!("call {function:#x} from AArch32"), saw.into(), NOT_SUPPORTED as u32 as u64)?;
    }
    Ok(())
}

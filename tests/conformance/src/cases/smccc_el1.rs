// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls from EL1 are served as those from EL2 are.

use smccc::arch::{SMCCC_ARCH_FEATURES, SMCCC_VERSION};
use smccc::psci::{PSCI_AFFINITY_INFO_64, PSCI_VERSION};

use crate::cases::smccc_registers::pattern;
use crate::psci::NOT_SUPPORTED;
use crate::runner::Case;
use crate::verdict::{Verdict, equal, status};
use crate::{el1, smc};

/// The cases of this file.
pub const CASES: &[Case] = &[
    Case { name: "smccc.el1.version", cores: 1, run: version },
    Case { name: "smccc.el1.registers", cores: 1, run: registers },
    Case { name: "smccc.el1.unknown", cores: 1, run: unknown },
];

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

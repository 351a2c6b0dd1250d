// SPDX-License-Identifier: MIT OR Apache-2.0

//! VERSION, FEATURES and MIGRATE_INFO_TYPE: what the firmware says it has, and whether that is so.

use smccc::psci::{
    PSCI_AFFINITY_INFO_32, PSCI_AFFINITY_INFO_64, PSCI_CPU_OFF, PSCI_CPU_ON_32, PSCI_CPU_ON_64,
    PSCI_CPU_SUSPEND_32, PSCI_CPU_SUSPEND_64, PSCI_FEATURES, PSCI_MIGRATE_INFO_TYPE, PSCI_SYSTEM_OFF,
    PSCI_SYSTEM_RESET, PSCI_VERSION,
};

use crate::fixture::start;
use crate::psci::{self, NOT_SUPPORTED};
use crate::runner::Case;
use crate::verdict::{Verdict, equal, failed, holds, register, status};
use crate::{cores, smc};

/// The cases of this file.
pub const CASES: &[Case] = &[
    Case { name: "psci.version", cores: 1, run: version },
    Case { name: "psci.migrate_info_type", cores: 1, run: migrate_info_type },
    Case { name: "psci.features.mandatory", cores: 1, run: mandatory },
    Case { name: "psci.features.cpu_suspend_flags", cores: 1, run: suspend_flags },
    Case { name: "psci.features.smccc_version", cores: 1, run: smccc_version },
    Case { name: "psci.features.wide_ids_of_narrow_functions", cores: 1, run: wide_ids },
    Case { name: "psci.features.wide_cpu_off", cores: 2, run: wide_cpu_off },
    Case { name: "psci.features.unknown_ids", cores: 1, run: unknown_ids },
    Case { name: "psci.features.not_advertised_not_there", cores: 1, run: not_advertised },
    Case { name: "psci.features.advertised_is_there", cores: 1, run: advertised },
];

/// Bit 30 of a function identifier: SMC64.
const WIDE: u32 = 1 << 30;

/// The first function number after PSCI 1.3's.
const FIRST_UNKNOWN: u32 = 0x16;

fn version() -> Verdict {
    equal("VERSION", smc::call0(PSCI_VERSION), psci::VERSION_1_3)
}

fn migrate_info_type() -> Verdict {
    equal("MIGRATE_INFO_TYPE", smc::call0(PSCI_MIGRATE_INFO_TYPE), 2)
}

fn mandatory() -> Verdict {
    for function in [
        PSCI_VERSION,
        PSCI_CPU_OFF,
        PSCI_CPU_ON_32,
        PSCI_CPU_ON_64,
        PSCI_AFFINITY_INFO_32,
        PSCI_AFFINITY_INFO_64,
        PSCI_SYSTEM_OFF,
        PSCI_SYSTEM_RESET,
        PSCI_FEATURES,
    ] {
        status(format_args!("FEATURES({function:#x})"), psci::features(function), 0)?;
    }
    Ok(())
}

fn suspend_flags() -> Verdict {
    for function in [PSCI_CPU_SUSPEND_32, PSCI_CPU_SUSPEND_64] {
        let flags = psci::features(function);
        holds(
            format_args!("FEATURES({function:#x}) with flags in bits 1:0, got {flags:#x}"),
            flags & !0b11 == 0,
        )?;
    }
    Ok(())
}

fn smccc_version() -> Verdict {
    status("FEATURES(SMCCC_VERSION)", psci::features(smccc::arch::SMCCC_VERSION), 0)
}

fn wide_ids() -> Verdict {
    for number in [0x0, 0x2, 0x6, 0x8, 0x9, 0xa, 0xb, 0xf, 0x13] {
        let function = PSCI_VERSION | WIDE | number;
        status(format_args!("FEATURES({function:#x})"), psci::features(function), NOT_SUPPORTED)?;
        // CPU_OFF, SYSTEM_OFF and SYSTEM_RESET have cases of their own; CPU_FREEZE would not come back.
        if ![0x2, 0x8, 0x9, 0xb].contains(&number) {
            let saw = smc::call(function, [0; 6])[0];
            status(format_args!("call {function:#x}"), saw, NOT_SUPPORTED)?;
        }
    }
    Ok(())
}

extern "C" fn call_wide_cpu_off(_: u64) -> u64 {
    smc::call0(PSCI_CPU_OFF | WIDE)
}

fn wide_cpu_off() -> Verdict {
    start(1)?;
    let saw = cores::call(1, call_wide_cpu_off, 0)?;
    status("call 0xc4000002", saw, NOT_SUPPORTED)
}

fn unknown_ids() -> Verdict {
    let beyond = (FIRST_UNKNOWN..0x20).chain([0x100, 0xfff, 0xffff]);
    for number in beyond {
        for function in [PSCI_VERSION + number, (PSCI_VERSION + number) | WIDE] {
            status(format_args!("FEATURES({function:#x})"), psci::features(function), NOT_SUPPORTED)?;
            status(format_args!("call {function:#x}"), smc::call0(function), NOT_SUPPORTED)?;
        }
    }
    for function in [0xc200_0001, 0xc700_0100, 0, 0x0400_0000, u32::MAX] {
        status(format_args!("FEATURES({function:#x})"), psci::features(function), NOT_SUPPORTED)?;
    }
    Ok(())
}

/// What FEATURES denies must answer NOT_SUPPORTED. The arguments are ones that no function would act on.
fn not_advertised() -> Verdict {
    for number in 0..FIRST_UNKNOWN {
        for function in [PSCI_VERSION + number, (PSCI_VERSION + number) | WIDE] {
            let narrow_only_and_final = function & WIDE != 0 && [0x2, 0x8, 0x9].contains(&number);
            if psci::features(function) == register(NOT_SUPPORTED) && !narrow_only_and_final {
                let saw = smc::call(function, [0x7fff_fff1, 0x7fff_fff1, 0x7fff_fff1, 0, 0, 0])[0];
                status(format_args!("call {function:#x}, not advertised"), saw, NOT_SUPPORTED)?;
            }
        }
    }
    Ok(())
}

fn advertised() -> Verdict {
    // Those that come back whatever the arguments: everything but OFF, RESET, FREEZE and their likes.
    for number in [0x0, 0x3, 0x4, 0x5, 0x6, 0x7, 0xa, 0xd, 0xf, 0x10, 0x11, 0x14] {
        for function in [PSCI_VERSION + number, (PSCI_VERSION + number) | WIDE] {
            if psci::features(function) == register(NOT_SUPPORTED) {
                continue;
            }
            let saw = smc::call(function, [0x7fff_fff1, 0x7fff_fff1, 0x7fff_fff1, 0, 0, 0])[0];
            // FEATURES itself answers NOT_SUPPORTED about an unknown function.
            if saw == register(NOT_SUPPORTED) && function != PSCI_FEATURES {
                let expected = format_args!("call {function:#x}, advertised, to be there");
                return Err(failed(expected, format_args!("NOT_SUPPORTED")));
            }
        }
    }
    Ok(())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! VERSION, FEATURES and MIGRATE_INFO_TYPE: what the firmware says it has, and whether that is so.

use smccc::psci::{
    PSCI_AFFINITY_INFO_32, PSCI_AFFINITY_INFO_64, PSCI_CPU_OFF, PSCI_CPU_ON_32, PSCI_CPU_ON_64,
    PSCI_CPU_SUSPEND_32, PSCI_CPU_SUSPEND_64, PSCI_FEATURES, PSCI_MIGRATE_32, PSCI_MIGRATE_64,
    PSCI_MIGRATE_INFO_TYPE, PSCI_MIGRATE_INFO_UP_CPU_32, PSCI_MIGRATE_INFO_UP_CPU_64, PSCI_SYSTEM_OFF,
    PSCI_SYSTEM_RESET, PSCI_VERSION,
};

use crate::case::cases;
use crate::fixture::{needs, others, start, turn_off};
use crate::machine::DRAM_BASE;
use crate::psci::{self, NOT_SUPPORTED};
use crate::section;
use crate::verdict::{Verdict, equal, failed, holds, register, skipped, status};
use crate::{cores, smc, stop};

cases! {
    [section::PSCI_VERSION]
    /// PSCI_VERSION is 1.0 or later.
    "psci.version", 1, version;

    [section::MIGRATE_INFO]
    /// MIGRATE_INFO_TYPE is 2: there is no trusted OS that must be migrated.
    "psci.migrate_info_type", 1, migrate_info_type;

    [section::PSCI_FEATURES]
    /// FEATURES knows every function that is mandatory.
    "psci.features.mandatory", 1, mandatory;
    /// The flags of CPU_SUSPEND are bits 0 and 1.
    "psci.features.cpu_suspend_flags", 1, suspend_flags;
    /// FEATURES knows SMCCC_VERSION.
    "psci.features.smccc_version", 1, smccc_version;
    /// Functions of 32 bits have no SMC64 form.
    "psci.features.wide_ids_of_narrow_functions", 1, wide_ids;
    /// CPU_OFF by an SMC64 identifier is an unknown call.
    "psci.features.wide_cpu_off", 2, wide_cpu_off;
    /// FEATURES denies every other identifier, and the calls answer NOT_SUPPORTED.
    "psci.features.unknown_ids", 1, unknown_ids;
    /// What FEATURES denies answers NOT_SUPPORTED.
    "psci.features.not_advertised_not_there", 1, not_advertised;
    /// What FEATURES knows does not answer NOT_SUPPORTED.
    "psci.features.advertised_is_there", 1, advertised;
    /// Firmware with the stop service has every function of PSCI 1.3.
    "psci.features.complete", 1, complete;
    /// FEATURES says the same of both forms of a function.
    "psci.features.both_conventions", 1, both_conventions;
    /// Other functions than CPU_SUSPEND and SYSTEM_OFF2 have no flags.
    "psci.features.no_flags", 1, no_flags;
    /// SYSTEM_OFF2 announces HIBERNATE_OFF.
    "psci.features.system_off2_types", 1, system_off2_types;
    /// Both STAT functions are there, or none.
    "psci.features.statistics_both_or_none", 1, statistics;
    /// FEATURES says the same on every core.
    "psci.features.same_on_every_core", 2, same_on_every_core;
    /// What was in a draft of PSCI 1.3 only is an unknown call.
    "psci.alpha_ids.clean_inv_memregion", 1, clean_inv_memregion;

    [section::MIGRATE]
    /// MIGRATE answers NOT_SUPPORTED where there is nothing to migrate.
    "psci.migrate.not_there", 1, migrate;

    [section::MIGRATE_INFO]
    /// MIGRATE_INFO_UP_CPU answers NOT_SUPPORTED where there is nothing to migrate.
    "psci.migrate.info_up_cpu_not_there", 1, migrate_info_up_cpu;
}

/// Bit 30 of a function identifier: SMC64.
/// The first version with FEATURES, by which everything optional is found.
const VERSION_1_0: u64 = 1 << 16;

const WIDE: u32 = 1 << 30;

/// The first function number after PSCI 1.3's.
const FIRST_UNKNOWN: u32 = 0x16;

/// Functions that PSCI 1.3 has and that have something to do on this machine; their SMC64 forms, if they have one.
const ALL: [u32; 19] =
    [0x0, 0x1, 0x2, 0x3, 0x4, 0x6, 0x8, 0x9, 0xa, 0xb, 0xc, 0xd, 0xe, 0xf, 0x10, 0x11, 0x12, 0x13, 0x14];
/// Those of them, and the others, that have two conventions.
const TWO_CONVENTIONS: [u32; 13] = [0x1, 0x3, 0x4, 0x5, 0x7, 0xc, 0xd, 0xe, 0x10, 0x11, 0x12, 0x14, 0x15];

/// Firmware with the stop service is ours, and has everything.
fn complete() -> Verdict {
    if !stop::is_there() {
        return Err(skipped(format_args!("other firmware need not have every function")));
    }
    for number in ALL.into_iter().chain([0x15]) {
        let function = PSCI_VERSION | number;
        holds(format_args!("FEATURES({function:#x}) is there"), psci::has(function))?;
    }
    Ok(())
}

fn both_conventions() -> Verdict {
    for number in TWO_CONVENTIONS {
        let function = PSCI_VERSION | number;
        let narrow = psci::features(function);
        equal(format_args!("FEATURES({:#x})", function | WIDE), psci::features(function | WIDE), narrow)?;
    }
    Ok(())
}

/// Only CPU_SUSPEND and SYSTEM_OFF2 have flags.
fn no_flags() -> Verdict {
    for number in (0..FIRST_UNKNOWN).filter(|number| ![0x1, 0x15].contains(number)) {
        for function in [PSCI_VERSION | number, PSCI_VERSION | number | WIDE] {
            let saw = psci::features(function);
            let what = format_args!("FEATURES({function:#x}) = 0 or NOT_SUPPORTED, saw {saw:#x}");
            holds(what, saw == 0 || saw == register(NOT_SUPPORTED))?;
        }
    }
    Ok(())
}

/// Bit 0: HIBERNATE_OFF, the only type that there is.
fn system_off2_types() -> Verdict {
    needs(psci::SYSTEM_OFF2_64)?;
    equal("FEATURES(SYSTEM_OFF2)", psci::features(psci::SYSTEM_OFF2_64), 1)
}

fn statistics() -> Verdict {
    let [residency, count] = [0x10, 0x11].map(|number| psci::has(PSCI_VERSION | number));
    equal("FEATURES(STAT_COUNT) is there as FEATURES(STAT_RESIDENCY)", count.into(), residency.into())
}

/// Job: sums up what FEATURES says of everything.
extern "C" fn sum_of_features(_: u64) -> u64 {
    (0..0x20).fold(0, |sum: u64, number| {
        let of = |function| psci::features(function).wrapping_mul(u64::from(number) + 1);
        sum.wrapping_add(of(PSCI_VERSION | number))
            .wrapping_mul(3)
            .wrapping_add(of(PSCI_VERSION | number | WIDE))
    })
}

fn same_on_every_core() -> Verdict {
    for index in others() {
        start(index)?;
        let what = format_args!("what FEATURES says on core {index}");
        equal(what, cores::call(index, sum_of_features, 0)?, sum_of_features(0))?;
        turn_off(index)?;
    }
    Ok(())
}

/// CLEAN_INV_MEMREGION and its attributes were in drafts of PSCI 1.3 only.
fn clean_inv_memregion() -> Verdict {
    for function in [0xc400_0016, 0x8400_0016, 0x8400_0017, 0xc400_0017] {
        status(format_args!("FEATURES({function:#x})"), psci::features(function), NOT_SUPPORTED)?;
        let saw = smc::call(function, [DRAM_BASE, 0x1000, 0, 0, 0, 0])[0];
        status(format_args!("call {function:#x}"), saw, NOT_SUPPORTED)?;
    }
    Ok(())
}

/// Without a trusted OS there is nothing to migrate.
fn nothing_to_migrate(functions: [u32; 2]) -> Verdict {
    let kind = smc::call0(PSCI_MIGRATE_INFO_TYPE);
    if kind != 2 && kind != register(NOT_SUPPORTED) {
        return Err(skipped(format_args!("MIGRATE_INFO_TYPE is {kind:#x}")));
    }
    for function in functions {
        status(format_args!("FEATURES({function:#x})"), psci::features(function), NOT_SUPPORTED)?;
        for target in [0, 1, u64::MAX] {
            let saw = smc::call(function, [target, 0, 0, 0, 0, 0])[0];
            status(format_args!("call {function:#x}({target:#x})"), saw, NOT_SUPPORTED)?;
        }
    }
    Ok(())
}

fn migrate() -> Verdict {
    nothing_to_migrate([PSCI_MIGRATE_32, PSCI_MIGRATE_64])
}

fn migrate_info_up_cpu() -> Verdict {
    nothing_to_migrate([PSCI_MIGRATE_INFO_UP_CPU_32, PSCI_MIGRATE_INFO_UP_CPU_64])
}

fn version() -> Verdict {
    let saw = smc::call0(PSCI_VERSION);
    holds(format_args!("PSCI_VERSION 1.0 or later, saw {saw:#x}"), saw >= VERSION_1_0 && saw >> 31 == 0)?;
    if stop::is_there() { equal("VERSION", saw, psci::VERSION_1_3) } else { Ok(()) }
}

fn migrate_info_type() -> Verdict {
    needs(PSCI_MIGRATE_INFO_TYPE)?;
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

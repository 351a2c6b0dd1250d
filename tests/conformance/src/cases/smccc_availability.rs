// SPDX-License-Identifier: MIT OR Apache-2.0

//! SMCCC_ARCH_FEATURE_AVAILABILITY: what EL3 lets its callers use, against what the core has and what happens when one
//! uses it.

use core::arch::asm;

use crate::anchor::{self, Ending};
use crate::arch::{INVALID_PARAMETER, NOT_SUPPORTED, SMC64, SMCCC_ARCH_FEATURE_AVAILABILITY, needs};
use crate::case::cases;
use crate::cases::smccc_registers::{pattern, preserves};
use crate::section;
use crate::verdict::{Verdict, equal, failed, holds, register, status};
use crate::{el1, read_register, registers, smc};

cases! {
    [section::SMCCC_FEATURE_AVAILABILITY]
    /// Bits of SCR_EL3 say what an access shows.
    "smccc.feature_availability.scr_el3", 1, || is_true(SCR_EL3, SCR, SCR_OTHERS);
    /// Bits of CPTR_EL3 say what an access shows.
    "smccc.feature_availability.cptr_el3", 1, || is_true(CPTR_EL3, CPTR, 0);
    /// Bits of MDCR_EL3 say what an access shows.
    "smccc.feature_availability.mdcr_el3", 1, || is_true(MDCR_EL3, MDCR, MDCR_OTHERS);
    /// Bits of MPAM3_EL3 say what an access shows.
    "smccc.feature_availability.mpam3_el3", 1, || is_true(MPAM3_EL3, MPAM3, 0);
    /// Other registers than those answer INVALID_PARAMETERS.
    "smccc.feature_availability.unknown_selectors", 1, unknown_selectors;
    /// There is no SMC32 form of the call.
    "smccc.feature_availability.smc32", 1, smc32;
    /// The call leaves x4 to x30 as they were.
    "smccc.feature_availability.registers", 1, preserved;
    /// EL1 gets the same answers.
    "smccc.feature_availability.from_el1", 1, from_el1;
}

/// Selectors: the encoding of each register, as in an MRS instruction.
const SCR_EL3: u64 = 0x1e_1100;
const CPTR_EL3: u64 = 0x1e_1140;
const MDCR_EL3: u64 = 0x1e_1320;
const MPAM3_EL3: u64 = 0x1e_a500;

/// A bit that stands for a feature.
struct Bit {
    number: u32,
    name: &'static str,
    /// Whether the core has the feature.
    has: fn() -> bool,
    /// Reads a register of the feature's.
    touch: extern "C" fn(u64) -> u64,
}

/// Defines bits: number, name, fields of ID registers of which one has its least value, and a register of the feature's.
macro_rules! bits {
    ($($number:literal $name:literal: $($id:literal[$shift:literal] >= $least:literal)|+, $touch:literal;)*) => {
        &[$(Bit {
            number: $number,
            name: $name,
            has: || $(($least..15).contains(&(read_register!($id) >> $shift & 0xf)))||+,
            touch: {
                extern "C" fn touch(_: u64) -> u64 {
                    let value;
                    // SAFETY: reading the register changes nothing; where it is not there, the case is told so.
                    unsafe { asm!(concat!("mrs {}, ", $touch), out(reg) value, options(nostack)) };
                    value
                }
                touch
            },
        }),*]
    };
}

const SCR: &[Bit] = bits! {
    15 "TERR": "id_aa64pfr0_el1"[28] >= 1, "S3_0_C5_C3_0";
    16 "APK": "id_aa64isar1_el1"[4] >= 1 | "id_aa64isar1_el1"[8] >= 1 | "S3_0_C0_C6_2"[12] >= 1, "S3_0_C2_C1_0";
    25 "EnSCXT": "id_aa64pfr0_el1"[56] >= 2, "S3_4_C13_C0_7";
    26 "ATA": "id_aa64pfr1_el1"[8] >= 2, "S3_0_C1_C0_6";
    27 "FGTEn": "id_aa64mmfr0_el1"[56] >= 1, "S3_4_C1_C1_4";
    28 "ECVEn": "id_aa64mmfr0_el1"[60] >= 2, "S3_4_C14_C0_6";
    35 "AMVOFFEN": "id_aa64pfr0_el1"[44] >= 2, "S3_4_C13_C8_0";
    37 "ADEn": "id_aa64isar1_el1"[60] >= 3, "S3_0_C13_C0_5";
    38 "HXEn": "id_aa64mmfr1_el1"[40] >= 1, "S3_4_C1_C2_2";
    39 "GCSEn": "id_aa64pfr1_el1"[44] >= 1, "S3_0_C2_C5_0";
    40 "TRNDR": "id_aa64isar0_el1"[60] >= 1, "S3_3_C2_C4_0";
    41 "EnTP2": "id_aa64pfr1_el1"[24] >= 1, "S3_3_C13_C0_5";
    42 "RCWMASKEn": "id_aa64pfr1_el1"[48] >= 1, "S3_0_C13_C0_6";
    43 "TCR2En": "S3_0_C0_C7_3"[0] >= 1, "S3_4_C2_C0_3";
    44 "SCTLR2En": "S3_0_C0_C7_3"[4] >= 1, "S3_4_C1_C0_3";
    45 "PIEn": "S3_0_C0_C7_3"[8] >= 1, "S3_4_C10_C2_3";
    46 "AIEn": "S3_0_C0_C7_3"[24] >= 1, "S3_4_C10_C1_1";
    50 "EnFPM": "S3_0_C0_C4_2"[32] >= 1, "S3_3_C4_C4_2";
    59 "FGTEn2": "id_aa64mmfr0_el1"[56] >= 2, "S3_4_C3_C1_2";
};

/// Bits of features without a register of their own to touch: TID3, TID5, TWEDEn, EnAS0, D128En, MECEn, PFAREn.
const SCR_OTHERS: u64 = 1 << 22 | 1 << 23 | 1 << 29 | 1 << 36 | 1 << 47 | 1 << 49 | 1 << 53;

const CPTR: &[Bit] = bits! {
    8 "EZ": "id_aa64pfr0_el1"[32] >= 1, "S3_4_C1_C2_0";
    10 "TFP": "id_aa64pfr0_el1"[16] >= 0, "S3_3_C4_C4_0";
    12 "ESM": "id_aa64pfr1_el1"[24] >= 1, "S3_4_C1_C2_6";
    20 "TTA": "id_aa64dfr0_el1"[4] >= 1, "S2_1_C0_C0_2";
    30 "TAM": "id_aa64pfr0_el1"[44] >= 1, "S3_3_C13_C2_0";
    31 "TCPAC": "id_aa64pfr0_el1"[0] >= 1, "cptr_el2";
};

const MDCR: &[Bit] = bits! {
    6 "TPM": "id_aa64dfr0_el1"[8] >= 1, "pmcr_el0";
    9 "TDA": "id_aa64dfr0_el1"[0] >= 6, "mdscr_el1";
    10 "TDOSA": "id_aa64dfr0_el1"[36] >= 0, "S2_0_C1_C3_4";
    12 "NSPB": "id_aa64dfr0_el1"[32] >= 1, "S3_0_C9_C9_0";
    19 "TTRF": "id_aa64dfr0_el1"[40] >= 1, "S3_4_C1_C2_1";
    24 "NSTB": "id_aa64dfr0_el1"[44] >= 1, "S3_0_C9_C11_0";
    27 "TDCC": "id_aa64mmfr0_el1"[56] >= 1, "S2_3_C0_C1_0";
    32 "SBRBE": "id_aa64dfr0_el1"[52] >= 1, "S2_1_C9_C0_0";
};

/// Bits of features without a register of their own to touch: EnPM2, PMEE, EBWE.
const MDCR_OTHERS: u64 = 1 << 7 | 0b11 << 40 | 1 << 43;

const MPAM3: &[Bit] = bits! {
    62 "TRAPLOWER": "id_aa64pfr0_el1"[40] >= 1 | "id_aa64pfr1_el1"[16] >= 1, "S3_4_C10_C5_0";
};

/// Returns x0 and x1.
fn availability(selector: u64) -> (u64, u64) {
    let [x0, x1, ..] = smc::call(SMCCC_ARCH_FEATURE_AVAILABILITY, [selector, 0, 0, 0, 0, 0]);
    (x0, x1)
}

/// A bit is set only if the core has the feature; and if it has, the bit tells whether it can be used.
fn is_true(selector: u64, bits: &[Bit], others: u64) -> Verdict {
    needs(SMCCC_ARCH_FEATURE_AVAILABILITY)?;
    let (x0, available) = availability(selector);
    equal(format_args!("FEATURE_AVAILABILITY({selector:#x})"), x0, 0)?;
    let known = bits.iter().fold(others, |known, bit| known | 1 << bit.number);
    equal("bits that stand for no feature", available & !known, 0)?;
    registers::mask_all();
    for bit in bits {
        let is_set = available & 1 << bit.number != 0;
        let has = (bit.has)();
        holds(
            format_args!("bit {} ({}) only of a core with the feature", bit.number, bit.name),
            has || !is_set,
        )?;
        if !has {
            continue;
        }
        let works = matches!(anchor::run(bit.touch, 0), Ending::Returned(_));
        if works != is_set {
            let (expected, saw) = (u32::from(works), u32::from(is_set));
            return Err(failed(
                format_args!("bit {} ({}) = {expected}, as an access shows", bit.number, bit.name),
                format_args!("{saw}"),
            ));
        }
    }
    Ok(())
}

fn unknown_selectors() -> Verdict {
    needs(SMCCC_ARCH_FEATURE_AVAILABILITY)?;
    // 0x18_1100 is SCR_EL3's place at EL1; 0x1e_1000 is SCTLR_EL3.
    for selector in [0, 1, SCR_EL3 + 1, SCR_EL3 | 1 << 32, 0x18_1100, 0x1e_1000, u64::MAX] {
        let (x0, _) = availability(selector);
        equal(format_args!("FEATURE_AVAILABILITY({selector:#x})"), x0, register(INVALID_PARAMETER))?;
    }
    Ok(())
}

fn smc32() -> Verdict {
    let function = SMCCC_ARCH_FEATURE_AVAILABILITY & !SMC64;
    let saw = smc::call(function, [SCR_EL3, 0, 0, 0, 0, 0])[0];
    status("the call by SMC32, which has no room for a bitmap", saw, NOT_SUPPORTED)
}

fn preserved() -> Verdict {
    needs(SMCCC_ARCH_FEATURE_AVAILABILITY)?;
    for selector in [SCR_EL3, CPTR_EL3, MDCR_EL3, MPAM3_EL3, 0] {
        preserves(SMCCC_ARCH_FEATURE_AVAILABILITY, &[selector], 4)?;
    }
    Ok(())
}

fn from_el1() -> Verdict {
    needs(SMCCC_ARCH_FEATURE_AVAILABILITY)?;
    for selector in [SCR_EL3, CPTR_EL3, MDCR_EL3, 0] {
        let mut before: [u64; 31] = core::array::from_fn(pattern);
        before[0] = SMCCC_ARCH_FEATURE_AVAILABILITY.into();
        before[1] = selector;
        let [x0, x1, ..] = el1::smc(&before);
        let there = availability(selector);
        equal(format_args!("x0 of selector {selector:#x} from EL1"), x0, there.0)?;
        equal(format_args!("x1 of selector {selector:#x} from EL1"), x1, there.1)?;
    }
    Ok(())
}

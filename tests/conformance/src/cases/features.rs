// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a core has by its ID registers, EL2 and EL1 may use: no instruction and no register of it is trapped to EL3 or
//! undefined because EL3 has not enabled it.
//!
//! Each case uses one feature, at EL2 and, where it is there, at EL1. What EL2 could trap or withhold it lets through.

use core::arch::naked_asm;

use crate::anchor::{self, Ending};
use crate::case::Case;
use crate::section::EL3_ENABLES;
use crate::verdict::{Verdict, failed, skipped};
use crate::{el1, read_register, registers, write_register};

/// Where a feature can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Levels {
    /// At EL2 alone.
    El2,
    /// At EL2 and EL1.
    Both,
}

/// A function that uses a feature.
type Use = extern "C" fn(u64) -> u64;

/// Defines a case for each feature: its name, fields of ID registers of which one has its least value, where it can be used,
/// and instructions that use it. They may clobber x0 to x17 and all registers that Rust code here does not use.
macro_rules! features {
    ($($name:literal: $($id:literal[$shift:literal] >= $least:literal)|+, $levels:ident, [$($line:literal),+ $(,)?];)*) => {
        /// The cases of this file.
        pub const CASES: &[Case] = &[$(Case {
            id: concat!("features.", $name),
            section: EL3_ENABLES,
            shows: concat!("What a core has of ", $name, " can be used: EL3 traps nothing of it."),
            cores: 1,
            run: {
                #[unsafe(naked)]
                extern "C" fn in_use(_: u64) -> u64 {
                    naked_asm!($($line,)+ "ret")
                }
                fn run() -> Verdict {
                    let has = $(($least..15).contains(&(read_register!($id) >> $shift & 0xf)))||+;
                    judge(has, Levels::$levels, in_use)
                }
                run
            },
        }),*];
    };
}

features! {
    "fp": "id_aa64pfr0_el1"[16] >= 0, Both, [".arch_extension fp", "fmov d0, xzr", "mrs x0, fpcr"];
    "sve": "id_aa64pfr0_el1"[32] >= 1, Both, [".arch_extension sve", "ptrue p0.b", "rdvl x0, #1", "mov z0.b, p0/z, #1"];
    "sme": "id_aa64pfr1_el1"[24] >= 1, Both,
        [".arch_extension sme", "smstart", "zero {{za}}", "rdsvl x0, #1", "smstop", "mrs x0, S3_3_C13_C0_5"]; // TPIDR2_EL0
    "sme2": "id_aa64pfr1_el1"[24] >= 2, Both, [".arch_extension sme2", "smstart za", "zero {{zt0}}", "smstop za"];
    "pauth_address": "id_aa64isar1_el1"[4] >= 1 | "id_aa64isar1_el1"[8] >= 1 | "S3_0_C0_C6_2"[12] >= 1, Both,
        [".arch_extension pauth", "mrs x9, S3_0_C2_C1_0", "msr S3_0_C2_C1_0, x9", "pacia x0, x1", "autia x0, x1"]; // APIAKeyLo_EL1
    "pauth_generic": "id_aa64isar1_el1"[24] >= 1 | "id_aa64isar1_el1"[28] >= 1 | "S3_0_C0_C6_2"[8] >= 1, Both,
        [".arch_extension pauth", "mrs x9, S3_0_C2_C3_0", "pacga x0, x0, x1"]; // APGAKeyLo_EL1
    "mte": "id_aa64pfr1_el1"[8] >= 1, Both, [".arch_extension memtag", "irg x0, x0", "addg x0, x0, #16, #1", "gmi x1, x0, xzr"];
    "mte2": "id_aa64pfr1_el1"[8] >= 2, Both,
        [".arch_extension memtag", "mrs x9, S3_0_C1_C0_6", "mrs x9, S3_0_C1_C0_5", "mrs x9, S3_0_C5_C6_0"]; // GCR, RGSR, TFSR_EL1
    "scxtnum": "id_aa64pfr0_el1"[56] >= 2, Both, ["mrs x9, S3_0_C13_C0_7", "msr S3_0_C13_C0_7, x9", "mrs x9, S3_3_C13_C0_7"];
    "ras": "id_aa64pfr0_el1"[28] >= 1, Both, ["mrs x0, S3_0_C5_C3_0", "hint #16"]; // ERRIDR_EL1, ESB
    "amu": "id_aa64pfr0_el1"[44] >= 1, Both, ["mrs x0, S3_3_C13_C2_0", "mrs x0, S3_3_C13_C4_0"]; // AMCR, AMEVCNTR00
    "mpam": "id_aa64pfr0_el1"[40] >= 1 | "id_aa64pfr1_el1"[16] >= 1, Both, ["mrs x0, S3_0_C10_C5_0"]; // MPAM1_EL1
    "gcs": "id_aa64pfr1_el1"[44] >= 1, Both, ["mrs x0, S3_0_C2_C5_0", "mrs x0, S3_0_C2_C5_1"]; // GCSCR, GCSPR_EL1
    "rng": "id_aa64isar0_el1"[60] >= 1, Both, ["mrs x0, S3_3_C2_C4_0", "mrs x0, S3_3_C2_C4_1"]; // RNDR, RNDRRS
    "mops": "S3_0_C0_C6_2"[16] >= 1, Both,
        [".arch_extension mops", "mov x2, #0", "mov x1, x0", "cpyfp [x0]!, [x1]!, x2!", "cpyfm [x0]!, [x1]!, x2!",
            "cpyfe [x0]!, [x1]!, x2!", "setp [x0]!, x2!, xzr", "setm [x0]!, x2!, xzr", "sete [x0]!, x2!, xzr"];
    "wfxt": "S3_0_C0_C6_2"[0] >= 2, Both, ["mrs x0, cntvct_el0", "add x0, x0, #256, lsl #12", ".inst 0xd5031000", ".inst 0xd5031020"]; // WFET x0, WFIT x0
    "xs": "id_aa64isar1_el1"[56] >= 1, Both, [".inst 0xd503323f"]; // DSB SYnXS
    "specres": "id_aa64isar1_el1"[40] >= 1, Both, [".inst 0xd50b739f"]; // CFP RCTX, xzr
    "ls64": "id_aa64isar1_el1"[60] >= 3, Both, ["mrs x0, S3_0_C13_C0_5"]; // ACCDATA_EL1
    "ecv": "id_aa64mmfr0_el1"[60] >= 1, Both, ["mrs x0, S3_3_C14_C0_5", "mrs x0, S3_3_C14_C0_6"]; // CNTPCTSS, CNTVCTSS_EL0
    "cntpoff": "id_aa64mmfr0_el1"[60] >= 2, El2, ["mrs x9, S3_4_C14_C0_6", "msr S3_4_C14_C0_6, x9"]; // CNTPOFF_EL2
    "fgt": "id_aa64mmfr0_el1"[56] >= 1, El2,
        ["mrs x9, S3_4_C1_C1_4", "msr S3_4_C1_C1_4, x9", "mrs x9, S3_4_C3_C1_4", "mrs x9, S3_4_C1_C1_6"]; // HFGRTR, HDFGRTR, HFGITR_EL2
    "fgt2": "id_aa64mmfr0_el1"[56] >= 2, El2, ["mrs x9, S3_4_C3_C1_2", "msr S3_4_C3_C1_2, x9"]; // HFGRTR2_EL2
    "hcx": "id_aa64mmfr1_el1"[40] >= 1, El2, ["mrs x9, S3_4_C1_C2_2", "msr S3_4_C1_C2_2, x9"]; // HCRX_EL2
    "lor": "id_aa64mmfr1_el1"[16] >= 1, Both, ["mrs x0, S3_0_C10_C4_7", "mrs x0, S3_0_C10_C4_3"]; // LORID, LORC_EL1
    "tcr2": "S3_0_C0_C7_3"[0] >= 1, Both, ["mrs x9, S3_0_C2_C0_3", "msr S3_0_C2_C0_3, x9"]; // TCR2_EL1
    "sctlr2": "S3_0_C0_C7_3"[4] >= 1, Both, ["mrs x9, S3_0_C1_C0_3", "msr S3_0_C1_C0_3, x9"]; // SCTLR2_EL1
    "s1pie": "S3_0_C0_C7_3"[8] >= 1, Both, ["mrs x9, S3_0_C10_C2_3", "msr S3_0_C10_C2_3, x9"]; // PIR_EL1
    "s1poe": "S3_0_C0_C7_3"[16] >= 1, Both, ["mrs x9, S3_0_C10_C2_4", "msr S3_0_C10_C2_4, x9"]; // POR_EL1
    "aie": "S3_0_C0_C7_3"[24] >= 1, Both, ["mrs x9, S3_0_C10_C2_1", "msr S3_0_C10_C2_1, x9"]; // MAIR2_EL1
    "the": "id_aa64pfr1_el1"[48] >= 1, Both, ["mrs x0, S3_0_C13_C0_6"]; // RCWMASK_EL1
    "fpmr": "S3_0_C0_C4_2"[32] >= 1, Both, ["mrs x0, S3_3_C4_C4_2"]; // FPMR
    "nmi": "id_aa64pfr1_el1"[36] >= 1, Both, ["mrs x0, S3_0_C4_C3_0"]; // ALLINT
    "pmu": "id_aa64dfr0_el1"[8] >= 1, Both, ["mrs x9, pmcr_el0", "msr pmcr_el0, x9", "mrs x0, pmccntr_el0", "mrs x0, pmceid0_el0"];
    "debug": "id_aa64dfr0_el1"[0] >= 6, Both, ["mrs x9, mdscr_el1", "msr mdscr_el1, x9", "mrs x0, S2_0_C0_C0_4", "mrs x0, oslsr_el1"]; // DBGBVR0_EL1
    "spe": "id_aa64dfr0_el1"[32] >= 1, Both, ["mrs x0, S3_0_C9_C9_0"]; // PMSCR_EL1
    "trbe": "id_aa64dfr0_el1"[44] >= 1, Both, ["mrs x0, S3_0_C9_C11_0"]; // TRBLIMITR_EL1
    "trace_filter": "id_aa64dfr0_el1"[40] >= 1, Both, ["mrs x0, S3_0_C1_C2_1"]; // TRFCR_EL1
    "brbe": "id_aa64dfr0_el1"[52] >= 1, Both, ["mrs x0, S2_1_C9_C0_0"]; // BRBCR_EL1
}

/// CPACR_EL1: nothing of SVE, SIMD and SME is trapped at EL1.
const CPACR_OPEN: u64 = 0b11 << 24 | 0b11 << 20 | 0b11 << 16;
/// ZCR_ELx and SMCR_ELx: the longest vectors; SMCR_ELx.EZT0.
const LONGEST: u64 = 0xf;
const EZT0: u64 = 1 << 30;
/// HCR_EL2: pointer authentication, allocation tags, SCXTNUM and the fault injection are not trapped.
const HCR_OPEN: u64 = 1 << 56 | 1 << 53 | 1 << 47 | 0b11 << 40;
/// HCRX_EL2: FPMR, GCS, SCTLR2, TCR2, MOPS, ACCDATA and the 64-byte stores work at EL1.
const HCRX_OPEN: u64 = 1 << 23 | 1 << 22 | 1 << 15 | 1 << 14 | 1 << 11 | 0b11 << 1;
/// HFGRTR_EL2 and HFGWTR_EL2: the bits that are 1 to let a register through.
const FINE_GRAINED_OPEN: u64 = 0xfffd << 48 & !(1 << 51);

/// A field of an ID register as it is; 15 is none of the architecture's.
fn has(id: u64, shift: u32) -> bool {
    (1..15).contains(&(id >> shift & 0xf))
}

/// Lets EL1 use what EL2 could keep from it, and all of both what has a length.
fn open() {
    write_register!("cpacr_el1", CPACR_OPEN);
    if has(read_register!("id_aa64pfr0_el1"), 32) {
        write_register!("S3_4_C1_C2_0", LONGEST); // ZCR_EL2
        write_register!("S3_0_C1_C2_0", LONGEST); // ZCR_EL1
    }
    if has(read_register!("id_aa64pfr1_el1"), 24) {
        write_register!("S3_4_C1_C2_6", LONGEST | EZT0); // SMCR_EL2
        write_register!("S3_0_C1_C2_6", LONGEST | EZT0); // SMCR_EL1
    }
    set_gates(HCRX_OPEN, FINE_GRAINED_OPEN);
}

/// Writes what EL2 has to let EL1 use features.
fn set_gates(hcrx: u64, fine_grained: u64) {
    if has(read_register!("id_aa64mmfr1_el1"), 40) {
        write_register!("S3_4_C1_C2_2", hcrx);
    }
    if has(read_register!("id_aa64mmfr0_el1"), 56) {
        write_register!("S3_4_C1_C1_4", fine_grained);
        write_register!("S3_4_C1_C1_5", fine_grained);
    }
    registers::isb();
}

/// Uses a feature at each level that has it.
fn judge(has: bool, levels: Levels, in_use: Use) -> Verdict {
    extern "C" fn at_el1(in_use: u64) -> u64 {
        // SAFETY: `judge` passes a `Use`.
        let in_use = unsafe { core::mem::transmute::<u64, Use>(in_use) };
        el1::run(in_use, 0, HCR_OPEN)
    }
    if !has {
        return Err(skipped(format_args!("the core does not have it")));
    }
    registers::mask_all();
    open();
    let at_el2 = anchor::run(in_use, 0);
    let at_el1 = (levels == Levels::Both).then(|| anchor::run(at_el1, in_use as usize as u64));
    set_gates(0, 0);
    for (level, ending) in [("EL2", Some(at_el2)), ("EL1", at_el1)] {
        if let Some(Ending::Faulted(fault)) = ending {
            return Err(failed(format_args!("no exception in its use at {level}"), format_args!("{fault}")));
        }
    }
    Ok(())
}

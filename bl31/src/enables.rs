// SPDX-License-Identifier: MIT OR Apache-2.0

//! What EL3 lets the non-secure world use: what the core has, by its ID registers. One table.

use aarch64_cpu::registers::{
    ID_AA64DFR0_EL1, ID_AA64ISAR1_EL1, ID_AA64MMFR0_EL1, ID_AA64MMFR1_EL1, ID_AA64PFR0_EL1, ID_AA64PFR1_EL1,
};
use tock_registers::interfaces::{Readable, Writeable};

use crate::sysreg::{
    CPTR_EL3, ID_AA64ISAR2_EL1, ID_AA64MMFR3_EL1, ID_AA64PFR2_EL1, ID_AA64SMFR0_EL1, MDCR_EL3, SMCR_EL3,
    ZCR_EL3,
};
use aarch64_cpu::{asm::barrier, registers::SCR_EL3};

/// An ID register.
#[derive(Clone, Copy)]
enum Id {
    Pfr0,
    Pfr1,
    Pfr2,
    Dfr0,
    Isar1,
    Isar2,
    Mmfr0,
    Mmfr1,
    Mmfr3,
}

impl Id {
    fn read(self) -> u64 {
        match self {
            Self::Pfr0 => ID_AA64PFR0_EL1.get(),
            Self::Pfr1 => ID_AA64PFR1_EL1.get(),
            Self::Pfr2 => ID_AA64PFR2_EL1.get(),
            Self::Dfr0 => ID_AA64DFR0_EL1.get(),
            Self::Isar1 => ID_AA64ISAR1_EL1.get(),
            Self::Isar2 => ID_AA64ISAR2_EL1.get(),
            Self::Mmfr0 => ID_AA64MMFR0_EL1.get(),
            Self::Mmfr1 => ID_AA64MMFR1_EL1.get(),
            Self::Mmfr3 => ID_AA64MMFR3_EL1.get(),
        }
    }
}

/// A feature: the core has it if the 4-bit field of the ID register at bit `shift` is at least `least`.
struct Feature {
    id: Id,
    shift: u32,
    least: u64,
}

impl Feature {
    fn is_present(&self) -> bool {
        let field = self.id.read() >> self.shift & 0xf;
        // 15 is a PMU of the implementer's own, which is none of the architecture's.
        field >= self.least && field != 0xf
    }
}

const fn feature(id: Id, shift: u32, least: u64) -> Feature {
    Feature { id, shift, least }
}

const PAUTH: [Feature; 6] = [
    feature(Id::Isar1, 4, 1),
    feature(Id::Isar1, 8, 1),
    feature(Id::Isar1, 24, 1),
    feature(Id::Isar1, 28, 1),
    feature(Id::Isar2, 8, 1),
    feature(Id::Isar2, 12, 1),
];
const SVE: Feature = feature(Id::Pfr0, 32, 1);
const SME: Feature = feature(Id::Pfr1, 24, 1);
const SME2: Feature = feature(Id::Pfr1, 24, 2);
const HCX: Feature = feature(Id::Mmfr1, 40, 1);
const PMU: Feature = feature(Id::Dfr0, 8, 1);
const VHE: Feature = feature(Id::Mmfr1, 8, 1);

/// SCR_EL3 of a core without any of the features below: non-secure, EL2 in AArch64, HVC, no instruction fetch from
/// non-secure memory in the secure state, and Group 0 interrupts go to EL3.
const SCR_BASE: u64 = 1 << 10 | 1 << 9 | 1 << 8 | 0b11 << 4 | 1 << 2 | 1;

/// SCR_EL3 bits by feature.
const SCR: [(u64, Feature); 20] = [
    (1 << 25, feature(Id::Pfr0, 56, 2)),  // EnSCXT: CSV2_2
    (1 << 26, feature(Id::Pfr1, 8, 2)),   // ATA: MTE2
    (FGT, feature(Id::Mmfr0, 56, 1)),     // FGTEn
    (FGT2, feature(Id::Mmfr0, 56, 2)),    // FGTEn2
    (CNTPOFF, feature(Id::Mmfr0, 60, 2)), // ECVEn: CNTPOFF
    (1 << 35, feature(Id::Pfr0, 44, 2)),  // AMVOFFEN: AMUv1p1
    (1 << 36, feature(Id::Isar1, 60, 3)), // EnAS0: LS64_ACCDATA
    (1 << 37, feature(Id::Isar1, 60, 3)), // ADEn
    (1 << 38, HCX),                       // HXEn
    (GCS, feature(Id::Pfr1, 44, 1)),      // GCSEn
    (TPIDR2, SME),                        // EnTP2
    (TCR2, feature(Id::Mmfr3, 0, 1)),     // TCR2En
    (SCTLR2, feature(Id::Mmfr3, 4, 1)),   // SCTLR2En
    (1 << 45, feature(Id::Mmfr3, 8, 1)),  // PIEn: S1PIE
    (1 << 45, feature(Id::Mmfr3, 12, 1)), // PIEn: S2PIE
    (1 << 45, feature(Id::Mmfr3, 16, 1)), // PIEn: S1POE
    (1 << 45, feature(Id::Mmfr3, 20, 1)), // PIEn: S2POE
    (1 << 46, feature(Id::Mmfr3, 24, 1)), // AIEn
    (1 << 47, feature(Id::Mmfr3, 32, 1)), // D128En
    (1 << 50, feature(Id::Pfr2, 32, 1)),  // EnFPM
];

/// SCR_EL3.APK and API: pointer authentication keys and instructions.
const SCR_PAUTH: u64 = 0b11 << 16;

/// CPTR_EL3 bits that let the feature be used. FP, trace and AMU are not trapped: their bits are 0.
const CPTR: [(u64, Feature); 2] = [(1 << 8, SVE), (1 << 12, SME)];

/// MDCR_EL3 of every core: no counting and no debug in EL3 (MCCD, SCCD, SDD, SPD32).
const MDCR_BASE: u64 = 1 << 34 | 1 << 23 | 1 << 16 | 0b10 << 14;

/// MDCR_EL3 bits by feature: what the non-secure world owns.
const MDCR: [(u64, Feature); 5] = [
    (0b11 << 12, feature(Id::Dfr0, 32, 1)), // NSPB: SPE
    (1 << 36, feature(Id::Dfr0, 32, 3)),    // EnPMSN: SPEv1p2
    (0b11 << 24, feature(Id::Dfr0, 44, 1)), // NSTB: TRBE
    (1 << 28, feature(Id::Dfr0, 48, 1)),    // MTPME
    (1 << 7, feature(Id::Dfr0, 8, 9)),      // EnPM2: PMUv3p9
];

/// ZCR_EL3 and SMCR_EL3: the longest vectors that the core has.
const LONGEST_VECTORS: u64 = 0xf;

/// SMCR_EL3.FA64, if ID_AA64SMFR0_EL1.FA64 says so.
const SMCR_FA64: u64 = 1 << 31;
const SMFR0_FA64: u64 = 1 << 63;
/// SMCR_EL3.EZT0, with SME2.
const SMCR_EZT0: u64 = 1 << 30;

fn gather(bits: &[(u64, Feature)]) -> u64 {
    bits.iter().filter(|(_, feature)| feature.is_present()).fold(0, |all, (bits, _)| all | bits)
}

/// Lets the non-secure world use what this core has. SCR_EL3.NS is set afterwards.
pub(crate) fn init_core() {
    let pauth = if PAUTH.iter().any(Feature::is_present) { SCR_PAUTH } else { 0 };
    SCR_EL3.set(SCR_BASE | pauth | gather(&SCR));
    CPTR_EL3.set(gather(&CPTR));
    MDCR_EL3.set(MDCR_BASE | gather(&MDCR));
    barrier::isb(barrier::SY); // the vector length registers trap until CPTR_EL3 is in force
    if SVE.is_present() {
        ZCR_EL3.set(LONGEST_VECTORS);
    }
    if SME.is_present() {
        let fa64 = if ID_AA64SMFR0_EL1.get() & SMFR0_FA64 != 0 { SMCR_FA64 } else { 0 };
        let ezt0 = if SME2.is_present() { SMCR_EZT0 } else { 0 };
        SMCR_EL3.set(LONGEST_VECTORS | fa64 | ezt0);
    }
    barrier::isb(barrier::SY); // what follows is for the non-secure state
}

/// SCR_EL3 bits that also say whether EL2 has the registers that they open.
pub(crate) const FGT: u64 = 1 << 27;
pub(crate) const FGT2: u64 = 1 << 59;
pub(crate) const GCS: u64 = 1 << 39;
/// FEAT_SME's, which also has SVCR.
pub(crate) const TPIDR2: u64 = 1 << 41;
pub(crate) const CNTPOFF: u64 = 1 << 28;
pub(crate) const TCR2: u64 = 1 << 43;
pub(crate) const SCTLR2: u64 = 1 << 44;

/// Returns whether SCR_EL3 has this bit set.
pub(crate) fn opens(bit: u64) -> bool {
    SCR_EL3.get() & bit != 0
}

/// Returns whether the core has HCRX_EL2.
pub(crate) fn has_hcx() -> bool {
    HCX.is_present()
}

/// Returns whether the core has a PMU of the architecture's.
pub(crate) fn has_pmu() -> bool {
    PMU.is_present()
}

/// Returns whether the core has the EL2 registers of the virtualization host extensions.
pub(crate) fn has_vhe() -> bool {
    VHE.is_present()
}

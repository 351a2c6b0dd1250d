// SPDX-License-Identifier: MIT OR Apache-2.0

//! What EL3 lets the non-secure world use: what the core has, by its ID registers. One table for each register, which also
//! is where SMCCC_ARCH_FEATURE_AVAILABILITY comes from.

use aarch64_cpu::registers::{
    ID_AA64DFR0_EL1, ID_AA64ISAR0_EL1, ID_AA64ISAR1_EL1, ID_AA64MMFR0_EL1, ID_AA64MMFR1_EL1, ID_AA64PFR0_EL1,
    ID_AA64PFR1_EL1,
};
use quell_arch::Control;
use tock_registers::interfaces::{Readable, Writeable};

use crate::sysreg::{
    CPTR_EL3, ID_AA64ISAR2_EL1, ID_AA64MMFR3_EL1, ID_AA64PFR2_EL1, ID_AA64SMFR0_EL1, MDCR_EL3, MPAM3_EL3,
    SMCR_EL3, ZCR_EL3,
};
use aarch64_cpu::{asm::barrier, registers::SCR_EL3};

/// An ID register.
#[derive(Clone, Copy)]
enum Id {
    Pfr0,
    Pfr1,
    Pfr2,
    Dfr0,
    Isar0,
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
            Self::Isar0 => ID_AA64ISAR0_EL1.get(),
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
    shift: u8,
    least: u8,
}

impl Feature {
    fn is_present(&self) -> bool {
        let field = (self.id.read() >> self.shift) as u8 & 0xf;
        // 15 is a PMU of the implementer's own, which is none of the architecture's.
        field >= self.least && field != 0xf
    }
}

const fn feature(id: Id, shift: u8, least: u8) -> Feature {
    Feature { id, shift, least }
}

const SVE: Feature = feature(Id::Pfr0, 32, 1);
const SME: Feature = feature(Id::Pfr1, 24, 1);
const SME2: Feature = feature(Id::Pfr1, 24, 2);
const PMU: Feature = feature(Id::Dfr0, 8, 1);
const VHE: Feature = feature(Id::Mmfr1, 8, 1);
const MPAM: [Feature; 2] = [feature(Id::Pfr0, 40, 1), feature(Id::Pfr1, 16, 1)];
/// AArch64 at EL0: what every core has.
const ALWAYS: Feature = feature(Id::Pfr0, 0, 1);

/// Bits of a control register by feature.
struct Row {
    /// Bits that are 1 to enable the feature; or, among the traps, the bit that is 0.
    bits: u64,
    /// Those of them that stand for the feature where callers ask for it: one of a field with several bits.
    reported: u64,
    feature: Feature,
}

const fn row(bits: u64, feature: Feature) -> Row {
    Row { bits, reported: bits, feature }
}

const fn reported_by(reported: u64, bits: u64, feature: Feature) -> Row {
    Row { bits, reported, feature }
}

/// A control register.
struct Policy {
    /// Its value on a core without any of the features.
    base: u64,
    /// Features that 1 enables.
    enables: &'static [Row],
    /// Features that 1 would trap: their bits stay 0.
    traps: &'static [Row],
}

impl Policy {
    /// Returns the register's value on this core.
    fn value(&self) -> u64 {
        gather(self.enables, |row| row.bits) | self.base
    }

    /// Returns the features of this core that a value of the register lets through.
    fn available(&self, value: u64) -> u64 {
        let enabled = gather(self.enables, |row| row.reported) & value;
        enabled | gather(self.traps, |row| row.reported) & !value
    }
}

/// Returns what `bits` says of each feature that this core has.
fn gather(rows: &[Row], bits: impl Fn(&Row) -> u64) -> u64 {
    rows.iter().filter(|row| row.feature.is_present()).fold(0, |all, row| all | bits(row))
}

/// SCR_EL3.APK and API: pointer authentication keys and instructions.
const APK: u64 = 1 << 16;
const APK_API: u64 = 0b11 << 16;

/// SCR_EL3. Every core: non-secure, EL2 in AArch64, HVC, no instruction fetch from non-secure memory in the secure state,
/// and Group 0 interrupts go to EL3.
static SCR: Policy = Policy {
    base: 1 << 10 | 1 << 9 | 1 << 8 | 0b11 << 4 | 1 << 2 | 1,
    enables: &[
        reported_by(APK, APK_API, feature(Id::Isar1, 4, 1)),
        reported_by(APK, APK_API, feature(Id::Isar1, 8, 1)),
        reported_by(APK, APK_API, feature(Id::Isar1, 24, 1)),
        reported_by(APK, APK_API, feature(Id::Isar1, 28, 1)),
        reported_by(APK, APK_API, feature(Id::Isar2, 8, 1)),
        reported_by(APK, APK_API, feature(Id::Isar2, 12, 1)),
        row(1 << 25, feature(Id::Pfr0, 56, 2)),  // EnSCXT: CSV2_2
        row(1 << 26, feature(Id::Pfr1, 8, 2)),   // ATA: MTE2
        row(FGT, feature(Id::Mmfr0, 56, 1)),     // FGTEn
        row(FGT2, feature(Id::Mmfr0, 56, 2)),    // FGTEn2
        row(CNTPOFF, feature(Id::Mmfr0, 60, 2)), // ECVEn: CNTPOFF
        row(1 << 35, feature(Id::Pfr0, 44, 2)),  // AMVOFFEN: AMUv1p1
        row(1 << 36, feature(Id::Isar1, 60, 3)), // EnAS0: LS64_ACCDATA
        row(1 << 37, feature(Id::Isar1, 60, 3)), // ADEn
        row(HCX, feature(Id::Mmfr1, 40, 1)),     // HXEn
        row(GCS, feature(Id::Pfr1, 44, 1)),      // GCSEn
        row(TPIDR2, SME),                        // EnTP2
        row(1 << 42, feature(Id::Pfr1, 48, 1)),  // RCWMASKEn: THE
        row(TCR2, feature(Id::Mmfr3, 0, 1)),     // TCR2En
        row(SCTLR2, feature(Id::Mmfr3, 4, 1)),   // SCTLR2En
        row(1 << 45, feature(Id::Mmfr3, 8, 1)),  // PIEn: S1PIE
        row(1 << 45, feature(Id::Mmfr3, 12, 1)), // PIEn: S2PIE
        row(1 << 45, feature(Id::Mmfr3, 16, 1)), // PIEn: S1POE
        row(1 << 45, feature(Id::Mmfr3, 20, 1)), // PIEn: S2POE
        row(1 << 46, feature(Id::Mmfr3, 24, 1)), // AIEn
        row(1 << 47, feature(Id::Mmfr3, 32, 1)), // D128En
        row(1 << 50, feature(Id::Pfr2, 32, 1)),  // EnFPM
    ],
    traps: &[
        row(1 << 15, feature(Id::Pfr0, 28, 1)),  // TERR: RAS
        row(1 << 40, feature(Id::Isar0, 60, 1)), // TRNDR: RNG
    ],
};

/// CPTR_EL3.EZ and ESM: SVE, and SME.
const EZ: u64 = 1 << 8;
const ESM: u64 = 1 << 12;

/// CPTR_EL3.
static CPTR: Policy = Policy {
    base: 0,
    enables: &[row(EZ, SVE), row(ESM, SME)],
    traps: &[
        row(1 << 10, feature(Id::Pfr0, 16, 0)), // TFP: 15 is no FP
        row(1 << 20, feature(Id::Dfr0, 4, 1)),  // TTA: trace registers
        row(1 << 30, feature(Id::Pfr0, 44, 1)), // TAM: AMU
        row(1 << 31, ALWAYS),                   // TCPAC: CPACR_EL1 and CPTR_EL2
    ],
};

/// MDCR_EL3. Every core: no counting and no debug in EL3 (MCCD, SCCD, SDD, SPD32).
static MDCR: Policy = Policy {
    base: 1 << 34 | 1 << 23 | 1 << 16 | 0b10 << 14,
    enables: &[
        reported_by(1 << 12, 0b11 << 12, feature(Id::Dfr0, 32, 1)), // NSPB: SPE
        reported_by(0, 1 << 36, feature(Id::Dfr0, 32, 3)),          // EnPMSN: SPEv1p2
        reported_by(1 << 24, 0b11 << 24, feature(Id::Dfr0, 44, 1)), // NSTB: TRBE
        reported_by(1 << 32, 0b11 << 32, feature(Id::Dfr0, 52, 1)), // SBRBE: BRBE
        reported_by(0, 1 << 28, feature(Id::Dfr0, 48, 1)),          // MTPME
        row(1 << 7, feature(Id::Dfr0, 8, 9)),                       // EnPM2: PMUv3p9
    ],
    traps: &[
        row(1 << 6, PMU),                        // TPM
        row(1 << 9, ALWAYS),                     // TDA: debug registers
        row(1 << 10, feature(Id::Dfr0, 36, 0)),  // TDOSA: 15 is no DoubleLock
        row(1 << 19, feature(Id::Dfr0, 40, 1)),  // TTRF: trace filter
        row(1 << 27, feature(Id::Mmfr0, 56, 1)), // TDCC: FGT
    ],
};

/// MPAM3_EL3 of a core with MPAM: MPAMEN.
static MPAM3: Policy = Policy {
    base: 1 << 63,
    enables: &[],
    traps: &[row(1 << 62, ALWAYS)], // TRAPLOWER
};

/// ZCR_EL3 and SMCR_EL3: the longest vectors that the core has.
const LONGEST_VECTORS: u64 = 0xf;

/// SMCR_EL3.FA64, if ID_AA64SMFR0_EL1.FA64 says so.
const SMCR_FA64: u64 = 1 << 31;
const SMFR0_FA64: u64 = 1 << 63;
/// SMCR_EL3.EZT0, with SME2.
const SMCR_EZT0: u64 = 1 << 30;

/// What EL3 lets the non-secure world use of a core, found out once: the cores of a machine are alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Enables {
    scr: u64,
    cptr: u64,
    mdcr: u64,
    mpam3: Option<u64>,
    smcr: u64,
    has_vhe: bool,
    has_pmu: bool,
}

impl Enables {
    /// Those of a core that nothing is known of yet.
    pub(crate) const NONE: Self =
        Self { scr: 0, cptr: 0, mdcr: 0, mpam3: None, smcr: 0, has_vhe: false, has_pmu: false };

    /// Returns those of this core.
    pub(crate) fn of_this_core() -> Self {
        let fa64 = if ID_AA64SMFR0_EL1.get() & SMFR0_FA64 != 0 { SMCR_FA64 } else { 0 };
        let ezt0 = if SME2.is_present() { SMCR_EZT0 } else { 0 };
        Self {
            scr: SCR.value(),
            cptr: CPTR.value(),
            mdcr: MDCR.value(),
            mpam3: has_mpam().then(|| MPAM3.value()),
            smcr: LONGEST_VECTORS | fa64 | ezt0,
            has_vhe: VHE.is_present(),
            has_pmu: PMU.is_present(),
        }
    }

    /// Lets the non-secure world use what this core has. SCR_EL3.NS is set afterwards.
    pub(crate) fn open(&self) {
        SCR_EL3.set(self.scr);
        CPTR_EL3.set(self.cptr);
        MDCR_EL3.set(self.mdcr);
        if let Some(mpam3) = self.mpam3 {
            MPAM3_EL3.set(mpam3);
        }
        barrier::isb(barrier::SY); // the vector length registers trap until CPTR_EL3 is in force
        if self.cptr & EZ != 0 {
            ZCR_EL3.set(LONGEST_VECTORS);
        }
        if self.cptr & ESM != 0 {
            SMCR_EL3.set(self.smcr);
        }
        barrier::isb(barrier::SY); // what follows is for the non-secure state
    }

    /// Returns whether SCR_EL3 has this bit set.
    pub(crate) const fn opens(&self, bit: u64) -> bool {
        self.scr & bit != 0
    }

    /// Returns whether the core has a PMU of the architecture's.
    pub(crate) const fn has_pmu(&self) -> bool {
        self.has_pmu
    }

    /// Returns whether the core has the EL2 registers of the virtualization host extensions.
    pub(crate) const fn has_vhe(&self) -> bool {
        self.has_vhe
    }
}

/// Returns the bits of a register that stand for a feature of this core that the non-secure world may use.
pub(crate) fn availability(control: Control) -> u64 {
    match control {
        Control::Scr => SCR.available(SCR_EL3.get()),
        Control::Cptr => CPTR.available(CPTR_EL3.get()),
        Control::Mdcr => MDCR.available(MDCR_EL3.get()),
        Control::Mpam3 if has_mpam() => MPAM3.available(MPAM3_EL3.get()),
        Control::Mpam3 => 0,
    }
}

fn has_mpam() -> bool {
    MPAM.iter().any(Feature::is_present)
}

/// SCR_EL3 bits that also say whether EL2 has the registers that they open.
pub(crate) const FGT: u64 = 1 << 27;
pub(crate) const FGT2: u64 = 1 << 59;
pub(crate) const HCX: u64 = 1 << 38;
pub(crate) const GCS: u64 = 1 << 39;
/// FEAT_SME's, which also has SVCR.
pub(crate) const TPIDR2: u64 = 1 << 41;
pub(crate) const CNTPOFF: u64 = 1 << 28;
pub(crate) const TCR2: u64 = 1 << 43;
pub(crate) const SCTLR2: u64 = 1 << 44;

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a core needs against speculation that crosses contexts, and what the firmware can do for it.
//!
//! | vulnerability | unaffected if | else |
//! |---|---|---|
//! | CVE-2017-5715: branch targets | CSV2 | Cortex-A57 and A72: invalidate the predictor |
//! | CVE-2022-23960: branch history | CSV2_3 or ECBHB | CLRBHB, or a loop of as many branches as Arm lists for the core |
//! | CVE-2018-3639: loads past stores | SSBS: software below EL3 decides | Cortex-A57 and A72: off for good since reset |
//!
//! A core of which none of this is known gets no promise: NOT_SUPPORTED is the answer for "does not say".

use smccc::arch::error::{NOT_REQUIRED, NOT_SUPPORTED};

/// The ID registers that decide.
#[derive(Clone, Copy, Debug)]
pub struct CoreId {
    /// MIDR_EL1.
    pub midr: u64,
    /// ID_AA64PFR0_EL1.
    pub pfr0: u64,
    /// ID_AA64PFR1_EL1.
    pub pfr1: u64,
    /// ID_AA64ISAR2_EL1.
    pub isar2: u64,
    /// ID_AA64MMFR1_EL1.
    pub mmfr1: u64,
}

/// What a core needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mitigation {
    /// The core is not affected.
    Nothing,
    /// Drops every prediction of a branch's target.
    InvalidatePredictor,
    /// Takes this many branches, which push all others out of the branch history.
    Loop(u32),
    /// Executes CLRBHB.
    ClearHistory,
}

/// MIDR_EL1 bits 31:24: Arm.
pub const ARM: u64 = 0x41;
/// MIDR_EL1 bits 15:4 of Arm's cores.
pub const CORTEX_A57: u64 = 0xd07;
/// See [`CORTEX_A57`].
pub const CORTEX_A72: u64 = 0xd08;
const CORTEX_A76: u64 = 0xd0b;
const NEOVERSE_N1: u64 = 0xd0c;
const NEOVERSE_V1: u64 = 0xd40;
const NEOVERSE_N2: u64 = 0xd49;

/// The most branches that a core of this list has to take.
pub const MOST_BRANCHES: u32 = 32;

/// ID_AA64PFR0_EL1.CSV2: 0 not disclosed, 1 branch targets, 3 branch history too.
const CSV2_SHIFT: u32 = 56;
const CSV2_3: u64 = 3;
/// ID_AA64PFR1_EL1.SSBS.
const SSBS_SHIFT: u32 = 4;
/// ID_AA64ISAR2_EL1.CLRBHB.
const CLRBHB_SHIFT: u32 = 28;
/// ID_AA64MMFR1_EL1.ECBHB.
const ECBHB_SHIFT: u32 = 60;

const fn field(register: u64, shift: u32) -> u64 {
    register >> shift & 0xf
}

impl CoreId {
    /// Returns the part number if Arm made the core, else 0.
    const fn part(&self) -> u64 {
        if self.midr >> 24 & 0xff == ARM { self.midr >> 4 & 0xfff } else { 0 }
    }

    /// Returns what mitigates CVE-2017-5715: SMCCC_ARCH_WORKAROUND_1.
    pub const fn branch_targets(&self) -> Option<Mitigation> {
        match (self.part(), field(self.pfr0, CSV2_SHIFT)) {
            (CORTEX_A57, _) | (CORTEX_A72, 0) => Some(Mitigation::InvalidatePredictor),
            (_, 0) => None,
            _ => Some(Mitigation::Nothing),
        }
    }

    /// Returns what mitigates CVE-2017-5715 and CVE-2022-23960: SMCCC_ARCH_WORKAROUND_3. `Some` only if
    /// [`branch_targets`](Self::branch_targets) is: who offers the one offers the other (SMCCC 1.5 section 7.7).
    pub const fn branch_history(&self) -> Option<Mitigation> {
        match self.branch_targets() {
            Some(Mitigation::Nothing) => {}
            other => return other,
        }
        if field(self.pfr0, CSV2_SHIFT) >= CSV2_3 || field(self.mmfr1, ECBHB_SHIFT) != 0 {
            return Some(Mitigation::Nothing);
        }
        if field(self.isar2, CLRBHB_SHIFT) != 0 {
            return Some(Mitigation::ClearHistory);
        }
        match self.part() {
            CORTEX_A72 => Some(Mitigation::Loop(8)),
            CORTEX_A76 | NEOVERSE_N1 => Some(Mitigation::Loop(24)),
            NEOVERSE_V1 | NEOVERSE_N2 => Some(Mitigation::Loop(MOST_BRANCHES)),
            _ => None,
        }
    }

    /// Returns whether the core has to be mitigated at each entry to EL3. What is not known is not promised, to callers neither.
    pub const fn is_guarded(&self) -> bool {
        !matches!(self.branch_history(), None | Some(Mitigation::Nothing))
    }

    /// Returns what SMCCC_ARCH_FEATURES says of SMCCC_ARCH_WORKAROUND_2, CVE-2018-3639: no core here needs a switch in
    /// the firmware, which is what the call would be.
    pub const fn store_bypass(&self) -> i32 {
        match self.part() {
            CORTEX_A57 | CORTEX_A72 => NOT_REQUIRED,
            _ if field(self.pfr1, SSBS_SHIFT) != 0 => NOT_REQUIRED,
            _ => NOT_SUPPORTED,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns a core of Arm's.
    pub(crate) const fn core(part: u64, csv2: u64) -> CoreId {
        CoreId { midr: ARM << 24 | 0xf << 16 | part << 4, pfr0: csv2 << 56, pfr1: 0, isar2: 0, mmfr1: 0 }
    }

    #[test]
    fn each_core_gets_what_arm_lists() {
        use Mitigation::{InvalidatePredictor, Loop, Nothing};
        for (part, csv2, targets, history) in [
            (CORTEX_A57, 0, Some(InvalidatePredictor), Some(InvalidatePredictor)),
            (CORTEX_A72, 0, Some(InvalidatePredictor), Some(InvalidatePredictor)),
            (CORTEX_A72, 1, Some(Nothing), Some(Loop(8))),
            (CORTEX_A76, 1, Some(Nothing), Some(Loop(24))),
            (NEOVERSE_N1, 1, Some(Nothing), Some(Loop(24))),
            (NEOVERSE_V1, 1, Some(Nothing), Some(Loop(32))),
            (NEOVERSE_N2, 2, Some(Nothing), Some(Loop(32))),
            (0xfff, 0, None, None),
            (0xfff, 1, Some(Nothing), None),
            (0xfff, 3, Some(Nothing), Some(Nothing)),
        ] {
            let core = core(part, csv2);
            assert_eq!(core.branch_targets(), targets, "{part:#x} {csv2}");
            assert_eq!(core.branch_history(), history, "{part:#x} {csv2}");
            assert!(!matches!(history, Some(Loop(count)) if count > MOST_BRANCHES));
        }
    }

    #[test]
    fn the_id_registers_come_before_the_list() {
        let plain = core(NEOVERSE_N2, 1);
        let ecbhb = CoreId { mmfr1: 1 << ECBHB_SHIFT, ..plain };
        assert_eq!(ecbhb.branch_history(), Some(Mitigation::Nothing));
        let clrbhb = CoreId { isar2: 1 << CLRBHB_SHIFT, ..plain };
        assert_eq!(clrbhb.branch_history(), Some(Mitigation::ClearHistory));
        // The history does not matter where the targets themselves can be trained.
        let old = CoreId { isar2: 1 << CLRBHB_SHIFT, mmfr1: 1 << ECBHB_SHIFT, ..core(0xfff, 0) };
        assert_eq!(old.branch_history(), None);
    }

    #[test]
    fn who_has_workaround_3_has_workaround_1() {
        for part in 0..0x1000 {
            for csv2 in 0..4 {
                let core = core(part, csv2);
                assert!(
                    core.branch_history().is_none() || core.branch_targets().is_some(),
                    "{part:#x} {csv2}"
                );
            }
        }
    }

    #[test]
    fn other_makers_parts_are_not_arms() {
        let other = CoreId { midr: 0x51 << 24 | CORTEX_A57 << 4, ..core(0, 0) };
        assert_eq!(other.branch_targets(), None);
        assert_eq!(other.store_bypass(), NOT_SUPPORTED);
    }

    #[test]
    fn nobody_needs_a_switch_for_store_bypass() {
        assert_eq!(core(CORTEX_A57, 0).store_bypass(), NOT_REQUIRED);
        assert_eq!(core(CORTEX_A72, 0).store_bypass(), NOT_REQUIRED);
        assert_eq!(core(NEOVERSE_N1, 1).store_bypass(), NOT_SUPPORTED);
        assert_eq!(CoreId { pfr1: 1 << SSBS_SHIFT, ..core(NEOVERSE_N1, 1) }.store_bypass(), NOT_REQUIRED);
    }
}

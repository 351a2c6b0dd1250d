// SPDX-License-Identifier: MIT OR Apache-2.0

//! The system registers that `aarch64-cpu` lacks, in its manner.
//!
//! Reads and writes are ordered among themselves but not with memory: who needs that order says so with a barrier. A
//! register of a feature that the core lacks is UNDEFINED, and that is a fault at EL3: ask the ID registers first.

#![expect(non_camel_case_types, reason = "registers have the architecture's names, as those of aarch64-cpu")]
#![expect(clippy::upper_case_acronyms, reason = "as above")]

/// Defines a register by the name that the assembler knows, or by its encoding.
macro_rules! registers {
    ($($(#[$doc:meta])* $register:ident = $name:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub(crate) struct $register;

            impl ::tock_registers::interfaces::Readable for $register {
                type T = u64;
                type R = ();

                #[inline(always)]
                fn get(&self) -> u64 {
                    let value;
                    // SAFETY: reading this register changes nothing.
                    unsafe {
                        ::core::arch::asm!(
                            concat!("mrs {}, ", $name),
                            out(reg) value,
                            options(nomem, nostack, preserves_flags),
                        );
                    }
                    value
                }
            }

            impl ::tock_registers::interfaces::Writeable for $register {
                type T = u64;
                type R = ();

                #[inline(always)]
                fn set(&self, value: u64) {
                    // SAFETY: this register does not touch the monitor's own memory, translation or stack.
                    unsafe {
                        ::core::arch::asm!(
                            concat!("msr ", $name, ", {}"),
                            in(reg) value,
                            options(nomem, nostack, preserves_flags),
                        );
                    }
                }
            }
        )*
    };
}

registers! {
    /// The index of this core; EL3 keeps it here.
    TPIDR_EL3 = "tpidr_el3";
    CPTR_EL3 = "cptr_el3";
    MDCR_EL3 = "mdcr_el3";
    /// FEAT_SVE.
    ZCR_EL3 = "S3_6_C1_C2_0";
    /// FEAT_SME.
    SMCR_EL3 = "S3_6_C1_C2_6";
    /// FEAT_MPAM.
    MPAM3_EL3 = "S3_6_C10_C5_0";

    ID_AA64PFR2_EL1 = "S3_0_C0_C4_2";
    /// FEAT_SME.
    ID_AA64SMFR0_EL1 = "S3_0_C0_C4_5";
    ID_AA64ISAR2_EL1 = "S3_0_C0_C6_2";
    ID_AA64MMFR3_EL1 = "S3_0_C0_C7_3";

    DCZID_EL0 = "dczid_el0";
    VPIDR_EL2 = "vpidr_el2";
    HSTR_EL2 = "hstr_el2";
    /// FEAT_HCX.
    HCRX_EL2 = "S3_4_C1_C2_2";
    /// FEAT_TCR2.
    TCR2_EL2 = "S3_4_C2_C0_3";
    /// FEAT_SCTLR2.
    SCTLR2_EL2 = "S3_4_C1_C0_3";
    /// FEAT_FGT2.
    HFGRTR2_EL2 = "S3_4_C3_C1_2";
    HFGWTR2_EL2 = "S3_4_C3_C1_3";
    HFGITR2_EL2 = "S3_4_C3_C1_7";
    HDFGRTR2_EL2 = "S3_4_C3_C1_0";
    HDFGWTR2_EL2 = "S3_4_C3_C1_1";
    /// FEAT_GCS.
    GCSCR_EL1 = "S3_0_C2_C5_0";
    GCSCR_EL2 = "S3_4_C2_C5_0";
    /// FEAT_SME.
    SVCR = "S3_3_C4_C2_2";
    /// FEAT_VHE.
    TTBR1_EL2 = "S3_4_C2_C0_1";
    /// FEAT_VHE.
    CONTEXTIDR_EL2 = "S3_4_C13_C0_1";
    /// FEAT_VHE.
    CNTHV_CTL_EL2 = "S3_4_C14_C3_1";
    /// FEAT_ECV, CNTPOFF.
    CNTPOFF_EL2 = "S3_4_C14_C0_6";
    CNTPS_CTL_EL1 = "cntps_ctl_el1";
    CNTPS_CVAL_EL1 = "cntps_cval_el1";

    PMCR_EL0 = "pmcr_el0";
    PMUSERENR_EL0 = "pmuserenr_el0";
    PMCNTENCLR_EL0 = "pmcntenclr_el0";
    PMINTENCLR_EL1 = "pmintenclr_el1";
    PMOVSCLR_EL0 = "pmovsclr_el0";
    ISR_EL1 = "isr_el1";

    ICC_PMR_EL1 = "icc_pmr_el1";
    ICC_RPR_EL1 = "icc_rpr_el1";
    ICC_HPPIR1_EL1 = "icc_hppir1_el1";
    ICC_IGRPEN1_EL1 = "icc_igrpen1_el1";
    ICC_IGRPEN1_EL3 = "icc_igrpen1_el3";
    ICC_SRE_EL1 = "icc_sre_el1";
    ICC_SRE_EL2 = "icc_sre_el2";
    ICC_BPR0_EL1 = "icc_bpr0_el1";
    ICC_BPR1_EL1 = "icc_bpr1_el1";
    ICC_CTLR_EL3 = "icc_ctlr_el3";
    ICC_CTLR_EL1 = "icc_ctlr_el1";
}

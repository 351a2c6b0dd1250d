// SPDX-License-Identifier: MIT OR Apache-2.0

//! System registers of EL1 and EL2 that code at EL2 can do without: filled with what chance gives, to see whether they keep it.

use crate::random::Random;
use crate::registers::isb;
use crate::{read_register, write_register};

/// The values that the registers took.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct SystemRegisters([u64; COUNT]);

const COUNT: usize = NAMES.len();

/// Names the registers once, for reading, writing and telling.
macro_rules! registers {
    ($($name:literal),* $(,)?) => {
        const NAMES: &[&str] = &[$($name),*];

        fn read() -> [u64; COUNT] {
            [$(read_register!($name)),*]
        }

        fn write(mut value: impl FnMut() -> u64) {
            $(write_register!($name, value());)*
            isb();
        }
    };
}

// Not TPIDR_EL2, which holds the core's index, and TPIDR_EL1 and TPIDRRO_EL0, which `chain` uses.
registers!(
    "sp_el0",
    "sp_el1",
    "elr_el1",
    "spsr_el1",
    "esr_el1",
    "far_el1",
    "afsr0_el1",
    "afsr1_el1",
    "par_el1",
    "vbar_el1",
    "ttbr0_el1",
    "ttbr1_el1",
    "tcr_el1",
    "mair_el1",
    "amair_el1",
    "contextidr_el1",
    "cpacr_el1",
    "sctlr_el1",
    "cntkctl_el1",
    "tpidr_el0",
    "cntp_cval_el0",
    "cntv_cval_el0",
    "elr_el2",
    "spsr_el2",
    "esr_el2",
    "far_el2",
    "hpfar_el2",
    "afsr0_el2",
    "afsr1_el2",
    "amair_el2",
    "vttbr_el2",
    "vtcr_el2",
    "vmpidr_el2",
    "vpidr_el2",
    "cntvoff_el2",
    "cnthp_cval_el2",
    "S3_3_C4_C4_0", // FPCR
    "S3_3_C4_C4_1", // FPSR
);

impl SystemRegisters {
    /// Fills the registers, and returns what they took: they keep no bits that are reserved.
    pub fn soil(seed: u64) -> Self {
        let mut random = Random::new(seed);
        write(|| random.bits());
        Self(read())
    }

    /// Returns the name of a register that has another value now.
    pub fn first_difference(&self) -> Option<&'static str> {
        let differs = |((saw, before), _): &((u64, u64), &&str)| saw != before;
        read().into_iter().zip(self.0).zip(NAMES).find(differs).map(|(_, name)| *name)
    }
}

/// Leaves nothing behind that the next job could trip over.
pub fn restore() {
    write(|| 0);
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The system registers that a core finds at its start and that its entry code leaves alone: what an earlier life of the
//! core could leave behind.

use core::cell::UnsafeCell;

use crate::machine::MAX_CORES;
use crate::{gic, read_register};

/// How many registers are kept.
pub const COUNT: usize = NAMES.len();

/// What a core found.
#[derive(Clone, Copy)]
pub struct Found {
    /// The values, in the order of [`NAMES`].
    pub values: [u64; COUNT],
    /// Interrupts 0 to 31 that were pending.
    pub pending: u32,
    /// Interrupts 0 to 31 that were enabled.
    pub enabled: u32,
}

struct AllFound(UnsafeCell<[Found; MAX_CORES]>);

// SAFETY: A core writes its own element before it counts its boot, and others read it only after that.
unsafe impl Sync for AllFound {}

#[unsafe(link_section = ".noinit.found")]
static FOUND: AllFound =
    AllFound(UnsafeCell::new([const { Found { values: [0; COUNT], pending: 0, enabled: 0 } }; MAX_CORES]));

/// Names the registers once, for [`NAMES`] and [`read`].
macro_rules! registers {
    ($($name:literal),* $(,)?) => {
        /// The names of the registers.
        pub const NAMES: &[&str] = &[$($name),*];

        fn read() -> [u64; COUNT] {
            [$(read_register!($name)),*]
        }
    };
}

registers!(
    "sctlr_el1",
    "cpacr_el1",
    "cptr_el2",
    "hstr_el2",
    "hacr_el2",
    "mdcr_el2",
    "vttbr_el2",
    "vmpidr_el2",
    "vpidr_el2",
    "cnthctl_el2",
    "cntkctl_el1",
    "cntvoff_el2",
    "cntp_ctl_el0",
    "cntv_ctl_el0",
    "mdscr_el1",
    "oslsr_el1",
    "osdlr_el1",
    "pmcr_el0",
    "pmcntenset_el0",
    "pmintenset_el1",
    "pmovsset_el0",
    "pmuserenr_el0",
    "S3_0_C12_C12_3", // ICC_BPR1_EL1
    "S3_0_C12_C12_4", // ICC_CTLR_EL1
    "S3_0_C4_C6_0",   // ICC_PMR_EL1
    "S3_0_C12_C12_7", // ICC_IGRPEN1_EL1
    "S3_0_C12_C9_0",  // ICC_AP1R0_EL1
    "S3_4_C12_C11_0", // ICH_HCR_EL2
    "S3_4_C12_C11_7", // ICH_VMCR_EL2
);

/// Records what the calling core finds.
pub fn record(index: usize) {
    assert!(index < MAX_CORES);
    let found = Found { values: read(), pending: gic::pending(index), enabled: gic::enabled(index) };
    // SAFETY: The element is inside the array and the calling core's own.
    unsafe { FOUND.0.get().cast::<Found>().add(index).write(found) };
}

impl Found {
    /// Returns what a core found at its latest start.
    pub fn of(index: usize) -> Self {
        assert!(index < MAX_CORES);
        // SAFETY: The element is inside the array, and its core has counted its boot.
        unsafe { FOUND.0.get().cast::<Self>().add(index).read() }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The record of a core: everything that was in its registers when it was stopped.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// First word of a record: "QREC" in memory order.
pub const RECORD_MAGIC: u32 = u32::from_le_bytes(*b"QREC");

/// Version of the layout: major in bits 31:16, minor in bits 15:0. A minor version only fills reserved space.
pub const RECORD_VERSION: u32 = 0x0001_0000;

/// Size of a record in bytes.
pub const RECORD_SIZE: usize = 1024;

/// Security state that a core was stopped in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum World {
    /// Non-secure.
    NonSecure = 0,
}

/// What READ copies out: one core, little-endian, [`RECORD_SIZE`] bytes.
///
/// `valid` is 1 once everything else is in place; a record that is not valid has only its header.
/// A register that the core does not have reads 0.
#[derive(Clone, Copy, Debug, Eq, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq)]
#[repr(C)]
pub struct CoreRecord {
    /// [`RECORD_MAGIC`].
    pub magic: u32,
    /// [`RECORD_VERSION`].
    pub version: u32,
    /// [`RECORD_SIZE`].
    pub size: u32,
    /// Index of the core, as CORE_ID takes it.
    pub index: u32,
    /// Affinity fields of the core's MPIDR_EL1.
    pub mpidr: u64,
    /// Generation of the session that stopped it.
    pub generation: u32,
    /// [`State`](crate::State) when the record was read.
    pub state: u8,
    /// [`Why`](crate::Why) the core stopped.
    pub why: u8,
    /// [`World`] that it was stopped in.
    pub world: u8,
    /// 1 if the registers below are those of the stop.
    pub valid: u8,
    /// x6 of the BEGIN that stopped it.
    pub cookie: u64,
    /// CNTPCT_EL0 when the secure interrupt was first sent to it, 0 if none was.
    pub signalled: u64,
    /// CNTPCT_EL0 when it had stopped.
    pub stopped: u64,
    /// x1 of its ACK: address of the OS's own copy of the registers, as the OS gave it.
    pub saved_registers: u64,

    /// Program counter: the next instruction the core would have run.
    pub pc: u64,
    /// SPSR_EL3: the core's PSTATE.
    pub pstate: u64,
    /// General-purpose registers x0 to x30.
    pub x: [u64; 31],
    /// SP_EL0.
    pub sp_el0: u64,
    /// SP_EL1.
    pub sp_el1: u64,
    /// SP_EL2.
    pub sp_el2: u64,

    /// ESR_EL1.
    pub esr_el1: u64,
    /// FAR_EL1.
    pub far_el1: u64,
    /// ELR_EL1.
    pub elr_el1: u64,
    /// SPSR_EL1.
    pub spsr_el1: u64,
    /// ESR_EL2.
    pub esr_el2: u64,
    /// FAR_EL2.
    pub far_el2: u64,
    /// ELR_EL2.
    pub elr_el2: u64,
    /// SPSR_EL2.
    pub spsr_el2: u64,

    /// SCTLR_EL1.
    pub sctlr_el1: u64,
    /// TTBR0_EL1.
    pub ttbr0_el1: u64,
    /// TTBR1_EL1.
    pub ttbr1_el1: u64,
    /// TCR_EL1.
    pub tcr_el1: u64,
    /// MAIR_EL1.
    pub mair_el1: u64,
    /// VBAR_EL1.
    pub vbar_el1: u64,
    /// CONTEXTIDR_EL1.
    pub contextidr_el1: u64,
    /// SCTLR_EL2.
    pub sctlr_el2: u64,
    /// TTBR0_EL2.
    pub ttbr0_el2: u64,
    /// TTBR1_EL2, with FEAT_VHE.
    pub ttbr1_el2: u64,
    /// TCR_EL2.
    pub tcr_el2: u64,
    /// MAIR_EL2.
    pub mair_el2: u64,
    /// VBAR_EL2.
    pub vbar_el2: u64,
    /// CONTEXTIDR_EL2, with FEAT_VHE.
    pub contextidr_el2: u64,

    /// TPIDR_EL0.
    pub tpidr_el0: u64,
    /// TPIDRRO_EL0.
    pub tpidrro_el0: u64,
    /// TPIDR_EL1.
    pub tpidr_el1: u64,
    /// TPIDR_EL2.
    pub tpidr_el2: u64,
    /// HCR_EL2.
    pub hcr_el2: u64,
    /// VTTBR_EL2.
    pub vttbr_el2: u64,

    /// ICC_PMR_EL1 as the secure side sees it: the OS masks what is not below it.
    pub icc_pmr_el1: u64,
    /// ICC_RPR_EL1: priority of the interrupt that was being handled, 0xff if none.
    pub icc_rpr_el1: u64,
    /// ICC_HPPIR1_EL1: the Group 1 interrupt that was waiting, 1023 if none.
    pub icc_hppir1_el1: u64,
    /// ICC_IGRPEN1_EL1 of the non-secure state.
    pub icc_igrpen1_el1: u64,
    /// ISR_EL1: which interrupts were pending at the core.
    pub isr_el1: u64,

    /// Zero.
    pub reserved: [u64; 51],
}

const _: () = assert!(size_of::<CoreRecord>() == RECORD_SIZE);

impl CoreRecord {
    /// A record of nothing.
    pub const EMPTY: Self = zerocopy::transmute!([0_u64; RECORD_SIZE / 8]);
}

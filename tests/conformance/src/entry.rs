// SPDX-License-Identifier: MIT OR Apache-2.0

//! The first instructions of every core, up to Rust.
//!
//! A core arrives with the MMU off. Before anything else is changed its registers are recorded for the cases that
//! judge them. x0, x1, x30 and two system registers wait in the thread-id registers and SP_EL0 until the MMU is on:
//! nothing is ever written to DRAM without the caches, except the copy of the image, which nobody has read yet.

use core::arch::{global_asm, naked_asm};
use core::cell::UnsafeCell;
use core::mem::offset_of;

use crate::machine::{CLUSTER_SHIFT, MAX_CORES};
use crate::{anchor, cores, page_table};

/// SCTLR_EL2 with the MMU and the caches on: the RES1 bits, I, C and M.
const SCTLR: u64 = 0x30c5_0830 | 1 << 12 | 1 << 2 | 1;

/// HCR_EL2 of this payload: EL1 is AArch64, nothing is trapped, and IRQ, FIQ and SError are taken to EL2: without
/// IMO, FMO and AMO they are not taken at EL2 at all.
pub(crate) const HCR: u64 = 1 << 31 | 0b111 << 3;

/// Bytes of stack of each core.
pub const STACK_SIZE: usize = 32 << 10;

/// The registers of a core at its first instruction.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct EntryState {
    /// x0 to x30.
    pub x: [u64; 31],
    /// SCTLR_EL2.
    pub sctlr_el2: u64,
    /// HCR_EL2.
    pub hcr_el2: u64,
    /// CurrentEL.
    pub current_el: u64,
    /// DAIF.
    pub daif: u64,
    /// SPSel.
    pub sp_sel: u64,
    /// CNTVOFF_EL2.
    pub cntvoff_el2: u64,
    /// CNTP_CTL_EL0.
    pub cntp_ctl: u64,
    /// CNTV_CTL_EL0.
    pub cntv_ctl: u64,
    /// CNTHP_CTL_EL2.
    pub cnthp_ctl: u64,
    /// CPTR_EL2.
    pub cptr_el2: u64,
    /// HSTR_EL2.
    pub hstr_el2: u64,
    /// VTTBR_EL2.
    pub vttbr_el2: u64,
    /// VMPIDR_EL2.
    pub vmpidr_el2: u64,
    /// MPIDR_EL1.
    pub mpidr_el1: u64,
    /// ICC_SRE_EL2.
    pub icc_sre_el2: u64,
    /// CNTFRQ_EL0.
    pub cntfrq: u64,
    reserved: [u64; 17],
}

const STATE_SHIFT: u32 = 9;
const _: () = assert!(size_of::<EntryState>() == 1 << STATE_SHIFT);

#[repr(transparent)]
struct EntryStates(UnsafeCell<[EntryState; MAX_CORES]>);

// SAFETY: A core writes its own element before it runs Rust, and others read it only after the core has said that
// it runs (`cores`), so that no element is read while it is written.
unsafe impl Sync for EntryStates {}

/// In a section that is not cleared: the boot core records before it clears .bss.
#[unsafe(link_section = ".noinit.entry_states")]
static ENTRY_STATES: EntryStates = EntryStates(UnsafeCell::new([const { EntryState::EMPTY }; MAX_CORES]));

#[repr(C, align(4096))]
struct Stacks(UnsafeCell<[[u8; STACK_SIZE]; MAX_CORES]>);

// SAFETY: Each core uses only its own stack.
unsafe impl Sync for Stacks {}

#[unsafe(link_section = ".noinit.stacks")]
static STACKS: Stacks = Stacks(UnsafeCell::new([[0; STACK_SIZE]; MAX_CORES]));

impl EntryState {
    const EMPTY: Self = {
        // SAFETY: The struct is made of integers, for which zero is a value.
        unsafe { core::mem::zeroed() }
    };

    /// Returns the registers that core `index` had at its latest first instruction.
    pub fn of(index: usize) -> Self {
        assert!(index < MAX_CORES);
        // SAFETY: The element is inside the array and not being written, as said at `EntryStates`; volatile,
        // because the writer is assembly.
        unsafe { ENTRY_STATES.0.get().cast::<Self>().add(index).read_volatile() }
    }
}

// Runs in flash. Copies the image to DRAM and goes there. Clobbers x9 to x13: x0 to x7 are still the firmware's.
global_asm!(
    ".pushsection .flash, \"ax\"",
    ".global flash_start",
    "flash_start:",
    "ldr x9, =code_load",
    "ldr x10, =code_start",
    "ldr x11, =code_end",
    "1: cmp x10, x11",
    "b.hs 2f",
    "ldp x12, x13, [x9], #16",
    "stp x12, x13, [x10], #16",
    "b 1b",
    "2: ldr x9, =data_load",
    "ldr x10, =data_start",
    "ldr x11, =data_end",
    "3: cmp x10, x11",
    "b.hs 4f",
    "ldp x12, x13, [x9], #16",
    "stp x12, x13, [x10], #16",
    "b 3b",
    // The copy must be in memory before it is fetched, and no fetch may use what was there before it.
    "4: dsb sy",
    "ic iallu",
    "dsb sy",
    "isb",
    "ldr x9, ={boot}",
    "br x9",
    // Where a core can be started in flash. Clobbers x16.
    ".balign 4",
    "flash_secondary_entry:",
    "ldr x16, ={secondary}",
    "br x16",
    ".ltorg",
    ".popsection",
    // Code in DRAM does not reach the label itself.
    ".pushsection .rodata.flash_entry, \"a\"",
    ".balign 8",
    ".global flash_entry_address",
    "flash_entry_address: .quad flash_secondary_entry",
    ".popsection",
    boot = sym boot_entry,
    secondary = sym secondary_entry,
);

unsafe extern "C" {
    safe static flash_entry_address: u64;
}

/// Returns an entry point in flash; it leads to [`secondary_entry`] with x16 lost.
pub fn flash_entry() -> u64 {
    flash_entry_address
}

/// The boot core's way in, once the image is in DRAM.
#[unsafe(naked)]
unsafe extern "C" fn boot_entry() -> ! {
    naked_asm!(
        "msr tpidr_el0, x30",
        "bl {record}",
        "adrp x2, bss_start",
        "add x2, x2, :lo12:bss_start",
        "adrp x3, bss_end",
        "add x3, x3, :lo12:bss_end",
        "1: cmp x2, x3",
        "b.hs 2f",
        "stp xzr, xzr, [x2], #16",
        "b 1b",
        "2: adrp x2, {stacks}",
        "add x2, x2, :lo12:{stacks}",
        "mov x3, {stack_size}",
        "madd x2, x0, x3, x2",
        "add sp, x2, x3",
        "b payload_main",
        record = sym record,
        stacks = sym STACKS,
        stack_size = const STACK_SIZE,
    )
}

/// The entry point of every other core, in DRAM: for CPU_ON, with any context id.
///
/// # Safety
///
/// For the firmware only: it needs the state that CPU_ON gives a core.
#[unsafe(naked)]
pub unsafe extern "C" fn secondary_entry() -> ! {
    naked_asm!(
        "msr tpidr_el0, x30",
        "bl {record}",
        "adrp x2, {stacks}",
        "add x2, x2, :lo12:{stacks}",
        "mov x3, {stack_size}",
        "madd x2, x0, x3, x2",
        "add x2, x2, x3",
        // What an anchor holds lies above its stack pointer.
        "adrp x3, {anchors}",
        "add x3, x3, :lo12:{anchors}",
        "ldr x3, [x3, x0, lsl #3]",
        "cmp x3, #0",
        "csel x2, x3, x2, ne",
        "mov sp, x2",
        "b {main}",
        record = sym record,
        stacks = sym STACKS,
        stack_size = const STACK_SIZE,
        anchors = sym anchor::ANCHORS,
        main = sym cores::secondary_main,
    )
}

/// Turns the MMU on, records the registers in [`ENTRY_STATES`] and sets the vectors. x30 of the caller is in
/// TPIDR_EL0. Returns the core's index in x0 and in TPIDR_EL2. Clobbers everything.
#[unsafe(naked)]
unsafe extern "C" fn record() {
    naked_asm!(
        "msr tpidr_el1, x0",
        "msr tpidrro_el0, x1",
        "mrs x0, sctlr_el2",
        "msr tpidr_el2, x0",
        "mrs x0, hcr_el2",
        "msr sp_el0, x0",
        // With E2H set TCR_EL2 would mean something else.
        "ldr x0, ={hcr}",
        "msr hcr_el2, x0",
        "isb",
        "mov x0, {mair}",
        "msr mair_el2, x0",
        // PS is what the core has, up to 48 bits (5).
        "mrs x0, id_aa64mmfr0_el1",
        "and x0, x0, #0xf",
        "cmp x0, #5",
        "mov x1, #5",
        "csel x1, x0, x1, lo",
        "ldr x0, ={tcr}",
        "orr x0, x0, x1, lsl #16",
        "msr tcr_el2, x0",
        "adrp x0, page_table",
        "msr ttbr0_el2, x0",
        // What a previous life of this core left in the TLB must be gone before the first translation.
        "isb",
        "tlbi alle2",
        "ic iallu",
        "dsb nsh",
        "isb",
        "ldr x0, ={sctlr}",
        "msr sctlr_el2, x0",
        // The next instruction is the first with translation.
        "isb",
        "mrs x0, mpidr_el1",
        "ubfx x1, x0, #8, #8",
        "and x0, x0, #0xff",
        "add x0, x0, x1, lsl #{cluster_shift}",
        "adrp x1, {states}",
        "add x1, x1, :lo12:{states}",
        "add x1, x1, x0, lsl #{shift}",
        "stp x2, x3, [x1, #16]",
        "stp x4, x5, [x1, #32]",
        "stp x6, x7, [x1, #48]",
        "stp x8, x9, [x1, #64]",
        "stp x10, x11, [x1, #80]",
        "stp x12, x13, [x1, #96]",
        "stp x14, x15, [x1, #112]",
        "stp x16, x17, [x1, #128]",
        "stp x18, x19, [x1, #144]",
        "stp x20, x21, [x1, #160]",
        "stp x22, x23, [x1, #176]",
        "stp x24, x25, [x1, #192]",
        "stp x26, x27, [x1, #208]",
        "stp x28, x29, [x1, #224]",
        "mrs x2, tpidr_el1",
        "mrs x3, tpidrro_el0",
        "stp x2, x3, [x1]",
        "mrs x2, tpidr_el0",
        "str x2, [x1, #240]",
        "mrs x2, tpidr_el2",
        "str x2, [x1, #{sctlr_el2}]",
        "mrs x2, sp_el0",
        "str x2, [x1, #{hcr_el2}]",
        "mrs x2, CurrentEL",
        "str x2, [x1, #{current_el}]",
        "mrs x2, daif",
        "str x2, [x1, #{daif}]",
        "mrs x2, SPSel",
        "str x2, [x1, #{sp_sel}]",
        "mrs x2, cntvoff_el2",
        "str x2, [x1, #{cntvoff_el2}]",
        "mrs x2, cntp_ctl_el0",
        "str x2, [x1, #{cntp_ctl}]",
        "mrs x2, cntv_ctl_el0",
        "str x2, [x1, #{cntv_ctl}]",
        "mrs x2, cnthp_ctl_el2",
        "str x2, [x1, #{cnthp_ctl}]",
        "mrs x2, cptr_el2",
        "str x2, [x1, #{cptr_el2}]",
        "mrs x2, hstr_el2",
        "str x2, [x1, #{hstr_el2}]",
        "mrs x2, vttbr_el2",
        "str x2, [x1, #{vttbr_el2}]",
        "mrs x2, vmpidr_el2",
        "str x2, [x1, #{vmpidr_el2}]",
        "mrs x2, mpidr_el1",
        "str x2, [x1, #{mpidr_el1}]",
        "mrs x2, S3_4_C12_C9_5",
        "str x2, [x1, #{icc_sre_el2}]",
        "mrs x2, cntfrq_el0",
        "str x2, [x1, #{cntfrq}]",
        "msr tpidr_el2, x0",
        "msr daifset, #15",
        "msr SPSel, #1",
        "adrp x2, vectors",
        "add x2, x2, :lo12:vectors",
        "msr vbar_el2, x2",
        "isb",
        "ret",
        cluster_shift = const CLUSTER_SHIFT,
        hcr = const HCR,
        mair = const page_table::MAIR,
        tcr = const page_table::TCR,
        sctlr = const SCTLR,
        states = sym ENTRY_STATES,
        shift = const STATE_SHIFT,
        sctlr_el2 = const offset_of!(EntryState, sctlr_el2),
        hcr_el2 = const offset_of!(EntryState, hcr_el2),
        current_el = const offset_of!(EntryState, current_el),
        daif = const offset_of!(EntryState, daif),
        sp_sel = const offset_of!(EntryState, sp_sel),
        cntvoff_el2 = const offset_of!(EntryState, cntvoff_el2),
        cntp_ctl = const offset_of!(EntryState, cntp_ctl),
        cntv_ctl = const offset_of!(EntryState, cntv_ctl),
        cnthp_ctl = const offset_of!(EntryState, cnthp_ctl),
        cptr_el2 = const offset_of!(EntryState, cptr_el2),
        hstr_el2 = const offset_of!(EntryState, hstr_el2),
        vttbr_el2 = const offset_of!(EntryState, vttbr_el2),
        vmpidr_el2 = const offset_of!(EntryState, vmpidr_el2),
        mpidr_el1 = const offset_of!(EntryState, mpidr_el1),
        icc_sre_el2 = const offset_of!(EntryState, icc_sre_el2),
        cntfrq = const offset_of!(EntryState, cntfrq),
    )
}

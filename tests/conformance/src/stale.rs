// SPDX-License-Identifier: MIT OR Apache-2.0

//! A translation from an earlier life of a core: an address that meant one page then and means another one now.
//!
//! The core reads the address in one life, through tables of this module, and goes off with the translation in its TLB. The
//! tables change, and the core is started at an entry point that turns the MMU on with them and reads the address, without
//! a TLBI: that is the firmware's to have done. (QEMU drops translations itself whenever SCTLR_EL2.M changes: there only a
//! firmware that starts cores with the MMU on can fail.)

use core::arch::naked_asm;
use core::cell::UnsafeCell;

use crate::entry::secondary_entry;
use crate::machine::DRAM_BASE;
use crate::page_table;
use crate::registers::dsb_sy;

/// The address whose meaning changes: 3 * 512 GiB, mapped nowhere else.
pub const ADDRESS: u64 = 3 << 39;

/// The two blocks of 2 MiB that it means: 768 MiB into DRAM, clear of this program.
pub const BLOCKS: [u64; 2] = [DRAM_BASE + 0x3000_0000, DRAM_BASE + 0x3020_0000];

/// Table descriptor; and a block of normal memory, accessed, inner shareable, as the tables of `page_table`.
const TABLE: u64 = 0b11;
const BLOCK: u64 = 0b01 | 1 << 10 | 1 << 6 | 1 << 2 | 0b11 << 8 | 1 << 54;

/// Bits of SCTLR_EL2: RES1 alone, and with the MMU and the caches on.
const SCTLR_OFF: u64 = 0x30c5_0830;
const SCTLR_ON: u64 = SCTLR_OFF | 1 << 12 | 1 << 2 | 1;

#[repr(C, align(4096))]
struct Tables(UnsafeCell<[[u64; 512]; 3]>);

// SAFETY: Core 0 writes them while no other core uses them.
unsafe impl Sync for Tables {}

static TABLES: Tables = Tables(UnsafeCell::new([[0; 512]; 3]));

unsafe extern "C" {
    #[link_name = "page_table"]
    static PAGE_TABLE: [u64; 512];
}

/// Makes the tables map [`ADDRESS`] to one of the blocks, and all else as ever. No core may be using them.
pub fn map(block: usize) {
    let tables = TABLES.0.get().cast::<[u64; 512]>();
    // SAFETY: The arrays are this module's own and unused, as said above; `PAGE_TABLE` is constant.
    unsafe {
        let (first, second) = (tables.add(1) as u64, tables.add(2) as u64);
        let mut top = PAGE_TABLE;
        top[(ADDRESS >> 39) as usize] = first | TABLE;
        tables.write_volatile(top);
        tables.add(1).cast::<u64>().write_volatile(second | TABLE);
        tables.add(2).cast::<u64>().write_volatile(BLOCKS[block] | BLOCK);
    }
    // A table walk of another core may follow at once.
    dsb_sy();
}

/// Writes the first word of each block: its number.
pub fn fill() {
    for (number, block) in BLOCKS.into_iter().enumerate() {
        // SAFETY: The blocks are in DRAM, where nothing of this program is.
        unsafe { (block as *mut u64).write_volatile(number as u64) };
    }
    dsb_sy();
}

/// Job: reads the address through the tables and goes off, by CPU_OFF, with the translation in the TLB; returns the word if
/// CPU_OFF does.
#[unsafe(naked)]
pub extern "C" fn read_and_off(_: u64) -> u64 {
    naked_asm!(
        "adrp x9, {tables}",
        "add x9, x9, :lo12:{tables}",
        "msr ttbr0_el2, x9",
        "isb",
        // Nothing but this life's own translations.
        "tlbi alle2",
        "dsb nsh",
        "isb",
        "mov x10, #{address}",
        "ldr x11, [x10]",
        // The next instruction is executed only once the word is there.
        "dsb sy",
        "movz x0, #0x8400, lsl #16",
        "movk x0, #2",
        "smc #0",
        "mov x0, x11",
        "ret",
        tables = sym TABLES,
        address = const ADDRESS,
    )
}

/// Entry point: reads the address with the MMU on and goes to the common entry with the word in x16. Clobbers x16 and x17.
///
/// # Safety
///
/// For the firmware only: it needs the state that CPU_ON gives a core.
#[unsafe(naked)]
pub unsafe extern "C" fn entry() -> ! {
    naked_asm!(
        "mov x16, #{mair}",
        "msr mair_el2, x16",
        // PS is what the core has, up to 48 bits (5).
        "mrs x16, id_aa64mmfr0_el1",
        "and x16, x16, #0xf",
        "cmp x16, #5",
        "mov x17, #5",
        "csel x17, x16, x17, lo",
        "ldr x16, ={tcr}",
        "orr x16, x16, x17, lsl #16",
        "msr tcr_el2, x16",
        "adrp x16, {tables}",
        "add x16, x16, :lo12:{tables}",
        "msr ttbr0_el2, x16",
        "isb",
        "ldr x16, ={on}",
        "msr sctlr_el2, x16",
        "isb",
        "mov x16, #{address}",
        "ldr x16, [x16]",
        "ldr x17, ={off}",
        "dsb sy",
        "msr sctlr_el2, x17",
        "isb",
        "b {secondary}",
        mair = const page_table::MAIR,
        tcr = const page_table::TCR,
        tables = sym TABLES,
        on = const SCTLR_ON,
        off = const SCTLR_OFF,
        address = const ADDRESS,
        secondary = sym secondary_entry,
    )
}

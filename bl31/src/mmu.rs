// SPDX-License-Identifier: MIT OR Apache-2.0

//! The monitor's memory map: identity-mapped, no page both writable and executable, page 0 not mapped.
//!
//! | what | how |
//! |---|---|
//! | text window in secure SRAM | read, execute |
//! | rodata window | read |
//! | the rest of secure SRAM that is used | read, write |
//! | the platform's devices | read, write, device |
//! | non-secure RAM | read, write; as non-secure memory |
//!
//! The tables have to be there before the first line of Rust, because atomics are undefined with the MMU off. So they are
//! described as data: [`FILLS`] is a list of runs of descriptors, and ten instructions at reset write them. Only the
//! extent of the RAM is known later: [`map_memory`] completes it.

use core::{
    cell::UnsafeCell,
    ops::Range,
    ptr::{self, null},
};

use aarch64_cpu::asm::barrier;
use quell_plat::Platform;

use crate::platform::Machine;

const ENTRIES: usize = 512;
const PAGE: u64 = 1 << 12;
const BLOCK_2M: u64 = 1 << 21;
const BLOCK_1G: u64 = 1 << 30;
/// What one level-0 entry spans.
const SPAN_512G: u64 = 1 << 39;

/// The most memory that can be mapped from the start of the machine's RAM on: 8 TiB.
const MEMORY_TABLES: usize = 16;

/// MAIR_EL3: attribute 0 is Device-nGnRnE, attribute 1 is Normal write-back.
pub(crate) const MAIR: u64 = 0xff << 8;

/// TCR_EL3: 48-bit addresses, 4 KiB pages, tables cached write-back and inner shareable, RES1 bits. PS comes from the ID
/// register at reset.
pub(crate) const TCR: u64 = 1 << 31 | 1 << 23 | 0b11 << 12 | 0b01 << 10 | 0b01 << 8 | (64 - 48);

const TABLE: usize = 0b11;
const LEAF_BLOCK: usize = 0b01;
const LEAF_PAGE: usize = 0b11;
const DEVICE: usize = 0 << 2;
const NORMAL: usize = 1 << 2;
const NON_SECURE: usize = 1 << 5;
const READ_ONLY: usize = 1 << 7;
const INNER_SHAREABLE: usize = 0b11 << 8;
const ACCESSED: usize = 1 << 10;
const NO_EXECUTE: usize = 1 << 54;
/// AP\[1\] is RES1 in a translation regime with one exception level.
const AP1: usize = 1 << 6;

const TEXT: usize = NORMAL | READ_ONLY | AP1 | INNER_SHAREABLE | ACCESSED;
const RODATA: usize = TEXT | NO_EXECUTE;
const DATA: usize = NORMAL | AP1 | INNER_SHAREABLE | ACCESSED | NO_EXECUTE;
const DEVICES: usize = DEVICE | AP1 | ACCESSED | NO_EXECUTE;
const MEMORY: usize = DATA | NON_SECURE;

/// One translation table.
#[repr(C, align(4096))]
pub(crate) struct Table(UnsafeCell<[u64; ENTRIES]>);

// SAFETY: a table is written at reset, before other cores run, and by the first core in `map_memory`, before it lets
// another core run. After that only the hardware reads it.
unsafe impl Sync for Table {}

impl Table {
    const fn new() -> Self {
        Self(UnsafeCell::new([0; ENTRIES]))
    }

    /// Returns the address of an entry, as a constant that the linker fills in.
    const fn entry(&'static self, index: usize) -> *const u8 {
        assert!(index < ENTRIES);
        (&raw const *self).cast::<u8>().wrapping_add(index * size_of::<u64>())
    }

    /// Returns the descriptor that points to this table.
    const fn descriptor(&'static self) -> *const u8 {
        (&raw const *self).cast::<u8>().wrapping_add(TABLE)
    }
}

/// The root: one entry for 512 GiB.
pub(crate) static LEVEL0: Table = Table::new();
/// The first 512 GiB, unless RAM begins there.
static LEVEL1: Table = Table::new();
/// The GiB that secure SRAM is in.
static LEVEL2_SRAM: Table = Table::new();
/// The GiB that the devices are in, unless it is the same.
static LEVEL2_DEVICES: Table = Table::new();
/// The 2 MiB of secure SRAM that the monitor uses.
static LEVEL3_SRAM: Table = Table::new();
/// Non-secure RAM, from the 512 GiB on that it begins in.
static LEVEL1_MEMORY: [Table; MEMORY_TABLES] = [const { Table::new() }; MEMORY_TABLES];

/// One run of descriptors: `count` times from `entry` on, each larger by `step`. The code at reset knows the layout.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Fill {
    entry: *const u8,
    count: usize,
    /// A descriptor is a table's address and attributes, or an address alone; so it is a pointer to the linker.
    descriptor: *const u8,
    step: usize,
}

// SAFETY: the pointers are numbers for the code at reset; nobody reads through them.
unsafe impl Sync for Fill {}

/// Start of secure SRAM as link.ld has it.
const SRAM: u64 = Machine::SECURE_RAM;
/// Pages of the text window and of the rodata window.
const WINDOW_PAGES: usize = 16;

const fn table(parent: &'static Table, index: usize, child: &'static Table) -> Fill {
    Fill { entry: parent.entry(index), count: 1, descriptor: child.descriptor(), step: 0 }
}

const fn pages(first: usize, count: usize, attributes: usize) -> Fill {
    let address = SRAM as usize + first * PAGE as usize;
    Fill {
        entry: LEVEL3_SRAM.entry(first),
        count,
        descriptor: null::<u8>().wrapping_add(address | attributes | LEAF_PAGE),
        step: PAGE as usize,
    }
}

/// Returns the table of the first 512 GiB.
const fn low() -> &'static Table {
    if Machine::DEVICE_TREE < SPAN_512G { &LEVEL1_MEMORY[0] } else { &LEVEL1 }
}

/// Returns the table of the GiB that the devices are in.
const fn device_blocks() -> &'static Table {
    if DEVICES_GIB == SRAM / BLOCK_1G { &LEVEL2_SRAM } else { &LEVEL2_DEVICES }
}

/// The number of the GiB that the devices are in.
const DEVICES_GIB: u64 = Machine::DEVICES[0].start / BLOCK_1G;

/// Returns the blocks of the platform's device range with this number.
const fn devices(number: usize) -> Fill {
    let range = &Machine::DEVICES[number];
    assert!(
        range.start / BLOCK_1G == DEVICES_GIB && (range.end - 1) / BLOCK_1G == DEVICES_GIB,
        "one table holds the blocks of all devices"
    );
    assert!(
        range.start.is_multiple_of(BLOCK_2M) && range.end.is_multiple_of(BLOCK_2M),
        "devices are whole blocks"
    );
    Fill {
        entry: device_blocks().entry(index(range.start, BLOCK_2M)),
        count: ((range.end - range.start) / BLOCK_2M) as usize,
        descriptor: null::<u8>().wrapping_add(range.start as usize | DEVICES | LEAF_BLOCK),
        step: BLOCK_2M as usize,
    }
}

const fn index(address: u64, span: u64) -> usize {
    (address / span) as usize % ENTRIES
}

/// The runs that are not devices.
const OTHERS: usize = 9;

/// Everything but the extent of the RAM, of which the first GiB is mapped: the device tree is in it. A machine may have what
/// is in two tables here in one of them, which then is entered twice.
pub(crate) static FILLS: [Fill; OTHERS + Machine::DEVICES.len()] = {
    let others: [Fill; OTHERS] = [
        table(&LEVEL0, 0, low()),
        table(low(), index(SRAM, BLOCK_1G), &LEVEL2_SRAM),
        table(low(), DEVICES_GIB as usize, device_blocks()),
        table(&LEVEL2_SRAM, index(SRAM, BLOCK_2M), &LEVEL3_SRAM),
        pages(0, WINDOW_PAGES, TEXT),
        pages(WINDOW_PAGES, WINDOW_PAGES, RODATA),
        pages(2 * WINDOW_PAGES, ENTRIES - 2 * WINDOW_PAGES, DATA),
        table(&LEVEL0, index(Machine::DEVICE_TREE, SPAN_512G), &LEVEL1_MEMORY[0]),
        Fill {
            entry: LEVEL1_MEMORY[0].entry(index(Machine::DEVICE_TREE, BLOCK_1G)),
            count: 1,
            descriptor: null::<u8>().wrapping_add(Machine::DEVICE_TREE as usize | MEMORY | LEAF_BLOCK),
            step: 0,
        },
    ];
    let mut fills = [others[0]; OTHERS + Machine::DEVICES.len()];
    let mut number = 1;
    while number < fills.len() {
        fills[number] = if number < OTHERS { others[number] } else { devices(number - OTHERS) };
        number += 1;
    }
    fills
};

const _: () = assert!(SRAM < SPAN_512G && SRAM.is_multiple_of(BLOCK_2M), "one table holds the pages of SRAM");
const _: () = assert!(DEVICES_GIB < SPAN_512G / BLOCK_1G, "the devices are in the first 512 GiB");
const _: () = assert!(Machine::DEVICE_TREE.is_multiple_of(BLOCK_1G), "the first GiB of RAM is one block");

/// Maps the non-secure RAM; what lies beyond 8 TiB is not reachable from here.
///
/// # Safety
///
/// Only the first core runs, and `memory` is non-secure RAM that starts at the device tree.
pub(crate) unsafe fn map_memory(memory: &Range<u64>) {
    let first = memory.start / BLOCK_1G;
    let last = (memory.end - 1) / BLOCK_1G;
    let first_table = memory.start / SPAN_512G;
    for block in first..=last {
        let address = block * BLOCK_1G;
        let Some(level1) = LEVEL1_MEMORY.get((address / SPAN_512G - first_table) as usize) else {
            break;
        };
        // SAFETY: only this core runs, so nobody else writes the tables; the table walker reads whole entries.
        unsafe {
            write(&LEVEL0, index(address, SPAN_512G), level1.descriptor().addr() as u64);
            write(level1, index(address, BLOCK_1G), address | (MEMORY | LEAF_BLOCK) as u64);
        }
    }
    // The entries are in memory before the walker may look for them. What was invalid is not cached, and what was valid
    // is written as it was.
    barrier::dsb(barrier::ISH);
    barrier::isb(barrier::SY);
}

/// Writes one entry.
///
/// # Safety
///
/// Nobody else writes the table.
unsafe fn write(table: &Table, index: usize, descriptor: u64) {
    // SAFETY: `index` is below ENTRIES because `index()` takes the remainder; the caller promises exclusive writing.
    unsafe { ptr::write_volatile(table.0.get().cast::<u64>().add(index), descriptor) };
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The identity map: three levels of tables that the assembler fills in, because they hold each other's addresses.
//!
//! | addresses | what | how |
//! |---|---|---|
//! | 0x10000000, 256 MiB | flash bank 1 | normal, read-only |
//! | 0x40000000, 1 GiB | GIC, UART and other devices | device, never executed |
//! | 0x100_0000_0000, 511 GiB | DRAM | normal, read-write, never executed |
//! | 0x100_2000_0000, 2 MiB | this program's code | normal, read-only, executable |
//!
//! Secure memory is left out: a stray access to it is an exception here and not one at EL3.

use core::arch::global_asm;

/// MAIR_EL2: attribute 0 is device nGnRnE, attribute 1 is normal write-back memory.
pub const MAIR: u64 = 0xff << 8;

/// TCR_EL2 without PS: 48-bit addresses, 4 KiB granule, tables in inner-shareable write-back memory, RES1 bits.
pub const TCR: u64 = 1 << 31 | 1 << 23 | 0b11 << 12 | 0b01 << 10 | 0b01 << 8 | (64 - 48);

const TABLE: u64 = 0b11;
const BLOCK: u64 = 0b01;
const ACCESSED: u64 = 1 << 10;
/// AP\[1\] is RES1 in a regime with one exception level.
const RES1: u64 = 1 << 6;
const READ_ONLY: u64 = 1 << 7;
const EXECUTE_NEVER: u64 = 1 << 54;
const NORMAL: u64 = 1 << 2 | 0b11 << 8;

const DEVICE: u64 = BLOCK | ACCESSED | RES1 | EXECUTE_NEVER;
const MEMORY: u64 = BLOCK | ACCESSED | RES1 | NORMAL | EXECUTE_NEVER;
const FLASH: u64 = MEMORY | READ_ONLY;
const CODE: u64 = BLOCK | ACCESSED | RES1 | NORMAL | READ_ONLY;

global_asm!(
    ".pushsection .rodata.page_table, \"a\"",
    ".balign 4096",
    ".global page_table",
    // Level 0: 512 GiB an entry.
    "page_table:",
    ".quad table_low + {TABLE}, 0, table_dram + {TABLE}",
    ".fill 509, 8, 0",
    // Level 1 from 0: 1 GiB an entry.
    "table_low:",
    ".quad table_flash + {TABLE}, 0x40000000 + {DEVICE}",
    ".fill 510, 8, 0",
    // Level 2 from 0: 2 MiB an entry.
    "table_flash:",
    ".fill 128, 8, 0",
    ".set address, 0x10000000",
    ".rept 128",
    ".quad address + {FLASH}",
    ".set address, address + 0x200000",
    ".endr",
    ".fill 256, 8, 0",
    // Level 1 from 1 TiB.
    "table_dram:",
    ".quad table_dram_0 + {TABLE}",
    ".set address, 0x10040000000",
    ".rept 511",
    ".quad address + {MEMORY}",
    ".set address, address + 0x40000000",
    ".endr",
    // Level 2 from 1 TiB.
    "table_dram_0:",
    ".set address, 0x10000000000",
    ".rept 256",
    ".quad address + {MEMORY}",
    ".set address, address + 0x200000",
    ".endr",
    ".quad address + {CODE}",
    ".rept 255",
    ".set address, address + 0x200000",
    ".quad address + {MEMORY}",
    ".endr",
    ".popsection",
    TABLE = const TABLE,
    DEVICE = const DEVICE,
    FLASH = const FLASH,
    MEMORY = const MEMORY,
    CODE = const CODE,
);

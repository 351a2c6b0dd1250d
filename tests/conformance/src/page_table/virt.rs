// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tables of virt: everything lies in the first 512 GiB.

use core::arch::global_asm;

use super::{CODE, DEVICE, FLASH, MEMORY, TABLE};

global_asm!(
    ".pushsection .rodata.page_table, \"a\"",
    ".balign 4096",
    ".global page_table",
    // Level 0: 512 GiB an entry.
    "page_table:",
    ".quad table_low + {TABLE}",
    ".fill 511, 8, 0",
    // Level 1 from 0: 1 GiB an entry.
    "table_low:",
    ".quad table_flash + {TABLE}, table_dram_0 + {TABLE}",
    ".set address, 0x80000000",
    ".rept 510",
    ".quad address + {MEMORY}",
    ".set address, address + 0x40000000",
    ".endr",
    // Level 2 from 0: 2 MiB an entry. Flash, and behind it devices.
    "table_flash:",
    ".fill 32, 8, 0",
    ".set address, 0x04000000",
    ".rept 32",
    ".quad address + {FLASH}",
    ".set address, address + 0x200000",
    ".endr",
    ".rept 16",
    ".quad address + {DEVICE}",
    ".set address, address + 0x200000",
    ".endr",
    ".fill 432, 8, 0",
    // Level 2 from 1 GiB.
    "table_dram_0:",
    ".set address, 0x40000000",
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

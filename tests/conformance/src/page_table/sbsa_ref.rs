// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tables of sbsa-ref: DRAM lies 1 TiB above the rest.

use core::arch::global_asm;

use super::{CODE, DEVICE, FLASH, MEMORY, TABLE};

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

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The identity map: three levels of tables that the assembler fills in, because they hold each other's addresses.
//!
//! | what | how |
//! |---|---|
//! | flash bank 1 | normal, read-only |
//! | GIC, UART and other devices | device, never executed |
//! | DRAM, up to 511 GiB | normal, read-write, never executed |
//! | this program's code, 2 MiB, 512 MiB into DRAM | normal, read-only, executable |
//!
//! Secure memory is left out: a stray access to it is an exception here and not one at EL3.

#[cfg(not(feature = "virt"))]
mod sbsa_ref;
#[cfg(feature = "virt")]
mod virt;

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

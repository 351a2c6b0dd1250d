// SPDX-License-Identifier: MIT OR Apache-2.0

//! Secure memory and secure devices are not there for the non-secure world: a load and a store are external aborts, at the
//! level that made them, and nothing has changed.
//!
//! EL2's translation leaves these addresses out, so the accesses are EL1's, with its MMU off.

use core::arch::naked_asm;

use crate::anchor::{self, Ending};
use crate::case::cases;
use crate::machine::{SECURE_FLASH, SECURE_POWER, SECURE_RAM, SECURE_UARTS};
use crate::section;
use crate::verdict::{Verdict, equal, failed};
use crate::{el1, psci, registers};

cases! {
    [section::SECURE_MEMORY]
    /// The secure flash bank is not there for EL1.
    "isolation.memory.flash", 1, || are_not_there(&[SECURE_FLASH.start, SECURE_FLASH.start + 0x1000, SECURE_FLASH.end - 8]);
    /// Secure RAM is not there for EL1.
    "isolation.memory.sram", 1, || are_not_there(&[SECURE_RAM.start, SECURE_RAM.start + 0x2_0000, SECURE_RAM.end - 8]);
    /// What turns the machine off is not there for EL1.
    "isolation.memory.power", 1, || are_not_there(SECURE_POWER);
    /// Secure UARTs are not there for EL1.
    "isolation.memory.uart", 1, || are_not_there(SECURE_UARTS);
}

/// ESR: a data abort from the same level, of 32 bits, for a synchronous external abort; WnR of a store.
const DATA_ABORT: u64 = 0x25 << 26 | 1 << 25 | 0x10;
const WRITE: u64 = 1 << 6;
/// The bits of the syndrome that are looked at: EC, IL, WnR, DFSC.
const SYNDROME: u64 = 0x3f << 26 | 1 << 25 | WRITE | 0x3f;

#[unsafe(naked)]
extern "C" fn load(_: u64) -> u64 {
    naked_asm!("ldr w0, [x0]", "ret")
}

/// Stores 0, which means nothing to a device and spoils the firmware if it gets through.
#[unsafe(naked)]
extern "C" fn store(_: u64) -> u64 {
    naked_asm!("str wzr, [x0]", "ret")
}

extern "C" fn load_at_el1(address: u64) -> u64 {
    el1::run(load, address, 0)
}

extern "C" fn store_at_el1(address: u64) -> u64 {
    el1::run(store, address, 0)
}

fn are_not_there(addresses: &[u64]) -> Verdict {
    registers::mask_all();
    for &address in addresses {
        for (access, expected) in
            [(load_at_el1 as extern "C" fn(u64) -> u64, DATA_ABORT), (store_at_el1, DATA_ABORT | WRITE)]
        {
            let fault = match anchor::run(access, address) {
                Ending::Faulted(fault) => fault,
                ending => {
                    return Err(failed(format_args!("an abort at {address:#x}"), format_args!("{ending:?}")));
                }
            };
            equal(format_args!("syndrome of an access to {address:#x}"), fault.esr() & SYNDROME, expected)?;
            equal("FAR_EL1", fault.far(), address)?;
        }
    }
    equal("AFFINITY_INFO afterwards", psci::affinity_info(0), psci::ON)
}

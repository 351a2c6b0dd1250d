// SPDX-License-Identifier: MIT OR Apache-2.0

//! MEM_PROTECT: RAM is cleared at the next reset, before the non-secure world begins, whoever asked for the reset.
//!
//! Whether it is to be is kept in secure SRAM, which no other world can write and no reset clears. A power cycle loses it,
//! and RAM with it.

use core::{
    arch::asm,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use aarch64_cpu::asm::barrier;
use tock_registers::interfaces::Readable;

use crate::sysreg::DCZID_EL0;

/// The value that says so; anything else, such as what SRAM holds at power-on, does not.
const ON: u64 = 0x7175_656c_6c20_6d70;
const OFF: u64 = 0;

/// Neither copied nor zeroed at reset.
#[unsafe(link_section = ".persistent")]
static STATE: AtomicU64 = AtomicU64::new(OFF);

/// Says whether the next reset clears RAM, and returns what was said before.
pub(crate) fn replace(on: bool) -> bool {
    let before = STATE.swap(if on { ON } else { OFF }, Ordering::AcqRel);
    clean(&raw const STATE as u64);
    // It is in memory before the call returns: a reset may lose the caches.
    barrier::dsb(barrier::SY);
    before == ON
}

/// Clears this memory if the life before the reset has asked for it.
///
/// # Safety
///
/// The memory is mapped, writable, and nobody has an object in it.
pub(crate) unsafe fn clear_if_asked(memory: Range<u64>) {
    if STATE.load(Ordering::Acquire) != ON {
        return;
    }
    // DCZID_EL0.BS: the block of DC ZVA has 4 bytes to the power of this.
    let block = 4_usize << (DCZID_EL0.get() & 0xf);
    for address in memory.step_by(block) {
        // SAFETY: the caller promises that the memory may be written. A block does not reach beyond it: it has at
        // most 2 KiB, and the platform promises whole pages.
        unsafe { asm!("dc zva, {}", in(reg) address, options(nostack, preserves_flags)) };
        for line in (address..address + block as u64).step_by(LINE) {
            clean(line);
        }
    }
    // It is in memory before the non-secure world begins, without caches, and before the next reset need not do it again.
    barrier::dsb(barrier::SY);
    replace(false);
}

/// The smallest cache line of any core.
const LINE: usize = 64;

/// Writes a cache line back to memory.
fn clean(address: u64) {
    // SAFETY: cleaning a cache line changes no memory's contents.
    unsafe { asm!("dc cvac, {}", in(reg) address, options(nostack, preserves_flags)) };
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_ON: entry points, good and bad, and the order in which arguments are judged.

use core::arch::asm;
use core::ops::Range;

use crate::case::cases;
use crate::cases::psci_cpu_on::not_mpidrs;
use crate::entry::flash_entry;
use crate::fixture::{by_choice, start};
use crate::machine::{DRAM_BASE, DRAM_MAPPED_END, NO_MEMORY, SECURE_FLASH, SECURE_RAM, dram_end, mpidr};
use crate::psci::{self, INVALID_ADDRESS, INVALID_PARAMETERS, OFF};
use crate::section;
use crate::verdict::{Finding, Text, Verdict, equal, holds, status};
use crate::{cores, registers};

cases! {
    [section::CPU_ON]
    /// An entry point that is no multiple of 4 is refused.
    "psci.cpu_on.entry.misaligned", 2, misaligned;
    /// An entry point in secure flash is INVALID_ADDRESS.
    "psci.cpu_on.entry.secure_flash", 2, secure_flash;
    /// An entry point in secure RAM is INVALID_ADDRESS.
    "psci.cpu_on.entry.secure_sram", 2, secure_sram;
    /// An entry point in a device is INVALID_ADDRESS.
    "psci.cpu_on.entry.device", 2, device;
    /// An entry point behind the end of RAM is INVALID_ADDRESS.
    "psci.cpu_on.entry.beyond_dram", 2, beyond_dram;
    /// An entry point beyond all addresses is INVALID_ADDRESS.
    "psci.cpu_on.entry.beyond_addresses", 2, beyond_addresses;
    /// A core starts in the non-secure flash bank.
    "psci.cpu_on.entry.flash", 2, flash;
    /// A core starts at the last word of RAM.
    "psci.cpu_on.entry.last_word_of_dram", 2, last_word_of_dram;
    /// A bad target is refused whatever the entry point.
    "psci.cpu_on.order_of_checks", 2, order_of_checks;
}

fn refused(entries: impl IntoIterator<Item = u64>) -> Verdict {
    for entry in entries {
        let saw = psci::cpu_on(mpidr(1), entry, 0);
        status(format_args!("CPU_ON at {entry:#x}"), saw, INVALID_ADDRESS)?;
        equal(format_args!("AFFINITY_INFO after CPU_ON at {entry:#x}"), psci::affinity_info(1), OFF)?;
    }
    // The core can still be started, and where it is told to.
    start(1)
}

/// What the firmware does not know to be out of its caller's reach it need not refuse. Secure memory is its own.
fn known_to_be_refused(entries: impl IntoIterator<Item = u64>) -> Verdict {
    by_choice(refused(entries))
}

fn misaligned() -> Verdict {
    let entry = cores::entry_point();
    known_to_be_refused([entry + 1, entry + 2, entry + 3, dram_end() - 1, dram_end() - 2, dram_end() - 3])
}

fn secure_flash() -> Verdict {
    let Range { start, end } = SECURE_FLASH;
    refused([start, start + 4, start + 0x1000, start + (end - start) / 2, end - 4])
}

fn secure_sram() -> Verdict {
    let Range { start, end } = SECURE_RAM;
    refused([start, start + 0x1000, start + 0x10_0000, end - 4])
}

fn device() -> Verdict {
    known_to_be_refused(NO_MEMORY.iter().copied())
}

fn beyond_dram() -> Verdict {
    known_to_be_refused([DRAM_BASE - 4, dram_end(), dram_end() + 0x1000, dram_end() + (1 << 40)])
}

fn beyond_addresses() -> Verdict {
    let top_bits = (48..64).map(|bit| 1_u64 << bit | cores::entry_point());
    known_to_be_refused(top_bits.chain([1 << 48, 1 << 52, 1 << 63, u64::MAX - 3, u64::MAX << 32]))
}

fn starts_at(entry: u64) -> Verdict {
    let before = cores::prepare(1);
    status(format_args!("CPU_ON at {entry:#x}"), psci::cpu_on(mpidr(1), entry, 0), 0)?;
    holds(format_args!("core 1 starts at {entry:#x}"), cores::wait_for_boot(1, before))
}

fn flash() -> Verdict {
    starts_at(flash_entry())
}

/// Puts a branch into the last word of DRAM and starts a core there.
fn last_word_of_dram() -> Verdict {
    if dram_end() > DRAM_MAPPED_END {
        return Err(Finding::Skipped(Text::of(format_args!("DRAM ends beyond what is mapped"))));
    }
    // A branch reaches 128 MiB: the way goes over three words right before the last one, which load the address.
    const B_BACK_12: u32 = 0x17ff_fffd;
    const LDR_X16_MINUS_8: u32 = 0x58ff_ffd0;
    const BR_X16: u32 = 0xd61f_0200;
    let address = cores::entry_point();
    let last = dram_end() - 4;
    // last - 20: the address (8 bytes); last - 12: ldr x16, last - 20; last - 8: br x16; last: b last - 12.
    let words = [
        (last - 20, address as u32),
        (last - 16, (address >> 32) as u32),
        (last - 12, LDR_X16_MINUS_8),
        (last - 8, BR_X16),
        (last, B_BACK_12),
    ];
    for (at, word) in words {
        // SAFETY: The words are in DRAM, at its end, where nothing of this program is; the cache maintenance is of
        // the same address and makes the word visible to a core that fetches without caches.
        unsafe {
            (at as *mut u32).write_volatile(word);
            asm!("dc cvac, {0}", "dsb sy", "ic ivau, {0}", "dsb sy", in(reg) at, options(nostack));
        }
    }
    registers::isb();
    starts_at(last)
}

fn order_of_checks() -> Verdict {
    by_choice(target_then_entry_then_state())
}

fn target_then_entry_then_state() -> Verdict {
    for target in not_mpidrs() {
        let saw = psci::cpu_on(target, 1, 0);
        status(format_args!("CPU_ON of {target:#x} at 1"), saw, INVALID_PARAMETERS)?;
    }
    status("CPU_ON of the caller, on, at 1", psci::cpu_on(mpidr(0), 1, 0), INVALID_ADDRESS)?;
    start(1)?;
    status("CPU_ON of core 1, on, at 0", psci::cpu_on(mpidr(1), 0, 0), INVALID_ADDRESS)
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Entry points that no power-down takes, and the order in which the arguments of a suspend are judged.

use smccc::psci::{PSCI_CPU_DEFAULT_SUSPEND_64, PSCI_SYSTEM_SUSPEND_64};

use crate::case::cases;
use crate::fixture::{needs, needs_power_down};
use crate::machine::{DRAM_BASE, NO_MEMORY, SECURE_FLASH, SECURE_RAM, UART, dram_end};
use crate::psci::{self, INVALID_ADDRESS, INVALID_PARAMETERS, POWER_DOWN};
use crate::section;
use crate::verdict::{Verdict, status};
use crate::{clock, cores};

cases! {
    [section::CPU_SUSPEND]
    /// A power-down to a misaligned entry point is refused.
    "psci.cpu_suspend.entry.misaligned", 1, misaligned;
    /// A power-down to secure flash is INVALID_ADDRESS.
    "psci.cpu_suspend.entry.secure_flash", 1, secure_flash;
    /// A power-down to secure RAM is INVALID_ADDRESS.
    "psci.cpu_suspend.entry.secure_sram", 1, secure_sram;
    /// A power-down to a device is INVALID_ADDRESS.
    "psci.cpu_suspend.entry.device", 1, device;
    /// A power-down to an address behind RAM is INVALID_ADDRESS.
    "psci.cpu_suspend.entry.beyond_dram", 1, beyond_dram;
    /// A power-down to an address beyond all addresses is INVALID_ADDRESS.
    "psci.cpu_suspend.entry.beyond_addresses", 1, beyond_addresses;
    /// A bad power state is refused before a bad entry point is.
    "psci.cpu_suspend.state_before_entry", 1, state_before_entry;

    [section::CPU_DEFAULT_SUSPEND]
    /// CPU_DEFAULT_SUSPEND to a bad entry point is INVALID_ADDRESS.
    "psci.default_suspend.bad_entry", 1, default_bad_entry;

    [section::SYSTEM_SUSPEND]
    /// SYSTEM_SUSPEND to a bad entry point is INVALID_ADDRESS.
    "psci.system_suspend.bad_entry", 1, system_bad_entry;
}

/// One bad entry point of each sort.
fn one_of_each() -> [u64; 7] {
    let entry = cores::entry_point();
    [entry + 1, entry + 2, 0, SECURE_RAM.start, UART as u64, dram_end(), u64::MAX - 3]
}

fn refused(entries: impl IntoIterator<Item = u64> + Clone) -> Verdict {
    needs_power_down()?;
    for power_state in POWER_DOWN {
        for entry in entries.clone() {
            // A firmware that takes the entry point must not keep the core.
            clock::start_timer(0);
            let saw = psci::cpu_suspend(power_state, entry, 0);
            cores::serve_interrupts();
            status(format_args!("CPU_SUSPEND of {power_state:#x} at {entry:#x}"), saw, INVALID_ADDRESS)?;
        }
    }
    Ok(())
}

fn misaligned() -> Verdict {
    let entry = cores::entry_point();
    refused([entry + 1, entry + 2, entry + 3, dram_end() - 1])
}

fn secure_flash() -> Verdict {
    refused([SECURE_FLASH.start, SECURE_FLASH.start + 4, SECURE_FLASH.start + 0x1000, SECURE_FLASH.end - 4])
}

fn secure_sram() -> Verdict {
    refused([SECURE_RAM.start, SECURE_RAM.start + 0x1000, SECURE_RAM.end - 4])
}

fn device() -> Verdict {
    refused(NO_MEMORY.iter().copied())
}

fn beyond_dram() -> Verdict {
    refused([DRAM_BASE - 4, dram_end(), dram_end() + 0x1000, dram_end() + (1 << 40)])
}

fn beyond_addresses() -> Verdict {
    refused((48..64).map(|bit| 1_u64 << bit | cores::entry_point()).chain([1 << 48, 1 << 63, u64::MAX - 3]))
}

fn state_before_entry() -> Verdict {
    for power_state in [0, 0x2, 0x0001_0000, 0x0001_0001, 0x0100_0022, 0x0201_0222, 0x8001_0002] {
        for entry in one_of_each() {
            clock::start_timer(0);
            let saw = psci::cpu_suspend(power_state, entry, 0);
            cores::serve_interrupts();
            status(format_args!("CPU_SUSPEND of {power_state:#x} at {entry:#x}"), saw, INVALID_PARAMETERS)?;
        }
    }
    Ok(())
}

fn default_bad_entry() -> Verdict {
    needs(PSCI_CPU_DEFAULT_SUSPEND_64)?;
    for entry in one_of_each() {
        clock::start_timer(0);
        let saw = psci::cpu_default_suspend(entry, 0);
        cores::serve_interrupts();
        status(format_args!("CPU_DEFAULT_SUSPEND at {entry:#x}"), saw, INVALID_ADDRESS)?;
    }
    Ok(())
}

fn system_bad_entry() -> Verdict {
    needs(PSCI_SYSTEM_SUSPEND_64)?;
    for entry in one_of_each() {
        clock::start_timer(0);
        let saw = psci::system_suspend(entry, 0);
        cores::serve_interrupts();
        status(format_args!("SYSTEM_SUSPEND at {entry:#x}"), saw, INVALID_ADDRESS)?;
    }
    Ok(())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Marks in the instructions that the plugin sees, and entry points that begin with one.

use core::arch::global_asm;

use conformance::entry::secondary_entry;

use crate::operation::Operation;

/// Executes the hint of a mark.
macro_rules! mark {
    ($hint:expr) => {
        // SAFETY: The hint is one that no core has a meaning for: it does nothing. It stays in its place among the calls, which
        // are assembly that may have effects, as it is.
        unsafe { core::arch::asm!("hint #{}", const $hint, options(nostack)) }
    };
}

/// Does something with the marks of an operation around it.
macro_rules! marked {
    ($operation:ident, $act:expr) => {{
        $crate::mark::mark!($crate::operation::Operation::$operation.begin());
        let result = $act;
        $crate::mark::mark!($crate::operation::Operation::$operation.end());
        result
    }};
}

pub(crate) use {mark, marked};

// Entry points: each is a mark, and then the common entry.
global_asm!(
    ".pushsection .text.bench_entries, \"ax\"",
    ".balign 4",
    "ends_cpu_on_target:",
    "hint #{cpu_on_target}",
    "b {secondary}",
    "ends_cpu_off:",
    "hint #{cpu_off}",
    "b {secondary}",
    "ends_powerdown:",
    "hint #{powerdown}",
    "b {secondary}",
    ".popsection",
    cpu_on_target = const Operation::CpuOnTarget.end(),
    cpu_off = const Operation::CpuOff.end(),
    powerdown = const Operation::CpuSuspendPowerdown.end(),
    secondary = sym secondary_entry,
);

unsafe extern "C" {
    safe static ends_cpu_on_target: u32;
    safe static ends_cpu_off: u32;
    safe static ends_powerdown: u32;
}

fn address(entry: &u32) -> u64 {
    core::ptr::from_ref(entry) as u64
}

/// Returns the entry point that ends [`Operation::CpuOnTarget`].
pub fn cpu_on_target_entry() -> u64 {
    address(&ends_cpu_on_target)
}

/// Returns the entry point that ends [`Operation::CpuOff`].
pub fn cpu_off_entry() -> u64 {
    address(&ends_cpu_off)
}

/// Returns the entry point that ends [`Operation::CpuSuspendPowerdown`].
pub fn powerdown_entry() -> u64 {
    address(&ends_powerdown)
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! MEM_PROTECT and MEM_PROTECT_CHECK_RANGE.

use core::sync::atomic::{AtomicU64, Ordering};

use smccc::psci::{
    PSCI_MEM_PROTECT, PSCI_MEM_PROTECT_CHECK_RANGE_32, PSCI_MEM_PROTECT_CHECK_RANGE_64, PSCI_SYSTEM_RESET2_64,
};

use crate::case::cases;
use crate::fixture::{needs, start};
use crate::machine::{DRAM_BASE, FLASH, GICD, SECURE_RAM, UART, dram_end};
use crate::psci::{self, DENIED, INVALID_PARAMETERS};
use crate::runner;
use crate::section;
use crate::verdict::{Verdict, equal, failed, holds, status};
use crate::{clock, cores, registers, smc};

cases! {
    [section::MEM_PROTECT]
    /// MEM_PROTECT returns the state before.
    "psci.mem_protect.previous_state", 1, previous_state;
    /// Values other than 0 and 1 turn nothing on or off by chance.
    "psci.mem_protect.bad_value", 1, bad_value;
    /// The argument is 32 bits wide.
    "psci.mem_protect.upper_half", 1, upper_half;
    /// Every core sees the same state.
    "psci.mem_protect.one_state_for_all_cores", 2, one_state_for_all_cores;
    /// With it on, SYSTEM_RESET clears memory.
    "psci.mem_protect.reset_clears_memory", 1, reset_clears_memory;
    /// A reset by another core clears memory, too.
    "psci.mem_protect.reset_by_a_secondary_clears_memory", 2, secondary_clears_memory;
    /// SYSTEM_RESET2 keeps memory, as its specification demands.
    "psci.mem_protect.warm_reset_keeps_memory", 1, warm_reset_keeps_memory;
    /// With it off again, SYSTEM_RESET keeps memory.
    "psci.mem_protect.off_again_keeps_memory", 1, off_again_keeps_memory;

    [section::MEM_PROTECT_CHECK_RANGE]
    /// A range in RAM is protected.
    "psci.mem_protect_check_range.inside", 1, inside;
    /// An empty range is DENIED.
    "psci.mem_protect_check_range.empty", 1, empty;
    /// A range that wraps around is DENIED.
    "psci.mem_protect_check_range.wraps", 1, wraps;
    /// A range that reaches beyond RAM is DENIED.
    "psci.mem_protect_check_range.beyond", 1, beyond;
    /// A range of devices or secure memory is DENIED.
    "psci.mem_protect_check_range.not_memory", 1, not_memory;
    /// The SMC32 form takes 32 bits.
    "psci.mem_protect_check_range.smc32", 1, range_by_smc32;
}

fn needs_it() -> Verdict {
    needs(PSCI_MEM_PROTECT)
}

fn set(enable: u64, before: u64) -> Verdict {
    equal(format_args!("MEM_PROTECT({enable})"), psci::mem_protect(enable), before)
}

fn previous_state() -> Verdict {
    needs_it()?;
    set(1, 0)?;
    set(1, 1)?;
    set(0, 1)?;
    set(0, 0)
}

fn bad_value() -> Verdict {
    needs_it()?;
    for value in [2, 3, 0x100, 0x8000_0000, 0xffff_ffff] {
        let saw = psci::mem_protect(value);
        status(format_args!("MEM_PROTECT({value:#x})"), saw, INVALID_PARAMETERS)?;
    }
    set(0, 0)
}

fn upper_half() -> Verdict {
    const GARBAGE: u64 = 0xdead_beef_0000_0000;
    needs_it()?;
    set(GARBAGE | 1, 0)?;
    set(GARBAGE, 1)
}

/// Job: MEM_PROTECT.
extern "C" fn set_by_job(enable: u64) -> u64 {
    psci::mem_protect(enable)
}

fn one_state_for_all_cores() -> Verdict {
    needs_it()?;
    start(1)?;
    set(1, 0)?;
    equal("MEM_PROTECT(0) on core 1", cores::call(1, set_by_job, 0)?, 1)?;
    set(0, 0)
}

const WITNESS: u64 = 0x0123_4567_89ab_cdef;

/// Survives a reset that clears nothing.
#[unsafe(link_section = ".noinit.protected")]
static RAM: AtomicU64 = AtomicU64::new(0);

/// Where else in DRAM words are, clear of this program: behind the device tree, and at DRAM's end.
fn far_words() -> [*mut u64; 3] {
    [DRAM_BASE + (1 << 20), DRAM_BASE + (800 << 20), dram_end() - 8].map(|address| address as *mut u64)
}

/// Writes words all over DRAM, and lets the machine be reset; afterwards they are there, or all gone.
fn reset(kept: bool, prepare: fn() -> Verdict, cause: fn()) -> Verdict {
    if runner::is_after_reset() {
        let expected = if kept { WITNESS } else { 0 };
        equal("a word of this program after the reset", RAM.swap(0, Ordering::SeqCst), expected)?;
        for word in far_words() {
            // SAFETY: The word is in DRAM, where nothing of this program is.
            let saw = unsafe { word.read_volatile() };
            equal(format_args!("the word at {word:?} after the reset"), saw, expected)?;
        }
        // Whether a reset keeps it on is left open, but for the warm one.
        let state = psci::mem_protect(0);
        return holds(format_args!("MEM_PROTECT(0) = 0 or 1, saw {state:#x}"), state < 2);
    }
    prepare()?;
    RAM.store(WITNESS, Ordering::SeqCst);
    for word in far_words() {
        // SAFETY: As above.
        unsafe { word.write_volatile(WITNESS) };
    }
    registers::dsb_sy();
    runner::expect_reset();
    cause();
    clock::pause(clock::PATIENCE);
    runner::reset_did_not_come();
    Err(failed(format_args!("a reset of the machine"), format_args!("nothing of it")))
}

fn reset_clears_memory() -> Verdict {
    needs_it()?;
    reset(false, || set(1, 0), || psci::system_reset())
}

/// Job: SYSTEM_RESET.
extern "C" fn reset_by_job(_: u64) -> u64 {
    psci::system_reset()
}

fn secondary_clears_memory() -> Verdict {
    needs_it()?;
    let prepare = || {
        start(1)?;
        set(1, 0)
    };
    reset(false, prepare, || cores::post(1, reset_by_job, 0))
}

fn warm_reset_keeps_memory() -> Verdict {
    needs_it()?;
    needs(PSCI_SYSTEM_RESET2_64)?;
    let is_first = !runner::is_after_reset();
    if !is_first {
        // A warm reset switches it off.
        set(0, 0)?;
    }
    reset(
        true,
        || set(1, 0),
        || {
            psci::system_reset2(0, 0);
        },
    )
}

fn off_again_keeps_memory() -> Verdict {
    needs_it()?;
    let prepare = || {
        set(1, 0)?;
        set(0, 1)
    };
    reset(true, prepare, || psci::system_reset())
}

fn check(ranges: impl IntoIterator<Item = (u64, u64)>, expected: i32) -> Verdict {
    needs(PSCI_MEM_PROTECT_CHECK_RANGE_64)?;
    for (base, length) in ranges {
        let saw = psci::mem_protect_check_range(base, length);
        status(format_args!("MEM_PROTECT_CHECK_RANGE({base:#x}, {length:#x})"), saw, expected)?;
    }
    Ok(())
}

fn inside() -> Verdict {
    let (base, end) = (DRAM_BASE, dram_end());
    let all = [(base, end - base), (base, 1), (end - 1, 1), (base + 0x1234, 0x5678), (end - 0x1000, 0x1000)];
    check(all, 0)
}

fn empty() -> Verdict {
    check([(DRAM_BASE, 0), (DRAM_BASE + 0x1000, 0), (0, 0), (dram_end(), 0)], DENIED)
}

fn wraps() -> Verdict {
    let base = DRAM_BASE;
    check(
        [(base, u64::MAX), (base, 0_u64.wrapping_sub(base)), (base + 0x1000, u64::MAX - base), (u64::MAX, 2)],
        DENIED,
    )
}

fn beyond() -> Verdict {
    let (base, end) = (DRAM_BASE, dram_end());
    let all = [(base, end - base + 1), (end - 1, 2), (base - 1, 2), (end, 1), (base - 1, end - base + 2)];
    check(all, DENIED)
}

fn not_memory() -> Verdict {
    check(
        [(0, 0x1000), (FLASH.start, 0x1000), (SECURE_RAM.start, 0x1000), (UART as u64, 4), (GICD as u64, 1)],
        DENIED,
    )
}

/// Only the lower halves count: they reach no DRAM that lies above them.
fn range_by_smc32() -> Verdict {
    const GARBAGE: u64 = 0xdead_beef_0000_0000;
    needs(PSCI_MEM_PROTECT_CHECK_RANGE_32)?;
    let dram = if u32::try_from(DRAM_BASE).is_ok() { 0 } else { DENIED };
    for (base, expected) in
        [(GARBAGE, DENIED), (DRAM_BASE, dram), (GARBAGE | DRAM_BASE, dram), (GARBAGE | FLASH.start, DENIED)]
    {
        let saw = smc::call(PSCI_MEM_PROTECT_CHECK_RANGE_32, [base, GARBAGE | 0x1000, 0, 0, 0, 0])[0];
        status(format_args!("MEM_PROTECT_CHECK_RANGE (SMC32) of {base:#x}"), saw, expected)?;
    }
    Ok(())
}

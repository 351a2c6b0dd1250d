// SPDX-License-Identifier: MIT OR Apache-2.0

//! What UEFI asks sbsa-ref's firmware: identifiers that are no calls, who may call, and from when on the answers are fixed.

use core::array;

use crate::case::cases;
use crate::cases::smccc_registers::{pattern, preserves};
use crate::clock::{PATIENCE, wait_until};
use crate::fixture::{StartLine, others, start_others};
use crate::machine::{DRAM_BASE, this_core};
use crate::platform::{ALL, call, digest, needed};
use crate::psci::NOT_SUPPORTED;
use crate::runner::rounds;
use crate::section;
use crate::verdict::{Verdict, equal, holds, status};
use crate::{cores, el1, smc};

cases! {
    [section::PLATFORM]
    /// Identifiers between the calls are unknown.
    "platform.unknown", 1, unknown;
    /// The calls have no SMC32 form.
    "platform.smc32", 1, smc32;
    /// The calls have no yielding form.
    "platform.yielding", 1, yielding;
    /// The calls do not answer with reserved bits set.
    "platform.reserved_bits", 1, reserved_bits;
    /// The SVE hint changes nothing.
    "platform.sve_hint", 1, sve_hint;
    /// Only w0 is the identifier, but an index has 64 bits.
    "platform.upper_half", 1, upper_half;
    /// EL1 gets the same answers.
    "platform.from_el1", 1, from_el1;
    /// The answers stay when the device tree is overwritten.
    "platform.tree_is_not_needed", 1, tree_is_not_needed;
    /// All cores get the same answers at once.
    "platform.every_core_at_once", 2, every_core_at_once;
}

/// Bit 16 of an identifier.
const SVE_HINT: u32 = 1 << 16;
const FAST: u32 = 1 << 31;
const SMC64: u32 = 1 << 30;

/// The call is not there, and leaves every register but x0 as it was.
fn is_not_there(function: u32) -> Verdict {
    status(format_args!("call {function:#x}"), smc::call0(function), NOT_SUPPORTED)?;
    preserves(function, &[], 1)
}

fn unknown() -> Verdict {
    needed()?;
    for number in [0, 2, 99, 102, 199, 203, 299, 302, 0x101, 0xff, 0x8000, 0xffff] {
        is_not_there(0xc200_0000 | number)?;
    }
    Ok(())
}

fn smc32() -> Verdict {
    needed()?;
    ALL.iter().try_for_each(|(function, _)| is_not_there(function & !SMC64))
}

fn yielding() -> Verdict {
    needed()?;
    ALL.iter().try_for_each(|(function, _)| is_not_there(function & !FAST))
}

fn reserved_bits() -> Verdict {
    needed()?;
    for (function, _) in ALL {
        (17..24).try_for_each(|bit| is_not_there(function | 1 << bit))?;
    }
    Ok(())
}

fn sve_hint() -> Verdict {
    needed()?;
    for (function, _) in ALL {
        for index in [0, 600] {
            let (plain, with_hint) = (call(function, index), call(function | SVE_HINT, index));
            holds(
                format_args!("call {function:#x} of {index} the same with the SVE hint"),
                plain == with_hint,
            )?;
        }
    }
    Ok(())
}

/// Returns how many registers a call of index 0 returns: x0, and results unless that is an error.
fn returned(function: u32, results: usize) -> usize {
    if call(function, 0)[0] == 0 { 1 + results } else { 1 }
}

/// Only w0 is the identifier.
fn upper_half() -> Verdict {
    needed()?;
    for (function, results) in ALL {
        let mut registers = [0; 31];
        registers[0] = 0xdead_beef_0000_0000 | u64::from(function);
        let (saw, count) = (smc::call_with_all_registers(&registers), returned(function, results));
        let what = format_args!("call {function:#x} the same with garbage above bit 31");
        holds(what, saw[..count] == call(function, 0)[..count])?;
    }
    Ok(())
}

fn from_el1() -> Verdict {
    needed()?;
    for (function, results) in ALL {
        let mut before: [u64; 31] = array::from_fn(pattern);
        (before[0], before[1]) = (function.into(), 0);
        let (after, count) = (el1::smc(&before), returned(function, results));
        holds(
            format_args!("call {function:#x} the same from EL1"),
            after[..count] == call(function, 0)[..count],
        )?;
        for number in count..31 {
            equal(format_args!("x{number} after call {function:#x}"), after[number], before[number])?;
        }
    }
    Ok(())
}

/// DRAM is the operating system's, and the tree in it: the answers are what they were when it is overwritten.
fn tree_is_not_needed() -> Verdict {
    needed()?;
    let before = digest();
    scramble_tree();
    let after = digest();
    scramble_tree();
    equal("the digest of all answers without a device tree", after, before)
}

/// Inverts the room of the device tree, or undoes that.
fn scramble_tree() {
    const WORDS: usize = 0x10_0000 / size_of::<u64>();
    let tree = DRAM_BASE as *mut u64;
    for number in 0..WORDS {
        // SAFETY: The first MiB of DRAM is mapped and the tree's alone, and nobody looks at the tree meanwhile.
        unsafe { tree.add(number).write_volatile(!tree.add(number).read_volatile()) };
    }
}

static LINE: StartLine = StartLine::new();

/// Job: asks everything, when the others do so too.
extern "C" fn ask(_: u64) -> u64 {
    LINE.wait();
    digest()
}

fn every_core_at_once() -> Verdict {
    needed()?;
    start_others()?;
    let expected = digest();
    for round in rounds() {
        LINE.expect(others().len() + 1);
        let before: u64 = others().map(cores::finished).sum();
        others().for_each(|index| cores::post(index, ask, 0));
        equal(format_args!("the digest of core {} (round {round})", this_core()), ask(0), expected)?;
        let all = before + others().len() as u64;
        let returned = wait_until(PATIENCE, || others().map(cores::finished).sum::<u64>() >= all);
        holds(format_args!("every caller to come back (round {round})"), returned)?;
        for index in others() {
            let saw = cores::result(index, 0)?;
            equal(format_args!("the digest of core {index} (round {round})"), saw, expected)?;
        }
    }
    Ok(())
}

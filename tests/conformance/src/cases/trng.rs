// SPDX-License-Identifier: MIT OR Apache-2.0

//! The True Random Number Generator interface.

use smccc::arch::error::NOT_SUPPORTED;

use crate::arch::{SMC64, is_there, lacks, skipped};
use crate::case::cases;
use crate::cases::smccc_registers::{pattern, preserves};
use crate::fixture::{others, start_others};
use crate::section;
use crate::verdict::{Verdict, equal, failed, holds, register, status};
use crate::{cores, el1, read_register, smc};

cases! {
    [section::TRNG_VERSION]
    /// TRNG_VERSION is 1.0 or later.
    "trng.version", 1, version;
    /// Without a TRNG all its calls answer NOT_SUPPORTED and touch nothing.
    "trng.absent", 1, absent;

    [section::TRNG_FEATURES]
    /// TRNG_FEATURES knows every function and denies everything else.
    "trng.features", 1, features;
    /// The rest of the TRNG's identifiers are unknown calls.
    "trng.other_ids", 1, other_ids;

    [section::TRNG_GET_UUID]
    /// TRNG_GET_UUID is a UUID, and the same each time.
    "trng.uuid", 1, uuid;

    [section::TRNG_RND]
    /// TRNG_RND returns as many bits as were asked for, each of them random, and zeros above.
    "trng.rnd.width", 1, width;
    /// No bits, or more than fit, answer INVALID_PARAMETERS and return none.
    "trng.rnd.invalid", 1, invalid;
    /// The count of the SMC32 form is 32 bits wide.
    "trng.rnd.upper_half", 1, upper_half;
    /// Two calls return different bits.
    "trng.rnd.differs", 1, differs;
    /// Every core draws bits of its own.
    "trng.rnd.every_core", 2, every_core;

    [section::TRNG_CALLS]
    /// The calls leave x4 to x30 as they were.
    "trng.registers", 1, registers;
    /// The SVE hint changes nothing.
    "trng.sve_hint", 1, sve_hint;
    /// EL1 is served as EL2 is.
    "trng.from_el1", 1, from_el1;
}

const VERSION: u32 = 0x8400_0050;
const FEATURES: u32 = 0x8400_0051;
const GET_UUID: u32 = 0x8400_0052;
const RND_32: u32 = 0x8400_0053;
const RND_64: u32 = RND_32 | SMC64;
const ALL: [u32; 5] = [VERSION, FEATURES, GET_UUID, RND_32, RND_64];

const INVALID_PARAMETERS: i32 = -2;
const NO_ENTROPY: i32 = -3;

const VERSION_1_0: u64 = 0x1_0000;
const SVE_HINT: u32 = 1 << 16;

/// How often a source may be dry until it counts as broken.
const PATIENCE: usize = 1000;

/// Returns whether the core has random numbers of its own: ID_AA64ISAR0_EL1.RNDR.
fn core_has_rng() -> bool {
    read_register!("id_aa64isar0_el1") >> 60 != 0
}

fn needs_trng() -> Verdict {
    if is_there(smc::call0(VERSION)) {
        Ok(())
    } else if core_has_rng() {
        lacks(format_args!("no TRNG on a core with FEAT_RNG"))
    } else {
        skipped(format_args!("there is no TRNG"))
    }
}

fn version() -> Verdict {
    needs_trng()?;
    let saw = smc::call0(VERSION);
    holds(format_args!("TRNG_VERSION 1.0 or more, got {saw:#x}"), saw >= VERSION_1_0 && saw >> 31 == 0)
}

/// Without a version there is nothing.
fn absent() -> Verdict {
    if needs_trng().is_ok() {
        return skipped(format_args!("there is a TRNG"));
    }
    for function in ALL {
        let mut before: [u64; 31] = core::array::from_fn(pattern);
        (before[0], before[1]) = (function.into(), 32);
        let after = smc::call_with_all_registers(&before);
        status(format_args!("call {function:#x}"), after[0], NOT_SUPPORTED)?;
        for register in 4..31 {
            equal(format_args!("x{register} after call {function:#x}"), after[register], before[register])?;
        }
    }
    Ok(())
}

fn features_of(function: u32) -> u64 {
    smc::call(FEATURES, [function.into(), 0, 0, 0, 0, 0])[0]
}

fn features() -> Verdict {
    needs_trng()?;
    for function in ALL {
        status(format_args!("TRNG_FEATURES({function:#x})"), features_of(function), 0)?;
    }
    let saw = smc::call(FEATURES, [0xdead_beef_0000_0000 | u64::from(RND_64), 0, 0, 0, 0, 0])[0];
    status("TRNG_FEATURES with garbage above bit 31", saw, 0)?;
    for function in [0, 0x8000_0000, 0x8400_0000, VERSION | SVE_HINT, VERSION | 1 << 17, u32::MAX] {
        status(format_args!("TRNG_FEATURES({function:#x})"), features_of(function), NOT_SUPPORTED)?;
    }
    Ok(())
}

/// What is not in [`ALL`] is not there: other numbers, and 64-bit identifiers of 32-bit calls.
fn other_ids() -> Verdict {
    for number in 0x50..0x60 {
        for function in [0x8400_0000 | number, 0xc400_0000 | number] {
            if ALL.contains(&function) {
                continue;
            }
            status(format_args!("call {function:#x}"), smc::call0(function), NOT_SUPPORTED)?;
            if needs_trng().is_ok() {
                status(format_args!("TRNG_FEATURES({function:#x})"), features_of(function), NOT_SUPPORTED)?;
            }
        }
    }
    Ok(())
}

fn uuid() -> Verdict {
    needs_trng()?;
    let first = smc::call(GET_UUID, [0; 6]);
    let uuid = &first[..4];
    holds("four registers of 32 bits", uuid.iter().all(|register| register >> 32 == 0))?;
    holds("a UUID that is neither NOT_SUPPORTED nor nil", uuid[0] != 0xffff_ffff && uuid != [0; 4])?;
    holds("the same UUID again", uuid == &smc::call(GET_UUID, [0; 6])[..4])
}

/// Asks for random bits until there are some; returns x0 to x3.
fn random(function: u32, count: u64) -> [u64; 4] {
    let mut answer = [0; 4];
    for _ in 0..PATIENCE {
        answer.copy_from_slice(&smc::call(function, [count, 0, 0, 0, 0, 0])[..4]);
        if answer[0] != register(NO_ENTROPY) {
            break;
        }
    }
    answer
}

/// Bits of a register.
fn width_of(function: u32) -> u64 {
    if function == RND_64 { 64 } else { 32 }
}

/// Returns a mask of the random bits in x`number`, of `count`: they begin in x3.
fn mask(function: u32, count: u64, number: u64) -> u64 {
    let width = width_of(function);
    match count.saturating_sub((3 - number) * width).min(width) {
        0 => 0,
        bits => u64::MAX >> (64 - bits),
    }
}

/// Bits beyond those asked for are zero; each of the others is both 0 and 1 in time.
fn width() -> Verdict {
    needs_trng()?;
    for function in [RND_32, RND_64] {
        for count in [1, 2, 31, 32, 33, 63, 64, 65, 95, 96, 97, 127, 128, 129, 191, 192] {
            if count > 3 * width_of(function) {
                continue;
            }
            let (mut ever, mut always) = ([0; 4], [u64::MAX; 4]);
            // Of 192 bits, the odds that one does not change in 64 rounds are one to 10^17.
            for _ in 0..64 {
                let answer = random(function, count);
                status(format_args!("call {function:#x} for {count} bits"), answer[0], 0)?;
                for number in 1..4 {
                    ever[number] |= answer[number];
                    always[number] &= answer[number];
                }
            }
            for number in 1..4 {
                let mask = mask(function, count, number as u64);
                let what = format_args!("bits of x{number} by call {function:#x} for {count}");
                equal(what, ever[number], mask)?;
                let what =
                    format_args!("bits of x{number} that never were 0 by call {function:#x} for {count}");
                equal(what, always[number], 0)?;
            }
        }
    }
    Ok(())
}

fn invalid() -> Verdict {
    needs_trng()?;
    for function in [RND_32, RND_64] {
        let most = 3 * width_of(function);
        for count in [0, most + 1, 193, 256, 1 << 31, u64::from(u32::MAX), u64::MAX] {
            let mut before: [u64; 31] = core::array::from_fn(pattern);
            (before[0], before[1]) = (function.into(), count);
            let after = smc::call_with_all_registers(&before);
            let what = format_args!("call {function:#x} for {count:#x} bits");
            equal(what, after[0], register(INVALID_PARAMETERS))?;
            holds(format_args!("no bits by call {function:#x} for {count:#x}"), after[1..4] == [0; 3])?;
        }
    }
    Ok(())
}

fn upper_half() -> Verdict {
    needs_trng()?;
    let answer = random(RND_32, 0xdead_beef_0000_0020);
    status("RND32 with garbage above bit 31", answer[0], 0)?;
    holds("32 bits and no more", answer[1] == 0 && answer[2] == 0 && answer[3] >> 32 == 0)
}

fn differs() -> Verdict {
    needs_trng()?;
    for (function, count) in [(RND_32, 96), (RND_64, 192)] {
        let (first, second) = (random(function, count), random(function, count));
        for number in 1..4 {
            if first[number] == second[number] && function == RND_64 {
                return Err(failed(
                    format_args!("another x{number} each time"),
                    format_args!("{:#x} twice", first[number]),
                ));
            }
        }
        holds("other bits each time", first[1..] != second[1..])?;
        holds("other bits in each register", first[1] != first[2] && first[2] != first[3])?;
    }
    Ok(())
}

extern "C" fn draw(_: u64) -> u64 {
    random(RND_64, 64)[3]
}

fn every_core() -> Verdict {
    needs_trng()?;
    start_others()?;
    let here = draw(0);
    for index in others() {
        let saw = cores::call(index, draw, 0)?;
        holds(format_args!("64 bits of its own on core {index}, got {saw:#x}"), saw != here && saw != 0)?;
    }
    Ok(())
}

fn registers() -> Verdict {
    needs_trng()?;
    preserves(VERSION, &[], 4)?;
    preserves(FEATURES, &[RND_64.into()], 4)?;
    preserves(GET_UUID, &[], 4)?;
    for count in [0, 1, 32, 96, 97] {
        preserves(RND_32, &[count], 4)?;
        preserves(RND_64, &[count], 4)?;
    }
    Ok(())
}

fn sve_hint() -> Verdict {
    needs_trng()?;
    equal("TRNG_VERSION with the SVE hint", smc::call0(VERSION | SVE_HINT), smc::call0(VERSION))?;
    status("RND64 with the SVE hint", random(RND_64 | SVE_HINT, 192)[0], 0)
}

fn from_el1() -> Verdict {
    needs_trng()?;
    let mut before: [u64; 31] = core::array::from_fn(pattern);
    before[0] = VERSION.into();
    equal("TRNG_VERSION from EL1", el1::smc(&before)[0], smc::call0(VERSION))?;
    (before[0], before[1]) = (RND_64.into(), 192);
    let after = el1::smc(&before);
    holds(
        "RND64 from EL1 to return bits, or to have none",
        after[0] == 0 && after[1..4].iter().all(|&bits| bits != 0) || after[0] == register(NO_ENTROPY),
    )?;
    for register in 4..31 {
        equal(format_args!("x{register} after RND64 from EL1"), after[register], before[register])?;
    }
    Ok(())
}

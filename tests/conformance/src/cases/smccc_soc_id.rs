// SPDX-License-Identifier: MIT OR Apache-2.0

//! SMCCC_ARCH_SOC_ID: who made the machine.

use smccc::arch::SMCCC_ARCH_SOC_ID;

use crate::arch::{INVALID_PARAMETER, SMCCC_ARCH_SOC_ID_64, features, is_there, needs};
use crate::case::cases;
use crate::cases::smccc_registers::preserves;
use crate::section;
use crate::smc;
use crate::verdict::{Verdict, equal, failed, holds, register};

cases! {
    [section::SMCCC_ARCH_SOC_ID]
    /// Type 0 is a JEP-106 code and an identification, or an error.
    "smccc.soc_id.version", 1, version;
    /// Type 1 is a revision, or an error.
    "smccc.soc_id.revision", 1, revision;
    /// Type 2 is a text padded with zeros, by SMC64 only.
    "smccc.soc_id.name", 1, name;
    /// Types beyond those answer INVALID_PARAMETERS.
    "smccc.soc_id.invalid_types", 1, invalid_types;
    /// The type is 32 bits wide.
    "smccc.soc_id.upper_half", 1, upper_half;
    /// The call leaves x4 to x30 as they were.
    "smccc.soc_id.registers", 1, registers;
}

const VERSION: u64 = 0;
const REVISION: u64 = 1;
const NAME: u64 = 2;

const GARBAGE: u64 = 0xdead_beef_0000_0000;

fn soc_id(function: u32, kind: u64) -> u64 {
    smc::call(function, [kind, 0, 0, 0, 0, 0])[0]
}

/// A value of 31 bits, the same by both conventions.
fn is_number(kind: u64) -> Verdict {
    needs(SMCCC_ARCH_SOC_ID)?;
    let saw = soc_id(SMCCC_ARCH_SOC_ID, kind);
    holds(format_args!("type {kind} with bits 63:31 clear, got {saw:#x}"), saw >> 31 == 0)?;
    if is_there(features(SMCCC_ARCH_SOC_ID_64)) {
        equal(format_args!("type {kind} by SMC64"), soc_id(SMCCC_ARCH_SOC_ID_64, kind), saw)?;
    }
    Ok(())
}

fn version() -> Verdict {
    is_number(VERSION)
}

fn revision() -> Verdict {
    is_number(REVISION)
}

fn name() -> Verdict {
    needs(SMCCC_ARCH_SOC_ID_64)?;
    let answer = smc::call(SMCCC_ARCH_SOC_ID_64, [NAME, 0, 0, 0, 0, 0]);
    equal("SOC_ID of type 2", answer[0], 0)?;
    let mut bytes = [0; 136];
    for (bytes, register) in bytes.chunks_exact_mut(8).zip(&answer[1..]) {
        bytes.copy_from_slice(&register.to_le_bytes());
    }
    let Some(end) = bytes.iter().position(|&byte| byte == 0) else {
        return Err(failed(format_args!("a NUL in x1 to x17"), format_args!("none")));
    };
    let text = core::str::from_utf8(&bytes[..end]).unwrap_or_default();
    holds(format_args!("a name in UTF-8, got {end} bytes"), !text.is_empty())?;
    crate::println!("# {text}");
    Ok(())
}

fn invalid_types() -> Verdict {
    for function in [SMCCC_ARCH_SOC_ID, SMCCC_ARCH_SOC_ID_64] {
        if function == SMCCC_ARCH_SOC_ID {
            needs(function)?;
        } else if !is_there(features(function)) {
            continue;
        }
        for kind in [3, 4, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
            let what = format_args!("call {function:#x} of type {kind:#x}");
            equal(what, soc_id(function, kind), register(INVALID_PARAMETER))?;
        }
    }
    let what = "the name by SMC32, which has no room for it";
    equal(what, soc_id(SMCCC_ARCH_SOC_ID, NAME), register(INVALID_PARAMETER))
}

fn upper_half() -> Verdict {
    needs(SMCCC_ARCH_SOC_ID)?;
    for kind in [VERSION, REVISION, NAME, 3] {
        let saw = soc_id(SMCCC_ARCH_SOC_ID, GARBAGE | kind);
        equal(format_args!("type {:#x}", GARBAGE | kind), saw, soc_id(SMCCC_ARCH_SOC_ID, kind))?;
    }
    Ok(())
}

fn registers() -> Verdict {
    needs(SMCCC_ARCH_SOC_ID)?;
    for kind in [VERSION, REVISION, NAME, 3] {
        preserves(SMCCC_ARCH_SOC_ID, &[kind], 4)?;
    }
    if is_there(features(SMCCC_ARCH_SOC_ID_64)) {
        preserves(SMCCC_ARCH_SOC_ID_64, &[VERSION], 4)?;
        preserves(SMCCC_ARCH_SOC_ID_64, &[3], 4)?;
        preserves(SMCCC_ARCH_SOC_ID_64, &[NAME], 18)?;
    }
    Ok(())
}

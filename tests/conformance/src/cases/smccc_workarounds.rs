// SPDX-License-Identifier: MIT OR Apache-2.0

//! SMCCC_ARCH_WORKAROUND_1 to 4: what the firmware does against speculation that crosses contexts.

use smccc::arch::{SMCCC_ARCH_WORKAROUND_1, SMCCC_ARCH_WORKAROUND_2, SMCCC_ARCH_WORKAROUND_3};

use crate::arch::{
    NOT_REQUIRED, NOT_SUPPORTED, SMCCC_ARCH_WORKAROUND_4, features, is_error, is_there, lacks,
};
use crate::case::cases;
use crate::cases::smccc_registers::{pattern, preserves};
use crate::fixture::{others, start_others};
use crate::section;
use crate::verdict::{Verdict, equal, holds};
use crate::{cores, el1, read_register, smc};

cases! {
    [section::SMCCC_WORKAROUNDS]
    /// ARCH_FEATURES says of each workaround 0, 1 or NOT_SUPPORTED, and nothing else.
    "smccc.workarounds.discovery", 1, discovery;
    /// What it says of a workaround is what this kind of core needs.
    "smccc.workarounds.as_the_core_needs", 1, as_the_core_needs;
    /// A workaround that is there returns and leaves every register as it was.
    "smccc.workarounds.call", 1, call;
    /// A workaround called from EL1 leaves every register as it was.
    "smccc.workarounds.from_el1", 1, from_el1;
    /// Every core gives the same answer.
    "smccc.workarounds.every_core", 2, every_core;
}

/// The workarounds that are called, and return nothing.
const CALLED: [u32; 2] = [SMCCC_ARCH_WORKAROUND_1, SMCCC_ARCH_WORKAROUND_3];

/// What discovery says: the core needs the call; it does not, but may call.
const NEEDED: u64 = 0;
const NOT_NEEDED: u64 = 1;

/// ID_AA64PFR0_EL1.CSV2.
fn csv2() -> u64 {
    read_register!("id_aa64pfr0_el1") >> 56 & 0xf
}

fn discovery() -> Verdict {
    for function in CALLED {
        let saw = features(function);
        let is_valid = saw <= NOT_NEEDED || is_error(saw, NOT_SUPPORTED);
        holds(format_args!("FEATURES({function:#x}) = 0, 1 or NOT_SUPPORTED, got {saw:#x}"), is_valid)?;
    }
    let saw = features(SMCCC_ARCH_WORKAROUND_2);
    let is_valid = saw <= NOT_NEEDED || is_error(saw, NOT_SUPPORTED) || is_error(saw, NOT_REQUIRED);
    holds(format_args!("FEATURES(WORKAROUND_2) = 0, 1, -1 or -2, got {saw:#x}"), is_valid)?;
    let saw = features(SMCCC_ARCH_WORKAROUND_4);
    let is_valid = saw == 0 || is_error(saw, NOT_SUPPORTED);
    holds(format_args!("FEATURES(WORKAROUND_4) = 0 or NOT_SUPPORTED, got {saw:#x}"), is_valid)?;
    holds(
        "WORKAROUND_1 with WORKAROUND_3",
        is_there(features(SMCCC_ARCH_WORKAROUND_1)) || !is_there(features(SMCCC_ARCH_WORKAROUND_3)),
    )
}

/// Cores that can be trained to mispredict, by what Arm says of them; ID registers come first.
fn as_the_core_needs() -> Verdict {
    let midr = read_register!("midr_el1");
    let part = if midr >> 24 & 0xff == 0x41 { midr >> 4 & 0xfff } else { 0 };
    let (targets, bypass, history) = (
        features(SMCCC_ARCH_WORKAROUND_1),
        features(SMCCC_ARCH_WORKAROUND_2),
        features(SMCCC_ARCH_WORKAROUND_3),
    );
    if csv2() > 0 {
        holds("no need of WORKAROUND_1 on a core with CSV2", targets != NEEDED)?;
    }
    if csv2() >= 3 {
        holds("no need of WORKAROUND_3 on a core with CSV2_3", history != NEEDED)?;
    }
    match part {
        // Cortex-A57 and A72.
        0xd07 | 0xd08 if csv2() == 0 => {
            holds("WORKAROUND_1 not to be unneeded here", targets != NOT_NEEDED)?;
            holds("WORKAROUND_3 not to be unneeded here", history != NOT_NEEDED)?;
        }
        _ => {}
    }
    if [targets, bypass, history].into_iter().all(|saw| is_error(saw, NOT_SUPPORTED)) {
        return lacks(format_args!("the firmware says nothing of this core"));
    }
    Ok(())
}

fn call() -> Verdict {
    let mut is_any = false;
    for function in CALLED {
        if is_there(features(function)) {
            is_any = true;
            preserves(function, &[], 4)?;
            preserves(function | 1 << 16, &[], 4)?;
        }
    }
    if is_any { Ok(()) } else { lacks(format_args!("the firmware advertises none")) }
}

fn from_el1() -> Verdict {
    let mut is_any = false;
    for function in CALLED {
        if !is_there(features(function)) {
            continue;
        }
        is_any = true;
        let mut before: [u64; 31] = core::array::from_fn(pattern);
        before[0] = function.into();
        let after = el1::smc(&before);
        for register in 4..31 {
            let what = format_args!("x{register} after call {function:#x} from EL1");
            equal(what, after[register], before[register])?;
        }
    }
    if is_any { Ok(()) } else { lacks(format_args!("the firmware advertises none")) }
}

extern "C" fn features_here(function: u64) -> u64 {
    features(function as u32)
}

extern "C" fn call_here(function: u64) -> u64 {
    smc::call0(function as u32);
    smc::call0(smccc::arch::SMCCC_VERSION)
}

/// The cores are alike here, so they get the same answer; and the call works on each.
fn every_core() -> Verdict {
    start_others()?;
    for function in [SMCCC_ARCH_WORKAROUND_1, SMCCC_ARCH_WORKAROUND_2, SMCCC_ARCH_WORKAROUND_3] {
        let here = features(function);
        for index in others() {
            let saw = cores::call(index, features_here, function.into())?;
            equal(format_args!("FEATURES({function:#x}) on core {index}"), saw, here)?;
            if is_there(here) && CALLED.contains(&function) {
                let saw = cores::call(index, call_here, function.into())?;
                let version = smc::call0(smccc::arch::SMCCC_VERSION);
                equal(format_args!("VERSION after {function:#x} on core {index}"), saw, version)?;
            }
        }
    }
    Ok(())
}

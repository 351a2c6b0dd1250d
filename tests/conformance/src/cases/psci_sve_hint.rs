// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bit 16 of a function identifier says that the caller has nothing in its SVE registers: with it and without it, each
//! function is the same. SYSTEM_RESET with the hint is among the resets.

use smccc::psci::{PSCI_CPU_FREEZE, PSCI_CPU_OFF, PSCI_CPU_ON_64, PSCI_CPU_SUSPEND_64, PSCI_FEATURES};

use crate::call::{self, of_every_function};
use crate::case::{Case, cases};
use crate::clock;
use crate::fixture::{needs, needs_power_down, start};
use crate::machine::mpidr;
use crate::psci::{self, CORE_POWER_DOWN, NOT_SUPPORTED, STANDBY};
use crate::section;
use crate::sleep::{Sleeper, Woken};
use crate::verdict::{Verdict, equal, holds, status};
use crate::{cores, smc};

/// A case for each function that comes back.
pub const EVERY_FUNCTION: &[Case] = of_every_function!(
    "psci.sve_hint.",
    same_with_hint,
    "With the SVE hint the function answers as without it."
);

cases! {
    [section::SMCCC_IDENTIFIER]
    /// CPU_ON with the SVE hint starts a core.
    "psci.sve_hint.cpu_on_accepted", 2, cpu_on_accepted;
    /// CPU_OFF with the SVE hint ends the core.
    "psci.sve_hint.cpu_off", 2, cpu_off;
    /// CPU_FREEZE with the SVE hint ends the core.
    "psci.sve_hint.cpu_freeze", 2, cpu_freeze;
    /// A standby with the SVE hint returns.
    "psci.sve_hint.standby", 1, standby;
    /// A power-down with the SVE hint comes back.
    "psci.sve_hint.power_down", 2, power_down;
    /// In the argument of FEATURES the bit is a hint, or makes an identifier unknown.
    "psci.sve_hint.features_argument", 1, features_argument;
    /// The hint makes no function out of none.
    "psci.sve_hint.unknown", 1, unknown;
}

const SVE_HINT: u32 = 1 << 16;

fn same_with_hint(number: u32) -> Verdict {
    for call::Call { function, arguments: [x1, x2, x3] } in call::of(number) {
        let result = |function| smc::call(function, [x1, x2, x3, 0, 0, 0])[0];
        let (without, with) = (result(function), result(function | SVE_HINT));
        equal(format_args!("call {:#x}({x1:#x}, {x2:#x})", function | SVE_HINT), with, without)?;
    }
    Ok(())
}

fn cpu_on_accepted() -> Verdict {
    let before = cores::prepare(1);
    let arguments = [mpidr(1), cores::entry_point(), 0, 0, 0, 0];
    status("CPU_ON with the hint", smc::call(PSCI_CPU_ON_64 | SVE_HINT, arguments)[0], 0)?;
    holds("core 1 starts", cores::wait_for_boot(1, before))
}

/// Job: makes a call without arguments.
extern "C" fn call0(function: u64) -> u64 {
    smc::call0(function as u32)
}

fn goes_off(function: u32) -> Verdict {
    start(1)?;
    cores::post(1, call0, (function | SVE_HINT).into());
    holds("core 1 goes off", cores::wait_for_off(1))
}

fn cpu_off() -> Verdict {
    goes_off(PSCI_CPU_OFF)
}

fn cpu_freeze() -> Verdict {
    needs(PSCI_CPU_FREEZE)?;
    goes_off(PSCI_CPU_FREEZE)
}

fn standby() -> Verdict {
    needs(PSCI_CPU_SUSPEND_64)?;
    clock::start_timer(1_000);
    let saw = smc::call(PSCI_CPU_SUSPEND_64 | SVE_HINT, [STANDBY, 0, 0, 0, 0, 0])[0];
    cores::serve_interrupts();
    status("CPU_SUSPEND of a standby with the hint", saw, 0)
}

/// Job: powers down until the timer fires.
extern "C" fn power_down_with_hint(_: u64) -> u64 {
    clock::start_timer(10_000);
    smc::call(PSCI_CPU_SUSPEND_64 | SVE_HINT, [CORE_POWER_DOWN, cores::entry_point(), 0, 0, 0, 0])[0]
}

fn power_down() -> Verdict {
    needs_power_down()?;
    start(1)?;
    let sleeper = Sleeper::new(1);
    cores::post(1, power_down_with_hint, 0);
    match sleeper.wait()? {
        Woken::Resumed => Ok(()),
        Woken::Returned(saw) => status("CPU_SUSPEND with the hint", saw, 0),
    }
}

/// In an argument of FEATURES the bit is no hint, or it is one: but nothing else may come of it.
fn features_argument() -> Verdict {
    for function in [psci::MEM_PROTECT, PSCI_CPU_OFF, PSCI_CPU_SUSPEND_64] {
        let saw = psci::features(function | SVE_HINT);
        let same = saw == psci::features(function);
        let unknown = saw == crate::verdict::register(NOT_SUPPORTED);
        holds(
            format_args!("FEATURES({:#x}) known or not, saw {saw:#x}", function | SVE_HINT),
            same || unknown,
        )?;
    }
    Ok(())
}

/// The hint makes no function out of none.
fn unknown() -> Verdict {
    for function in [0x8400_0016, 0xc400_0016, 0x8400_0fed, PSCI_FEATURES | 1 << 17] {
        status(
            format_args!("call {:#x}", function | SVE_HINT),
            smc::call0(function | SVE_HINT),
            NOT_SUPPORTED,
        )?;
    }
    Ok(())
}

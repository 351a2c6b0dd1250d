// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls from EL1: they do what the same calls from EL2 do, and cores begin at EL2 all the same.

use smccc::psci::{
    PSCI_AFFINITY_INFO_64, PSCI_CPU_FREEZE, PSCI_CPU_OFF, PSCI_CPU_ON_64, PSCI_CPU_SUSPEND_64,
    PSCI_SYSTEM_SUSPEND_64,
};

use crate::anchor::{self, Ending};
use crate::call;
use crate::case::cases;
use crate::clock;
use crate::entry::EntryState;
use crate::fixture::{needs, needs_power_down, start};
use crate::machine::mpidr;
use crate::psci::{ALREADY_ON, CORE_POWER_DOWN, OFF, STANDBY};
use crate::section;
use crate::sleep::{Sleeper, Woken};
use crate::verdict::{Verdict, equal, failed, holds, status};
use crate::{cores, el1, smc};

cases! {
    [section::CONDUIT]
    /// EL1 gets the results that EL2 gets.
    "psci.el1.same_results", 1, same_results;
    /// A call from EL1 leaves its registers as they were.
    "psci.el1.registers", 1, registers;
    /// A core that EL1 starts begins at EL2.
    "psci.el1.cpu_on", 2, cpu_on;
    /// EL1's CPU_ON is refused as EL2's is.
    "psci.el1.cpu_on_refused", 1, cpu_on_refused;
    /// AFFINITY_INFO answers EL1.
    "psci.el1.affinity_info", 2, affinity_info;
    /// CPU_OFF at EL1 ends the core.
    "psci.el1.cpu_off", 2, cpu_off;
    /// CPU_FREEZE at EL1 ends the core.
    "psci.el1.cpu_freeze", 2, cpu_freeze;
    /// A standby at EL1 returns to EL1.
    "psci.el1.standby", 1, standby;
    /// A power-down at EL1 begins again at EL2.
    "psci.el1.core_power_down", 2, power_down;
    /// SYSTEM_SUSPEND at EL1 begins again at EL2.
    "psci.el1.system_suspend", 1, system_suspend;
}

/// Calls from EL1; returns x0.
fn call_from_el1(function: u32, arguments: &[u64]) -> u64 {
    let mut registers = [0; 31];
    registers[0] = function.into();
    registers[1..=arguments.len()].copy_from_slice(arguments);
    el1::smc(&registers)[0]
}

fn same_results() -> Verdict {
    for call in call::ALL {
        let [x1, x2, x3] = call.arguments;
        let from_el2 = smc::call(call.function, [x1, x2, x3, 0, 0, 0])[0];
        let what = format_args!("call {:#x}({x1:#x}, {x2:#x}) from EL1", call.function);
        equal(what, call_from_el1(call.function, &call.arguments), from_el2)?;
    }
    Ok(())
}

fn registers() -> Verdict {
    for call in call::ALL {
        let mut before: [u64; 31] = core::array::from_fn(|register| register as u64 * 0x0101_0101_0101);
        before[0] = call.function.into();
        before[1..4].copy_from_slice(&call.arguments);
        let after = el1::smc(&before);
        for register in 1..31 {
            let what = format_args!("x{register} after call {:#x} from EL1", call.function);
            equal(what, after[register], before[register])?;
        }
    }
    Ok(())
}

const EL2: u64 = 2 << 2;

fn cpu_on() -> Verdict {
    const CONTEXT: u64 = 0x1234_5678_9abc_def0;
    let before = cores::prepare(1);
    status("CPU_ON from EL1", call_from_el1(PSCI_CPU_ON_64, &[mpidr(1), cores::entry_point(), CONTEXT]), 0)?;
    holds("core 1 starts", cores::wait_for_boot(1, before))?;
    equal("x0", EntryState::of(1).x[0], CONTEXT)?;
    equal("CurrentEL", EntryState::of(1).current_el, EL2)
}

fn cpu_on_refused() -> Verdict {
    let saw = call_from_el1(PSCI_CPU_ON_64, &[mpidr(0), cores::entry_point(), 0]);
    status("CPU_ON of the caller from EL1", saw, ALREADY_ON)
}

fn affinity_info() -> Verdict {
    equal(
        "AFFINITY_INFO of core 1, off, from EL1",
        call_from_el1(PSCI_AFFINITY_INFO_64, &[mpidr(1), 0]),
        OFF,
    )?;
    start(1)?;
    status("AFFINITY_INFO of core 1, on, from EL1", call_from_el1(PSCI_AFFINITY_INFO_64, &[mpidr(1), 0]), 0)
}

/// Job: a call from EL1 without arguments.
extern "C" fn call0_from_el1(function: u64) -> u64 {
    call_from_el1(function as u32, &[])
}

fn goes_off(function: u32) -> Verdict {
    start(1)?;
    cores::post(1, call0_from_el1, function.into());
    holds("core 1 goes off", cores::wait_for_off(1))?;
    start(1)?;
    equal("CurrentEL", EntryState::of(1).current_el, EL2)
}

fn cpu_off() -> Verdict {
    goes_off(PSCI_CPU_OFF)
}

fn cpu_freeze() -> Verdict {
    needs(PSCI_CPU_FREEZE)?;
    goes_off(PSCI_CPU_FREEZE)
}

const SLEEP: u64 = 10_000;

fn standby() -> Verdict {
    needs(PSCI_CPU_SUSPEND_64)?;
    clock::start_timer(SLEEP);
    let saw = call_from_el1(PSCI_CPU_SUSPEND_64, &[STANDBY, 0, 0]);
    cores::serve_interrupts();
    status("CPU_SUSPEND of a standby from EL1", saw, 0)
}

const CONTEXT: u64 = 0x0e11;

/// Job: powers down from EL1 until the timer fires.
extern "C" fn power_down_from_el1(_: u64) -> u64 {
    clock::start_timer(SLEEP);
    call_from_el1(PSCI_CPU_SUSPEND_64, &[CORE_POWER_DOWN, cores::entry_point(), CONTEXT])
}

/// The core comes back at EL2, where a started core would.
fn power_down() -> Verdict {
    needs_power_down()?;
    start(1)?;
    let sleeper = Sleeper::new(1);
    cores::post(1, power_down_from_el1, 0);
    match sleeper.wait()? {
        Woken::Resumed => {
            equal("x0", EntryState::of(1).x[0], CONTEXT)?;
            equal("CurrentEL", EntryState::of(1).current_el, EL2)
        }
        Woken::Returned(saw) => status("CPU_SUSPEND of a power-down from EL1", saw, 0),
    }
}

/// Job: suspends the system from EL1 until the timer fires.
extern "C" fn system_suspend_from_el1(_: u64) -> u64 {
    clock::start_timer(SLEEP);
    call_from_el1(PSCI_SYSTEM_SUSPEND_64, &[cores::entry_point(), CONTEXT])
}

fn system_suspend() -> Verdict {
    needs(PSCI_SYSTEM_SUSPEND_64)?;
    let ending = anchor::run(system_suspend_from_el1, 0);
    clock::stop_timer();
    match ending {
        Ending::Restarted => equal("CurrentEL", EntryState::of(0).current_el, EL2),
        Ending::Returned(saw) => status("SYSTEM_SUSPEND from EL1", saw, 0),
        Ending::Faulted(fault) => Err(failed(format_args!("no exception"), format_args!("{fault}"))),
    }
}

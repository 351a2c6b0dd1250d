// SPDX-License-Identifier: MIT OR Apache-2.0

//! SET_SUSPEND_MODE: who may change the mode, and when.

use smccc::psci::{PSCI_CPU_SUSPEND_64, PSCI_SET_SUSPEND_MODE};

use crate::case::cases;
use crate::clock::wait_until;
use crate::fixture::{needs, needs_power_down, others, start, turn_off};
use crate::handover::{self, Handover};
use crate::psci::{self, DENIED, INVALID_PARAMETERS, OS_INITIATED, PLATFORM_COORDINATED};
use crate::runner::rounds;
use crate::section;
use crate::sleep::{Kind, Sleeper};
use crate::verdict::{Verdict, equal, holds, register, status};
use crate::{cores, machine, smc};

cases! {
    [section::SET_SUSPEND_MODE]
    /// The function is there if CPU_SUSPEND announces OS-initiated mode.
    "psci.set_suspend_mode.agrees_with_features", 1, agrees_with_features;
    /// Setting the mode that is set succeeds.
    "psci.set_suspend_mode.same_mode", 1, same_mode;
    /// It does with other cores on, too.
    "psci.set_suspend_mode.same_mode_with_others_on", 2, same_mode_with_others;
    /// Other modes are INVALID_PARAMETERS.
    "psci.set_suspend_mode.bad_mode", 1, bad_mode;
    /// The mode is 32 bits wide.
    "psci.set_suspend_mode.upper_half", 1, upper_half;
    /// A core that is alone may set OS-initiated mode.
    "psci.set_suspend_mode.os_initiated_alone", 1, os_initiated_alone;
    /// With all cores on the mode may be set.
    "psci.set_suspend_mode.os_initiated_all_on", 2, os_initiated_all_on;
    /// With some cores on it is DENIED.
    "psci.set_suspend_mode.os_initiated_some_on", 3, os_initiated_some_on;
    /// With a core asleep it is DENIED.
    "psci.set_suspend_mode.os_initiated_one_asleep", 3, os_initiated_one_asleep;
    /// Back to platform-coordinated mode is DENIED while others are on.
    "psci.set_suspend_mode.platform_with_others_on", 2, platform_with_others_on;
    /// It is DENIED while another sleeps.
    "psci.set_suspend_mode.platform_with_one_asleep", 2, platform_with_one_asleep;
    /// It is DENIED behind an accepted CPU_ON.
    "psci.set_suspend_mode.platform_behind_cpu_on", 2, platform_behind_cpu_on;
    /// Any core may set the mode.
    "psci.set_suspend_mode.by_a_secondary", 2, by_a_secondary;
    /// The mode is never set between two cores that hand over.
    "psci.set_suspend_mode.handover_race_to_os_initiated", 4, race_to_os_initiated;
    /// It is never set back between two cores that hand over.
    "psci.set_suspend_mode.handover_race_to_platform", 3, race_to_platform;
}

fn needs_it() -> Verdict {
    needs(PSCI_SET_SUSPEND_MODE)
}

fn set(mode: u64, expected: i32) -> Verdict {
    status(format_args!("SET_SUSPEND_MODE({mode:#x})"), psci::set_suspend_mode(mode), expected)
}

/// Bit 0 of FEATURES(CPU_SUSPEND) says that there is an OS-initiated mode.
fn agrees_with_features() -> Verdict {
    let flags = psci::features(PSCI_CPU_SUSPEND_64);
    let has = flags != register(psci::NOT_SUPPORTED) && flags & 1 != 0;
    equal("FEATURES(SET_SUSPEND_MODE) is there", psci::has(PSCI_SET_SUSPEND_MODE).into(), has.into())?;
    if !has {
        let saw = psci::set_suspend_mode(OS_INITIATED);
        return holds(format_args!("SET_SUSPEND_MODE fails, saw {saw:#x}"), saw != 0);
    }
    set(OS_INITIATED, 0)?;
    set(PLATFORM_COORDINATED, 0)
}

fn same_mode() -> Verdict {
    needs_it()?;
    set(PLATFORM_COORDINATED, 0)?;
    set(PLATFORM_COORDINATED, 0)?;
    set(OS_INITIATED, 0)?;
    set(OS_INITIATED, 0)
}

fn same_mode_with_others() -> Verdict {
    needs_it()?;
    start(1)?;
    set(PLATFORM_COORDINATED, 0)?;
    turn_off(1)?;
    set(OS_INITIATED, 0)?;
    start(1)?;
    set(OS_INITIATED, 0)
}

fn bad_mode() -> Verdict {
    needs_it()?;
    for mode in [2, 3, 0x100, 0x8000_0000, 0xffff_ffff] {
        set(mode, INVALID_PARAMETERS)?;
    }
    set(PLATFORM_COORDINATED, 0)
}

fn upper_half() -> Verdict {
    const GARBAGE: u64 = 0xdead_beef_0000_0000;
    needs_it()?;
    set(GARBAGE | OS_INITIATED, 0)?;
    set(GARBAGE | PLATFORM_COORDINATED, 0)
}

fn os_initiated_alone() -> Verdict {
    needs_it()?;
    set(OS_INITIATED, 0)?;
    set(PLATFORM_COORDINATED, 0)
}

fn os_initiated_all_on() -> Verdict {
    needs_it()?;
    others().try_for_each(start)?;
    set(OS_INITIATED, 0)
}

fn os_initiated_some_on() -> Verdict {
    needs_it()?;
    for index in others() {
        start(index)?;
        set(OS_INITIATED, DENIED)?;
        turn_off(index)?;
    }
    set(OS_INITIATED, 0)
}

fn os_initiated_one_asleep() -> Verdict {
    needs_it()?;
    needs_power_down()?;
    start(1)?;
    let sleeper = Sleeper::send(1, Kind::State(psci::CORE_POWER_DOWN))?;
    let verdict = set(OS_INITIATED, DENIED);
    sleeper.must_resume()?;
    verdict
}

fn platform_with_others_on() -> Verdict {
    needs_it()?;
    set(OS_INITIATED, 0)?;
    for index in others() {
        start(index)?;
        set(PLATFORM_COORDINATED, DENIED)?;
        turn_off(index)?;
    }
    set(PLATFORM_COORDINATED, 0)
}

fn platform_with_one_asleep() -> Verdict {
    needs_it()?;
    needs_power_down()?;
    set(OS_INITIATED, 0)?;
    for state in [psci::STANDBY, psci::CORE_POWER_DOWN] {
        start(1)?;
        let sleeper = Sleeper::send(1, Kind::State(state))?;
        let verdict = set(PLATFORM_COORDINATED, DENIED);
        sleeper.ring();
        sleeper.wait()?;
        verdict?;
        turn_off(1)?;
    }
    set(PLATFORM_COORDINATED, 0)
}

/// The core may be pending, or on already.
fn platform_behind_cpu_on() -> Verdict {
    needs_it()?;
    set(OS_INITIATED, 0)?;
    for _ in rounds() {
        let before = cores::prepare(1);
        status("CPU_ON", psci::cpu_on(machine::mpidr(1), cores::entry_point(), 0), 0)?;
        set(PLATFORM_COORDINATED, DENIED)?;
        holds("core 1 starts", cores::wait_for_boot(1, before))?;
        turn_off(1)?;
    }
    Ok(())
}

/// Job: sets a mode.
extern "C" fn set_mode(mode: u64) -> u64 {
    smc::call(PSCI_SET_SUSPEND_MODE, [mode, 0, 0, 0, 0, 0])[0]
}

fn by_a_secondary() -> Verdict {
    needs_it()?;
    set(OS_INITIATED, 0)?;
    start(1)?;
    status("SET_SUSPEND_MODE(0) on core 1 with core 0 on", cores::call(1, set_mode, 0)?, DENIED)?;
    status("SET_SUSPEND_MODE(1) on core 1", cores::call(1, set_mode, 1)?, 0)
}

/// Two others take turns, far apart, so that always one more is on: the mode must not change at any moment.
fn never_while_taking_turns(mode: u64) -> Verdict {
    let handover = Handover::begin(1, others().end - 1)?;
    let mut taken = 0;
    rounds().for_each(|_| {
        wait_until(handover::ROUND, || {
            taken += u64::from(psci::set_suspend_mode(mode) != register(DENIED));
            false
        });
    });
    let turns = handover.end()?;
    holds(format_args!("the others take turns, {turns} times"), turns > 0)?;
    equal(format_args!("SET_SUSPEND_MODE({mode})s that were not denied with another core on"), taken, 0)
}

/// With four cores and more they are never all on, and the caller is never alone.
fn race_to_os_initiated() -> Verdict {
    needs_it()?;
    never_while_taking_turns(OS_INITIATED)
}

fn race_to_platform() -> Verdict {
    needs_it()?;
    set(OS_INITIATED, 0)?;
    never_while_taking_turns(PLATFORM_COORDINATED)
}

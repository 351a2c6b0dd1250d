// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_SUSPEND and CPU_DEFAULT_SUSPEND to a power-down: the core comes to its entry point, whatever wakes it.

use smccc::psci::{PSCI_CPU_DEFAULT_SUSPEND_32, PSCI_CPU_DEFAULT_SUSPEND_64, PSCI_CPU_SUSPEND_32};

use crate::case::cases;
use crate::clock::{self, PATIENCE, wait_until};
use crate::entry::{EntryState, flash_entry};
use crate::fixture::{needs, needs_power_down, others, start, turn_off};
use crate::machine::{mpidr, this_core};
use crate::psci::{self, CLUSTER_POWER_DOWN, CORE_POWER_DOWN, STANDBY};
use crate::runner;
use crate::runner::rounds;
use crate::section;
use crate::sleep::{self, Kind, Sleeper, Woken};
use crate::verdict::{Verdict, equal, failed, holds, status};
use crate::{cores, gic, registers, smc, stop, write_register};

cases! {
    [section::CPU_SUSPEND]
    /// Of the original format's power states those that are accepted work, and all others are refused.
    "psci.cpu_suspend.power_states", 1, power_states;
    /// An SGI wakes a core that is powered down: it begins at its entry point.
    "psci.cpu_suspend.core_power_down.doorbell", 2, core_doorbell;
    /// Its own timer wakes it.
    "psci.cpu_suspend.core_power_down.timer", 2, core_timer;
    /// An interrupt that is pending does not keep it down.
    "psci.cpu_suspend.core_power_down.pending_interrupt", 2, core_pending;
    /// The boot core powers down and comes back.
    "psci.cpu_suspend.core_power_down.boot_core", 1, core_boot_core;
    /// Every core powers down and comes back.
    "psci.cpu_suspend.core_power_down.every_core", 2, core_every_core;
    /// The SMC32 form has an entry point of 32 bits.
    "psci.cpu_suspend.core_power_down.smc32", 2, core_smc32;
    /// An SGI wakes a core from its cluster's power-down.
    "psci.cpu_suspend.cluster_power_down.doorbell", 2, cluster_doorbell;
    /// Its own timer wakes a core from its cluster's power-down.
    "psci.cpu_suspend.cluster_power_down.timer", 2, cluster_timer;
    /// An interrupt that is pending does not keep the cluster down.
    "psci.cpu_suspend.cluster_power_down.pending_interrupt", 2, cluster_pending;
    /// The boot core comes back from its cluster's power-down.
    "psci.cpu_suspend.cluster_power_down.boot_core", 1, cluster_boot_core;
    /// Every core comes back from its cluster's power-down.
    "psci.cpu_suspend.cluster_power_down.every_core", 2, cluster_every_core;
    /// The priority mask holds no wake-up back.
    "psci.cpu_suspend.power_down.whatever_priority_mask", 2, priority_masked;
    /// The group enable holds no wake-up back.
    "psci.cpu_suspend.power_down.whatever_group_enable", 2, group_disabled;
    /// A caller with interrupts unmasked powers down, too.
    "psci.cpu_suspend.power_down.irq_unmasked", 2, irq_unmasked;
    /// A core that woke up goes off and starts as any other.
    "psci.cpu_suspend.power_down.then_off_and_on", 2, then_off_and_on;
    /// No wake-up is lost around a power-down.
    "psci.cpu_suspend.power_down.wake_race", 2, power_down_wake_race;
    /// No wake-up is lost around a standby.
    "psci.cpu_suspend.standby.wake_race", 2, standby_wake_race;

    [section::CPU_DEFAULT_SUSPEND]
    /// An SGI wakes a core from CPU_DEFAULT_SUSPEND.
    "psci.default_suspend.doorbell", 2, default_doorbell;
    /// Its own timer wakes a core from CPU_DEFAULT_SUSPEND.
    "psci.default_suspend.timer", 2, default_timer;
    /// An interrupt that is pending does not keep it down.
    "psci.default_suspend.pending_interrupt", 2, default_pending;
    /// The boot core comes back from CPU_DEFAULT_SUSPEND.
    "psci.default_suspend.boot_core", 1, default_boot_core;
    /// The SMC32 form has an entry point of 32 bits.
    "psci.default_suspend.smc32", 2, default_smc32;
}

const CORE: Kind = Kind::State(CORE_POWER_DOWN);
const CLUSTER: Kind = Kind::State(CLUSTER_POWER_DOWN);

/// Microseconds until a timer ends a sleep.
const SLEEP: u64 = 10_000;

/// The stop service's firmware has both power-downs; other firmware need not.
fn power_states() -> Verdict {
    if stop::is_there() {
        holds("the firmware knows power-downs", sleep::has_power_down())?;
    }
    match needs_power_down() {
        Err(_) if runner::loses_cores() => {
            let expected = format_args!("core 1 to come back from a power-down that was accepted");
            Err(failed(expected, format_args!("nothing of it")))
        }
        verdict => verdict,
    }
}

/// Passes if a sleep may have ended so with a wake-up pending at the call, or soon after.
fn resumed_or_returned(sleeper: Sleeper) -> Verdict {
    match sleeper.wait()? {
        Woken::Resumed => sleep::came_to_its_own(1),
        Woken::Returned(saw) => status("CPU_SUSPEND with a pending wake-up", saw, 0),
    }
}

fn needs_kind(kind: Kind) -> Verdict {
    if kind == Kind::Default {
        needs(PSCI_CPU_DEFAULT_SUSPEND_64)?;
    }
    needs_power_down()
}

fn doorbell(kind: Kind) -> Verdict {
    needs_kind(kind)?;
    start(1)?;
    for _ in 0..5 {
        let sleeper = Sleeper::send(1, kind)?;
        clock::pause(2_000);
        holds("it sleeps until the doorbell rings", !sleeper.is_awake())?;
        sleeper.must_resume()?;
    }
    Ok(())
}

/// Job: sleeps until its timer fires.
extern "C" fn nap_with_timer(argument: u64) -> u64 {
    cores::serve_interrupts();
    clock::start_timer(SLEEP);
    sleep::nap(argument)
}

fn timer(kind: Kind) -> Verdict {
    needs_kind(kind)?;
    start(1)?;
    for _ in 0..5 {
        let sleeper = Sleeper::new(1);
        cores::post(1, nap_with_timer, kind.argument());
        resumed_or_returned(sleeper)?;
    }
    Ok(())
}

/// Job: sleeps with an SGI pending.
extern "C" fn nap_with_pending_sgi(argument: u64) -> u64 {
    let me = this_core();
    gic::send(gic::DOORBELL, me);
    wait_until(PATIENCE, || gic::pending(me) & 1 << gic::DOORBELL != 0);
    sleep::nap(argument)
}

fn pending(kind: Kind) -> Verdict {
    needs_kind(kind)?;
    start(1)?;
    for _ in rounds() {
        let sleeper = Sleeper::new(1);
        cores::post(1, nap_with_pending_sgi, kind.argument());
        resumed_or_returned(sleeper)?;
    }
    Ok(())
}

fn boot_core(kind: Kind) -> Verdict {
    needs_kind(kind)?;
    for _ in 0..5 {
        sleep::must_have_slept(sleep::here(kind, SLEEP))?;
    }
    Ok(())
}

fn every_core(kind: Kind) -> Verdict {
    needs_kind(kind)?;
    others().try_for_each(start)?;
    for index in others() {
        // All asleep at once, and woken one by one.
        Sleeper::send(index, kind)?;
    }
    for index in others() {
        let sleeper = Sleeper::new(index);
        holds(format_args!("core {index} sleeps"), psci::affinity_info(index) == psci::ON)?;
        sleeper.ring();
        equal(format_args!("core {index}"), u64::from(sleeper.wait()? == Woken::Resumed), 1)?;
        sleep::came_to_its_own(index)?;
    }
    Ok(())
}

const GARBAGE: u64 = 0xdead_beef_0000_0000;
const CONTEXT: u64 = 0x89ab_cdef;

/// Job: the same by SMC32, with garbage in the upper halves; only flash is NS memory that 32 bits reach.
extern "C" fn nap_by_smc32(default: u64) -> u64 {
    clock::start_timer(SLEEP);
    if default != 0 {
        let arguments = [GARBAGE | flash_entry(), GARBAGE | CONTEXT, 0, 0, 0, 0];
        return smc::call(PSCI_CPU_DEFAULT_SUSPEND_32, arguments)[0];
    }
    let arguments = [GARBAGE | CORE_POWER_DOWN, GARBAGE | flash_entry(), GARBAGE | CONTEXT, 0, 0, 0];
    smc::call(PSCI_CPU_SUSPEND_32, arguments)[0]
}

fn smc32(default: bool) -> Verdict {
    start(1)?;
    let sleeper = Sleeper::new(1);
    cores::post(1, nap_by_smc32, default.into());
    match sleeper.wait()? {
        Woken::Resumed => equal("x0 of the core", EntryState::of(1).x[0], CONTEXT),
        Woken::Returned(saw) => status("CPU_SUSPEND (SMC32)", saw, 0),
    }
}

fn core_doorbell() -> Verdict {
    doorbell(CORE)
}

fn core_timer() -> Verdict {
    timer(CORE)
}

fn core_pending() -> Verdict {
    pending(CORE)
}

fn core_boot_core() -> Verdict {
    boot_core(CORE)
}

fn core_every_core() -> Verdict {
    every_core(CORE)
}

fn core_smc32() -> Verdict {
    needs_power_down()?;
    smc32(false)
}

fn cluster_doorbell() -> Verdict {
    doorbell(CLUSTER)
}

fn cluster_timer() -> Verdict {
    timer(CLUSTER)
}

fn cluster_pending() -> Verdict {
    pending(CLUSTER)
}

fn cluster_boot_core() -> Verdict {
    boot_core(CLUSTER)
}

fn cluster_every_core() -> Verdict {
    every_core(CLUSTER)
}

fn default_doorbell() -> Verdict {
    doorbell(Kind::Default)
}

fn default_timer() -> Verdict {
    timer(Kind::Default)
}

fn default_pending() -> Verdict {
    pending(Kind::Default)
}

fn default_boot_core() -> Verdict {
    boot_core(Kind::Default)
}

fn default_smc32() -> Verdict {
    needs(PSCI_CPU_DEFAULT_SUSPEND_32)?;
    needs_power_down()?;
    smc32(true)
}

/// Job: sleeps with a priority mask that lets no interrupt through.
extern "C" fn nap_priority_masked(argument: u64) -> u64 {
    gic::set_priority_mask(0);
    nap_with_timer(argument)
}

/// Job: sleeps with Group 1 disabled at the CPU interface.
extern "C" fn nap_group_disabled(argument: u64) -> u64 {
    write_register!("S3_0_C12_C12_7", 0); // ICC_IGRPEN1_EL1
    registers::isb();
    nap_with_timer(argument)
}

/// Job: sleeps with IRQs open: the firmware gets the call before the interrupt, or the wake-up after it.
extern "C" fn nap_unmasked(argument: u64) -> u64 {
    clock::start_timer(SLEEP);
    registers::unmask_irq();
    sleep::nap(argument)
}

fn wakes(job: cores::Job) -> Verdict {
    needs_power_down()?;
    for kind in [CORE, CLUSTER] {
        start(1)?;
        let sleeper = Sleeper::new(1);
        cores::post(1, job, kind.argument());
        resumed_or_returned(sleeper)?;
        // What the job has changed at the CPU interface goes with the core.
        turn_off(1)?;
    }
    Ok(())
}

fn priority_masked() -> Verdict {
    wakes(nap_priority_masked)
}

fn group_disabled() -> Verdict {
    wakes(nap_group_disabled)
}

fn irq_unmasked() -> Verdict {
    wakes(nap_unmasked)
}

fn then_off_and_on() -> Verdict {
    needs_power_down()?;
    for round in rounds().take(20) {
        start(1)?;
        Sleeper::send(1, Kind::POWER_DOWNS[round as usize % 2])?.must_resume()?;
        turn_off(1)?;
        let before = cores::prepare(1);
        status("CPU_ON", psci::cpu_on(mpidr(1), cores::entry_point(), round), 0)?;
        holds("core 1 starts", cores::wait_for_boot(1, before))?;
        equal("x0 of a start behind a power-down", EntryState::of(1).x[0], round)?;
        equal("x16 of a start behind a power-down", EntryState::of(1).x[16], 0)?;
        turn_off(1)?;
    }
    Ok(())
}

/// The doorbell rings once, at any time around the call: it is never lost.
fn wake_race(kind: Kind) -> Verdict {
    for round in rounds() {
        let sleeper = Sleeper::new(1);
        let called = sleep::called_at(1);
        cores::post(1, nap_serving, kind.argument());
        wait_until(PATIENCE, || sleep::called_at(1) != called);
        // From right at the call to some time after it.
        clock::pause(round % 50);
        sleeper.ring();
        match sleeper.wait()? {
            Woken::Resumed => sleep::came_to_its_own(1)?,
            Woken::Returned(saw) => status(format_args!("CPU_SUSPEND (round {round})"), saw, 0)?,
        }
    }
    Ok(())
}

/// Job: sleeps without the doorbell that brought it.
extern "C" fn nap_serving(argument: u64) -> u64 {
    wait_until(100, || gic::pending(this_core()) & 1 << gic::DOORBELL != 0);
    cores::serve_interrupts();
    sleep::nap(argument)
}

fn power_down_wake_race() -> Verdict {
    needs_power_down()?;
    start(1)?;
    wake_race(CORE)?;
    wake_race(CLUSTER)
}

fn standby_wake_race() -> Verdict {
    start(1)?;
    wake_race(Kind::State(STANDBY))
}

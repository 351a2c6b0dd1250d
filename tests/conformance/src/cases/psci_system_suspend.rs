// SPDX-License-Identifier: MIT OR Apache-2.0

//! SYSTEM_SUSPEND: only for the last core that is not off, and only that core comes back.

use core::sync::atomic::{AtomicU64, Ordering};

use smccc::psci::{PSCI_CPU_FREEZE, PSCI_SYSTEM_SUSPEND_32, PSCI_SYSTEM_SUSPEND_64};

use crate::anchor::{self, Ending};
use crate::case::cases;
use crate::clock::{self, PATIENCE, wait_until};
use crate::entry::{EntryState, flash_entry};
use crate::fixture::{needs, needs_power_down, others, start, turn_off};
use crate::handover::{self, Handover};
use crate::machine::{SECURE_RAM, this_core};
use crate::psci::{self, CLUSTER_POWER_DOWN, CORE_POWER_DOWN, DENIED, OFF, STANDBY};
use crate::runner::rounds;
use crate::section;
use crate::sleep::{self, Kind, Sleeper};
use crate::verdict::{Verdict, equal, failed, holds, register, status};
use crate::{cores, gic, registers, smc};

cases! {
    [section::SYSTEM_SUSPEND]
    /// The caller comes back at its entry point when its timer fires.
    "psci.system_suspend.timer", 1, timer;
    /// An interrupt that is pending wakes the system at once.
    "psci.system_suspend.pending_interrupt", 1, pending_interrupt;
    /// The system sleeps and wakes, again and again.
    "psci.system_suspend.in_a_loop", 1, in_a_loop;
    /// The SMC32 form has an entry point of 32 bits.
    "psci.system_suspend.smc32", 1, smc32;
    /// The other cores are off afterwards, and can be started.
    "psci.system_suspend.others_stay_off", 2, others_stay_off;
    /// Frozen cores are off, so the system can sleep.
    "psci.system_suspend.after_freeze_of_others", 2, after_freeze_of_others;
    /// Any core can be the last one.
    "psci.system_suspend.by_a_secondary", 2, by_a_secondary;
    /// DENIED while another core runs.
    "psci.system_suspend.denied.running", 2, denied_running;
    /// DENIED while another core is pending.
    "psci.system_suspend.denied.pending", 2, denied_pending;
    /// DENIED while another core stands by.
    "psci.system_suspend.denied.standby", 2, denied_standby;
    /// DENIED while another core is powered down.
    "psci.system_suspend.denied.core_power_down", 2, denied_core_power_down;
    /// DENIED while another core is in a cluster's power-down.
    "psci.system_suspend.denied.cluster_power_down", 2, denied_cluster_power_down;
    /// DENIED while the machine's last core is on.
    "psci.system_suspend.denied.last_core_on", 2, denied_last_core_on;
    /// A call with a bad entry point while another core runs is refused, whichever is judged first.
    "psci.system_suspend.denied.before_entry", 2, denied_before_entry;
    /// DENIED for another core while the boot core runs.
    "psci.system_suspend.denied.at_a_secondary", 2, denied_at_a_secondary;
    /// Cores that hand the machine over never sleep both.
    "psci.system_suspend.handover_race", 3, handover_race;
    /// SYSTEM_SUSPEND while the last other core goes off is DENIED or sleeps.
    "psci.system_suspend.cpu_off_race", 2, cpu_off_race;
}

const SLEEP: u64 = 10_000;

fn needs_it() -> Verdict {
    needs(PSCI_SYSTEM_SUSPEND_64)
}

fn timer() -> Verdict {
    needs_it()?;
    let begin = clock::now();
    sleep::must_have_slept(sleep::here(Kind::System, SLEEP))?;
    let slept = clock::microseconds(clock::now() - begin);
    holds(format_args!("it sleeps until the timer fires, slept {slept} us"), slept >= SLEEP)
}

fn pending_interrupt() -> Verdict {
    needs_it()?;
    for _ in rounds().take(20) {
        registers::mask_all();
        gic::send(gic::DOORBELL, this_core());
        wait_until(PATIENCE, gic::irq_is_pending);
        // Should the SGI not end it, the timer will.
        sleep::must_have_slept(sleep::here(Kind::System, 1_000_000))?;
    }
    Ok(())
}

fn in_a_loop() -> Verdict {
    needs_it()?;
    rounds().try_for_each(|round| sleep::must_have_slept(sleep::here(Kind::System, round % 100)))
}

const GARBAGE: u64 = 0xdead_beef_0000_0000;
const CONTEXT: u64 = 0x89ab_cdef;

extern "C" fn suspend_by_smc32(_: u64) -> u64 {
    clock::start_timer(SLEEP);
    smc::call(PSCI_SYSTEM_SUSPEND_32, [GARBAGE | flash_entry(), GARBAGE | CONTEXT, 0, 0, 0, 0])[0]
}

fn smc32() -> Verdict {
    needs(PSCI_SYSTEM_SUSPEND_32)?;
    let ending = anchor::run(suspend_by_smc32, 0);
    clock::stop_timer();
    match ending {
        Ending::Restarted => equal("x0 of the core", EntryState::of(0).x[0], CONTEXT),
        Ending::Returned(saw) => status("SYSTEM_SUSPEND (SMC32)", saw, 0),
        Ending::Faulted(fault) => Err(failed(format_args!("no exception"), format_args!("{fault}"))),
    }
}

fn others_stay_off() -> Verdict {
    needs_it()?;
    others().try_for_each(start)?;
    others().try_for_each(turn_off)?;
    let boots: u64 = others().map(cores::boots).sum();
    sleep::must_have_slept(sleep::here(Kind::System, SLEEP))?;
    for index in others() {
        equal(format_args!("AFFINITY_INFO of core {index}"), psci::affinity_info(index), OFF)?;
    }
    equal("boots of the others", others().map(cores::boots).sum(), boots)?;
    others().try_for_each(start)
}

extern "C" fn freeze(_: u64) -> u64 {
    psci::cpu_freeze()
}

fn after_freeze_of_others() -> Verdict {
    needs_it()?;
    needs(PSCI_CPU_FREEZE)?;
    for index in others() {
        start(index)?;
        cores::post(index, freeze, 0);
        holds(format_args!("core {index} goes off"), cores::wait_for_off(index))?;
    }
    sleep::must_have_slept(sleep::here(Kind::System, SLEEP))
}

static SLEPT: AtomicU64 = AtomicU64::new(0);

/// Job: waits until core 0 is off, suspends the system, and starts core 0 again.
extern "C" fn suspend_alone(_: u64) -> u64 {
    cores::wait_for_off(0);
    let ending = sleep::here(Kind::System, SLEEP);
    SLEPT.store(u64::from(sleep::must_have_slept(ending).is_ok()), Ordering::Relaxed);
    psci::cpu_on(0, cores::entry_point(), 0)
}

fn by_a_secondary() -> Verdict {
    needs_it()?;
    let last = others().end - 1;
    start(last)?;
    SLEPT.store(0, Ordering::Relaxed);
    cores::post(last, suspend_alone, 0);
    let ending = anchor::run(cores::power_off, 0);
    holds(format_args!("core 0 is started again, {ending:?}"), matches!(ending, Ending::Restarted))?;
    equal("SYSTEM_SUSPEND of a core that is not the boot core", SLEPT.load(Ordering::Relaxed), 1)
}

/// Calls; a firmware that takes the call gives the core back when the timer fires.
fn denied(what: &str) -> Verdict {
    match sleep::here(Kind::System, SLEEP) {
        Ending::Returned(saw) => status(format_args!("SYSTEM_SUSPEND with a core {what}"), saw, DENIED),
        ending => {
            let expected = format_args!("SYSTEM_SUSPEND with a core {what} = DENIED");
            Err(failed(expected, format_args!("{ending:?}")))
        }
    }
}

fn denied_running() -> Verdict {
    needs_it()?;
    for index in others() {
        start(index)?;
        denied("on")?;
        turn_off(index)?;
    }
    Ok(())
}

/// The core may be pending, or on already.
fn denied_pending() -> Verdict {
    needs_it()?;
    for _ in rounds() {
        let before = cores::prepare(1);
        status("CPU_ON", psci::cpu_on(crate::machine::mpidr(1), cores::entry_point(), 0), 0)?;
        let saw = psci::system_suspend(cores::entry_point(), 0);
        status("SYSTEM_SUSPEND behind an accepted CPU_ON", saw, DENIED)?;
        holds("core 1 starts", cores::wait_for_boot(1, before))?;
        turn_off(1)?;
    }
    Ok(())
}

fn denied_asleep(state: u64) -> Verdict {
    needs_it()?;
    if state != STANDBY {
        needs_power_down()?;
    }
    start(1)?;
    let sleeper = Sleeper::send(1, Kind::State(state))?;
    denied("asleep")?;
    if state == STANDBY { sleeper.must_return() } else { sleeper.must_resume() }
}

fn denied_standby() -> Verdict {
    denied_asleep(STANDBY)
}

fn denied_core_power_down() -> Verdict {
    denied_asleep(CORE_POWER_DOWN)
}

fn denied_cluster_power_down() -> Verdict {
    denied_asleep(CLUSTER_POWER_DOWN)
}

fn denied_last_core_on() -> Verdict {
    needs_it()?;
    start(others().end - 1)?;
    denied("on")
}

fn denied_before_entry() -> Verdict {
    needs_it()?;
    start(1)?;
    for entry in [1, 0, SECURE_RAM.start, u64::MAX - 3] {
        let saw = psci::system_suspend(entry, 0);
        status(format_args!("SYSTEM_SUSPEND at {entry:#x} with a core on"), saw, DENIED)?;
    }
    Ok(())
}

/// Job: calls on a secondary, with the boot core on.
extern "C" fn suspend_here(_: u64) -> u64 {
    match sleep::here(Kind::System, SLEEP) {
        Ending::Returned(saw) => saw,
        _ => 0,
    }
}

fn denied_at_a_secondary() -> Verdict {
    needs_it()?;
    start(1)?;
    status("SYSTEM_SUSPEND on core 1 with core 0 on", cores::call(1, suspend_here, 0)?, DENIED)
}

/// Two others take turns: each starts the other one before it goes off. At no time is the caller the only one, and whoever
/// looks at one core after the other can miss that; the two are far apart, so that the look takes long. With a bad entry
/// point nobody sleeps: DENIED comes before INVALID_ADDRESS.
fn handover_race() -> Verdict {
    const NOWHERE: u64 = 1;
    needs_it()?;
    let handover = Handover::begin(1, others().end - 1)?;
    let mut other = None;
    let mut calls = 0_u64;
    rounds().for_each(|_| {
        wait_until(handover::ROUND, || {
            calls += 1;
            let saw = psci::system_suspend(NOWHERE, 0);
            if saw != register(DENIED) {
                other = Some(saw);
            }
            false
        });
    });
    let turns = handover.end()?;
    holds(format_args!("the others take turns, {turns} in {calls} calls"), turns > 0)?;
    crate::println!("# {turns} turns in {calls} calls");
    match other {
        Some(saw) => status("SYSTEM_SUSPEND with one of two cores on", saw, DENIED),
        None => Ok(()),
    }
}

/// The last other core goes off at the same time: the call is denied or it succeeds, and nothing is left behind.
fn cpu_off_race() -> Verdict {
    needs_it()?;
    for round in rounds() {
        start(1)?;
        let boots = cores::boots(1);
        cores::post(1, cores::power_off, 0);
        clock::pause(round % 20);
        match sleep::here(Kind::System, 200) {
            Ending::Returned(saw) if saw == register(DENIED) => {}
            ending => sleep::must_have_slept(ending)?,
        }
        holds(format_args!("core 1 goes off (round {round})"), cores::wait_for_off(1))?;
        equal(format_args!("boots (round {round})"), cores::boots(1), boots)?;
    }
    Ok(())
}

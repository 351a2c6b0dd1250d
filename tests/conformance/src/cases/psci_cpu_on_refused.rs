// SPDX-License-Identifier: MIT OR Apache-2.0

//! A CPU_ON that is refused changes nothing: its target comes to the entry point, and with the context id, that it was
//! promised, whether it was pending, asleep, or on its way to sleep.

use core::sync::atomic::{AtomicU64, Ordering};

use smccc::psci::{PSCI_CPU_DEFAULT_SUSPEND_64, PSCI_CPU_SUSPEND_64};

use crate::case::cases;
use crate::clock::{PATIENCE, wait_until};
use crate::entry::EntryState;
use crate::fixture::{needs, needs_power_down, start, turn_off};
use crate::machine::mpidr;
use crate::psci::{self, ALREADY_ON, INVALID_ADDRESS, ON_PENDING};
use crate::runner::rounds;
use crate::section;
use crate::sleep::{Kind, Sleeper};
use crate::verdict::{Verdict, equal, failed, holds, register, status};
use crate::{cores, marks, println, registers, sleep};

cases! {
    [section::CPU_ON]
    /// A second CPU_ON of a pending core does not redirect it.
    "psci.cpu_on.refused.pending", 2, pending;
    /// A CPU_ON with a bad entry point does not redirect a pending core.
    "psci.cpu_on.refused.pending_bad_entry", 2, pending_bad_entry;
    /// A CPU_ON with reserved bits does not redirect a pending core.
    "psci.cpu_on.refused.pending_reserved_bits", 2, pending_reserved_bits;
    /// A CPU_ON of a running core leaves it alone.
    "psci.cpu_on.refused.running", 2, running;
    /// A CPU_ON of a core in standby leaves it alone.
    "psci.cpu_on.refused.standby", 2, standby;
    /// A CPU_ON of a core that is powered down does not redirect its wake-up.
    "psci.cpu_on.refused.core_power_down", 2, core_power_down;
    /// Nor does one with a bad entry point.
    "psci.cpu_on.refused.core_power_down_bad_entry", 2, core_bad_entry;
    /// Nor does one with reserved bits.
    "psci.cpu_on.refused.core_power_down_reserved_bits", 2, core_reserved_bits;
    /// A CPU_ON of a core in a cluster's power-down does not redirect its wake-up.
    "psci.cpu_on.refused.cluster_power_down", 2, cluster_power_down;
    /// Nor does one with a bad entry point, in a cluster's power-down.
    "psci.cpu_on.refused.cluster_power_down_bad_entry", 2, cluster_bad_entry;
    /// A CPU_ON of a core in CPU_DEFAULT_SUSPEND does not redirect its wake-up.
    "psci.cpu_on.refused.default_suspend", 2, default_suspend;
    /// The boot core that sleeps is not redirected either.
    "psci.cpu_on.refused.boot_core_asleep", 2, boot_core_asleep;
    /// A CPU_ON while its target falls asleep does not redirect it.
    "psci.cpu_on.refused.while_falling_asleep", 2, while_falling_asleep;
}

const TARGET: usize = 1;

/// The mark and the context id of calls that are refused.
const REFUSED: u64 = 61;
const REFUSED_CONTEXT: u64 = 0xbad;

/// Reserved bits of an MPIDR argument: with one of them it names no core.
const RESERVED: [u64; 4] = [1 << 24, 1 << 30, 1 << 31, 1 << 40];

/// Starts the target, makes `second` at once, and judges where the target comes.
fn while_pending(second: impl Fn() -> Verdict) -> Verdict {
    for round in rounds() {
        let before = cores::prepare(TARGET);
        let mark = round % 8 + 1;
        status("CPU_ON", psci::cpu_on(mpidr(TARGET), marks::entry(mark), round), 0)?;
        second()?;
        holds(format_args!("core 1 starts (round {round})"), cores::wait_for_boot(TARGET, before))?;
        equal(format_args!("x0 (round {round})"), EntryState::of(TARGET).x[0], round)?;
        equal(format_args!("mark of the entry point (round {round})"), marks::of(TARGET), mark)?;
        turn_off(TARGET)?;
        equal(format_args!("boots (round {round})"), cores::boots(TARGET), before + 1)?;
    }
    Ok(())
}

fn pending() -> Verdict {
    let met = AtomicU64::new(0);
    while_pending(|| {
        let saw = psci::cpu_on(mpidr(TARGET), marks::entry(REFUSED), REFUSED_CONTEXT);
        if saw == register(ON_PENDING) {
            met.fetch_add(1, Ordering::Relaxed);
        } else if saw != register(ALREADY_ON) {
            let expected = format_args!("a second CPU_ON = ALREADY_ON or ON_PENDING");
            return Err(failed(expected, format_args!("{saw:#x}")));
        }
        Ok(())
    })?;
    println!("# a second CPU_ON met a pending core in {} rounds", met.load(Ordering::Relaxed));
    Ok(())
}

fn bad_entry() -> Verdict {
    let saw = psci::cpu_on(mpidr(TARGET), marks::entry(REFUSED) + 1, REFUSED_CONTEXT);
    status("CPU_ON with a misaligned entry point", saw, INVALID_ADDRESS)
}

fn reserved_bits() -> Verdict {
    for bits in RESERVED {
        let saw = psci::cpu_on(mpidr(TARGET) | bits, marks::entry(REFUSED), REFUSED_CONTEXT);
        // By which code is another case's question.
        holds(format_args!("CPU_ON of {:#x} refused", mpidr(TARGET) | bits), saw.cast_signed() < 0)?;
    }
    Ok(())
}

fn already_on() -> Verdict {
    let saw = psci::cpu_on(mpidr(TARGET), marks::entry(REFUSED), REFUSED_CONTEXT);
    status("CPU_ON of a core that sleeps", saw, ALREADY_ON)
}

fn pending_bad_entry() -> Verdict {
    while_pending(bad_entry)
}

fn pending_reserved_bits() -> Verdict {
    while_pending(reserved_bits)
}

/// What is refused while the core runs is not what it comes to when it sleeps later.
fn running() -> Verdict {
    needs_power_down()?;
    start(TARGET)?;
    for _ in rounds() {
        already_on()?;
        let sleeper = Sleeper::new(TARGET);
        cores::post(TARGET, sleep::nap, psci::CORE_POWER_DOWN);
        if sleeper.wait_or_ring()? == sleep::Woken::Resumed {
            sleep::came_to_its_own(TARGET)?;
        }
    }
    Ok(())
}

fn while_asleep(kind: Kind, call: fn() -> Verdict) -> Verdict {
    needs_power_down()?;
    start(TARGET)?;
    for _ in rounds().take(10) {
        let sleeper = Sleeper::send(TARGET, kind)?;
        call()?;
        call()?;
        holds("the refused call wakes nobody", !sleeper.is_awake())?;
        sleeper.must_resume()?;
    }
    Ok(())
}

fn standby() -> Verdict {
    needs(PSCI_CPU_SUSPEND_64)?;
    start(TARGET)?;
    let sleeper = Sleeper::send(TARGET, Kind::State(psci::STANDBY))?;
    already_on()?;
    bad_entry()?;
    reserved_bits()?;
    sleeper.must_return()
}

fn core_power_down() -> Verdict {
    while_asleep(Kind::State(psci::CORE_POWER_DOWN), already_on)
}

fn core_bad_entry() -> Verdict {
    while_asleep(Kind::State(psci::CORE_POWER_DOWN), bad_entry)
}

fn core_reserved_bits() -> Verdict {
    while_asleep(Kind::State(psci::CORE_POWER_DOWN), reserved_bits)
}

fn cluster_power_down() -> Verdict {
    while_asleep(Kind::State(psci::CLUSTER_POWER_DOWN), already_on)
}

fn cluster_bad_entry() -> Verdict {
    while_asleep(Kind::State(psci::CLUSTER_POWER_DOWN), bad_entry)
}

fn default_suspend() -> Verdict {
    needs(PSCI_CPU_DEFAULT_SUSPEND_64)?;
    while_asleep(Kind::Default, already_on)
}

static SAW: AtomicU64 = AtomicU64::new(0);

/// Job: calls CPU_ON of the boot core again and again, for a while; keeps a result that is not ALREADY_ON.
extern "C" fn pester_core_0(time: u64) -> u64 {
    cores::beat();
    wait_until(time, || {
        let saw = psci::cpu_on(mpidr(0), marks::entry(REFUSED), REFUSED_CONTEXT);
        if saw != register(ALREADY_ON) {
            SAW.store(saw, Ordering::Relaxed);
        }
        false
    });
    0
}

fn boot_core_asleep() -> Verdict {
    const SLEEP: u64 = 20_000;
    needs_power_down()?;
    registers::mask_all();
    start(TARGET)?;
    SAW.store(register(ALREADY_ON), Ordering::Relaxed);
    for kind in [psci::CORE_POWER_DOWN, psci::CLUSTER_POWER_DOWN] {
        let (beats, finished) = (cores::heartbeat(TARGET), cores::finished(TARGET));
        cores::post(TARGET, pester_core_0, 2 * SLEEP);
        cores::wait_for_beat(TARGET, beats)?;
        sleep::must_have_slept(sleep::here(Kind::State(kind), SLEEP))?;
        cores::result(TARGET, finished)?;
        status("CPU_ON of the sleeping boot core", SAW.load(Ordering::Relaxed), ALREADY_ON)?;
    }
    Ok(())
}

/// Calls without end while the core falls asleep and wakes, round by round.
fn while_falling_asleep() -> Verdict {
    needs_power_down()?;
    start(TARGET)?;
    for round in rounds() {
        let kind = Kind::POWER_DOWNS[round as usize % 2];
        let sleeper = Sleeper::new(TARGET);
        cores::post(TARGET, sleep::nap, kind.argument());
        let mut wrong = None;
        let woken = wait_until(PATIENCE, || {
            let saw = psci::cpu_on(mpidr(TARGET), marks::entry(REFUSED), REFUSED_CONTEXT);
            if saw != register(ALREADY_ON) {
                wrong = Some(saw);
            }
            sleeper.ring();
            wrong.is_some() || sleeper.is_awake()
        });
        if let Some(saw) = wrong {
            status(format_args!("CPU_ON of a core that falls asleep (round {round})"), saw, ALREADY_ON)?;
        }
        holds(format_args!("core 1 wakes (round {round})"), woken)?;
        if sleeper.wait()? == sleep::Woken::Resumed {
            sleep::came_to_its_own(TARGET)?;
        }
    }
    Ok(())
}

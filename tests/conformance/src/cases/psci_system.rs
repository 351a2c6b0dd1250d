// SPDX-License-Identifier: MIT OR Apache-2.0

//! SYSTEM_RESET and SYSTEM_RESET2, from any core and whatever the others do. SYSTEM_OFF and SYSTEM_OFF2 end every run
//! (`finale`).

use core::sync::atomic::{AtomicU64, Ordering};

use smccc::psci::{PSCI_SYSTEM_OFF, PSCI_SYSTEM_RESET, PSCI_SYSTEM_RESET2_32, PSCI_SYSTEM_RESET2_64};

use crate::case::cases;
use crate::cores::Job;
use crate::entry::EntryState;
use crate::fixture::{needs, needs_power_down, others, start, start_others};
use crate::machine::this_core;
use crate::psci::{self, CLUSTER_POWER_DOWN, CORE_POWER_DOWN, NOT_SUPPORTED, OFF, STANDBY};
use crate::runner;
use crate::section;
use crate::sleep::{Kind, Sleeper};
use crate::stopped::are_still;
use crate::storm::{self, Weather};
use crate::verdict::{Verdict, equal, failed, status};
use crate::{clock, cores, machine, smc, wedge};

cases! {
    [section::SYSTEM_RESET]
    /// The machine resets while others run, and they are off afterwards.
    "psci.system_reset.others_on", 1, others_on;
    /// The machine resets while others sleep.
    "psci.system_reset.others_asleep", 2, others_asleep;
    /// No store of another core follows the reset.
    "psci.system_reset.others_write_memory", 2, others_write_memory;
    /// Any core may reset the machine.
    "psci.system_reset.by_a_secondary", 2, by_a_secondary;
    /// A core may reset the machine while the boot core is off.
    "psci.system_reset.by_a_secondary_with_boot_core_off", 2, with_boot_core_off;
    /// All cores at once may.
    "psci.system_reset.by_all_at_once", 2, by_all_at_once;
    /// SYSTEM_RESET and SYSTEM_RESET2 at once reset the machine.
    "psci.system_reset.and_reset2_at_once", 2, and_reset2_at_once;
    /// A reset right behind a CPU_ON leaves no core on.
    "psci.system_reset.behind_cpu_on", 2, behind_cpu_on;
    /// The machine resets while cores turn each other on and off.
    "psci.system_reset.storm_of_on_and_off", 3, storm_of_on_and_off;
    /// The machine resets while cores sleep and wake.
    "psci.system_reset.storm_of_suspend", 2, storm_of_suspend;
    /// The machine resets by any core while the others do everything.
    "psci.system_reset.storm_of_all_by_a_secondary", 4, storm_by_a_secondary;
    /// SYSTEM_RESET with the SVE hint resets the machine.
    "psci.system_reset.sve_hint", 1, reset_with_sve_hint;

    [section::SYSTEM_RESET2]
    /// The architectural warm reset keeps RAM.
    "psci.system_reset2.warm", 1, warm;
    /// The SMC32 form resets, too.
    "psci.system_reset2.smc32", 1, warm_by_smc32;
    /// Any core may reset by it.
    "psci.system_reset2.by_a_secondary", 2, warm_by_a_secondary;
    /// It resets the machine while cores do everything.
    "psci.system_reset2.storm_of_all", 3, warm_storm;

    [section::SYSTEM_OFF]
    /// SYSTEM_OFF and SYSTEM_RESET have no SMC64 form.
    "psci.system_off.wide_ids", 1, wide_ids;
}

const WITNESS: u64 = 0x0123_4567_89ab_cdef;

/// Survives the reset: RAM keeps its contents.
#[unsafe(link_section = ".noinit.witness")]
static RAM: AtomicU64 = AtomicU64::new(0);

/// Resets the machine `times` times: `cause` makes some core call, with other cores on. After each reset RAM is as it was,
/// all others are off and nothing of them runs, and at the end they can all be started.
fn resets(times: u32, cause: impl FnOnce() -> Verdict) -> Verdict {
    if runner::is_after_reset() {
        equal("a word of RAM after the reset", RAM.swap(0, Ordering::SeqCst), WITNESS)?;
        equal("index of the boot core", this_core() as u64, 0)?;
        equal("x0 of the boot core after the reset", EntryState::of(0).x[0], 0)?;
        for index in others() {
            let what = format_args!("AFFINITY_INFO of core {index} after the reset");
            equal(what, psci::affinity_info(index), OFF)?;
        }
        are_still(others())?;
    }
    if runner::step() == times {
        return start_others();
    }
    RAM.store(WITNESS, Ordering::SeqCst);
    runner::expect_reset();
    let verdict = cause();
    if verdict.is_ok() {
        clock::pause(clock::PATIENCE);
    }
    runner::reset_did_not_come();
    verdict.and(Err(failed(format_args!("a reset of the machine"), format_args!("nothing of it"))))
}

/// Job: SYSTEM_RESET.
extern "C" fn reset(_: u64) -> u64 {
    smc::call0(PSCI_SYSTEM_RESET)
}

/// Job: SYSTEM_RESET2, warm.
extern "C" fn reset2(_: u64) -> u64 {
    psci::system_reset2(0, 0)
}

/// Calls on this core; only a call that fails comes back.
fn here(job: Job) -> Verdict {
    Err(failed(format_args!("no return"), format_args!("{:#x}", job(0))))
}

fn others_on() -> Verdict {
    resets(1, || {
        start_others()?;
        here(reset)
    })
}

fn others_asleep() -> Verdict {
    const STATES: [u64; 3] = [CORE_POWER_DOWN, STANDBY, CLUSTER_POWER_DOWN];
    needs_power_down()?;
    resets(1, || {
        for index in others() {
            start(index)?;
            Sleeper::send(index, Kind::State(STATES[index % 3]))?;
        }
        here(reset)
    })
}

fn others_write_memory() -> Verdict {
    resets(1, || {
        for index in others() {
            crate::fixture::start_with_job(index, wedge::deaf)?;
        }
        here(reset)
    })
}

fn by_a_secondary() -> Verdict {
    resets(1, || {
        let last = others().end - 1;
        start(last)?;
        cores::post(last, reset, 0);
        Ok(())
    })
}

/// Job: resets once the boot core is off.
extern "C" fn reset_when_alone(_: u64) -> u64 {
    cores::wait_for_off(0);
    reset(0)
}

fn with_boot_core_off() -> Verdict {
    resets(1, || {
        start(1)?;
        cores::post(1, reset_when_alone, 0);
        here(cores::power_off)
    })
}

fn by_all_at_once() -> Verdict {
    resets(1, || {
        start_others()?;
        others().for_each(|index| cores::post(index, reset, 0));
        here(reset)
    })
}

fn and_reset2_at_once() -> Verdict {
    needs(PSCI_SYSTEM_RESET2_64)?;
    resets(1, || {
        start_others()?;
        others().for_each(|index| cores::post(index, if index % 2 == 0 { reset } else { reset2 }, 0));
        here(reset)
    })
}

/// The others are pending, each at another point of its way.
fn behind_cpu_on() -> Verdict {
    resets(runner::resets(), || {
        for index in others() {
            psci::cpu_on(machine::mpidr(index), cores::entry_point(), 0);
        }
        here(reset)
    })
}

/// How long a storm blows before the machine is reset: not always at the same moment.
fn blow() {
    clock::pause(
        2_000 + runner::seed().wrapping_mul(u64::from(runner::step()) + 1).wrapping_mul(7919) % 5_000,
    );
}

fn in_a_storm(weather: Weather, job: Job) -> Verdict {
    resets(runner::resets(), || {
        storm::begin(others(), weather)?;
        blow();
        here(job)
    })
}

fn storm_of_on_and_off() -> Verdict {
    in_a_storm(Weather::OnOff, reset)
}

fn storm_of_suspend() -> Verdict {
    in_a_storm(Weather::Sleep, reset)
}

/// Job: resets a while after it has begun.
extern "C" fn blow_and_reset(_: u64) -> u64 {
    blow();
    reset(0)
}

fn storm_by_a_secondary() -> Verdict {
    resets(runner::resets(), || {
        start(1)?;
        storm::begin(2..machine::cores(), Weather::All)?;
        cores::post(1, blow_and_reset, 0);
        Ok(())
    })
}

const SVE_HINT: u32 = 1 << 16;

extern "C" fn hinted_reset(_: u64) -> u64 {
    smc::call0(PSCI_SYSTEM_RESET | SVE_HINT)
}

fn reset_with_sve_hint() -> Verdict {
    resets(1, || here(hinted_reset))
}

fn warm() -> Verdict {
    needs(PSCI_SYSTEM_RESET2_64)?;
    resets(1, || {
        start_others()?;
        here(reset2)
    })
}

/// Job: SYSTEM_RESET2 (SMC32), warm, with garbage above bit 31 and a cookie, which an architectural reset ignores.
extern "C" fn reset2_by_smc32(_: u64) -> u64 {
    const GARBAGE: u64 = 0xdead_beef_0000_0000;
    smc::call(PSCI_SYSTEM_RESET2_32, [GARBAGE, GARBAGE | 7, 0, 0, 0, 0])[0]
}

fn warm_by_smc32() -> Verdict {
    needs(PSCI_SYSTEM_RESET2_32)?;
    resets(1, || here(reset2_by_smc32))
}

fn warm_by_a_secondary() -> Verdict {
    needs(PSCI_SYSTEM_RESET2_64)?;
    resets(1, || {
        start(1)?;
        cores::post(1, reset2, 0);
        Ok(())
    })
}

fn warm_storm() -> Verdict {
    needs(PSCI_SYSTEM_RESET2_64)?;
    in_a_storm(Weather::All, reset2)
}

fn wide_ids() -> Verdict {
    for function in [PSCI_SYSTEM_OFF, PSCI_SYSTEM_RESET] {
        let function = function | 1 << 30;
        status(format_args!("call {function:#x}"), smc::call0(function), NOT_SUPPORTED)?;
    }
    Ok(())
}

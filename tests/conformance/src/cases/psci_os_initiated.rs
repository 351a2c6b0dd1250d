// SPDX-License-Identifier: MIT OR Apache-2.0

//! A cluster's power-down in both modes: whoever asks for it in OS-initiated mode must be the last core that runs; in
//! platform-coordinated mode everybody may ask.

use smccc::psci::{PSCI_SET_SUSPEND_MODE, PSCI_STAT_COUNT_64};

use crate::anchor::Ending;
use crate::case::cases;
use crate::clock;
use crate::fixture::{needs, needs_power_down, others, start, turn_off};
use crate::machine::{self, CORES_PER_CLUSTER};
use crate::psci::{
    self, CLUSTER_POWER_DOWN, CORE_POWER_DOWN, DENIED, INVALID_PARAMETERS, OS_INITIATED, STANDBY,
};
use crate::runner::rounds;
use crate::section;
use crate::sleep::{self, Kind, Sleeper, Woken};
use crate::verdict::{Verdict, equal, failed, holds, register, status};
use crate::{cores, gic};

cases! {
    [section::MODES]
    /// The only core of a cluster takes it down.
    "psci.os_initiated.cluster_alone", 1, alone;
    /// A cluster's power-down is DENIED while another of its cores runs.
    "psci.os_initiated.cluster_with_one_running", 2, with_one_running;
    /// It is DENIED while another of its cores is pending.
    "psci.os_initiated.cluster_with_one_pending", 2, with_one_pending;
    /// It is INVALID_PARAMETERS while another of its cores stands by.
    "psci.os_initiated.cluster_with_one_in_standby", 2, with_one_in_standby;
    /// It is accepted if the others are powered down.
    "psci.os_initiated.cluster_with_one_powered_down", 2, with_one_powered_down;
    /// It is accepted if the others are off.
    "psci.os_initiated.cluster_with_one_off", 2, with_one_off;
    /// Cores of other clusters do not matter.
    "psci.os_initiated.cluster_with_another_cluster_running", CORES_PER_CLUSTER + 1, other_cluster;
    /// A core's own power-down needs nobody's consent.
    "psci.os_initiated.core_power_down", 2, core_power_down;
    /// A standby needs nobody's consent.
    "psci.os_initiated.standby", 2, standby;
    /// Arguments are judged before the other cores are.
    "psci.os_initiated.state_before_entry_before_others", 2, order_of_checks;
    /// A DENIED call leaves nothing behind.
    "psci.os_initiated.denied_leaves_nothing", 2, denied_leaves_nothing;
    /// Of cores that go down at once one is the last, and takes the cluster down.
    "psci.os_initiated.last_core_race", 2, last_core_race;
    /// Anybody may ask for the cluster's power-down while others run.
    "psci.platform_coordinated.cluster_with_one_running", 2, platform_running;
    /// Anybody may ask for it while another stands by.
    "psci.platform_coordinated.cluster_with_one_in_standby", 2, platform_standby;
    /// All cores may ask for it at once.
    "psci.platform_coordinated.cluster_by_all", 2, platform_by_all;
}

const SLEEP: u64 = 10_000;
const CLUSTER: Kind = Kind::State(CLUSTER_POWER_DOWN);

/// Goes to OS-initiated mode, which only a core may that is alone. The runner goes back.
fn os_initiated() -> Verdict {
    needs(PSCI_SET_SUSPEND_MODE)?;
    needs_power_down()?;
    status("SET_SUSPEND_MODE(1)", psci::set_suspend_mode(OS_INITIATED), 0)
}

/// Asks for the cluster's power-down; a firmware that takes it gives the core back when the timer fires.
fn refused(what: &str, expected: i32) -> Verdict {
    match sleep::here(CLUSTER, SLEEP) {
        Ending::Returned(saw) => {
            status(format_args!("a cluster's power-down with one core {what}"), saw, expected)
        }
        ending => Err(failed(
            format_args!("a cluster's power-down with one core {what} to be refused"),
            format_args!("{ending:?}"),
        )),
    }
}

fn accepted() -> Verdict {
    sleep::must_have_slept(sleep::here(CLUSTER, SLEEP))
}

fn alone() -> Verdict {
    os_initiated()?;
    accepted()
}

/// The other cores of the boot core's cluster.
fn siblings() -> impl Iterator<Item = usize> {
    others().filter(|&index| index < CORES_PER_CLUSTER)
}

fn with_one_running() -> Verdict {
    os_initiated()?;
    for index in siblings() {
        start(index)?;
        refused("running", DENIED)?;
        turn_off(index)?;
    }
    accepted()
}

/// The core may be pending, or on already.
fn with_one_pending() -> Verdict {
    os_initiated()?;
    for _ in rounds() {
        let before = cores::prepare(1);
        status("CPU_ON", psci::cpu_on(machine::mpidr(1), cores::entry_point(), 0), 0)?;
        let saw = psci::cpu_suspend(CLUSTER_POWER_DOWN, cores::entry_point(), 0);
        status("a cluster's power-down behind an accepted CPU_ON", saw, DENIED)?;
        holds("core 1 starts", cores::wait_for_boot(1, before))?;
        turn_off(1)?;
    }
    Ok(())
}

fn with_one_in_standby() -> Verdict {
    os_initiated()?;
    start(1)?;
    let sleeper = Sleeper::send(1, Kind::State(STANDBY))?;
    let verdict = refused("in standby", INVALID_PARAMETERS);
    sleeper.must_return()?;
    verdict
}

fn with_one_powered_down() -> Verdict {
    os_initiated()?;
    start(1)?;
    let sleeper = Sleeper::send(1, Kind::State(CORE_POWER_DOWN))?;
    let count = || psci::stat_count(machine::mpidr(0), CLUSTER_POWER_DOWN);
    let before = count();
    let verdict = accepted();
    let after = count();
    sleeper.must_resume()?;
    verdict?;
    if psci::has(PSCI_STAT_COUNT_64) {
        equal("STAT_COUNT of the cluster, which the last core has let go for all", after, before + 1)?;
    }
    Ok(())
}

fn with_one_off() -> Verdict {
    os_initiated()?;
    start(1)?;
    turn_off(1)?;
    accepted()
}

fn other_cluster() -> Verdict {
    os_initiated()?;
    start(CORES_PER_CLUSTER)?;
    accepted()
}

fn core_power_down() -> Verdict {
    os_initiated()?;
    start(1)?;
    sleep::must_have_slept(sleep::here(Kind::State(CORE_POWER_DOWN), SLEEP))
}

fn standby() -> Verdict {
    os_initiated()?;
    start(1)?;
    match sleep::here(Kind::State(STANDBY), SLEEP) {
        Ending::Returned(saw) => status("CPU_SUSPEND of a standby", saw, 0),
        ending => Err(failed(format_args!("a standby to return"), format_args!("{ending:?}"))),
    }
}

/// A state that does not exist is INVALID_PARAMETERS whatever the others do.
fn order_of_checks() -> Verdict {
    os_initiated()?;
    start(1)?;
    for state in [0x0101_0002, 0x0101_0012, 0x0001_0022, 0x0201_0222] {
        let saw = psci::cpu_suspend(state, 1, 0);
        status(format_args!("CPU_SUSPEND of {state:#x} at 1"), saw, INVALID_PARAMETERS)?;
    }
    Ok(())
}

/// A power-down that was denied is forgotten: the next one comes to its own entry point.
fn denied_leaves_nothing() -> Verdict {
    os_initiated()?;
    start(1)?;
    let saw = psci::cpu_suspend(CLUSTER_POWER_DOWN, cores::entry_point(), 0xbad);
    status("a cluster's power-down with one core running", saw, DENIED)?;
    equal("AFFINITY_INFO of the caller", psci::affinity_info(0), psci::ON)?;
    sleep::must_have_slept(sleep::here(Kind::State(CORE_POWER_DOWN), SLEEP))?;
    turn_off(1)?;
    accepted()
}

/// Job: sleeps until its timer fires.
extern "C" fn nap_with_timer(state: u64) -> u64 {
    clock::start_timer(500);
    let saw = sleep::nap(state);
    clock::stop_timer();
    saw
}

/// Two cores sleep at once, one of them with the cluster, the other one with it in every second round: a call is denied or
/// it sleeps, and both come back, every time.
fn last_core_race() -> Verdict {
    os_initiated()?;
    start(1)?;
    let mut both_slept = 0;
    let mut count = 0;
    for round in rounds() {
        count += 1;
        let sleeper = Sleeper::new(1);
        cores::post(1, nap_with_timer, psci::POWER_DOWN[round as usize % 2]);
        clock::pause(round % 20);
        let slept = match sleep::here(CLUSTER, 500) {
            Ending::Returned(saw) if saw == register(DENIED) => false,
            ending => sleep::must_have_slept(ending).map(|()| true)?,
        };
        match sleeper.wait()? {
            Woken::Returned(saw) if saw == register(DENIED) => {}
            Woken::Returned(saw) => status(format_args!("CPU_SUSPEND on core 1 (round {round})"), saw, 0)?,
            Woken::Resumed => {
                sleep::came_to_its_own(1)?;
                both_slept += u64::from(slept);
            }
        }
        gic::clear_pending(1, 1 << gic::DOORBELL);
    }
    crate::println!("# both cores slept in {both_slept} of {count} rounds");
    Ok(())
}

fn platform_coordinated() -> Verdict {
    needs_power_down()?;
    start(1)
}

fn platform_running() -> Verdict {
    platform_coordinated()?;
    accepted()
}

fn platform_standby() -> Verdict {
    platform_coordinated()?;
    let sleeper = Sleeper::send(1, Kind::State(STANDBY))?;
    let verdict = accepted();
    sleeper.must_return()?;
    verdict
}

fn platform_by_all() -> Verdict {
    platform_coordinated()?;
    let sleepers = || siblings().filter(|&index| index > 1);
    sleepers().try_for_each(start)?;
    for index in siblings() {
        Sleeper::send(index, CLUSTER)?;
    }
    accepted()?;
    for index in siblings() {
        Sleeper::new(index).must_resume()?;
    }
    Ok(())
}

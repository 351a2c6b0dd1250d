// SPDX-License-Identifier: MIT OR Apache-2.0

//! AFFINITY_INFO: states, levels, and cores that do not exist.

use smccc::psci::{PSCI_AFFINITY_INFO_32, PSCI_CPU_SUSPEND_64};

use crate::case::cases;
use crate::cases::psci_cpu_on::not_mpidrs;
use crate::fixture::{needs, needs_power_down, others, start, turn_off};
use crate::machine::{CORES_PER_CLUSTER, mpidr};
use crate::psci::{self, INVALID_PARAMETERS, OFF, ON};
use crate::section;
use crate::sleep::{Kind, Sleeper};
use crate::smc;
use crate::verdict::{Finding, Verdict, equal, skipped, status};

cases! {
    [section::AFFINITY_INFO]
    /// Each core is OFF, then ON, then OFF, as it is started and turned off.
    "psci.affinity_info.on_and_off", 1, on_and_off;
    /// Levels 1 to 3 are ON for the caller, or INVALID_PARAMETERS.
    "psci.affinity_info.levels", 1, levels;
    /// Levels above 3 are INVALID_PARAMETERS.
    "psci.affinity_info.level_out_of_range", 1, level_out_of_range;
    /// A core that there is not, or reserved bits, are INVALID_PARAMETERS.
    "psci.affinity_info.absent_core", 1, absent_core;
    /// The SMC32 form answers as the SMC64 form does.
    "psci.affinity_info.smc32", 2, smc32;
    /// Affinity fields below the level are ignored.
    "psci.affinity_info.ignores_fields_below_the_level", 1, ignores_fields_below;
    /// A cluster is ON as long as one of its cores is.
    "psci.affinity_info.cluster_off_and_on", NEIGHBOUR + 1, cluster_off_and_on;
    /// A cluster that there is not is INVALID_PARAMETERS.
    "psci.affinity_info.absent_cluster", 1, absent_cluster;
    /// A core in standby is ON.
    "psci.affinity_info.standby_is_on", 2, standby_is_on;
    /// A core in a power-down is ON.
    "psci.affinity_info.core_power_down_is_on", 2, core_power_down_is_on;
    /// A core in a cluster's power-down is ON.
    "psci.affinity_info.cluster_power_down_is_on", 2, cluster_power_down_is_on;
    /// A cluster whose only core sleeps is ON.
    "psci.affinity_info.sleeping_cluster_is_on", NEIGHBOUR + 1, sleeping_cluster_is_on;
}

fn on_and_off() -> Verdict {
    equal("AFFINITY_INFO of the caller", psci::affinity_info(0), ON)?;
    for index in others() {
        equal(format_args!("AFFINITY_INFO of core {index}, off"), psci::affinity_info(index), OFF)?;
        start(index)?;
        equal(format_args!("AFFINITY_INFO of core {index}, on"), psci::affinity_info(index), ON)?;
        turn_off(index)?;
    }
    Ok(())
}

fn levels() -> Verdict {
    for level in 1..=3 {
        let saw = psci::affinity_info_of(0, level);
        // Levels above 0 are for PSCI 0.2 and may be refused since 1.0; where they are not, this core is on.
        if saw != ON {
            status(format_args!("AFFINITY_INFO at level {level}"), saw, INVALID_PARAMETERS)?;
        }
    }
    Ok(())
}

fn level_out_of_range() -> Verdict {
    for level in [4, 5, 0xff, 0x100, 0x7fff_ffff, 0xffff_ffff] {
        let saw = psci::affinity_info_of(0, level);
        status(format_args!("AFFINITY_INFO at level {level:#x}"), saw, INVALID_PARAMETERS)?;
    }
    Ok(())
}

fn absent_core() -> Verdict {
    for mpidr in not_mpidrs() {
        let saw = psci::affinity_info_of(mpidr, 0);
        status(format_args!("AFFINITY_INFO of {mpidr:#x}"), saw, INVALID_PARAMETERS)?;
    }
    Ok(())
}

fn smc32() -> Verdict {
    let saw = |index| smc::call(PSCI_AFFINITY_INFO_32, [mpidr(index), 0, 0, 0, 0, 0])[0];
    equal("AFFINITY_INFO (SMC32) of the caller", saw(0), ON)?;
    equal("AFFINITY_INFO (SMC32) of core 1, off", saw(1), OFF)?;
    start(1)?;
    equal("AFFINITY_INFO (SMC32) of core 1, on", saw(1), ON)
}

/// Levels above 0 are for PSCI 0.2, and may be refused since 1.0.
fn needs_levels() -> Result<(), Finding> {
    if psci::affinity_info_of(0, 1) == ON {
        return Ok(());
    }
    Err(skipped(format_args!("AFFINITY_INFO knows level 0 only")))
}

/// At level n the n lowest affinity fields say nothing.
fn ignores_fields_below() -> Verdict {
    needs_levels()?;
    for (level, ignored) in [(1, 0xff), (2, 0xffff), (3, 0xff_ffff)] {
        let saw = psci::affinity_info_of(ignored, level);
        equal(format_args!("AFFINITY_INFO of {ignored:#x} at level {level}"), saw, ON)?;
    }
    Ok(())
}

/// The first core of the second cluster.
const NEIGHBOUR: usize = CORES_PER_CLUSTER;

fn cluster_off_and_on() -> Verdict {
    needs_levels()?;
    let cluster = || psci::affinity_info_of(mpidr(NEIGHBOUR), 1);
    equal("AFFINITY_INFO of a cluster with all cores off", cluster(), OFF)?;
    start(NEIGHBOUR)?;
    equal("AFFINITY_INFO of a cluster with one core on", cluster(), ON)?;
    turn_off(NEIGHBOUR)?;
    equal("AFFINITY_INFO of the cluster afterwards", cluster(), OFF)?;
    equal("AFFINITY_INFO of the machine", psci::affinity_info_of(mpidr(NEIGHBOUR), 2), ON)
}

fn absent_cluster() -> Verdict {
    needs_levels()?;
    for (target, level) in [(0xff00, 1), (0xff_0000, 2), (0xff_0000_0000, 3), (1 << 24, 1), (1 << 31, 3)] {
        let saw = psci::affinity_info_of(target, level);
        status(format_args!("AFFINITY_INFO of {target:#x} at level {level}"), saw, INVALID_PARAMETERS)?;
    }
    Ok(())
}

fn standby_is_on() -> Verdict {
    needs(PSCI_CPU_SUSPEND_64)?;
    start(1)?;
    let sleeper = Sleeper::send(1, Kind::State(psci::STANDBY))?;
    equal("AFFINITY_INFO of a core in standby", psci::affinity_info(1), ON)?;
    sleeper.must_return()
}

fn sleeping_is_on(index: usize, state: u64, look: fn(usize) -> u64) -> Verdict {
    needs_power_down()?;
    start(index)?;
    let sleeper = Sleeper::send(index, Kind::State(state))?;
    equal(format_args!("AFFINITY_INFO of core {index} in {state:#x}"), look(index), ON)?;
    sleeper.must_resume()?;
    equal(format_args!("AFFINITY_INFO of core {index}, awake"), look(index), ON)
}

fn core_power_down_is_on() -> Verdict {
    sleeping_is_on(1, psci::CORE_POWER_DOWN, psci::affinity_info)
}

fn cluster_power_down_is_on() -> Verdict {
    sleeping_is_on(1, psci::CLUSTER_POWER_DOWN, psci::affinity_info)
}

fn sleeping_cluster_is_on() -> Verdict {
    needs_levels()?;
    sleeping_is_on(NEIGHBOUR, psci::CLUSTER_POWER_DOWN, |index| psci::affinity_info_of(mpidr(index), 1))
}

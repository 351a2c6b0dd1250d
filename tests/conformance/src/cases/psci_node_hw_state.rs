// SPDX-License-Identifier: MIT OR Apache-2.0

//! NODE_HW_STATE: what cores and clusters do, seen by another core.

use smccc::psci::{PSCI_CPU_FREEZE, PSCI_NODE_HW_STATE_32, PSCI_NODE_HW_STATE_64};

use crate::case::cases;
use crate::cases::psci_cpu_on::not_mpidrs;
use crate::fixture::{needs, needs_power_down, start, turn_off};
use crate::machine::{CORES_PER_CLUSTER, mpidr};
use crate::psci::{
    self, CLUSTER_POWER_DOWN, CORE_POWER_DOWN, HW_OFF, HW_ON, HW_STANDBY, INVALID_PARAMETERS, STANDBY,
};
use crate::section;
use crate::sleep::{Kind, Sleeper};
use crate::verdict::{Verdict, equal, holds, status};
use crate::{cores, smc};

cases! {
    [section::NODE_HW_STATE]
    /// A core that runs is HW_ON.
    "psci.node_hw_state.core_on", 1, core_on;
    /// A core that is OFF is HW_OFF.
    "psci.node_hw_state.core_off", 2, core_off;
    /// A frozen core is HW_OFF.
    "psci.node_hw_state.core_frozen", 2, core_frozen;
    /// A core in standby is HW_STANDBY.
    "psci.node_hw_state.core_in_standby", 2, core_in_standby;
    /// A core that is powered down is HW_OFF.
    "psci.node_hw_state.core_in_power_down", 2, core_in_power_down;
    /// A core in its cluster's power-down is HW_OFF.
    "psci.node_hw_state.core_in_cluster_power_down", 2, core_in_cluster_power_down;
    /// The caller's cluster is HW_ON.
    "psci.node_hw_state.cluster_of_the_caller", 1, cluster_of_the_caller;
    /// A cluster whose cores are OFF is HW_OFF.
    "psci.node_hw_state.cluster_off", NEIGHBOUR + 1, cluster_off;
    /// A cluster that is powered down is HW_OFF.
    "psci.node_hw_state.cluster_in_power_down", NEIGHBOUR + 1, cluster_in_power_down;
    /// A cluster whose core alone is powered down is HW_ON.
    "psci.node_hw_state.cluster_with_core_power_down", NEIGHBOUR + 1, cluster_with_core;
    /// A cluster that only some of its cores have let go is HW_ON.
    "psci.node_hw_state.cluster_partly_down", NEIGHBOUR + 2, cluster_partly_down;
    /// A core that there is not is INVALID_PARAMETERS.
    "psci.node_hw_state.absent_core", 1, absent_core;
    /// A level that there is not is INVALID_PARAMETERS.
    "psci.node_hw_state.bad_level", 1, bad_level;
    /// The SMC32 form answers as the SMC64 form does.
    "psci.node_hw_state.smc32", 2, smc32;
}

const CLUSTER: u64 = 1;

fn needs_it() -> Verdict {
    needs(PSCI_NODE_HW_STATE_64)
}

fn is(index: usize, level: u64, expected: u64) -> Verdict {
    let saw = psci::node_hw_state(mpidr(index), level);
    equal(format_args!("NODE_HW_STATE of core {index} at level {level}"), saw, expected)
}

fn core_on() -> Verdict {
    needs_it()?;
    is(0, 0, HW_ON)
}

fn core_off() -> Verdict {
    needs_it()?;
    is(1, 0, HW_OFF)?;
    start(1)?;
    is(1, 0, HW_ON)?;
    turn_off(1)?;
    is(1, 0, HW_OFF)
}

extern "C" fn freeze(_: u64) -> u64 {
    psci::cpu_freeze()
}

fn core_frozen() -> Verdict {
    needs_it()?;
    needs(PSCI_CPU_FREEZE)?;
    start(1)?;
    cores::post(1, freeze, 0);
    holds("core 1 goes off", cores::wait_for_off(1))?;
    is(1, 0, HW_OFF)
}

fn core_in_standby() -> Verdict {
    needs_it()?;
    start(1)?;
    let sleeper = Sleeper::send(1, Kind::State(STANDBY))?;
    is(1, 0, HW_STANDBY)?;
    sleeper.must_return()?;
    is(1, 0, HW_ON)
}

fn powered_down(index: usize, state: u64, cluster: Option<u64>) -> Verdict {
    needs_it()?;
    needs_power_down()?;
    start(index)?;
    if cluster.is_some() {
        is(index, CLUSTER, HW_ON)?;
    }
    let sleeper = Sleeper::send(index, Kind::State(state))?;
    is(index, 0, HW_OFF)?;
    cluster.map_or(Ok(()), |cluster| is(index, CLUSTER, cluster))?;
    sleeper.must_resume()?;
    is(index, 0, HW_ON)
}

fn core_in_power_down() -> Verdict {
    powered_down(1, CORE_POWER_DOWN, None)
}

fn core_in_cluster_power_down() -> Verdict {
    powered_down(1, CLUSTER_POWER_DOWN, None)
}

fn cluster_of_the_caller() -> Verdict {
    needs_it()?;
    is(0, CLUSTER, HW_ON)
}

/// The first core of the second cluster: the caller's own is always on.
const NEIGHBOUR: usize = CORES_PER_CLUSTER;

fn cluster_off() -> Verdict {
    needs_it()?;
    is(NEIGHBOUR, CLUSTER, HW_OFF)?;
    start(NEIGHBOUR)?;
    is(NEIGHBOUR, CLUSTER, HW_ON)?;
    turn_off(NEIGHBOUR)?;
    is(NEIGHBOUR, CLUSTER, HW_OFF)
}

fn cluster_in_power_down() -> Verdict {
    powered_down(NEIGHBOUR, CLUSTER_POWER_DOWN, Some(HW_OFF))
}

/// Nobody has asked for the cluster's power-down.
fn cluster_with_core() -> Verdict {
    powered_down(NEIGHBOUR, CORE_POWER_DOWN, Some(HW_ON))
}

fn cluster_partly_down() -> Verdict {
    needs_it()?;
    needs_power_down()?;
    start(NEIGHBOUR)?;
    start(NEIGHBOUR + 1)?;
    let sleeper = Sleeper::send(NEIGHBOUR, Kind::State(CLUSTER_POWER_DOWN))?;
    is(NEIGHBOUR, CLUSTER, HW_ON)?;
    let last = Sleeper::send(NEIGHBOUR + 1, Kind::State(CLUSTER_POWER_DOWN))?;
    is(NEIGHBOUR, CLUSTER, HW_OFF)?;
    sleeper.must_resume()?;
    is(NEIGHBOUR, CLUSTER, HW_ON)?;
    last.must_resume()
}

fn absent_core() -> Verdict {
    needs_it()?;
    for target in not_mpidrs() {
        let saw = psci::node_hw_state(target, 0);
        status(format_args!("NODE_HW_STATE of {target:#x}"), saw, INVALID_PARAMETERS)?;
    }
    Ok(())
}

fn bad_level() -> Verdict {
    needs_it()?;
    for level in [2, 3, 4, 0xff, 0x100, 0x8000_0000, 0xffff_ffff] {
        let saw = psci::node_hw_state(mpidr(0), level);
        status(format_args!("NODE_HW_STATE at level {level:#x}"), saw, INVALID_PARAMETERS)?;
    }
    Ok(())
}

fn smc32() -> Verdict {
    const GARBAGE: u64 = 0xdead_beef_0000_0000;
    needs(PSCI_NODE_HW_STATE_32)?;
    let saw = |index| smc::call(PSCI_NODE_HW_STATE_32, [GARBAGE | mpidr(index), GARBAGE, 0, 0, 0, 0])[0];
    equal("NODE_HW_STATE (SMC32) of the caller", saw(0), HW_ON)?;
    equal("NODE_HW_STATE (SMC32) of core 1, off", saw(1), HW_OFF)
}

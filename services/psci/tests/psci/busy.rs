// SPDX-License-Identifier: MIT OR Apache-2.0

//! Cores that go to sleep and wake up all the time, as the idle ones of a large machine do: what is true of the others
//! is still told.

use quell_power::{Depth, Gate};
use quell_psci::Outcome;

use crate::machine::{AFFINITIES, Machine};

const CPU_ON: u64 = 0xc400_0003;
const AFFINITY_INFO: u64 = 0xc400_0004;
const NODE_HW_STATE: u64 = 0xc400_000d;

const ON: Outcome = Outcome::Return(0);
const OFF: Outcome = Outcome::Return(1);

/// Lets a core sleep and wake up, if it is on.
fn blink(machine: &Machine, core: usize) {
    let local = machine.table().local(core);
    assert!(!local.suspend(Depth::Cluster) || local.wake());
}

fn boot(machine: &Machine, core: usize) {
    let start = [CPU_ON, AFFINITIES[core], crate::machine::ENTRY_POINTS.start, 0];
    assert_eq!(machine.call(0, start), Outcome::Return(0));
    assert!(machine.table().local(core).boot().is_some());
    assert_eq!(machine.table().local(core).enter(), Gate::Pass);
}

#[test]
fn a_cluster_is_off_whatever_cores_of_others_do() {
    let machine = Machine::with(AFFINITIES.len(), |machine| blink(machine, 5));
    boot(&machine, 5);
    for target in [AFFINITIES[2], AFFINITIES[4]] {
        assert_eq!(machine.call(0, [AFFINITY_INFO, target, 1, 0]), OFF, "{target:#x}");
        assert_eq!(machine.call(0, [NODE_HW_STATE, target, 1, 0]), OFF, "{target:#x}");
    }
    assert_eq!(machine.call(0, [AFFINITY_INFO, AFFINITIES[4], 2, 0]), OFF);
}

#[test]
fn a_cluster_is_on_while_the_caller_is_whatever_its_other_cores_do() {
    let machine = Machine::with(AFFINITIES.len(), |machine| blink(machine, 1));
    boot(&machine, 1);
    for level in 1..=3 {
        assert_eq!(machine.call(0, [AFFINITY_INFO, 0, level, 0]), ON, "level {level}");
    }
    assert_eq!(machine.call(0, [NODE_HW_STATE, 0, 1, 0]), ON);
}

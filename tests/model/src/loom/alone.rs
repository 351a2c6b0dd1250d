// SPDX-License-Identifier: MIT OR Apache-2.0

//! SYSTEM_SUSPEND's last-core check while cores come and go: who is told that it is alone stays so.

use loom::thread;
use quell_abi::State;
use quell_power::{Depth, Protection};
use quell_psci::Outcome;

use super::{
    explore::{FEW_PREEMPTIONS, check_within, fails_without},
    psci::{DENIED, entry_by_call},
    world::{CORES, OWNER, World},
};

const SYSTEM_SUSPEND: u64 = 0xc400_000e;

/// The core that goes has the higher index: it is looked at last.
const STARTED: usize = 1;
const LEAVING: usize = 2;

/// Asks whether this core is alone; if it is, returns the stores of the others that it can see.
fn ask(world: &World) -> Option<[u64; CORES]> {
    let entry = entry_by_call(OWNER);
    match world.psci_call(OWNER, [SYSTEM_SUSPEND, entry.address(), entry.context(), 0]) {
        Outcome::PowerDown { depth: Depth::System, .. } => Some(world.seen()),
        DENIED => None,
        other => panic!("SYSTEM_SUSPEND ends as {other:?}"),
    }
}

/// One core starts another and goes OFF, and so does the other: there is one moment from which on nobody else runs.
fn model() {
    let world = World::new(&[OWNER, LEAVING]);
    let asks = thread::spawn({
        let world = world.clone();
        move || ask(&world)
    });
    let started = thread::spawn({
        let world = world.clone();
        move || {
            if world.boot(STARTED).is_some() {
                world.off(STARTED);
            }
        }
    });
    world.cpu_on(LEAVING, STARTED);
    world.off(LEAVING);
    let alone = asks.join().unwrap();
    started.join().unwrap();
    // A start that was accepted has rung the core's doorbell: it looks once more.
    world.boot(STARTED);
    let Some(seen) = alone else { return };
    for core in [STARTED, LEAVING] {
        assert_eq!(world.state(core), State::Off, "ALONE: core {core} is not OFF");
        assert_eq!(
            world.ran(core),
            seen[core],
            "ALONE: core {core} ran, or its stores came, after the answer"
        );
    }
}

#[test]
fn who_is_alone_stays_alone() {
    check_within(FEW_PREEMPTIONS, model);
}

#[test]
fn without_the_one_moment_it_fails() {
    fails_without(Protection::OneMoment, model, "ALONE");
}

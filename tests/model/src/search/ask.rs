// SPDX-License-Identifier: MIT OR Apache-2.0

//! SNAPSHOT and EVICT, against each other, CPU_OFF and BEGIN.

use quell_abi::Kind;
use quell_power::Protection;

use super::{
    explore::{fails_without, holds, holds_within},
    script::{Act, Begin},
    world::World,
};

fn evicted() -> World {
    World::new(vec![Begin::Inside(&[Act::Evict(1, 1)]), Begin::Inside(&[Act::Call])], 2)
}

#[test]
fn an_eviction_happens_or_does_not() {
    holds("EVICT", &evicted()).expect(&["I1", "I17", "EVICT done", "EVICT partial", "EVICT pending"]);
}

#[test]
fn without_the_swap_of_the_request_it_fails() {
    fails_without(Protection::RequestSwap, evicted, "I17");
}

#[test]
fn an_eviction_meets_those_that_leave_or_sleep() {
    let world =
        World::new(vec![Begin::Inside(&[Act::Evict(1, 1), Act::Start(1)]), Begin::Inside(&[Act::Off])], 2);
    holds_within(3, "EVICT and CPU_OFF", &world).expect(&["I17", "EVICT done", "CPU_ON accepted"]);
    let world = World::new(vec![Begin::Inside(&[Act::Evict(1, 1)]), Begin::Inside(&[Act::Suspend])], 2);
    let world = world.with_strays(&[(1, super::machine::NORMAL)]);
    holds_within(3, "EVICT and CPU_SUSPEND", &world).expect(&["I17", "EVICT done"]);
}

#[test]
fn two_that_evict_each_other() {
    let world = World::new(vec![Begin::Inside(&[Act::Evict(1, 1)]), Begin::Inside(&[Act::Evict(0, 1)])], 2);
    holds("two EVICTs", &world).expect(&["I17", "EVICT done"]);
}

#[test]
fn a_session_comes_first() {
    let world = World::new(
        vec![
            Begin::Inside(&[Act::Evict(1, 1)]),
            Begin::Inside(&[Act::Call]),
            Begin::Inside(&[Act::Begin(Kind::Crash, [0, 1, 0]), Act::PollToEnd]),
        ],
        1,
    );
    holds_within(1, "EVICT and BEGIN", &world).expect(&["I1", "I3", "DONE", "EVICT busy"]);
}

#[test]
fn a_snapshot_is_taken_and_the_core_goes_on() {
    let world = World::new(vec![Begin::Inside(&[Act::Snapshot(1, 1)]), Begin::Inside(&[Act::Call])], 2);
    holds("SNAPSHOT", &world).expect(&["L6", "SNAPSHOT done", "SNAPSHOT partial"]);
    let world =
        World::new(vec![Begin::Inside(&[Act::Snapshot(1, 1)]), Begin::Inside(&[Act::Snapshot(0, 1)])], 2);
    holds("two SNAPSHOTs", &world).expect(&["L6", "SNAPSHOT done"]);
}

/// One asks a core that sleeps for its registers, another one evicts it.
fn two_askers() -> World {
    World::new(
        vec![
            Begin::Inside(&[Act::Snapshot(1, 1)]),
            Begin::Inside(&[Act::Suspend]),
            Begin::Inside(&[Act::Evict(1, 2)]),
        ],
        2,
    )
}

#[test]
fn a_sleeper_accepts_what_it_has_looked_at() {
    holds_within(1, "SNAPSHOT and EVICT of one that sleeps", &two_askers()).expect(&[
        "I17",
        "SNAPSHOT done",
        "EVICT done",
    ]);
}

#[test]
fn without_what_it_has_looked_at_it_is_evicted_in_its_sleep() {
    fails_without(Protection::RequestSeen, two_askers, "I17");
}

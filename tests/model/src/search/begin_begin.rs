// SPDX-License-Identifier: MIT OR Apache-2.0

//! Two BEGINs: one core owns the machine, and the other is stopped, or taken over.

use quell_abi::Kind;
use quell_power::Protection;

use super::{
    explore::{fails_without, holds, holds_within},
    script::{Act, Begin},
    world::World,
};

/// A third core is in a call when the others begin.
fn both(kinds: [Kind; 2]) -> World {
    let script = |kind| match kind {
        Kind::Halt => Begin::Inside(&[Act::Begin(Kind::Halt, [0, 1, 0]), Act::PollToEnd]),
        _ => Begin::Inside(&[Act::Begin(Kind::Crash, [0, 1, 0]), Act::PollToEnd]),
    };
    World::new(kinds.map(script).into(), 0)
}

fn same_kind() -> World {
    both([Kind::Crash; 2])
}

#[test]
fn of_two_of_the_same_kind_one_wins_and_the_other_is_stopped() {
    holds("two BEGINs of one kind", &same_kind()).expect(&["I1", "I2", "I3", "DONE"]);
}

#[test]
fn without_arbitration_it_fails() {
    fails_without(Protection::Arbitration, same_kind, "R5");
}

#[test]
fn the_higher_kind_owns_the_session_at_the_end() {
    holds("two BEGINs, one of a higher kind", &both([Kind::Halt, Kind::Crash]))
        .expect(&["I1", "I2", "I3", "DONE"]);
}

#[test]
fn two_begins_and_a_bystander() {
    let mut world = same_kind();
    world = World::new(world.scripts.into_iter().chain([Begin::Inside(&[Act::Acknowledge])]).collect(), 0);
    holds_within(2, "two BEGINs of one kind, and an ACK", &world).expect(&["I1", "I2", "I3", "DONE"]);
}

/// Two cores begin while a third starts the fourth.
#[test]
fn two_begins_and_a_start() {
    let world = both([Kind::Halt, Kind::Crash]);
    let others = [Begin::Inside(&[Act::Start(3)]), Begin::Pen];
    let world = World::new(world.scripts.into_iter().chain(others).collect(), 0);
    holds_within(1, "two BEGINs and a CPU_ON, 4 cores", &world).expect(&[
        "I1",
        "I2",
        "I3",
        "I7",
        "I13",
        "DONE",
        "CPU_ON accepted",
    ]);
}

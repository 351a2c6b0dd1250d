// SPDX-License-Identifier: MIT OR Apache-2.0

//! SYNC: BEGIN and the wait for its end in one call.

use quell_abi::Kind;
use quell_power::Protection;

use super::{
    explore::{fails_without, holds, holds_within},
    script::{Act, Begin},
    world::World,
};

const CRASH: Act = Act::Sync(Kind::Crash, [0, 1, 0]);

/// Who comes back has stopped the other, and may start it again.
fn world() -> World {
    World::new(vec![Begin::Inside(&[CRASH, Act::Start(1)]), Begin::Inside(&[Act::Call, Act::Off])], 2)
}

#[test]
fn who_comes_back_is_alone() {
    holds("SYNC", &world()).expect(&["I1", "I3", "L6", "DONE", "PARTIAL", "CPU_ON accepted"]);
}

#[test]
fn without_publishing_last_it_fails() {
    fails_without(Protection::PublishLast, world, "I5");
}

#[test]
fn of_two_one_wins() {
    let higher = Begin::Inside(&[Act::Sync(Kind::Crash, [0, 1, 0])]);
    let world = World::new(vec![Begin::Inside(&[Act::Sync(Kind::Halt, [0, 1, 0])]), higher], 2);
    holds_within(3, "two SYNCs, one of a higher kind", &world).expect(&["I1", "I2", "I3", "L6", "DONE"]);
}

#[test]
fn a_start_is_stopped_or_never_was() {
    let world = World::new(vec![Begin::Inside(&[CRASH]), Begin::Pen, Begin::Inside(&[Act::Start(1)])], 1);
    holds_within(1, "SYNC and CPU_ON", &world).expect(&[
        "I1",
        "I7",
        "DONE",
        "CPU_ON accepted",
        "CPU_ON denied",
    ]);
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! An owner that hangs after BEGIN: a deputy in the pen drives the session to its end.

use quell_abi::Kind;
use quell_power::Protection;

use super::{
    explore::{fails_without, holds, holds_within},
    script::{Act, Begin},
    world::World,
};

/// The deputy is OFF when the session begins.
fn appointed() -> World {
    let owner = Begin::Inside(&[Act::Begin(Kind::Crash, [1, 1, 0]), Act::Wedge]);
    World::new(vec![owner, Begin::Pen, Begin::Inside(&[])], 2)
}

#[test]
fn the_deputy_drives() {
    holds_within(2, "a wedged owner and a deputy that was OFF", &appointed()).expect(&["I1", "L1", "L2"]);
}

#[test]
fn without_timers_nobody_drives() {
    fails_without(Protection::Alarm, appointed, "L1");
}

/// The first core that comes to the pen is the deputy.
fn volunteer() -> World {
    let owner = Begin::Inside(&[Act::Begin(Kind::Crash, [1, 1, 0]), Act::Wedge]);
    World::new(vec![owner, Begin::Inside(&[Act::Off]), Begin::Inside(&[])], 2)
}

#[test]
fn who_comes_to_the_pen_drives() {
    holds_within(2, "a wedged owner and a core that goes OFF", &volunteer()).expect(&["I1", "L2"]);
}

#[test]
fn the_owner_drives_from_its_interrupt() {
    let owner = Begin::Inside(&[Act::Begin(Kind::Crash, [1, 1, 0])]);
    let world = World::new(vec![owner, Begin::Inside(&[Act::Call])], 2);
    holds("an owner that only takes its interrupts", &world).expect(&["I1", "L1"]);
}

/// A driver that is slow, and what the owner starts when its session is closed.
fn slow() -> World {
    let owner = Begin::Inside(&[Act::Begin(Kind::Crash, [0, 0, 0]), Act::PollToEnd, Act::Start(1)]);
    World::new(vec![owner, Begin::Inside(&[]), Begin::Pen], 0)
}

#[test]
fn without_the_age_of_the_generation_it_fails() {
    fails_without(Protection::GenerationAge, slow, "I8");
}

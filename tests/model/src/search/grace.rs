// SPDX-License-Identifier: MIT OR Apache-2.0

//! The time of grace: a core that does not stop by itself is not stopped, whatever interrupts it.

use quell_abi::Kind;
use quell_power::Protection;

use super::{
    explore::{fails_without, holds},
    script::{Act, Begin},
    world::World,
};

use super::machine::STOP;

/// The clock does not tick: the time of grace is not over.
fn world() -> World {
    let owner = Begin::Inside(&[Act::Begin(Kind::Halt, [1, 1, 0]), Act::Call]);
    World::new(vec![owner, Begin::Inside(&[Act::Call, Act::Call])], 0).with_strays(&[(1, STOP), (0, STOP)])
}

fn in_time() -> World {
    let owner = Begin::Inside(&[Act::Begin(Kind::Halt, [1, 1, 0]), Act::PollToEnd]);
    World::new(vec![owner, Begin::Inside(&[Act::Call, Act::Acknowledge])], 2)
}

#[test]
fn a_stray_interrupt_does_not_cut_grace_short() {
    holds("a stray interrupt in the time of grace", &world()).expect(&["I3", "I6"]);
}

#[test]
fn without_grace_at_the_gate_it_fails() {
    fails_without(Protection::Grace, world, "I6");
}

#[test]
fn without_the_check_of_the_interrupt_it_fails() {
    fails_without(Protection::InterruptCheck, world, "I6");
}

#[test]
fn a_session_goes_through_its_phases_by_the_clock() {
    holds("grace and the secure interrupt in time", &in_time())
        .expect(&["I1", "I6", "DONE", "PENDING", "PARTIAL"]);
}

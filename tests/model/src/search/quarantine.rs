// SPDX-License-Identifier: MIT OR Apache-2.0

//! RELEASE(OFF): a core that does not answer is given up, and never goes on in its old life.

use quell_abi::{Kind, Release};
use quell_power::Protection;

use super::{
    explore::{fails_without, holds, holds_within},
    script::{Act, Begin},
    world::World,
};

const OWNER: &[Act] = &[
    Act::Begin(Kind::Crash, [0, 0, 0]),
    Act::PollToEnd,
    Act::Release(Release::Off),
    Act::Start(1),
    Act::Call,
];

fn world() -> World {
    World::new(vec![Begin::Inside(OWNER), Begin::Inside(&[Act::Call])], 0)
}

#[test]
fn who_was_given_up_only_begins_anew() {
    holds("RELEASE OFF and CPU_ON", &world()).expect(&[
        "I14",
        "L7",
        "I8",
        "PARTIAL",
        "RELEASE OFF",
        "CPU_ON accepted",
    ]);
}

/// One is given up in a call, one while it starts the fourth; who owns the machine starts both again.
#[test]
fn two_that_were_given_up() {
    let owner = &[
        Act::Begin(Kind::Crash, [0, 0, 0]),
        Act::PollToEnd,
        Act::Release(Release::Off),
        Act::Start(1),
        Act::Start(2),
    ];
    let scripts =
        vec![Begin::Inside(owner), Begin::Inside(&[Act::Call]), Begin::Inside(&[Act::Start(3)]), Begin::Pen];
    holds_within(1, "RELEASE OFF of two, 4 cores", &World::new(scripts, 0)).expect(&[
        "A",
        "I14",
        "L4",
        "L7",
        "RELEASE OFF",
        "CPU_ON accepted",
        "an interrupt behind the short way",
    ]);
}

#[test]
fn without_the_own_word_it_goes_on() {
    fails_without(Protection::OwnWord, world, "I14");
}

/// A core that has looked at its own word first goes to the pen while that says ON, and never arrives.
#[test]
fn without_the_order_of_the_gate_it_goes_on() {
    fails_without(Protection::GateOrder, world, "L7");
}

#[test]
fn without_quarantine_it_fails() {
    fails_without(Protection::Quarantine, world, "I4");
}

/// The core that is given up is between the two looks of a CPU_ON, or about to open a session.
fn straggler() -> World {
    let owner = &[Act::Begin(Kind::Crash, [0, 0, 0]), Act::PollToEnd, Act::Release(Release::Off)];
    World::new(vec![Begin::Inside(owner), Begin::Inside(&[Act::Start(2)]), Begin::Pen], 0)
}

#[test]
fn without_the_whole_word_a_start_outlives_the_session() {
    fails_without(Protection::WholeWord, straggler, "A");
}

fn opener() -> World {
    let owner = &[Act::Begin(Kind::Crash, [0, 0, 0]), Act::PollToEnd, Act::Release(Release::Off)];
    World::new(vec![Begin::Inside(owner), Begin::Inside(&[Act::Begin(Kind::Crash, [0, 0, 0])])], 0)
}

#[test]
fn who_was_given_up_opens_nothing() {
    holds("RELEASE OFF and BEGIN", &opener()).expect(&["I3", "PARTIAL", "RELEASE OFF"]);
}

#[test]
fn without_the_openers_own_word_it_fails() {
    fails_without(Protection::OpenerOn, opener, "I3");
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! A session that is taken over: the owner of before is a target, what is parked is turned OFF.

use quell_abi::{Kind, Release};

use super::{
    explore::{holds, holds_within},
    script::{Act, Begin},
    world::World,
};

#[test]
fn a_crash_takes_over_a_pause() {
    let world = World::new(
        vec![
            Begin::Inside(&[Act::Begin(Kind::Pause, [0, 1, 5]), Act::PollToEnd]),
            Begin::Inside(&[Act::Begin(Kind::Crash, [0, 1, 0]), Act::PollToEnd]),
        ],
        0,
    );
    holds("a CRASH against a PAUSE", &world).expect(&["I1", "I2", "I3", "I13", "DONE"]);
}

/// The PAUSE holds these when it is taken over.
fn held(others: Vec<Begin>) -> World {
    let scripts = vec![
        Begin::Inside(&[Act::Begin(Kind::Pause, [0, 1, 5]), Act::PollToEnd, Act::Release(Release::Resume)]),
        Begin::Inside(&[Act::Begin(Kind::Crash, [0, 1, 0]), Act::PollToEnd]),
    ];
    World::new(scripts.into_iter().chain(others).collect(), 0)
}

#[test]
fn a_crash_takes_over_those_that_a_pause_holds() {
    let (call, sleep) = (|| Begin::Inside(&[Act::Call]), || Begin::Inside(&[Act::Suspend]));
    let seen = ["I1", "I3", "I13", "DONE", "RESUME"];
    holds_within(1, "a CRASH against a PAUSE and a sleeper", &held(vec![sleep()])).expect(&seen);
    holds_within(0, "a CRASH against a PAUSE, 4 cores", &held(vec![call(), sleep()])).expect(&seen);
}

#[test]
fn an_owner_may_ask_for_more() {
    let world = World::new(
        vec![
            Begin::Inside(&[
                Act::Begin(Kind::Halt, [0, 1, 0]),
                Act::Begin(Kind::Crash, [0, 1, 0]),
                Act::PollToEnd,
            ]),
            Begin::Inside(&[Act::Off]),
        ],
        0,
    );
    holds("an owner that asks for more", &world).expect(&["I1", "I2", "I3", "DONE"]);
}

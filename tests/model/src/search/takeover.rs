// SPDX-License-Identifier: MIT OR Apache-2.0

//! A session that is taken over: the owner of before is a target, what is parked is turned OFF.

use quell_abi::Kind;

use super::{
    rules::holds,
    world::{Act, Begin, World},
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
    holds("a CRASH against a PAUSE", &world).expect(&["I1", "I2", "I3", "DONE"]);
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

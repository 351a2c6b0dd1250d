// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_ON against BEGIN: core 2 starts core 1, while core 0 opens a session.

use quell_abi::Kind;
use quell_power::Protection;

use super::{
    explore::{fails_without, holds_within},
    script::{Act, Begin},
    world::World,
};

fn world() -> World {
    World::new(
        vec![
            Begin::Inside(&[Act::Begin(Kind::Crash, [0, 1, 0]), Act::PollToEnd]),
            Begin::Pen,
            Begin::Inside(&[Act::Start(1)]),
        ],
        0,
    )
}

#[test]
fn done_means_that_nobody_runs() {
    let report = holds_within(3, "CPU_ON and BEGIN", &world());
    report.expect(&["A", "I1", "I3", "I4", "I5", "I7", "DONE", "CPU_ON denied", "CPU_ON accepted"]);
}

#[test]
fn without_the_second_look_it_fails() {
    fails_without(Protection::Recheck, world, "I1");
}

#[test]
fn without_the_mailbox_first_it_fails() {
    fails_without(Protection::MailboxFirst, world, "A");
}

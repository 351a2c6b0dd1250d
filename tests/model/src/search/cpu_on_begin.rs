// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_ON against BEGIN: core 2 starts core 1, while core 0 opens a session.

use interleave::Settings;
use quell_abi::Kind;
use quell_power::Protection;

use super::world::{Act, World, fails_without, holds};

const NAME: &str = "CPU_ON and BEGIN";

fn world() -> World {
    World::new(&[Some(&[Act::Begin(Kind::Crash, 0, 1), Act::PollToEnd]), None, Some(&[Act::Start(1)])], 1)
}

#[test]
fn done_means_that_nobody_runs() {
    let report = holds(&world(), Settings::new(NAME).with_circles());
    report.expect(&["A", "I1", "I3", "I4", "I7", "L1", "DONE", "PARTIAL", "CPU_ON denied"]);
}

#[test]
fn without_the_second_look_it_fails() {
    fails_without(Protection::Recheck, world, "I1");
}

#[test]
fn without_the_mailbox_first_it_fails() {
    fails_without(Protection::MailboxFirst, world, "A");
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_OFF, CPU_SUSPEND, ACK and calls against BEGIN: the core counts once it is in the pen, and can be started again.

use quell_abi::Kind;
use quell_power::Protection;

use super::{
    explore::{fails_without, holds, holds_without},
    script::{Act, Begin},
    world::World,
};

const OWNER: Begin =
    Begin::Inside(&[Act::Begin(Kind::Crash, [0, 1, 0]), Act::PollToEnd, Act::Start(1), Act::Call]);

fn off() -> World {
    World::new(vec![OWNER, Begin::Inside(&[Act::Off])], 0)
}

#[test]
fn off_means_in_the_pen_and_startable() {
    holds("CPU_OFF and BEGIN", &off()).expect(&[
        "I1",
        "I5",
        "I8",
        "DONE",
        "CPU_ON accepted",
        "CPU_OFF in a session",
    ]);
}

/// A start may come right after the core says that it is OFF. If it cleared its interrupts only then, it would lose the
/// doorbell, but not the start: it looks for one before it sleeps.
#[test]
fn without_clearing_first_no_start_is_lost() {
    holds_without(Protection::ClearFirst, "CPU_OFF and BEGIN", off);
}

fn interrupted() -> World {
    World::new(vec![OWNER, Begin::Inside(&[Act::Call])], 0)
}

#[test]
fn a_core_in_a_call_stops_and_starts_again() {
    holds("a call and BEGIN", &interrupted()).expect(&["I1", "I5", "I8", "DONE", "CPU_ON accepted"]);
}

#[test]
fn without_publishing_last_it_fails() {
    fails_without(Protection::PublishLast, interrupted, "I5");
}

fn asleep() -> World {
    World::new(vec![OWNER, Begin::Inside(&[Act::Suspend])], 0).with_strays(&[(1, super::machine::NORMAL)])
}

#[test]
fn a_core_that_sleeps_is_contained() {
    holds("CPU_SUSPEND and BEGIN", &asleep()).expect(&[
        "I1",
        "I5",
        "I8",
        "DONE",
        "CPU_ON accepted",
        "normal interrupt",
    ]);
}

/// The time of grace does not end: only the gate of those that wake up holds them.
fn asleep_in_grace() -> World {
    let owner = Begin::Inside(&[Act::Begin(Kind::Crash, [1, 1, 0])]);
    World::new(vec![owner, Begin::Inside(&[Act::Suspend])], 0).with_strays(&[(1, super::machine::NORMAL)])
}

#[test]
fn a_core_that_wakes_up_in_grace_is_held() {
    holds("CPU_SUSPEND and grace", &asleep_in_grace()).expect(&["R2", "I5"]);
}

#[test]
fn without_the_entry_gate_a_sleeper_runs() {
    fails_without(Protection::EntryGate, asleep_in_grace, "R2");
}

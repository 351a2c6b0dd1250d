// SPDX-License-Identifier: MIT OR Apache-2.0

//! The last session: a core ends the machine, or the lease of a session runs out that resets it (ORPHAN_RESET). Every other core
//! comes to rest first, and what dumps is not killed.

use quell_abi::{Kind, Release};
use quell_power::Protection;

use super::{
    explore::{fails_without, holds, holds_within},
    machine::NORMAL,
    script::{Act, Begin},
    world::World,
};

const END: Begin = Begin::Inside(&[Act::End]);

#[test]
fn of_two_ends_one_wins() {
    let world = World::new(vec![END, END, Begin::Inside(&[Act::Call])], 0);
    holds_within(2, "two ends of the machine", &world).expect(&["REST", "I1", "L2", "end of the machine"]);
}

#[test]
fn nobody_runs_when_the_machine_ends() {
    let world = World::new(vec![END, Begin::Pen, Begin::Inside(&[Act::Start(1)])], 0);
    holds_within(2, "the end of the machine and CPU_ON", &world).expect(&[
        "REST",
        "I1",
        "end of the machine",
        "CPU_ON accepted",
        "CPU_ON denied",
    ]);
    let world =
        World::new(vec![END, Begin::Inside(&[Act::Suspend, Act::Off])], 0).with_strays(&[(1, NORMAL)]);
    holds("the end of the machine, CPU_SUSPEND and CPU_OFF", &world).expect(&[
        "REST",
        "I1",
        "end of the machine",
    ]);
}

#[test]
fn a_dump_is_not_killed() {
    let crash = Begin::Inside(&[Act::Begin(Kind::Crash, [0, 1, 0]), Act::PollToEnd]);
    holds("the end of the machine and a CRASH", &World::new(vec![END, crash], 0)).expect(&[
        "REST",
        "I1",
        "DONE",
        "end of the machine",
    ]);
    let pause =
        Begin::Inside(&[Act::Begin(Kind::Pause, [0, 1, 5]), Act::PollToEnd, Act::Release(Release::Resume)]);
    holds("the end of the machine and a PAUSE", &World::new(vec![END, pause], 0)).expect(&[
        "REST",
        "RESUME",
        "end of the machine",
    ]);
}

/// The owner serves its interrupts, and so does another core; the third is in the pen, and deputy.
fn orphan() -> World {
    let owner = Begin::Inside(&[Act::BeginOrphan([0, 0, 2])]);
    World::new(vec![owner, Begin::Inside(&[Act::Call]), Begin::Pen], 3)
}

#[test]
fn who_is_left_resets_the_machine_once() {
    holds_within(1, "ORPHAN_RESET", &orphan()).expect(&["REST", "I1", "L5", "reset"]);
}

/// The owner and another core hang: the deputy in the pen waits for them, and resets the machine nevertheless.
fn wedged() -> World {
    let owner = Begin::Inside(&[Act::BeginOrphan([0, 0, 2]), Act::Wedge]);
    World::new(vec![owner, Begin::Inside(&[Act::Wedge]), Begin::Pen], 4).with_long_ticks(2_500)
}

#[test]
fn the_deputy_resets_the_machine() {
    holds_within(1, "ORPHAN_RESET and a wedged owner", &wedged()).expect(&["REST", "L5", "reset"]);
}

#[test]
fn without_timers_nobody_resets_it() {
    fails_without(Protection::Alarm, wedged, "L5");
}

/// A session that is over in time resets nothing.
#[test]
fn who_is_in_time_is_not_reset() {
    let owner = Begin::Inside(&[Act::BeginOrphan([0, 1, 0xffff]), Act::PollToEnd]);
    let report = holds("ORPHAN_RESET in time", &World::new(vec![owner, Begin::Inside(&[Act::Off])], 0));
    report.expect(&["I1", "DONE"]);
    assert!(!report.seen.contains("reset"));
}

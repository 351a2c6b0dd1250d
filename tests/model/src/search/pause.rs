// SPDX-License-Identifier: MIT OR Apache-2.0

//! PAUSE: cores are held, and go on when it is released or its lease is over.

use quell_abi::{Kind, Release};
use quell_power::Protection;

use super::{
    explore::{fails_without, holds},
    script::{Act, Begin},
    world::World,
};

fn released() -> World {
    let owner = Begin::Inside(&[
        Act::Begin(Kind::Pause, [0, 1, 5]),
        Act::PollToEnd,
        Act::Release(Release::Resume),
        Act::Call,
    ]);
    World::new(vec![owner, Begin::Inside(&[Act::Call])], 0)
}

#[test]
fn who_is_held_goes_on() {
    holds("PAUSE and RESUME", &released()).expect(&["I1", "I3", "L3", "L6", "DONE", "RESUME"]);
}

#[test]
fn who_acknowledges_or_begins_goes_on() {
    let owner = || {
        Begin::Inside(&[Act::Begin(Kind::Pause, [0, 1, 5]), Act::PollToEnd, Act::Release(Release::Resume)])
    };
    let world = World::new(vec![owner(), Begin::Inside(&[Act::Acknowledge])], 0);
    holds("PAUSE and ACK", &world).expect(&["I1", "L3", "DONE", "RESUME"]);
    holds("two PAUSEs", &World::new(vec![owner(), owner()], 0)).expect(&["I1", "I2", "L3", "DONE", "RESUME"]);
}

#[test]
fn who_sleeps_or_boots_or_leaves_is_held() {
    let owner = || {
        Begin::Inside(&[Act::Begin(Kind::Pause, [0, 1, 5]), Act::PollToEnd, Act::Release(Release::Resume)])
    };
    let world = World::new(vec![owner(), Begin::Inside(&[Act::Suspend])], 0);
    let world = world.with_strays(&[(1, super::machine::NORMAL)]);
    holds("PAUSE and CPU_SUSPEND", &world).expect(&["I1", "L3", "DONE", "RESUME", "normal interrupt"]);
    let world = World::new(vec![owner(), Begin::Inside(&[Act::Off])], 0);
    holds("PAUSE and CPU_OFF", &world).expect(&["I1", "L3", "DONE", "RESUME"]);
}

fn expires() -> World {
    let owner = Begin::Inside(&[Act::Begin(Kind::Pause, [0, 1, 2])]);
    World::new(vec![owner, Begin::Inside(&[Act::Call])], 3)
}

#[test]
fn a_lease_that_is_over_lets_all_go_on() {
    holds("PAUSE and the end of its lease", &expires()).expect(&["I1", "L3", "L5"]);
}

#[test]
fn without_timers_nobody_ends_it() {
    fails_without(Protection::Alarm, expires, "L1");
}

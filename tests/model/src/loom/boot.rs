// SPDX-License-Identifier: MIT OR Apache-2.0

//! A core on its way out of the pen against BEGIN: it is told to stop, or it does not enter.

use loom::thread;
use quell_abi::Kind;
use quell_power::Protection;

use super::{
    explore::{check, fails_without},
    world::{NEVER, OWNER, World},
};

const BOOTING: usize = 1;

/// The session stays in its grace time: the core that enters is not stopped, so it has to be told.
fn model() {
    let world = World::new(&[OWNER]);
    world.start(OWNER, BOOTING).unwrap();
    let booting = thread::spawn({
        let world = world.clone();
        move || world.boot(BOOTING)
    });
    let handle = world.begin(OWNER, Kind::Crash, NEVER).unwrap();
    let done = world.poll(OWNER, handle);
    booting.join().unwrap();
    if let Some(done) = done {
        world.check(&done);
    }
    assert!(
        !world.is_inside(BOOTING) || world.was_told(BOOTING),
        "R1: a core entered the operating system and was not told to stop"
    );
}

#[test]
fn a_core_that_enters_is_told_to_stop() {
    check(model);
}

#[test]
fn without_the_gate_of_those_that_enter_it_fails() {
    fails_without(Protection::EntryGate, model, "R1");
}

#[test]
fn without_the_fence_of_those_that_enter_it_fails() {
    fails_without(Protection::EntryFence, model, "R1");
}

#[test]
fn without_the_fence_of_the_session_it_fails() {
    fails_without(Protection::SessionFence, model, "R1");
}

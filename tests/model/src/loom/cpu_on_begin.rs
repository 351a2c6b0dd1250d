// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_ON against BEGIN: core 2 starts core 1, which boots, while core 0 opens a session.

use loom::thread;
use quell_abi::{Kind, State};
use quell_power::{Protection, StartError};

use super::{
    explore::{MOST_PREEMPTIONS, check_within, fails_without},
    world::{OWNER, World, entry_of},
};

const STARTER: usize = 2;
const TARGET: usize = 1;

/// All of it: the start, the boot, the secure interrupt, and the session to its end.
fn model() {
    let world = World::new(&[OWNER, STARTER]);
    let starter = thread::spawn({
        let world = world.clone();
        move || {
            let is_late = world.is_fence_up();
            let result = world.start(STARTER, TARGET);
            assert!(!is_late || result == Err(StartError::Denied), "I7: a CPU_ON succeeded in a session");
            world.interrupt_unrecorded(STARTER);
            result
        }
    });
    let target = thread::spawn({
        let world = world.clone();
        move || world.boot(TARGET)
    });
    let handle = world.begin(OWNER, Kind::Crash, 0).unwrap();
    let done = world.poll(OWNER, handle);
    let started = starter.join().unwrap();
    let booted = target.join().unwrap();

    if let Some(done) = done {
        world.check(&done);
    }
    if let Some(entry) = booted {
        assert_eq!(entry, entry_of(STARTER), "A: core 1 booted from a mailbox that nobody wrote");
        assert_eq!(started, Ok(()), "I7: a start that was refused has run");
    }
    match started {
        Ok(()) => assert!(
            !matches!(world.state(TARGET), State::Claimed | State::Cancelled),
            "I8: an accepted start is {:?}",
            world.state(TARGET)
        ),
        Err(_) => assert_eq!(world.state(TARGET), State::Off, "I7: a start that was refused left its target"),
    }
    assert!(
        !world.is_inside(TARGET) || world.was_told(TARGET),
        "R1: core 1 entered the operating system and was not told to stop"
    );
}

#[test]
fn done_means_that_nobody_runs() {
    check_within(MOST_PREEMPTIONS, model);
}

#[test]
fn without_the_second_look_it_fails() {
    fails_without(Protection::Recheck, model, "I1");
}

#[test]
fn without_the_fence_of_the_starter_it_fails() {
    fails_without(Protection::StartFence, model, "I1");
}

#[test]
fn without_the_mailbox_first_it_fails() {
    fails_without(Protection::MailboxFirst, model, "A");
}

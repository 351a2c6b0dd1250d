// SPDX-License-Identifier: MIT OR Apache-2.0

//! PAUSE: every other core is held, nobody runs while it is DONE, and all go on when it is over.
//!
//! A core that is held publishes PARKED, **fence**, looks at the control word, and sleeps if the PAUSE is open. Who ends the
//! PAUSE swaps the control word, **fence**, and wakes those that are PARKED. If neither saw the other, the core would sleep for
//! ever: nobody sends a second interrupt. So these models hear interrupts, and a sleep that never ends is a violation.
//!
//! While the PAUSE is DONE its owner has the machine to itself: it writes a word that says so before RELEASE, and takes it
//! back. A core that runs and sees it runs in the PAUSE.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use quell_abi::{Kind, Release, State, Why};
use quell_power::{Depth, Protection, StartError};

use super::{
    explore::{FEW_PREEMPTIONS, MOST_PREEMPTIONS, ONE_PREEMPTION, check_within, fails_without},
    world::{NEVER, OWNER, World, entry_of},
};

const HELD: usize = 1;
const THIRD: usize = 2;

/// Opens a PAUSE; returns its handle.
fn pause(world: &World) -> u64 {
    world.begin_with_lease(OWNER, Kind::Pause, [0, NEVER], 1).expect("I3: it is the only one")
}

/// Ends the PAUSE; if it was DONE, nobody has run for a moment before.
fn resume(world: &World, handle: u64) {
    if world.poll(OWNER, handle).is_some() {
        world.alone_for_a_moment();
    }
    assert!(world.release(OWNER, handle, Release::Resume), "L3: the owner can not end its PAUSE");
}

/// Checks that a core that was in the operating system goes on there.
fn goes_on(world: &World, core: usize) {
    assert!(world.is_inside(core), "I15: core {core} was held and does not go on");
    assert_eq!(world.state(core), State::On, "I15: core {core} goes on and is not ON");
}

fn paused(on: &[usize]) -> Arc<World> {
    let world = World::new(on);
    world.bus.hear();
    world
}

/// A core comes to the gate while the PAUSE opens and ends.
fn hold_and_resume() {
    let world = paused(&[OWNER, HELD]);
    let held = world.spawn(|world| world.interrupt(HELD));
    let handle = pause(&world);
    assert!(world.release(OWNER, handle, Release::Resume), "L3: the owner can not end its PAUSE");
    world.bus.rest();
    assert!(held.join().unwrap().is_some(), "L3: a core that is held sleeps for ever");
    goes_on(&world, HELD);
}

#[test]
fn a_core_that_is_held_goes_on() {
    check_within(MOST_PREEMPTIONS, hold_and_resume);
}

#[test]
fn without_the_fence_of_the_core_that_parks_it_sleeps_for_ever() {
    fails_without(Protection::ParkFence, hold_and_resume, "L3");
}

#[test]
fn without_the_fence_of_who_ends_the_pause_it_sleeps_for_ever() {
    fails_without(Protection::ResumeFence, hold_and_resume, "L3");
}

/// A core whose start was accepted comes while the PAUSE opens and ends.
fn boot() {
    let world = paused(&[OWNER]);
    world.start(OWNER, HELD).unwrap();
    let booting = world.spawn(|world| world.boot(HELD));
    let handle = pause(&world);
    resume(&world, handle);
    world.bus.rest();
    let booted = booting.join().unwrap().expect("L3: a core that was about to begin sleeps for ever");
    assert_eq!(booted, Some(entry_of(OWNER)), "I8: a PAUSE has taken an accepted start back");
    goes_on(&world, HELD);
}

#[test]
fn a_core_that_begins_is_held() {
    check_within(MOST_PREEMPTIONS, boot);
}

#[test]
fn without_the_gate_of_those_that_enter_it_begins_in_the_pause() {
    fails_without(Protection::EntryGate, boot, "I1");
}

#[test]
fn without_the_fence_of_those_that_enter_it_begins_in_the_pause() {
    fails_without(Protection::EntryFence, boot, "I1");
}

#[test]
fn without_the_fence_of_the_session_it_begins_in_the_pause() {
    fails_without(Protection::SessionFence, boot, "I1");
}

/// A core starts another one while the PAUSE opens and ends.
fn start() {
    let world = paused(&[OWNER, THIRD]);
    let starter = world.spawn(|world| {
        let is_late = world.is_fence_up();
        (is_late, world.start(THIRD, HELD))
    });
    let handle = pause(&world);
    let is_over = world.poll(OWNER, handle);
    assert!(is_over.is_none(), "I1: core 2 runs, and the PAUSE is DONE");
    world.bus.rest();
    let (is_late, result) = starter.join().unwrap().expect("it does not sleep");
    assert!(!is_late || result == Err(StartError::Denied), "I7: a CPU_ON succeeded in a session");
    match result {
        Ok(()) => assert_eq!(world.state(HELD), State::Pending, "I8: an accepted start is not there"),
        Err(_) => assert_eq!(world.state(HELD), State::Off, "I7: a start that was refused left its target"),
    }
    assert!(world.release(OWNER, handle, Release::Resume));
    let booted = world.boot(HELD).is_some();
    assert_eq!(booted, result.is_ok(), "I8: a start was accepted, or not, and its core did otherwise");
}

#[test]
fn a_start_is_accepted_and_held_or_was_never_there() {
    check_within(MOST_PREEMPTIONS, start);
}

/// A core sleeps and wakes up while the PAUSE opens and ends.
fn wake_up() {
    let world = paused(&[OWNER, HELD]);
    let held = world.spawn(|world| {
        let local = world.table().local(HELD);
        assert!(local.suspend(Depth::Standby), "I8: somebody else has changed the word of a core that is ON");
        assert!(local.wake(), "I15: a PAUSE has stopped a core for good");
        let way = world.stop(HELD).enter(&local, Why::Suspended);
        world.follow(HELD, way);
    });
    let handle = pause(&world);
    resume(&world, handle);
    world.bus.rest();
    assert!(held.join().unwrap().is_some(), "L3: a core that woke up sleeps for ever");
    goes_on(&world, HELD);
}

#[test]
fn a_core_that_wakes_up_is_held() {
    check_within(FEW_PREEMPTIONS, wake_up);
}

#[test]
fn without_the_fence_of_those_that_enter_a_sleeper_runs_in_the_pause() {
    fails_without(Protection::EntryFence, wake_up, "I1");
}

/// The lease is over, and a core in the pen ends the PAUSE, while the owner does.
fn lease() {
    let world = paused(&[OWNER, HELD]);
    let held = world.spawn(|world| world.interrupt(HELD));
    let driver = world.spawn(|world| _ = world.poll(THIRD, 1));
    let handle = pause(&world);
    assert_eq!(handle, 1);
    world.bus.tick.store(2, Relaxed);
    let is_released = world.release(OWNER, handle, Release::Resume);
    world.bus.rest();
    assert!(driver.join().unwrap().is_some());
    let session = world.table().control().load();
    assert!(!session.is_open(), "L5: neither of two has ended the PAUSE ({is_released}, {session:?})");
    assert!(held.join().unwrap().is_some(), "L3: a core that is held sleeps for ever");
    goes_on(&world, HELD);
}

#[test]
fn the_end_of_the_lease_and_release_are_one() {
    check_within(ONE_PREEMPTION, lease);
}

#[test]
fn without_the_fence_of_who_ends_the_pause_the_end_of_a_lease_is_missed() {
    fails_without(Protection::ResumeFence, lease, "L3");
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! RELEASE(OFF): what a session could not stop is given up, and may be started anew before it has noticed.
//!
//! The owner takes the core's word from ON or STOPPING to OFF, quarantined, and sends the secure interrupt once more. The core
//! runs no further than to this interrupt: its gate looks at its own word last. What it does in EL3 until then has no effect,
//! for every step of its own word fails, and it may neither start a core nor open a session. A start of it is accepted, and
//! waits until it has arrived in the pen. A later session does not count it as stopped before that.
//!
//! The straggler of these models is a core that comes to its gate, or takes its interrupt, at any time, or late.

use std::sync::Arc;

use quell_abi::{Call, Flags, Kind, Release, State};
use quell_power::{Entry, Protection, StartError, full_fence};
use quell_stop::Outcome;

use super::{
    explore::{FEW_PREEMPTIONS, MOST_PREEMPTIONS, check, check_within, fails_without},
    psci::{SUCCESS, entry_by_call},
    world::{OWNER, World},
};

const STRAGGLER: usize = 1;
const THIRD: usize = 2;

fn world() -> Arc<World> {
    let world = World::new(&[OWNER, STRAGGLER]);
    world.bus.hear();
    world
}

/// Opens a session whose time is over at once.
fn begin(world: &World) -> u64 {
    world.begin(OWNER, Kind::Crash, 0).expect("I3: it is the only one")
}

/// If the straggler has not noticed by itself that it was given up, its interrupt is pending, and that ends it.
fn bring_in(world: &World) {
    let is_inside = world.is_inside(STRAGGLER);
    let was_pending = world.take_interrupt(STRAGGLER);
    assert_eq!(is_inside, was_pending, "I14: a core runs on, and no interrupt is pending that stops it");
    assert!(!world.is_inside(STRAGGLER), "I14: a core that was given up goes on where it was");
}

/// Checks that the straggler begins once where its new operating system wants it, if it did not during the model.
fn begins_anew(world: &World, booted: Option<Entry>) {
    let booted: Vec<_> = booted.into_iter().chain(world.boot(STRAGGLER)).collect();
    assert_eq!(booted, [entry_by_call(OWNER)], "I14: the core was started once");
    assert!(world.is_inside(STRAGGLER), "L4: a start was accepted and its core did not come");
}

/// The straggler returns from a call while it is given up and started.
fn return_from_call() {
    let world = world();
    let straggler = world.spawn(|world| {
        world.interrupt(STRAGGLER);
        if world.is_inside(STRAGGLER) { None } else { world.boot(STRAGGLER) }
    });
    let handle = begin(&world);
    let is_released = world.release(OWNER, handle, Release::Off);
    assert_eq!(world.cpu_on(OWNER, STRAGGLER), SUCCESS, "L4: CPU_ON after RELEASE, or DONE ({is_released})");
    world.bus.rest();
    let booted = straggler.join().unwrap().expect("it does not sleep");
    if booted.is_none() {
        bring_in(&world);
    }
    begins_anew(&world, booted);
}

#[test]
fn a_core_that_was_given_up_does_not_return_from_its_call() {
    check_within(MOST_PREEMPTIONS, return_from_call);
}

#[test]
fn without_the_look_at_the_own_word_it_goes_on() {
    fails_without(Protection::OwnWord, return_from_call, "I14");
}

/// The straggler calls CPU_OFF meanwhile.
fn off() {
    let world = world();
    let straggler = world.spawn(|world| {
        world.off(STRAGGLER);
        world.boot(STRAGGLER)
    });
    let handle = begin(&world);
    let is_released = world.release(OWNER, handle, Release::Off);
    assert_eq!(world.cpu_on(OWNER, STRAGGLER), SUCCESS, "L4: CPU_ON after RELEASE, or DONE ({is_released})");
    world.bus.rest();
    let booted = straggler.join().unwrap().expect("it does not sleep");
    begins_anew(&world, booted);
}

#[test]
fn a_core_that_was_given_up_goes_off_and_begins_anew() {
    check_within(MOST_PREEMPTIONS, off);
}

/// Another session opens before the straggler has arrived.
fn next_session() {
    let world = world();
    let straggler = world.spawn(|world| {
        world.run(STRAGGLER);
        world.take_interrupt(STRAGGLER);
    });
    let handle = begin(&world);
    world.release(OWNER, handle, Release::Off);
    let next = begin(&world);
    let done = world.poll(OWNER, next);
    world.bus.rest();
    straggler.join().unwrap().expect("it does not sleep");
    match done {
        Some(done) => world.check_nobody_runs(&done),
        None => bring_in(&world),
    }
}

#[test]
fn a_later_session_waits_until_the_core_has_arrived() {
    check_within(FEW_PREEMPTIONS, next_session);
}

#[test]
fn without_the_quarantine_a_later_session_is_done_too_soon() {
    fails_without(Protection::Quarantine, next_session, "I5");
}

/// The straggler arrives while the owner starts it and a session opens: three change one word.
fn start_against_session() {
    let world = world();
    let handle = begin(&world);
    assert!(world.release(OWNER, handle, Release::Off), "the straggler is left");
    let straggler = world.spawn(|world| world.table().local(STRAGGLER).arrive(|_| {}));
    let starter = world.spawn(|world| world.start(OWNER, STRAGGLER));
    // Another core's session, as far as it looks at the straggler.
    let idle = world.table().control().load();
    let session = idle.opened(Kind::Crash, Flags::default(), THIRD);
    world.table().control().replace(idle, session).unwrap();
    full_fence(Protection::SessionFence);
    world.table().remote(STRAGGLER).unwrap().contain(session);
    world.bus.rest();
    straggler.join().unwrap().expect("it does not sleep");
    let result = starter.join().unwrap().expect("it does not sleep");
    assert!(matches!(result, Ok(()) | Err(StartError::Denied)), "L4: a start of it ends as {result:?}");
    let word = world.table().local(STRAGGLER).word();
    assert!(
        word.state() == State::Off && !word.is_quarantined(),
        "I7: a start that was refused, or withdrawn, left its target {word:?}"
    );
}

#[test]
fn a_core_that_arrives_in_the_middle_of_its_start_is_off_or_started() {
    check_within(MOST_PREEMPTIONS, start_against_session);
}

/// The operating system that was replaced opens a session.
fn begin_of_the_old() {
    let world = world();
    let handle = begin(&world);
    let straggler = world.spawn(|world| {
        let outcome = world.call(STRAGGLER, Call::Begin, [Kind::Crash as u64, 0, 0, 0, u64::MAX, 0]);
        matches!(outcome, Outcome::Return(answer) if answer.as_slice()[0] == 0)
    });
    assert!(world.release(OWNER, handle, Release::Off), "the straggler is left");
    world.bus.rest();
    let has_won = straggler.join().unwrap().expect("it does not sleep");
    let session = world.table().control().load();
    assert!(!has_won && !session.is_open(), "I14: a core that was given up opened a session: {session:?}");
}

#[test]
fn a_core_that_was_given_up_opens_no_session() {
    check(begin_of_the_old);
}

#[test]
fn without_the_look_at_the_openers_word_it_does() {
    fails_without(Protection::OpenerOn, begin_of_the_old, "I14");
}

/// A driver that is slow: when it comes to the straggler, the session is closed and the straggler started.
fn slow_driver() {
    let world = world();
    let driver = world.spawn(|world| _ = world.poll(THIRD, 1));
    let handle = begin(&world);
    assert_eq!(handle, 1);
    assert!(world.release(OWNER, handle, Release::Off), "the straggler is left");
    assert_eq!(world.cpu_on(OWNER, STRAGGLER), SUCCESS, "L4: CPU_ON after RELEASE");
    world.bus.rest();
    driver.join().unwrap().expect("it does not sleep");
    assert_eq!(world.state(STRAGGLER), State::Pending, "I8: a session that is over has taken a start back");
    bring_in(&world);
    begins_anew(&world, None);
}

#[test]
fn a_slow_driver_does_not_give_up_what_came_after_its_session() {
    check_within(FEW_PREEMPTIONS, slow_driver);
}

#[test]
fn without_the_age_of_the_generation_it_does() {
    fails_without(Protection::GenerationAge, slow_driver, "I8");
}

/// A PAUSE is turned into a stop while a core parks, or sleeps in it.
fn pause() {
    let world = world();
    let held = world.spawn(|world| {
        world.interrupt(STRAGGLER);
        if world.is_inside(STRAGGLER) { None } else { Some(world.stay(STRAGGLER)) }
    });
    let handle = world.begin_with_lease(OWNER, Kind::Pause, [0, 0], 1).expect("I3: it is the only one");
    assert!(world.release(OWNER, handle, Release::Off), "it is DONE or PARTIAL");
    assert_eq!(world.cpu_on(OWNER, STRAGGLER), SUCCESS, "L4: CPU_ON after RELEASE");
    world.bus.rest();
    let booted = held.join().unwrap().expect("L4: a core was started and sleeps for ever");
    if booted.is_none() {
        bring_in(&world);
    }
    begins_anew(&world, booted);
}

#[test]
fn a_core_that_was_held_is_stopped_and_begins_anew() {
    check_within(FEW_PREEMPTIONS, pause);
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! A second driver: a core in the pen that drives the session of another.

use loom::thread;
use quell_abi::{Flags, Kind};
use quell_power::{Depth, Phase, Protection};

use super::{
    explore::{MOST_PREEMPTIONS, check, check_within, fails_without},
    world::{OWNER, World, entry_of},
};

/// A slow driver: when it looks at core 1, the session is closed and the owner may have started core 1 already.
fn slow_driver() {
    const STARTED: usize = 1;
    const DEPUTY: usize = 2;
    let world = World::new(&[OWNER]);
    let deputy = thread::spawn({
        let world = world.clone();
        // What it is told does not matter here.
        move || _ = world.poll(DEPUTY, 1)
    });
    let handle = world.begin(OWNER, Kind::Crash, 0).unwrap();
    assert_eq!(handle, 1);
    let done = world.poll(OWNER, handle);
    assert!(done.is_some(), "L1: nobody is left, and the session is not done");
    assert_eq!(world.start(OWNER, STARTED), Ok(()), "L4: CPU_ON after DONE");
    deputy.join().unwrap();
    assert_eq!(
        world.boot(STARTED),
        Some(entry_of(OWNER)),
        "I8: an older session cancelled a start, core 1 is {:?}",
        world.state(STARTED)
    );
}

#[test]
fn a_slow_driver_does_not_cancel_what_came_after_its_session() {
    check(slow_driver);
}

#[test]
fn without_the_age_of_the_generation_it_fails() {
    fails_without(Protection::GenerationAge, slow_driver, "I8");
}

/// An owner that has wedged since it opened its session, and a deputy that ends it: one that is being started.
fn wedged_owner() {
    const DEPUTY: usize = 1;
    const STARTER: usize = 2;
    let world = World::new(&[OWNER, STARTER]);
    let starter = thread::spawn({
        let world = world.clone();
        move || {
            // Accepted, refused or withdrawn: what counts is where it leaves the deputy.
            let _ = world.start(STARTER, DEPUTY);
            world.interrupt(STARTER);
        }
    });
    let deputy = thread::spawn({
        let world = world.clone();
        move || world.poll(DEPUTY, 1)
    });
    let idle = world.table().control().load();
    let session = idle.opened(Kind::Crash, Flags::default(), OWNER).at(Phase::Nmi);
    world.table().control().replace(idle, session).unwrap();

    starter.join().unwrap();
    if let Some(mut done) = deputy.join().unwrap() {
        done.owner = OWNER;
        world.check(&done);
    }
}

#[test]
fn done_holds_whoever_says_it() {
    check_within(MOST_PREEMPTIONS, wedged_owner);
}

#[test]
fn without_the_fence_of_the_driver_it_fails() {
    fails_without(Protection::SessionFence, wedged_owner, "I1");
}

/// A slow driver: when it looks at core 1, that has taken the session over, and sleeps as an owner may.
fn slow_driver_of_before() {
    const LATER: usize = 1;
    const DEPUTY: usize = 2;
    let world = World::new(&[OWNER, LATER]);
    let driver = thread::spawn({
        let world = world.clone();
        move || _ = world.poll(DEPUTY, 1)
    });
    let idle = world.table().control().load();
    let session = idle.opened(Kind::Halt, Flags::default(), OWNER).at(Phase::Nmi);
    world.table().control().replace(idle, session).unwrap();
    // What the BEGIN of a CRASH does to the control word.
    let later = session.opened(Kind::Crash, Flags::default(), LATER);
    if world.table().control().replace(session, later).is_err() {
        // The driver was faster: the HALT is PARTIAL.
        return driver.join().unwrap();
    }
    let local = world.table().local(LATER);
    assert!(local.suspend(Depth::Standby));
    driver.join().unwrap();
    assert!(local.wake(), "I3: the owner of a session was stopped by the one before: {:?}", local.word());
}

#[test]
fn a_slow_driver_does_not_stop_the_owner_of_a_later_session() {
    check_within(MOST_PREEMPTIONS, slow_driver_of_before);
}

#[test]
fn without_the_look_whether_the_session_is_open_it_does() {
    fails_without(Protection::StillOpen, slow_driver_of_before, "I3");
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! EVICT: DONE means that the core is OFF, PARTIAL that it was not stopped by the request and will not be.
//!
//! The request is one word: the core swaps it to *accepted*, who asks swaps it out when the time is over, and one of the two
//! succeeds. A core that goes OFF by itself clears the word, and again before it begins, so that no request outlives the
//! core's life. A session that opens at the same moment counts the core that leaves: it has said STOPPING, **fence**, and
//! looks at the control word.

use std::sync::atomic::Ordering::Relaxed;

use quell_abi::{Call, Kind, State, Status, Why};
use quell_power::Protection;
use quell_stop::Outcome;

use super::{
    explore::{MOST_PREEMPTIONS, check_within, fails_without},
    psci::{SUCCESS, entry_by_call},
    world::{OWNER, World},
};

const TARGET: usize = 1;

/// EVICT, with a time that is over after two looks.
fn evict(world: &World) -> Status {
    world.bus.tick.store(1, Relaxed);
    let Outcome::Return(answer) = world.call(OWNER, Call::Evict, [TARGET as u64, 2, 0, 0, 0, 0]) else {
        panic!("EVICT returns")
    };
    Status::from_register(answer.as_slice()[0]).expect("x0 is a status")
}

/// Checks that no request is left that stops the core when it next takes an interrupt.
fn is_left_alone(world: &World) {
    assert!(world.is_inside(TARGET), "I17: the core was stopped");
    world.secure_interrupt(TARGET);
    assert!(world.is_inside(TARGET), "I17: a request that was taken back, or is done, stops the core");
}

/// The core takes the interrupt, or another one, while the time of the request runs out.
fn accept_or_take_back() {
    let world = World::new(&[OWNER, TARGET]);
    let target = world.spawn(|world| world.secure_interrupt(TARGET));
    let status = evict(&world);
    world.bus.rest();
    target.join().unwrap().expect("it does not sleep");
    let word = world.table().local(TARGET).word();
    match status {
        Status::Success | Status::Pending => {
            assert_eq!((word.state(), word.why()), (State::Off, Why::Nmi), "I17: it has accepted");
            assert!(!world.is_inside(TARGET), "I17: it has accepted and goes on");
        }
        Status::Partial => is_left_alone(&world),
        other => panic!("I17: EVICT ends as {other:?}"),
    }
}

#[test]
fn a_request_is_accepted_or_taken_back() {
    check_within(MOST_PREEMPTIONS, accept_or_take_back);
}

#[test]
fn without_the_swap_both_happens() {
    fails_without(Protection::RequestSwap, accept_or_take_back, "I17");
}

/// The core calls CPU_OFF meanwhile, and is started again.
fn off() {
    let world = World::new(&[OWNER, TARGET]);
    world.bus.hear();
    let target = world.spawn(|world| {
        world.off(TARGET);
        world.stay(TARGET)
    });
    let status = evict(&world);
    assert!(matches!(status, Status::Success | Status::Partial), "I17: EVICT ends as {status:?}");
    let is_off = world.cpu_on(OWNER, TARGET) == SUCCESS;
    assert!(is_off || status == Status::Partial, "I17: EVICT is DONE, and the core is not OFF");
    world.bus.rest();
    let booted = target.join().unwrap();
    assert_eq!(booted, is_off.then_some(entry_by_call(OWNER)), "L4: a core that was started sleeps for ever");
    if is_off {
        is_left_alone(&world);
    }
}

#[test]
fn a_core_that_goes_off_takes_no_request_into_its_next_life() {
    check_within(MOST_PREEMPTIONS, off);
}

/// A session opens while a core that has accepted leaves.
fn begin() {
    let world = World::new(&[OWNER, TARGET]);
    let target = world.spawn(|world| {
        let way = world.stop(TARGET).leave_evicted(&world.table().local(TARGET));
        world.follow(TARGET, way);
    });
    let handle = world.begin(OWNER, Kind::Crash, 0).expect("I3: it is the only one");
    let done = world.poll(OWNER, handle);
    world.bus.rest();
    target.join().unwrap().expect("it does not sleep");
    world.check(&done.or_else(|| world.poll(OWNER, handle)).expect("L1: nobody is left"));
}

#[test]
fn a_session_counts_a_core_that_leaves_for_another_reason() {
    check_within(MOST_PREEMPTIONS, begin);
}

#[test]
fn without_the_fence_of_those_that_leave_it_does_not() {
    fails_without(Protection::LeaveFence, begin, "R3");
}

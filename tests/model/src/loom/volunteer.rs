// SPDX-License-Identifier: MIT OR Apache-2.0

//! The deputy: two cores that come to the pen name themselves, and a second session takes the first one over meanwhile.
//!
//! The owner of both has wedged: it has opened them and does nothing more. The name stands in one word with the generation,
//! and only a younger generation replaces it, so a core that is late for the first session does not take the place of the
//! second one's deputy. Who comes to the pen drives if it is the deputy, and sets its timer for the next deadline. So when
//! all sleep, the session is over, or a core in the pen has a timer set that will end it.

use std::sync::atomic::Ordering::Relaxed;

use quell_abi::Kind;
use quell_power::Protection;

use super::{
    explore::{ONE_PREEMPTION, check_within, fails_without},
    world::{CORES, NEVER, OWNER, World},
};

fn model() {
    let world = World::new(&[OWNER, 1, 2]);
    world.bus.hear();
    let times = [0, NEVER];
    world.begin_with_lease(OWNER, Kind::Halt, times, 0).expect("I3: it is the only one");
    let others = [1, 2].map(|core| world.spawn(move |world| world.wait_for_ever(core)));
    world.begin_with_lease(OWNER, Kind::Crash, times, 0).expect("I3: the owner takes its own session over");
    world.bus.rest();
    for other in others {
        assert!(other.join().unwrap().is_none());
    }
    let session = world.table().control().load();
    let has_timer = (0..CORES)
        .any(|core| core != OWNER && !world.is_inside(core) && world.machines[core].alarm.load(Relaxed) != 0);
    assert!(!session.is_open() || has_timer, "L1: all sleep, and nobody ends the session: {session:?}");
}

#[test]
fn somebody_in_the_pen_ends_the_session() {
    check_within(ONE_PREEMPTION, model);
}

#[test]
fn without_the_timer_nobody_does() {
    fails_without(Protection::Alarm, model, "L1");
}

#[test]
fn without_the_age_of_the_deputy_nobody_does() {
    fails_without(Protection::DeputyAge, model, "L1");
}

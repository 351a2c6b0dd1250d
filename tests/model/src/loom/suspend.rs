// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_SUSPEND against BEGIN: a core that sleeps is contained at once, and one that wakes up meanwhile does not pass.

use loom::thread;
use quell_abi::{Kind, State, Why};
use quell_power::Protection;

use super::{
    explore::{MOST_PREEMPTIONS, check_within, fails_without},
    world::{OWNER, World},
};

const SLEEPER: usize = 1;

fn model() {
    let world = World::new(&[OWNER, SLEEPER]);
    let sleeper = thread::spawn({
        let world = world.clone();
        move || {
            world.suspend(SLEEPER);
            world.interrupt(SLEEPER);
        }
    });
    let handle = world.begin(OWNER, Kind::Crash, 0).unwrap();
    let done = world.poll(OWNER, handle);
    sleeper.join().unwrap();
    if let Some(done) = done {
        world.check(&done);
    }
    let word = world.table().local(SLEEPER).word();
    if word.state() == State::Off {
        assert!(matches!(word.why(), Why::Suspended | Why::Nmi), "I4: it is OFF because of {:?}", word.why());
        assert_eq!(u64::from(word.generation()), handle, "I4: it is OFF by another session");
    }
}

#[test]
fn a_sleeper_is_contained_or_stops_at_the_gate() {
    check_within(MOST_PREEMPTIONS, model);
}

#[test]
fn without_the_gate_of_those_that_enter_it_fails() {
    fails_without(Protection::EntryGate, model, "R2");
}

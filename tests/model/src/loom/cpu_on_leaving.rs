// SPDX-License-Identifier: MIT OR Apache-2.0

//! Two cores start a third one while it goes OFF: it boots as often as it was told SUCCESS, from the winner's mailbox.

use loom::thread;
use quell_abi::State;
use quell_power::Protection;

use super::{
    explore::{MOST_PREEMPTIONS, check_within, fails_without},
    psci::{ALREADY_ON, SUCCESS, entry_by_call},
    world::{OWNER, World},
};

const OTHER: usize = 1;
const TARGET: usize = 2;

fn model() {
    let world = World::new(&[OWNER, OTHER, TARGET]);
    let starters = [OWNER, OTHER].map(|starter| {
        let world = world.clone();
        thread::spawn(move || world.cpu_on(starter, TARGET))
    });
    world.off(TARGET);
    // A thread of its own: it is to look last.
    let pen = thread::spawn({
        let world = world.clone();
        move || world.boot(TARGET)
    });
    let results = starters.map(|starter| starter.join().unwrap());
    let first = pen.join().unwrap();
    // The doorbell comes after the start: if the first look was too early, there is a second one.
    let booted: Vec<_> = [first, world.boot(TARGET)].into_iter().flatten().collect();

    let winner = match results.map(|result| result == SUCCESS) {
        [true, false] => OWNER,
        [false, true] => OTHER,
        [false, false] => {
            assert_eq!(results, [ALREADY_ON; 2], "ON: nobody started the core, and it was not on");
            assert!(booted.is_empty(), "ON: the core was not started and came: {booted:?}");
            assert_eq!(world.state(TARGET), State::Off, "ON: the core was not started and is not OFF");
            return;
        }
        [true, true] => panic!("ON: the core was started twice"),
    };
    assert_eq!(booted, [entry_by_call(winner)], "ON: one start was accepted, and the core booted otherwise");
    assert!(world.is_inside(TARGET), "L4: a start was accepted and its core did not come");
}

#[test]
fn a_core_that_leaves_boots_as_often_as_it_was_started() {
    check_within(MOST_PREEMPTIONS, model);
}

#[test]
fn without_the_mailbox_first_it_fails() {
    fails_without(Protection::MailboxFirst, model, "ON");
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Two cores start a third.

use loom::thread;
use quell_power::{Protection, StartError};

use super::{
    explore::{check, fails_without},
    world::{OWNER, World, entry_of},
};

const OTHER: usize = 1;
const TARGET: usize = 2;

fn model() {
    let world = World::new(&[OWNER, OTHER]);
    let other = thread::spawn({
        let world = world.clone();
        move || world.start(OTHER, TARGET)
    });
    let target = thread::spawn({
        let world = world.clone();
        move || world.boot(TARGET)
    });
    let results = [world.start(OWNER, TARGET), other.join().unwrap()];
    // The doorbell comes after the start: if the first look was too early, there is a second one.
    let booted = target.join().unwrap().or_else(|| world.boot(TARGET));

    let winner = match results {
        [Ok(()), Err(StartError::OnPending | StartError::AlreadyOn)] => OWNER,
        [Err(StartError::OnPending | StartError::AlreadyOn), Ok(())] => OTHER,
        _ => panic!("two starts of one core end as {results:?}"),
    };
    assert_eq!(booted, Some(entry_of(winner)), "A: core 2 booted from a mailbox that is not the winner's");
    assert!(world.is_inside(TARGET), "L4: a start was accepted and its core did not come");
}

#[test]
fn one_start_wins_and_its_mailbox_is_read() {
    check(model);
}

#[test]
fn without_the_mailbox_first_it_fails() {
    fails_without(Protection::MailboxFirst, model, "A");
}

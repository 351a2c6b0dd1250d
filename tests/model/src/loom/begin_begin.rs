// SPDX-License-Identifier: MIT OR Apache-2.0

//! Two BEGINs: one core owns the machine, and the other is stopped.

use loom::thread;
use quell_abi::{Kind, State, Why};

use super::{
    explore::{MOST_PREEMPTIONS, check_within},
    world::{OWNER, World},
};

const OTHER: usize = 1;

/// Both begin; returns the world and their handles when both calls have returned or stopped their callers.
fn both(kinds: [Kind; 2]) -> (std::sync::Arc<World>, [Option<u64>; 2]) {
    let world = World::new(&[OWNER, OTHER]);
    let other = thread::spawn({
        let world = world.clone();
        move || world.begin(OTHER, kinds[1], 0)
    });
    let handle = world.begin(OWNER, kinds[0], 0);
    let handles = [handle, other.join().unwrap()];
    (world, handles)
}

/// The winner is in the operating system, is told DONE at its next POLL, and everybody else is OFF.
fn check_winner(world: &World, winner: usize, handle: u64) {
    assert!(world.is_inside(winner), "I3: core {winner} owns the session and is stopped by it");
    let done = world.poll(winner, handle).expect("L1: nobody is left, and the session is not done");
    world.check(&done);
}

fn same_kind() {
    let (world, handles) = both([Kind::Crash; 2]);
    let (winner, handle) = match handles {
        [Some(handle), None] => (OWNER, handle),
        [None, Some(handle)] => (OTHER, handle),
        _ => panic!("I2: two BEGINs end as {handles:?}"),
    };
    let loser = world.table().local(OWNER + OTHER - winner).word();
    assert_eq!(
        (loser.state(), loser.why(), u64::from(loser.generation())),
        (State::Off, Why::Lost, handle),
        "R5: the loser is not stopped by the winner's session"
    );
    check_winner(&world, winner, handle);
}

#[test]
fn of_two_of_the_same_kind_one_wins_and_the_other_is_stopped() {
    check_within(MOST_PREEMPTIONS, same_kind);
}

fn higher_kind() {
    let (world, handles) = both([Kind::Halt, Kind::Crash]);
    let handle = handles[OTHER].expect("I3: the higher kind was stopped");
    assert_ne!(handles[OWNER], Some(handle), "I2: two owners have one generation");
    if let Some(first) = handles[OWNER] {
        assert!(first < handle, "I2: the generation did not grow");
        // The secure interrupt finds the owner of before, unless the gate of its BEGIN has.
        world.interrupt(OWNER);
    }
    assert!(!world.is_inside(OWNER), "I13: the owner of before is not stopped");
    check_winner(&world, OTHER, handle);
}

#[test]
fn the_higher_kind_owns_the_session_at_the_end() {
    check_within(MOST_PREEMPTIONS, higher_kind);
}

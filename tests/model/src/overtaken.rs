// SPDX-License-Identifier: MIT OR Apache-2.0

//! A session that opens and ends while a starter is between its two looks at the control word.
//!
//! It ends without the starter, which is left: RELEASE gives it up. The operating system that goes on is another one, and
//! nothing that the old one began may start a core of it.

use loom::thread;
use quell_abi::{Kind, State};
use quell_power::{Phase, Protection};

use crate::{
    explore::{check, fails_without},
    world::{OWNER, World},
};

const STRAGGLER: usize = 1;
const TARGET: usize = 2;

fn model() {
    let world = World::new(&[OWNER, STRAGGLER]);
    let straggler = thread::spawn({
        let world = world.clone();
        move || world.start(STRAGGLER, TARGET)
    });
    world.begin(OWNER, Kind::Crash, 0).unwrap();
    let partial = world.table().control().load();
    assert_eq!(partial.phase(), Phase::Partial, "the straggler is left");
    // What RELEASE(OFF) does to the control word.
    world.table().control().replace(partial, partial.at(Phase::Idle)).unwrap();
    let result = straggler.join().unwrap();

    let word = world.table().local(TARGET).word();
    // A start that has seen the session closed is one of the time after it.
    assert!(
        word.state() == State::Off || word.generation() == partial.generation(),
        "A: a start from before the session holds after it ({result:?}, {word:?})"
    );
}

#[test]
fn a_start_does_not_outlive_a_session() {
    check(model);
}

#[test]
fn without_the_second_look_it_fails() {
    fails_without(Protection::Recheck, model, "A");
}

#[test]
fn without_the_whole_word_it_fails() {
    fails_without(Protection::WholeWord, model, "A");
}

#[test]
fn without_the_fence_of_the_starter_it_fails() {
    fails_without(Protection::StartFence, model, "A");
}

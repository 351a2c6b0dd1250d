// SPDX-License-Identifier: MIT OR Apache-2.0

//! A session that opens and ends while a starter is between its two looks at the control word.
//!
//! It ends without the starter, which is left: RELEASE gives it up. The operating system that goes on is another one, and
//! nothing that the old one began may start a core of it.

use loom::thread;
use quell_abi::{Kind, Release, State};
use quell_power::Protection;

use super::{
    explore::{MOST_PREEMPTIONS, check_within, fails_without},
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
    let handle = world.begin(OWNER, Kind::Crash, 0).unwrap();
    assert!(world.release(OWNER, handle, Release::Off), "the straggler is left");
    let result = straggler.join().unwrap();

    let word = world.table().local(TARGET).word();
    assert_eq!(
        word.state(),
        State::Off,
        "A: a start from before the session holds after it ({result:?}, {word:?})"
    );
}

#[test]
fn a_start_does_not_outlive_a_session() {
    check_within(MOST_PREEMPTIONS, model);
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

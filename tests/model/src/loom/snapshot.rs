// SPDX-License-Identifier: MIT OR Apache-2.0

//! SNAPSHOT: two cores that ask each other are both captured, complete, and go on.
//!
//! A core that waits for its snapshot is in EL3 and takes no interrupt: it serves what is asked of it while it waits. The clock
//! stands still, so nobody gives up: if they waited for each other this would not end.

use std::{
    mem::offset_of,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use quell_abi::{Call, CoreRecord};
use quell_stop::Outcome;

use super::{
    explore::{FEW_PREEMPTIONS, check_some},
    world::{OWNER, World},
};

const OTHER: usize = 1;
const SECOND: u64 = 1_000_000;

/// SNAPSHOT of one core; returns whether it was captured.
fn snapshot(world: &World, caller: usize, core: usize) -> bool {
    let Outcome::Return(answer) = world.call(caller, Call::Snapshot, [core as u64, SECOND, 0, 0, 0, 0])
    else {
        panic!("SNAPSHOT returns: nobody is stopped")
    };
    answer.as_slice()[..3] == [0, 1, 0]
}

/// Checks that a core's record is valid and one capture.
fn is_complete(world: &World, core: usize) {
    world.written().clear();
    let bytes = offset_of!(CoreRecord, x) as u64;
    let _ = world.call(OWNER, Call::Read, [core as u64, 0, bytes, 0, 0, 0]);
    let written = world.written();
    let field =
        |offset: usize| written.iter().rfind(|(at, _)| *at == offset as u64).expect("it is written").1;
    assert_eq!(
        field(offset_of!(CoreRecord, generation)) >> 56,
        1,
        "I11: core {core} is captured, and not valid"
    );
    let [pc, pstate] = [offset_of!(CoreRecord, pc), offset_of!(CoreRecord, pstate)].map(field);
    assert!(pc != 0 && pc == pstate, "I11: a valid record is a mixture: {pc} {pstate}");
}

fn each_other() {
    let world = World::new(&[OWNER, OTHER]);
    world.bus.hear();
    world.bus.is_patient.store(1, Relaxed);
    let answers = std::sync::Arc::new(AtomicU64::new(0));
    let ask = |caller: usize, core: usize| {
        let answers = answers.clone();
        world.spawn(move |world| {
            if snapshot(world, caller, core) {
                answers.fetch_or(1 << core, Relaxed);
            }
            world.wait_for_ever(caller);
        })
    };
    let threads = [ask(OWNER, OTHER), ask(OTHER, OWNER)];
    world.bus.rest();
    for thread in threads {
        assert!(thread.join().unwrap().is_none());
    }
    assert_eq!(answers.load(Relaxed), 0b11, "I11: a core that could answer is missing");
    assert!(world.is_inside(OWNER) && world.is_inside(OTHER), "I9: a core that was captured does not go on");
    is_complete(&world, OWNER);
    is_complete(&world, OTHER);
}

#[test]
fn two_that_ask_each_other_are_both_captured() {
    check_some(FEW_PREEMPTIONS, 5_000, each_other);
}

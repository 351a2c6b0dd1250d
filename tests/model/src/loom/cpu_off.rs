// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_OFF against BEGIN: the core counts once it is in the pen, and can be started again.

use loom::thread;
use quell_abi::Kind;
use quell_power::Protection;

use super::{
    explore::{MOST_PREEMPTIONS, check_within, fails_without},
    world::{OWNER, World, entry_of},
};

const LEAVING: usize = 1;

fn model() {
    let world = World::new(&[OWNER, LEAVING]);
    let leaving = thread::spawn({
        let world = world.clone();
        move || {
            world.interrupt(LEAVING);
            if world.is_inside(LEAVING) {
                world.off(LEAVING);
            }
        }
    });
    let handle = world.begin(OWNER, Kind::Crash, 0).unwrap();
    let done = world.poll(OWNER, handle);
    if let Some(done) = done {
        // The core is OFF while its thread may not have ended: CPU_ON does not wait for it.
        assert_eq!(world.start(OWNER, LEAVING), Ok(()), "L4: CPU_ON after DONE");
        leaving.join().unwrap();
        world.check_count(&done);
        world.check_stores(&done);
        assert_eq!(world.boot(LEAVING), Some(entry_of(OWNER)), "L4: the core was started and does not come");
        assert!(world.is_inside(LEAVING), "L4: the gate holds a core that was started after DONE");
    }
}

#[test]
fn off_means_in_the_pen_and_startable() {
    check_within(MOST_PREEMPTIONS, model);
}

#[test]
fn without_the_fence_of_those_that_leave_it_fails() {
    fails_without(Protection::LeaveFence, model, "R3");
}

#[test]
fn without_the_fence_of_the_session_it_fails() {
    fails_without(Protection::SessionFence, model, "R3");
}

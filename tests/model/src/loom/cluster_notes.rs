// SPDX-License-Identifier: MIT OR Apache-2.0

//! The notes at the clusters, from which PSCI_STAT counts: none outlives the sleep that it stands for, and each is counted
//! once at most.

use loom::thread;
use quell_power::{Depth, Gate, Protection};
use quell_psci::Asleep;
use quell_stop::Way;

use super::{
    explore::{MOST_PREEMPTIONS, check_within, fails_without},
    world::{OWNER, World},
};

const OTHER: usize = 1;

fn fall_asleep(world: &World, core: usize) -> Asleep {
    world.fall_asleep(core, Depth::Cluster).expect("STAT: it is on and can not sleep")
}

fn sleep(world: &World, core: usize) {
    let asleep = fall_asleep(world, core);
    assert_eq!(world.wake_up(core, asleep), Way::Back, "STAT: nobody stops it");
}

/// Checks, when this core is ON and all are done, what was counted of so many sleeps.
fn check_notes(world: &World, awake: usize, most: u64) {
    let counted = world.times_down();
    assert!(
        counted <= most,
        "STAT: {counted} sleeps of the cluster are counted, and there were {most} at most"
    );
    // Who takes a note counts it: one that is left would be a sleep that goes on.
    world.psci(awake).note_up(&world.table().local(awake));
    assert_eq!(world.times_down(), counted, "STAT: a note is left of a cluster that is up");
}

/// Two cores let the cluster go at once, and one comes back: a note that is left then outlives the sleep.
fn two_sleepers() {
    let world = World::new(&[OWNER, OTHER]);
    let other = thread::spawn({
        let world = world.clone();
        move || sleep(&world, OTHER)
    });
    let asleep = fall_asleep(&world, OWNER);
    other.join().unwrap();
    check_notes(&world, OTHER, 1);
    assert_eq!(world.wake_up(OWNER, asleep), Way::Back, "STAT: nobody stops it");
    check_notes(&world, OWNER, 1);
}

#[test]
fn two_sleepers_leave_no_note() {
    check_within(MOST_PREEMPTIONS, two_sleepers);
}

#[test]
fn without_the_fence_of_the_cluster_two_sleepers_leave_one() {
    fails_without(Protection::ClusterFence, two_sleepers, "STAT");
}

/// One of them sleeps twice: its second note may be what the other finds.
fn again_and_again() {
    let world = World::new(&[OWNER, OTHER]);
    let other = thread::spawn({
        let world = world.clone();
        move || {
            sleep(&world, OTHER);
            sleep(&world, OTHER);
        }
    });
    sleep(&world, OWNER);
    other.join().unwrap();
    check_notes(&world, OWNER, 2);
}

#[test]
fn one_that_sleeps_twice_leaves_no_note() {
    check_within(MOST_PREEMPTIONS, again_and_again);
}

/// A core lets the cluster go while one of it that was started comes.
fn start() {
    let world = World::new(&[OWNER]);
    world.cpu_on(OWNER, OTHER);
    let other = thread::spawn({
        let world = world.clone();
        move || {
            let local = world.table().local(OTHER);
            local.boot().expect("it was started");
            world.psci(OTHER).note_up(&local);
            assert_eq!(local.enter(), Gate::Pass, "STAT: nobody stops it");
        }
    });
    sleep(&world, OWNER);
    other.join().unwrap();
    // A core that is on its way has not let the cluster go.
    check_notes(&world, OWNER, 0);
}

#[test]
fn a_core_that_comes_leaves_no_note() {
    check_within(MOST_PREEMPTIONS, start);
}

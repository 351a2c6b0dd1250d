// SPDX-License-Identifier: MIT OR Apache-2.0

//! The end of the machine (SYSTEM_OFF, SYSTEM_RESET) against what other cores do meanwhile.

use std::sync::atomic::Ordering::Relaxed;

use loom::thread;
use quell_abi::{Kind, State, Why};
use quell_power::Protection;
use quell_stop::{Hardware, Way};

use super::{
    explore::{MOST_PREEMPTIONS, check_within, fails_without},
    machine::{FREQUENCY, NOW},
    world::{CORES, OWNER, World},
};

const OTHER: usize = 1;
const STARTER: usize = 2;

/// What a core found that may end the machine.
struct End {
    /// Whether every other core was OFF then; else it has given up waiting.
    is_complete: bool,
    /// The stores of each core's operating system that it could see.
    seen: [u64; CORES],
}

impl World {
    /// The core ends the machine, if it may; else it stops.
    fn end(&self, core: usize) -> Result<End, u32> {
        // The five seconds of patience are two looks.
        self.bus.tick.store(2 * FREQUENCY, Relaxed);
        self.inside[core].store(0, Relaxed);
        let local = self.table().local(core);
        let way = self.stop(core).rest(&local);
        if way == Way::Pen {
            return Err(local.word().generation());
        }
        self.inside[core].store(1, Relaxed);
        let mut others = (0..CORES).filter(|&other| other != core);
        let is_complete = others.all(|other| self.state(other) == State::Off);
        // It began to wait at the second look at the counter, and may give up five seconds later.
        let gave_up = Hardware::now(&self.machines[core]) >= NOW + 7 * FREQUENCY;
        assert!(is_complete || gave_up, "REST: the machine ends, and nobody waited for the others");
        Ok(End { is_complete, seen: self.seen() })
    }

    /// Checks, when all threads are done, that nobody has run since this core found all others OFF.
    fn check_end(&self, core: usize, end: &End) {
        if !end.is_complete {
            return;
        }
        for other in (0..CORES).filter(|&other| other != core) {
            // A start that was accepted has rung the core's doorbell: it looks once more.
            self.boot(other);
            assert!(!self.is_inside(other), "REST: core {other} runs while the machine ends");
            assert_eq!(self.state(other), State::Off, "REST: core {other} is not OFF");
            assert_eq!(self.ran(other), end.seen[other], "REST: a store of core {other} came to light later");
        }
    }
}

fn two_ends() {
    let world = World::new(&[OWNER, OTHER]);
    let other = thread::spawn({
        let world = world.clone();
        move || world.end(OTHER)
    });
    let ends = [world.end(OWNER), other.join().unwrap()];
    let generation = world.table().control().load().generation();
    let (winner, end) = match &ends {
        [Ok(end), Err(stopped)] if *stopped == generation => (OWNER, end),
        [Err(stopped), Ok(end)] if *stopped == generation => (OTHER, end),
        [first, second] => {
            panic!("REST: of two ends one wins, these are {:?} {:?}", first.is_ok(), second.is_ok())
        }
    };
    assert!(world.is_inside(winner), "REST: the winner is stopped");
    let loser = world.table().local(OWNER + OTHER - winner).word();
    assert_eq!(
        (loser.state(), loser.generation()),
        (State::Off, generation),
        "REST: the loser is not stopped"
    );
    world.check_end(winner, end);
}

#[test]
fn of_two_ends_of_the_machine_one_wins_and_the_other_is_stopped() {
    check_within(MOST_PREEMPTIONS, two_ends);
}

/// Core 2 starts core 1, which boots, while core 0 ends the machine.
///
/// The starter's second look and the gate of those that enter protect this both, for the last session is never closed:
/// without either one the other holds. The fence of the session is the other half of both.
fn end_and_start() {
    let world = World::new(&[OWNER, STARTER]);
    let starter = thread::spawn({
        let world = world.clone();
        move || {
            let result = world.start(STARTER, OTHER);
            world.interrupt(STARTER);
            result
        }
    });
    let target = thread::spawn({
        let world = world.clone();
        move || world.boot(OTHER)
    });
    let end = world.end(OWNER).expect("REST: there is no session that stops it");
    let started = starter.join().unwrap();
    let booted = target.join().unwrap();
    assert!(booted.is_none() || started.is_ok(), "REST: a start that was refused has run");
    world.check_end(OWNER, &end);
}

#[test]
fn nobody_runs_when_the_machine_ends() {
    check_within(MOST_PREEMPTIONS, end_and_start);
}

#[test]
fn without_the_fence_of_the_session_it_fails() {
    fails_without(Protection::SessionFence, end_and_start, "REST");
}

/// A core ends the machine while another one begins to dump it.
fn end_and_crash() {
    let world = World::new(&[OWNER, OTHER]);
    let crash = thread::spawn({
        let world = world.clone();
        move || world.begin(OTHER, Kind::Crash, 0)
    });
    let end = world.end(OWNER);
    let handle = crash.join().unwrap();
    let word = |core| world.table().local(core).word();
    match (end, handle) {
        (Err(generation), Some(handle)) => {
            assert_eq!(u64::from(generation), handle, "REST: it was not the dump that stopped it");
            let done = world.poll(OTHER, handle).expect("L1: nobody is left, and the session is not done");
            world.check(&done);
        }
        (Ok(end), None) => {
            assert_eq!(word(OTHER).why(), Why::Lost, "REST: the dump was not told that it lost");
            world.check_end(OWNER, &end);
        }
        (Ok(_), Some(_)) => panic!("REST: the end of the machine kills the dump"),
        (Err(_), None) => panic!("REST: both are stopped, and nobody goes on"),
    }
}

#[test]
fn a_reset_does_not_kill_the_dump_of_another_core() {
    check_within(MOST_PREEMPTIONS, end_and_crash);
}

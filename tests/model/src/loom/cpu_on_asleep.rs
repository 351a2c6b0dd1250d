// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_ON of a core in CPU_SUSPEND: it is on, whatever it sleeps in, until a session has contained it and closed.

use loom::thread;
use quell_abi::{Kind, State, Why};
use quell_power::{Depth, Gate, Protection};
use quell_psci::{Asleep, Outcome};
use quell_stop::Way;

use super::{
    explore::{FEW_PREEMPTIONS, check, check_within, fails_without},
    psci::{ALREADY_ON, DENIED, SUCCESS, entry_by_call},
    world::{OWNER, World},
};

const CPU_SUSPEND: u64 = 0xc400_0001;
const STANDBY: u64 = 0x0000_0001;
const CORE: u64 = 0x0001_0002;

const SLEEPER: usize = 1;
const STARTER: usize = 2;

/// A core sleeps and wakes up, and another one tries to start it somewhere else.
fn wake_up(state: u64) {
    let world = World::new(&[OWNER, SLEEPER]);
    let before = world.table().local(SLEEPER).word();
    let starter = thread::spawn({
        let world = world.clone();
        move || world.cpu_on(OWNER, SLEEPER)
    });
    let entry = entry_by_call(SLEEPER);
    let depth = match world.psci_call(SLEEPER, [CPU_SUSPEND, state, entry.address(), entry.context()]) {
        Outcome::Standby => Depth::Standby,
        Outcome::PowerDown { depth, entry: own } => {
            assert_eq!(own, entry, "ASLEEP: it resumes where it did not say");
            depth
        }
        other => panic!("CPU_SUSPEND ends as {other:?}"),
    };
    let asleep = world.fall_asleep(SLEEPER, depth).expect("ASLEEP: it is on and can not sleep");
    let way = world.wake_up(SLEEPER, asleep);
    assert_eq!(way, Way::Back, "ASLEEP: a start keeps the sleeper from waking up");
    assert_eq!(starter.join().unwrap(), ALREADY_ON, "ASLEEP: a core in CPU_SUSPEND is on");
    let after = world.table().local(SLEEPER).word();
    assert_eq!((after.state(), after.generation()), (State::On, before.generation()));
    assert_eq!(
        after.changes(),
        before.changes() + 2,
        "ASLEEP: a start that was refused has touched the word"
    );
    assert!(world.is_inside(SLEEPER));
    // Nor has it left anything in the mailbox's way: the core is not started when it leaves.
    world.off(SLEEPER);
    assert_eq!(world.boot(SLEEPER), None, "ASLEEP: a start that was refused comes late");
}

#[test]
fn a_core_that_stands_by_is_on() {
    check(|| wake_up(STANDBY));
}

#[test]
fn a_core_that_is_powered_down_is_on() {
    check(|| wake_up(CORE));
}

/// The sleeper wakes up; if it stops it is not recorded, for the model is large without that.
fn wake_up_unrecorded(world: &World, asleep: Asleep) -> Way {
    let local = world.table().local(SLEEPER);
    if !world.psci(SLEEPER).wake(&local, asleep) {
        return Way::Pen;
    }
    match local.enter() {
        Gate::Pass => world.follow(SLEEPER, Way::Back),
        Gate::Stop { session } => {
            assert!(local.leave(), "I8: somebody else has changed the word of a core that is ON");
            assert!(local.publish(Why::Suspended, Some(session.generation())), "I8: nobody gives it up");
            return Way::Pen;
        }
        Gate::Pen => panic!("B: the sleeper woke up and is not ON"),
    }
    Way::Back
}

/// A session contains the sleeper while another core tries to start it. After DONE the owner starts it for good, though it
/// may not have noticed yet.
fn contained() {
    let world = World::new(&[OWNER, SLEEPER, STARTER]);
    let sleeper = thread::spawn({
        let world = world.clone();
        move || {
            let asleep = world.fall_asleep(SLEEPER, Depth::Core)?;
            match wake_up_unrecorded(&world, asleep) {
                Way::Back => {
                    world.interrupt_unrecorded(SLEEPER);
                    None
                }
                // It looks for a start.
                Way::Pen => world.boot(SLEEPER),
            }
        }
    });
    let starter = thread::spawn({
        let world = world.clone();
        move || {
            let result = world.cpu_on(STARTER, SLEEPER);
            world.interrupt_unrecorded(STARTER);
            result
        }
    });
    let handle = world.begin(OWNER, Kind::Crash, 0).unwrap();
    let done = world.poll(OWNER, handle);
    if done.is_some() {
        assert_eq!(world.cpu_on(OWNER, SLEEPER), SUCCESS, "L4: CPU_ON after DONE");
    }
    let result = starter.join().unwrap();
    assert!(
        result == ALREADY_ON || result == DENIED,
        "I7: a start of a sleeper in a session ends as {result:?}"
    );
    let booted = sleeper.join().unwrap();
    match done {
        Some(done) => {
            assert_eq!(world.ran(STARTER), done.seen[STARTER], "I5: a store came to light after DONE");
            // The doorbell comes after the start: if the first look was too early, there is a second one.
            let booted: Vec<_> = [booted, world.boot(SLEEPER)].into_iter().flatten().collect();
            assert_eq!(booted, [entry_by_call(OWNER)], "L4: the core was started once");
            assert!(world.is_inside(SLEEPER), "L4: a start was accepted and its core did not come");
        }
        None => {
            assert_eq!(booted, None, "I7: a start that was refused has run");
            assert_eq!(world.boot(SLEEPER), None, "I7: a start that was refused comes late");
        }
    }
}

#[test]
fn a_sleeper_that_was_contained_is_started_after_the_session_only() {
    check_within(FEW_PREEMPTIONS, contained);
}

#[test]
fn without_the_second_look_it_fails() {
    fails_without(Protection::Recheck, contained, "I7");
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! A CRASH takes a PAUSE over while a core parks, and who drives then.
//!
//! The session that takes over turns the cores that are PARKED to OFF by itself, whether they sleep or are about to. A core
//! that parks behind it finds at its next look that it is OFF, or that the control word is still that of a session that
//! targets it, and sleeps; it is not the PAUSE's end, so it does not go on. The owner of the PAUSE is a target, too.
//!
//! The deputy drives if the owner does not: its name stands in one word with the generation, and only a younger generation
//! replaces it. Whoever comes to the pen names itself for the session that is open then.

use quell_abi::{Flags, Kind};
use quell_power::Phase;

use super::{
    explore::{FEW_PREEMPTIONS, check_within},
    psci::{SUCCESS, entry_by_call},
    world::{NEVER, OWNER, World},
};

const HELD: usize = 1;
const CRASHED: usize = 2;

/// The owner of the PAUSE takes its interrupt when the CRASH is open; the core that is held comes to its gate at any time.
fn takeover() {
    let world = World::new(&[OWNER, HELD, CRASHED]);
    world.bus.hear();
    world.begin_with_lease(OWNER, Kind::Pause, [0, NEVER], 1).expect("I3: it is the only one");
    let held = world.spawn(|world| {
        world.interrupt(HELD);
        if world.is_inside(HELD) { None } else { Some(world.stay(HELD)) }
    });
    // BEGIN does more, and is too large: here it has come to its interrupts.
    let pause = world.table().control().load();
    let crash = pause.opened(Kind::Crash, Flags::default(), CRASHED).at(Phase::Nmi);
    world.table().control().replace(pause, crash).expect("nobody else changes it");
    let handle = crash.generation().into();
    world.bus.send(HELD);
    world.interrupt(OWNER);
    assert!(!world.is_inside(OWNER), "I13: the owner of before is not stopped");
    let done = world.poll(CRASHED, handle);
    if done.is_some() {
        assert_eq!(world.cpu_on(CRASHED, HELD), SUCCESS, "L4: CPU_ON after DONE");
    }
    world.bus.rest();
    let booted = held.join().unwrap();
    if let Some(done) = done {
        assert_eq!(
            booted,
            Some(Some(entry_by_call(CRASHED))),
            "L4: a core that was held is not started anew"
        );
        assert_eq!(
            (world.ran(OWNER), world.ran(HELD)),
            (done.seen[OWNER], done.seen[HELD] + 1),
            "I5: it ran"
        );
        return;
    }
    // It sleeps in the PAUSE, or in the pen, or came to its gate before the CRASH was due to stop it.
    if world.is_inside(HELD) {
        assert!(world.take_interrupt(HELD), "L2: no interrupt is pending that stops it");
    }
    let done = world.poll(CRASHED, handle).expect("L1: nobody is left, and the session is not done");
    world.check(&done);
}

#[test]
fn a_core_that_is_held_does_not_go_on_when_the_pause_is_taken_over() {
    check_within(FEW_PREEMPTIONS, takeover);
}

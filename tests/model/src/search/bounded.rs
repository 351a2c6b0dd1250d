// SPDX-License-Identifier: MIT OR Apache-2.0

//! I10: there are no locks. Wherever a core stands in the firmware, if it takes no further step, every other one comes to the end
//! of what it does: in every state each core is let go on alone. What waits for time (SNAPSHOT, EVICT, SYNC, the end of the
//! machine) may stand anywhere, but is not asked to come to its end while the clock stands, too: L6 says that of it.

use quell_abi::{Kind, Release};

use super::{
    explore::Exploration,
    script::{Act, Begin},
    world::World,
};

const CRASH: Act = Act::Begin(Kind::Crash, [0, 1, 0]);

fn holds(preemptions: u8, name: &'static str, world: &World) {
    Exploration::of(name, world).within(preemptions).with_lone_cores().holds().expect(&["I10"]);
}

#[test]
fn a_start_and_a_session_hold_nothing() {
    let scripts =
        vec![Begin::Inside(&[CRASH, Act::PollToEnd]), Begin::Pen, Begin::Inside(&[Act::Start(1), Act::Off])];
    holds(2, "CPU_ON, CPU_OFF and BEGIN, lone cores", &World::new(scripts, 0));
    let script = || Begin::Inside(&[CRASH, Act::PollToEnd]);
    holds(2, "two BEGINs, lone cores", &World::new(vec![script(), script()], 0));
}

#[test]
fn a_request_and_a_capture_hold_nothing() {
    let scripts = vec![
        Begin::Inside(&[Act::Snapshot(1, 1), CRASH, Act::Read(1, 10)]),
        Begin::Inside(&[Act::Evict(0, 1)]),
    ];
    holds(2, "SNAPSHOT, EVICT, BEGIN and READ, lone cores", &World::new(scripts, 2));
}

#[test]
fn those_that_are_held_or_given_up_hold_nothing() {
    let pause =
        Begin::Inside(&[Act::Begin(Kind::Pause, [0, 1, 5]), Act::PollToEnd, Act::Release(Release::Resume)]);
    let scripts = vec![pause, Begin::Inside(&[CRASH, Act::PollToEnd])];
    holds(2, "a PAUSE and a CRASH, lone cores", &World::new(scripts, 0));
    let owner = Begin::Inside(&[
        Act::Begin(Kind::Crash, [0, 0, 0]),
        Act::PollToEnd,
        Act::Release(Release::Off),
        Act::Start(1),
    ]);
    holds(3, "RELEASE OFF, lone cores", &World::new(vec![owner, Begin::Inside(&[Act::Call])], 0));
}

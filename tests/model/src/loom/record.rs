// SPDX-License-Identifier: MIT OR Apache-2.0

//! READ against a capture: a record that says it is valid is one capture, complete.

use std::mem::offset_of;

use loom::thread;
use quell_abi::{Call, CoreRecord};
use quell_stop::Way;

use super::{
    explore::{MOST_PREEMPTIONS, check_within},
    world::{OWNER, World},
};

const CAPTURED: usize = 1;

/// As much of the record as the model reads: the header, pc and pstate.
const BYTES: usize = offset_of!(CoreRecord, x);

/// The core is evicted: it is captured, each time with another pc, which stands in pstate, too.
fn capture(world: &World) {
    assert_eq!(world.stop(CAPTURED).leave_evicted(&world.table().local(CAPTURED)), Way::Pen);
}

fn model() {
    let world = World::new(&[OWNER, CAPTURED]);
    capture(&world);
    world.start(OWNER, CAPTURED).unwrap();
    world.boot(CAPTURED).unwrap();
    let reader = thread::spawn({
        let world = world.clone();
        move || world.call(OWNER, Call::Read, [CAPTURED as u64, 0, BYTES as u64, 0, 0, 0])
    });
    capture(&world);
    reader.join().unwrap();

    let written = world.written();
    let field = |offset: usize| {
        let (_, value) =
            written.iter().rfind(|(address, _)| *address == offset as u64).expect("it is written");
        *value
    };
    if field(offset_of!(CoreRecord, generation)) >> 56 == 1 {
        let [pc, pstate] = [offset_of!(CoreRecord, pc), offset_of!(CoreRecord, pstate)].map(field);
        assert_eq!(pc, pstate, "I11: a valid record is a mixture of two captures");
        assert_ne!(pc, 0, "I11: a valid record is no capture");
    }
}

#[test]
fn a_valid_record_is_one_capture() {
    check_within(MOST_PREEMPTIONS, model);
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! READ against a capture: a record that says it is valid is one capture, complete.

use std::mem::offset_of;

use loom::thread;
use quell_abi::{Call, CoreRecord, Why};

use crate::world::{MOST_PREEMPTIONS, OWNER, World, check_within};

const CAPTURED: usize = 1;

/// As much of the record as the model reads: the header, pc and pstate.
const BYTES: usize = offset_of!(CoreRecord, x);

fn capture(world: &World, generation: u32) {
    world.stop().record(CAPTURED, generation, Why::Nmi, |writer| {
        writer.set(offset_of!(CoreRecord, pc), u64::from(generation));
        writer.set(offset_of!(CoreRecord, pstate), u64::from(generation));
    });
}

fn model() {
    let world = World::new(&[OWNER, CAPTURED]);
    capture(&world, 1);
    let reader = thread::spawn({
        let world = world.clone();
        move || world.call(OWNER, Call::Read, [CAPTURED as u64, 0, BYTES as u64, 0, 0, 0])
    });
    capture(&world, 2);
    reader.join().unwrap();

    let written = world.written();
    let field = |offset: usize| {
        let (_, value) =
            written.iter().rfind(|(address, _)| *address == offset as u64).expect("it is written");
        *value
    };
    let generation = field(offset_of!(CoreRecord, generation)) & u64::from(u32::MAX);
    if field(offset_of!(CoreRecord, generation)) >> 56 == 1 {
        for offset in [offset_of!(CoreRecord, pc), offset_of!(CoreRecord, pstate)] {
            assert_eq!(field(offset), generation, "I11: a valid record is a mixture of two captures");
        }
    }
}

#[test]
fn a_valid_record_is_one_capture() {
    check_within(MOST_PREEMPTIONS, model);
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The records: what was captured stays (I9), is complete when it says that it is valid (I11), and READ writes its buffer and
//! nothing else (I16). A capture has a number, which stands in its first and in its last register.
//!
//! I15 is checked here as far as the services have a part in it: a core that goes on after a PAUSE goes on where it was, opens
//! what it had closed, and takes the interrupts that came meanwhile. That x0 to x30, PC and PSTATE are the same bit by bit is the
//! monitor's part, in assembly; the cases of a PAUSE of the conformance suite check that, with a checksum of all registers.

use core::mem::offset_of;

use interleave::{check, seen};
use quell_abi::{CoreRecord, Kind, Release, Why};
use quell_arch::Answer;
use quell_power::Protection;

use super::{
    explore::{Exploration, fails_without, fails_without_in_relaxed_steps},
    machine::{MEMORY_WORDS, NORMAL, UNTOUCHED},
    script::{Act, Begin},
    world::World,
};

/// Where the buffer of READ begins, in words.
const BUFFER: usize = 2;

/// The word that says whether a record is valid, and those of its first and last register.
const IDENTITY: usize = offset_of!(CoreRecord, generation) / 8;
const FIRST: usize = offset_of!(CoreRecord, pc) / 8;
const LAST: usize = offset_of!(CoreRecord, pstate) / 8;

impl World {
    /// I9 and I11 in a state.
    pub(crate) fn check_record(&self, core: usize) {
        let record = &self.records[core];
        let kept = self.machine.evidence[core].get();
        let is_closed = self.machine.closed.get() >> core & 1 == 1;
        let Some((generation, why, capture)) = record.evidence() else {
            check(
                "I9",
                kept == 0 || !is_closed,
                format_args!("core {core} has lost what it was stopped with"),
            );
            return;
        };
        let registers =
            [offset_of!(CoreRecord, pc), offset_of!(CoreRecord, pstate)].map(|at| record.field(at));
        check(
            "I11",
            registers == [capture; 2],
            format_args!("core {core}: capture {capture} is {registers:?}"),
        );
        let is_other = kept != 0 && capture != kept & u64::from(u32::MAX);
        let is_of_same = u64::from(generation) == kept >> 32;
        check(
            "I9",
            !(is_other && (is_closed || why == Why::None && is_of_same)),
            format_args!("core {core}: capture {capture} ({why:?}) has replaced {kept:#x}"),
        );
    }

    /// READ of so many words of a core's record, which `call` calls.
    pub(crate) fn read(&self, target: usize, words: usize, call: impl FnOnce([u64; 6]) -> Option<Answer>) {
        let buffer = BUFFER..BUFFER + words;
        let answer = call([target as u64, 8 * BUFFER as u64, 8 * words as u64, 0, 0, 0]);
        let answer = answer.expect("READ returns");
        check("I16", answer.as_slice() == [0, 8 * words as u64], "READ is refused");
        let memory = &self.machine.memory;
        for word in (0..MEMORY_WORDS).filter(|word| !buffer.contains(word)) {
            check("I16", memory[word].get() == UNTOUCHED, format_args!("READ writes the word {word}"));
        }
        let at = |word: usize| memory[BUFFER + word].get();
        if words > LAST && at(IDENTITY) >> 56 == 1 {
            check("I11", at(FIRST) == at(LAST), "a valid record is a mixture of two captures");
            seen("READ of a valid record");
        }
        // What was read is of no interest any more.
        buffer.for_each(|word| memory[word].set(UNTOUCHED));
    }
}

/// The owner stops a core, starts it again, and asks for a snapshot.
fn stopped_and_asked() -> World {
    let owner = Begin::Inside(&[
        Act::Begin(Kind::Crash, [0, 1, 0]),
        Act::PollToEnd,
        Act::Start(1),
        Act::Snapshot(1, 1),
    ]);
    World::new(vec![owner, Begin::Inside(&[Act::Call])], 3).with_records()
}

#[test]
fn what_a_core_was_stopped_with_stays() {
    Exploration::of("a CRASH, CPU_ON and SNAPSHOT", &stopped_and_asked()).within(1).holds().expect(&[
        "I9",
        "I11",
        "DONE",
        "CPU_ON accepted",
        "SNAPSHOT partial",
    ]);
}

#[test]
fn without_the_first_capture_it_fails() {
    fails_without(Protection::FirstCapture, stopped_and_asked, "I9");
}

/// A PAUSE holds a core that a CRASH then stops for good.
#[test]
fn what_a_core_was_held_with_stays() {
    let scripts = vec![
        Begin::Inside(&[Act::Begin(Kind::Pause, [0, 1, 5]), Act::PollToEnd, Act::Release(Release::Resume)]),
        Begin::Inside(&[Act::Begin(Kind::Crash, [0, 1, 0]), Act::PollToEnd]),
        Begin::Inside(&[Act::Call]),
    ];
    Exploration::of("the records of a PAUSE and a CRASH", &World::new(scripts, 0).with_records())
        .within(1)
        .holds()
        .expect(&["I9", "I11", "I15", "DONE", "RESUME"]);
}

/// A core is read while it is captured a second time.
fn read() -> World {
    let owner =
        Begin::Inside(&[Act::Snapshot(1, 1), Act::Begin(Kind::Crash, [0, 1, 0]), Act::Read(1, LAST + 1)]);
    World::new(vec![owner, Begin::Inside(&[Act::Call])], 2).with_records()
}

#[test]
fn a_valid_record_is_complete() {
    Exploration::of("READ", &read()).in_relaxed_steps().within(2).holds().expect(&[
        "I11",
        "I16",
        "READ of a valid record",
    ]);
}

#[test]
fn without_the_valid_flag_last_it_fails() {
    fails_without_in_relaxed_steps(Protection::ValidLast, read, "I11");
}

fn read_one_word() -> World {
    World::new(vec![Begin::Inside(&[Act::Read(1, 1)]), Begin::Inside(&[Act::Call])], 0)
}

#[test]
fn nothing_is_written_outside_of_the_buffer() {
    Exploration::of("READ of one word", &read_one_word()).holds().expect(&["I16"]);
}

#[test]
fn without_the_bound_of_the_buffer_it_fails() {
    fails_without(Protection::ReadBounds, read_one_word, "I16");
}

/// Interrupts of the operating system come to a core that is held, or is about to be.
fn held() -> World {
    let owner =
        Begin::Inside(&[Act::Begin(Kind::Pause, [0, 1, 5]), Act::PollToEnd, Act::Release(Release::Resume)]);
    World::new(vec![owner, Begin::Inside(&[Act::Acknowledge, Act::Call])], 0)
        .with_strays(&[(1, NORMAL), (1, NORMAL)])
        .with_records()
}

#[test]
fn who_is_held_takes_its_interrupts_later() {
    Exploration::of("PAUSE, ACK and interrupts", &held()).holds().expect(&[
        "I9",
        "I15",
        "RESUME",
        "normal interrupt",
    ]);
}

#[test]
fn without_opening_again_it_fails() {
    fails_without(Protection::Reopen, held, "I15");
}

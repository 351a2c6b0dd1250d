// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tells whoever runs the suite what happens, by events on the console. Only the boot core tells something.

use core::sync::atomic::{AtomicU32, Ordering};

use conformance_events::{Event, Frame};

use crate::{clock, machine, println};

/// How many events there were since the machine began.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// How long anything may take on one core, in seconds: several waits that end by themselves.
const BOUND: u64 = 12 * clock::PATIENCE / 1_000_000;

/// How much longer each core may make it.
const CORE_BOUND: u64 = 2;

/// Reports an event.
pub fn event(event: Event) {
    // No other core reports, so nobody comes in between.
    let number = NUMBER.load(Ordering::Relaxed);
    NUMBER.store(number + 1, Ordering::Relaxed);
    println!("{}", Frame { number, event });
}

/// Says how long it takes until the next event, at most: so many seconds longer than anything may take.
pub fn within(seconds: u64) {
    let bound = BOUND + CORE_BOUND * machine::cores() as u64 + seconds;
    event(Event::Within(u32::try_from(bound).unwrap_or(u32::MAX)));
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a run ends, which is a test too: the machine must go off, whichever core asks for it and whatever the others do.
//!
//! With three cores or more, core 1 turns the machine off while core 2 resets it; should the reset win, the payload comes
//! here again and core 1 alone turns it off. Any others are in a storm meanwhile. The seed says which of SYSTEM_OFF and
//! SYSTEM_OFF2 is used. Nothing is printed unless it fails: `done` was the last line.

use crate::storm::{self, Weather};
use crate::{clock, console, cores, machine, println, psci, runner};

/// The most cores of a machine that ends in a storm: one of hundreds would take minutes to begin.
const MOST_CORES: usize = 64;

/// SYSTEM_OFF2: HIBERNATE_OFF.
const HIBERNATE_OFF: u64 = 1;

/// Job: turns the machine off by SYSTEM_OFF2 if it is there and the argument says so, else by SYSTEM_OFF.
extern "C" fn off(second: u64) -> u64 {
    if second != 0 && psci::has(psci::SYSTEM_OFF2_64) {
        return psci::system_off2(HIBERNATE_OFF, 0);
    }
    psci::system_off()
}

extern "C" fn reset(_: u64) -> u64 {
    psci::system_reset()
}

/// Turns the machine off.
pub fn power_off() -> ! {
    console::flush();
    let second = (runner::seed() ^ machine::cores() as u64) & 1;
    let cores = if machine::cores() > MOST_CORES { 3 } else { machine::cores() };
    let is_race = cores > 2 && !runner::is_after_reset();
    let is_started = |index| cores > index && cores::start(index) == Ok(true);
    if is_started(1) {
        let first_of_storm = if is_race && is_started(2) { 3 } else { 2 };
        if first_of_storm < cores && storm::begin(first_of_storm..cores, Weather::All).is_err() {
            println!("# the storm did not begin");
        }
        if first_of_storm == 3 {
            runner::expect_reset();
            cores::post(2, reset, 0);
        }
        cores::post(1, off, second);
        clock::pause(clock::PATIENCE);
        println!("# SYSTEM_OFF on core 1 did nothing");
    } else if cores > 1 {
        println!("# core 1 did not start");
    }
    off(second);
    panic!("the machine did not go off")
}

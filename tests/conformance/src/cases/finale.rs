// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a run ends: the machine must go off, whichever core asks for it and whatever the others do.
//!
//! With three cores or more, core 1 turns the machine off while core 2 resets it; should the reset win, the payload comes
//! here again and core 1 alone turns it off. Any others are in a storm meanwhile. The seed says which of SYSTEM_OFF and
//! SYSTEM_OFF2 is used.

use conformance_events::Event;

use crate::case::cases;
use crate::fixture::start;
use crate::storm::{self, Weather};
use crate::verdict::{Verdict, failed};
use crate::{clock, console, cores, machine, psci, report, runner, section};

cases! {
    [section::SYSTEM_OFF]
    /// The machine goes off, by another core than the boot core, while one resets it and the others do everything.
    "psci.system_off.ends_the_run", 1, power_off;
}

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

fn power_off() -> Verdict {
    let second = (runner::seed() ^ machine::cores() as u64) & 1;
    let cores = if machine::cores() > MOST_CORES { 3 } else { machine::cores() };
    let is_race = cores > 2 && !runner::is_after_reset();
    if cores > 1 {
        start(1)?;
    }
    if is_race {
        start(2)?;
        if cores > 3 {
            storm::begin(3..cores, Weather::All)?;
        }
    }
    report::event(Event::Off);
    console::flush();
    if is_race {
        runner::expect_reset();
        cores::post(2, reset, 0);
    }
    if cores > 1 {
        cores::post(1, off, second);
        clock::pause(clock::PATIENCE);
    } else {
        off(second);
    }
    runner::reset_did_not_come();
    Err(failed(format_args!("the machine to go off"), format_args!("nothing of it")))
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! A machine of any size, from 1 core to as many as it takes: all of its cores start, go off, are stopped, start again, and
//! come through a reset. It ends by SYSTEM_OFF, as every run of the suite does.

use quell_abi::Kind;

use crate::case::cases;
use crate::clock;
use crate::fixture::others;
use crate::many::{patience, start_all, turn_all_off};
use crate::registers::{mask_all, wait_for_interrupt};
use crate::runner;
use crate::section;
use crate::stop::{self, Counts, Request};
use crate::stopped::are_still;
use crate::verdict::{Verdict, equal, skipped, status};
use crate::{cores, psci, wedge};

cases! {
    [section::CPU_ON]
    /// All cores of the machine start, go off, and start again.
    "scale.start_and_off_and_start", 1, start_again;

    [section::STOP_SESSION]
    /// All cores of the machine are stopped by one call, and start again.
    "scale.stop_and_start", 1, stop_and_start;

    [section::SYSTEM_RESET]
    /// All cores are off after a reset, and start.
    "scale.reset", 1, reset;

    [section::CPU_OFF]
    /// While everything is off, the machine sleeps.
    "scale.asleep", 1, asleep;
}

fn start_again() -> Verdict {
    let first = start_all()?;
    turn_all_off()?;
    are_still(others())?;
    let second = start_all()?;
    crate::println!("# {} cores started in {first} ms, and again in {second} ms", others().count());
    turn_all_off()
}

/// Whatever the others are doing; here they sleep, so that the host has time for all.
fn stop_and_start() -> Verdict {
    if !stop::is_there() {
        return Err(skipped(format_args!("the firmware has no stop service")));
    }
    start_all()?;
    for index in others() {
        cores::post(index, wedge::asleep, 0);
    }
    let reply = Request { nmi: patience(), ..Request::at_once(Kind::Crash) }.sync();
    status("SYNC", reply.status, 0)?;
    equal("cores left", Counts::of(&reply).left, 0)?;
    are_still(others())?;
    start_all()?;
    turn_all_off()
}

/// The cores that were on before a reset are off after it, and start as if nothing had been.
fn reset() -> Verdict {
    if runner::is_after_reset() {
        for index in others() {
            equal(
                format_args!("AFFINITY_INFO of core {index} after the reset"),
                psci::affinity_info(index),
                psci::OFF,
            )?;
        }
        are_still(others())?;
        start_all()?;
        return turn_all_off();
    }
    start_all()?;
    runner::reset()
}

/// How long everything sleeps, in microseconds.
const NAP: u64 = 2_000_000;

/// All others are off and this core sleeps. Whoever runs the machine sees what that costs, between the two lines (`cargo
/// xtask test`, `scale`).
fn asleep() -> Verdict {
    start_all()?;
    turn_all_off()?;
    mask_all();
    crate::println!("# asleep");
    let end = clock::now() + clock::ticks(NAP);
    clock::start_timer(NAP);
    while clock::now() < end {
        wait_for_interrupt();
    }
    clock::stop_timer();
    cores::serve_interrupts();
    crate::println!("# awake");
    Ok(())
}

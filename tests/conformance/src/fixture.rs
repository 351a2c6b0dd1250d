// SPDX-License-Identifier: MIT OR Apache-2.0

//! What many cases begin with.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use smccc::psci::PSCI_CPU_SUSPEND_64;

use crate::clock::wait_until;
use crate::cores::{self, Job};
use crate::many::patience;
use crate::verdict::{Finding, Verdict, failed, skipped, status};
use crate::{machine, psci, runner, sleep, stop};

/// Returns the indices of all cores but the boot core.
pub fn others() -> Range<usize> {
    1..machine::cores()
}

/// Starts a core and waits for it.
pub fn start(index: usize) -> Verdict {
    match cores::start(index) {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed(format_args!("core {index} to start"), format_args!("nothing of it"))),
        Err(saw) => status(format_args!("CPU_ON of core {index}"), saw, 0),
    }
}

/// Starts all other cores.
pub fn start_others() -> Verdict {
    others().try_for_each(start)
}

/// Starts a core, gives it a job that beats, and waits for the first beat.
pub fn start_with_job(index: usize, job: Job) -> Verdict {
    start(index)?;
    let before = cores::heartbeat(index);
    cores::post(index, job, 0);
    Ok(cores::wait_for_beat(index, before)?)
}

/// Turns a core off that waits for jobs.
pub fn turn_off(index: usize) -> Verdict {
    cores::post(index, cores::power_off, 0);
    if cores::wait_for_off(index) {
        return Ok(());
    }
    Err(failed(format_args!("core {index} to go off"), format_args!("AFFINITY_INFO say otherwise")))
}

/// Passes if the firmware advertises a function; other firmware than ours may lack it (`psci.features.complete` judges
/// ours).
pub fn needs(function: u32) -> Verdict {
    if psci::has(function) {
        return Ok(());
    }
    Err(skipped(format_args!("FEATURES denies {function:#x}")))
}

/// Judges what no specification demands, and Quell promises all the same: other firmware that does otherwise does not fail.
pub fn by_choice(verdict: Verdict) -> Verdict {
    match verdict {
        Err(finding @ Finding::Failed { .. }) if !stop::is_there() => {
            Err(skipped(format_args!("no specification demands it: {finding}")))
        }
        verdict => verdict,
    }
}

/// Passes if the firmware knows the power-down states.
pub fn needs_power_down() -> Verdict {
    needs(PSCI_CPU_SUSPEND_64)?;
    needs_to_come_back()?;
    if !sleep::has_power_down() {
        return Err(skipped(format_args!("there is no power-down")));
    }
    // Firmware that is not ours may promise what it can not: try once, and believe what happens.
    if !stop::is_there() && !runner::loses_cores() && machine::cores() > 1 && !sleep::comes_back(1)? {
        runner::has_lost_core();
    }
    needs_to_come_back()
}

/// Passes unless this firmware has lost a core in a power-down.
fn needs_to_come_back() -> Verdict {
    if runner::loses_cores() {
        return Err(skipped(format_args!("a core that was powered down does not come back")));
    }
    Ok(())
}

/// A point in time at which several cores begin at once.
pub struct StartLine {
    arrived: AtomicU64,
    wanted: AtomicU64,
}

impl StartLine {
    /// A start line for nobody.
    pub const fn new() -> Self {
        Self { arrived: AtomicU64::new(0), wanted: AtomicU64::new(0) }
    }

    /// Expects this many cores.
    pub fn expect(&self, count: usize) {
        self.arrived.store(0, Ordering::Relaxed);
        self.wanted.store(count as u64, Ordering::Release);
    }

    /// Waits until all expected cores have arrived, or until they no longer will.
    pub fn wait(&self) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        wait_until(patience(), || {
            self.arrived.load(Ordering::Acquire) >= self.wanted.load(Ordering::Acquire)
        });
    }
}

impl Default for StartLine {
    fn default() -> Self {
        Self::new()
    }
}

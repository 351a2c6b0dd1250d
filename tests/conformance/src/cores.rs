// SPDX-License-Identifier: MIT OR Apache-2.0

//! The other cores: starting them, giving them work, seeing that they live.
//!
//! A core that was started waits in WFI for a job in its mailbox: a function and an argument. The sender writes the
//! argument, publishes the function (release) and rings the doorbell SGI; the core takes the function out
//! (acquire), runs it, stores the result and counts it (release). A core has at most one job at a time.

use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::clock::wait_until;
use crate::entry::secondary_entry;
use crate::machine::{MAX_CORES, mpidr, this_core};
use crate::many::patience;
use crate::registers::{mask_all, wait_for_interrupt};
use crate::{anchor, clock, found, gic, its, psci, stop, ticker};

/// Work for a core.
pub type Job = extern "C" fn(u64) -> u64;

/// What a core shares with the others; a cache line and more of its own.
#[repr(C, align(128))]
struct Core {
    heartbeat: AtomicU64,
    job: AtomicUsize,
    argument: AtomicU64,
    result: AtomicU64,
    finished: AtomicU64,
    boots: AtomicU64,
    faults: AtomicU64,
    stop_requests: AtomicU64,
    lpis: AtomicU64,
}

impl Core {
    const fn new() -> Self {
        Self {
            heartbeat: AtomicU64::new(0),
            job: AtomicUsize::new(0),
            argument: AtomicU64::new(0),
            result: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            boots: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            stop_requests: AtomicU64::new(0),
            lpis: AtomicU64::new(0),
        }
    }
}

static CORES: [Core; MAX_CORES] = [const { Core::new() }; MAX_CORES];

/// Asks jobs that run until further notice to end.
static DISMISSED: AtomicBool = AtomicBool::new(false);

/// A core did not do what it should in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Silent {
    /// Which core.
    pub index: usize,
}

/// Starts a core and waits until it runs Rust; returns the status of CPU_ON otherwise, or `Ok(false)` if the call
/// succeeded and the core did not come.
pub fn start(index: usize) -> Result<bool, u64> {
    start_with(index, 0)
}

/// Starts a core with a context id.
pub fn start_with(index: usize, context: u64) -> Result<bool, u64> {
    let before = prepare(index);
    match psci::cpu_on(mpidr(index), entry_point(), context) {
        0 => Ok(wait_for_boot(index, before)),
        status => Err(status),
    }
}

/// Returns the address that cores are started at.
pub fn entry_point() -> u64 {
    secondary_entry as *const () as u64
}

/// Empties the mailbox of a core that is off; returns how often it has booted.
pub fn prepare(index: usize) -> u64 {
    CORES[index].job.store(0, Ordering::Relaxed);
    boots(index)
}

/// Waits until a core has booted once more than `before`.
pub fn wait_for_boot(index: usize, before: u64) -> bool {
    wait_until(patience(), || boots(index) > before)
}

/// Returns how often a core has come to Rust.
pub fn boots(index: usize) -> u64 {
    CORES[index].boots.load(Ordering::Acquire)
}

/// Gives a core a job.
pub fn post(index: usize, job: Job, argument: u64) {
    leave(index, job, argument);
    gic::send(gic::DOORBELL, index);
}

/// Puts a job into the mailbox of a core that is off: it finds it when it is started.
pub fn leave(index: usize, job: Job, argument: u64) {
    let core = &CORES[index];
    core.argument.store(argument, Ordering::Relaxed);
    core.job.store(job as *const () as usize, Ordering::Release);
}

/// Gives a core a job and waits for its result.
pub fn call(index: usize, job: Job, argument: u64) -> Result<u64, Silent> {
    let before = finished(index);
    post(index, job, argument);
    result(index, before)
}

/// Waits until a core has finished more than `before` jobs; returns the result of the latest.
pub fn result(index: usize, before: u64) -> Result<u64, Silent> {
    if wait_until(patience(), || finished(index) > before) {
        Ok(CORES[index].result.load(Ordering::Relaxed))
    } else {
        Err(Silent { index })
    }
}

/// Returns how many jobs a core has finished.
pub fn finished(index: usize) -> u64 {
    CORES[index].finished.load(Ordering::Acquire)
}

/// Shows that the calling core runs.
pub fn beat() {
    CORES[this_core()].heartbeat.fetch_add(1, Ordering::Relaxed);
}

/// Returns how often a core has shown that it runs.
pub fn heartbeat(index: usize) -> u64 {
    CORES[index].heartbeat.load(Ordering::Relaxed)
}

/// Returns where a core counts its heartbeats, for code without Rust.
pub fn heartbeat_address(index: usize) -> u64 {
    (&raw const CORES[index].heartbeat) as u64
}

/// Waits until a core beats.
pub fn wait_for_beat(index: usize, before: u64) -> Result<(), Silent> {
    if wait_until(patience(), || heartbeat(index) != before) { Ok(()) } else { Err(Silent { index }) }
}

/// Returns a number that changes with whatever a core does.
pub fn signs_of_life(index: usize) -> u64 {
    heartbeat(index) + finished(index) + boots(index)
}

/// Returns whether none of the cores beats for a while.
pub fn all_are_still(indices: impl Iterator<Item = usize> + Clone) -> Result<(), usize> {
    let sum = signs_of_life;
    let total = || indices.clone().fold(0_u64, |total, index| total.wrapping_add(sum(index)));
    let before = total();
    clock::pause(5_000);
    if total() == before {
        return Ok(());
    }
    // Find out who it is.
    for index in indices.clone() {
        let before = sum(index);
        clock::pause(5_000);
        if sum(index) != before {
            return Err(index);
        }
    }
    Err(indices.clone().next().unwrap_or(0))
}

/// Returns how many exceptions a core has taken that it should not have.
pub fn faults(index: usize) -> u64 {
    CORES[index].faults.load(Ordering::Acquire)
}

/// Counts an unexpected exception.
pub fn count_fault(index: usize) {
    CORES[index].faults.fetch_add(1, Ordering::Release);
}

/// Returns how many stop requests a core has taken.
pub fn stop_requests(index: usize) -> u64 {
    CORES[index].stop_requests.load(Ordering::Acquire)
}

/// Returns how often a core has taken the LPI.
pub fn lpis(index: usize) -> u64 {
    CORES[index].lpis.load(Ordering::Acquire)
}

/// What each core does first whenever it is started; 0: nothing.
static HABITS: [AtomicUsize; MAX_CORES] = [const { AtomicUsize::new(0) }; MAX_CORES];

/// Gives a core a job that it does whenever it is started, before it goes back to its anchor or looks into its mailbox: at no
/// moment of its life can it be stopped and started without doing it. Its argument is the core's index.
pub fn set_habit(index: usize, job: Option<Job>) {
    HABITS[index].store(job.map_or(0, |job| job as *const () as usize), Ordering::Release);
}

/// Asks all jobs that run until further notice to end, or no longer asks.
pub fn dismiss(dismissed: bool) {
    DISMISSED.store(dismissed, Ordering::SeqCst);
}

/// Returns whether jobs that run until further notice shall end.
pub fn dismissed() -> bool {
    DISMISSED.load(Ordering::Relaxed)
}

/// Job: turns the core off.
pub extern "C" fn power_off(_: u64) -> u64 {
    psci::cpu_off()
}

/// Job: turns the machine off.
pub extern "C" fn system_off(_: u64) -> u64 {
    psci::system_off()
}

/// Waits until AFFINITY_INFO says that a core is off.
pub fn wait_for_off(index: usize) -> bool {
    wait_until(patience(), || psci::affinity_info(index) == psci::OFF)
}

/// Makes the calling core ready for interrupts.
pub fn init_core(index: usize) {
    gic::init_core(index, clock::HYPERVISOR_TIMER_PPI);
}

/// Takes all interrupts that are pending at the calling core. A stop request is answered: it does not return.
pub fn serve_interrupts() {
    while let Some(interrupt) = gic::take() {
        match interrupt {
            gic::STOP => {
                CORES[this_core()].stop_requests.fetch_add(1, Ordering::Release);
                stop::answer(0);
            }
            clock::HYPERVISOR_TIMER_PPI if ticker::take_timer() => {}
            clock::HYPERVISOR_TIMER_PPI => clock::stop_timer(),
            its::LPI => {
                CORES[this_core()].lpis.fetch_add(1, Ordering::Release);
            }
            // The doorbell's message is in the mailbox.
            sgi => ticker::take_sgi(sgi),
        }
    }
}

/// Where every core but the boot core arrives, and the boot core when it was started by another.
pub extern "C" fn secondary_main(index: u64) -> ! {
    let index = index as usize;
    let core = &CORES[index];
    found::record(index);
    init_core(index);
    core.boots.fetch_add(1, Ordering::Release);
    let habit = HABITS[index].load(Ordering::Acquire);
    if habit != 0 {
        // SAFETY: Only `set_habit` stores there, and what it stores is a `Job`.
        let habit: Job = unsafe { core::mem::transmute::<usize, Job>(habit) };
        habit(index as u64);
        mask_all();
    }
    anchor::resume();
    loop {
        let job = core.job.swap(0, Ordering::Acquire);
        if job != 0 {
            // SAFETY: Only `post` stores to `job`, and what it stores is a `Job`.
            let job: Job = unsafe { core::mem::transmute::<usize, Job>(job) };
            let result = job(core.argument.load(Ordering::Relaxed));
            mask_all();
            core.result.store(result, Ordering::Relaxed);
            core.finished.fetch_add(1, Ordering::Release);
        } else {
            wait_for_interrupt();
        }
        serve_interrupts();
    }
}

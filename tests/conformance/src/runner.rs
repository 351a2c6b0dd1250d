// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs the cases on the boot core and reports what they find.
//!
//! Every case begins with all other cores off. After it the runner sends them off again; a core that does not go is
//! stopped by the stop service, and if that fails too, the machine is turned on anew. A case may reset the machine several
//! times: where the suite is survives that (`progress`).

use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU64, Ordering};

use conformance_events::Event;
use quell_abi::Kind;

use crate::anchor::{self, Ending};
use crate::case::Case;
use crate::parameters::{self, Parameters};
use crate::progress::{MAX_CASES, MAX_STEPS, Progress};
use crate::verdict::{Finding, Verdict, failed, skipped};
use crate::{clock, console, cores, found, gic, machine, println, psci, registers, report, smc, stop};

/// Makes `main` the function that the boot core runs; the machine is turned off when it returns.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        /// Called by the entry code on the boot core, with the MMU on and .bss clear.
        #[unsafe(no_mangle)]
        extern "C" fn payload_main(index: u64) -> ! {
            $crate::runner::init(index);
            $main();
            $crate::psci::system_off()
        }
    };
}

/// Prepares the machine and the boot core.
pub fn init(index: u64) {
    console::init();
    machine::init();
    gic::init_distributor();
    found::record(index as usize);
    cores::init_core(index as usize);
}

/// Where the suite is; only the boot core's.
struct Now(UnsafeCell<Progress>);

// SAFETY: Only the boot core, which runs the cases, uses it.
unsafe impl Sync for Now {}

static NOW: Now = Now(UnsafeCell::new(Progress::BEGIN));

/// Returns where the suite is.
fn progress() -> Progress {
    // SAFETY: Nobody else uses it.
    unsafe { NOW.0.get().read() }
}

/// Says where the suite is, so that it is known after a reset too.
fn set_progress(progress: Progress) {
    // SAFETY: Nobody else uses it.
    unsafe { NOW.0.get().write(progress) };
    progress.store();
}

static ROUNDS: AtomicU64 = AtomicU64::new(0);
static SEED: AtomicU64 = AtomicU64::new(0);

/// The most microseconds that the rounds of one case take together: with many cores on few processors of the host a
/// round is slow.
static ROUNDS_TIME: AtomicU64 = AtomicU64::new(0);

/// Returns the numbers of the rounds of a race: as many as asked for, or as there is time for.
pub fn rounds() -> impl Iterator<Item = u64> {
    rounds_up_to(rounds_wanted())
}

/// Returns the numbers of `wanted` rounds, or of as many as there is time for.
pub fn rounds_up_to(wanted: u64) -> impl Iterator<Item = u64> {
    let time = ROUNDS_TIME.load(Ordering::Relaxed);
    report::within(time / 1_000_000);
    let deadline = clock::now() + clock::ticks(time);
    (0..wanted).take_while(move |round| {
        let has_time = *round == 0 || clock::now() < deadline;
        if !has_time {
            println!("# time for {round} of {wanted} rounds");
        }
        has_time
    })
}

/// Returns where random numbers start.
pub fn seed() -> u64 {
    SEED.load(Ordering::Relaxed)
}

/// Returns whether this firmware has lost a core in a power-down.
pub fn loses_cores() -> bool {
    progress().loses_cores
}

/// Remembers that this firmware has lost a core in a power-down.
pub fn has_lost_core() {
    set_progress(Progress { loses_cores: true, ..progress() });
}

/// Returns how often the running case has reset the machine.
pub fn step() -> u32 {
    progress().step
}

/// Returns whether the running case has reset the machine.
pub fn is_after_reset() -> bool {
    step() > 0
}

/// Announces a reset that some core is about to make: the running case begins again, with the next [`step`].
pub fn expect_reset() {
    let progress = progress();
    assert!(progress.step < MAX_STEPS, "a case of at most {MAX_STEPS} resets");
    set_progress(Progress { expected: true, step: progress.step + 1, ..progress });
    console::flush();
    registers::dsb_sy();
}

/// Says that the announced reset did not come.
pub fn reset_did_not_come() {
    set_progress(Progress { expected: false, ..progress() });
}

/// Resets the machine by SYSTEM_RESET; the running case begins again, with the next [`step`].
pub fn reset() -> ! {
    expect_reset();
    psci::system_reset()
}

/// Returns how often a case of repeated resets shall reset: each costs the start of a machine.
pub fn resets() -> u32 {
    u32::try_from(rounds_wanted() / 100).unwrap_or(MAX_STEPS).clamp(2, MAX_STEPS)
}

/// Returns how many rounds a race shall have.
pub fn rounds_wanted() -> u64 {
    ROUNDS.load(Ordering::Relaxed)
}

struct CaseVerdict(UnsafeCell<Verdict>);

// SAFETY: Only the boot core, which runs the cases, uses it.
unsafe impl Sync for CaseVerdict {}

static VERDICT: CaseVerdict = CaseVerdict(UnsafeCell::new(Ok(())));

/// Runs the case whose address is the argument.
extern "C" fn run_case(case: u64) -> u64 {
    // SAFETY: The argument is the address of a `Case` in a constant table.
    let case = unsafe { &*(case as *const Case) };
    let verdict = (case.run)();
    // SAFETY: Nobody else uses it while the case runs.
    unsafe { VERDICT.0.get().write(verdict) };
    0
}

/// Runs the cases that the parameters ask for, the last of which turns the machine off.
pub fn run(files: &'static [&'static [Case]]) {
    let parameters = Parameters::read();
    ROUNDS.store(parameters.rounds, Ordering::Relaxed);
    SEED.store(parameters.seed, Ordering::Relaxed);
    ROUNDS_TIME.store(parameters.seconds * 1_000_000, Ordering::Relaxed);
    let cases = || files.iter().copied().flatten().enumerate();
    let last = cases().count() - 1;
    assert!(last <= MAX_CASES, "{last} cases are more than the clock can hold");
    let first = match parameters.after {
        Some(id) => cases().position(|(_, case)| case.id == id).map_or(0, |number| number + 1).min(last),
        None => 0,
    };
    let new = Progress { case: first, loses_cores: parameters.loses_cores, ..Progress::BEGIN };
    begin(new, |number| cases().nth(number).map_or("", |(_, case)| case.id));
    let has_stop = stop::is_there();
    // The last one is always wanted: the machine must go off.
    let is_wanted = |&(number, case): &(usize, &Case)| {
        number == last || conformance_events::is_wanted(parameters.filter, case.id)
    };
    for (number, case) in cases().skip(progress().case).filter(is_wanted) {
        let is_new = progress().case != number || progress().step == 0;
        let step = if is_new { 0 } else { progress().step };
        set_progress(Progress { case: number, step, expected: false, ..progress() });
        if is_new {
            report::event(Event::Begin(case.id));
        }
        report::within(0);
        if case.id.starts_with("stop.") && !has_stop {
            verdict(case, Err(skipped(format_args!("the firmware has no stop service"))));
        } else if case.cores > machine::cores() {
            let reason = format_args!("needs {} cores, there are {}", case.cores, machine::cores());
            verdict(case, Err(skipped(reason)));
        } else {
            let found = run_one(case);
            report::within(0);
            let Err(index) = settle() else {
                verdict(case, found);
                continue;
            };
            let stays = format_args!("core {index} to go off after the case");
            verdict(case, found.and(Err(failed(stays, format_args!("nothing of it")))));
            report::event(Event::Renew(if progress().loses_cores { parameters::LOSES_CORES } else { "" }));
            // Where nobody looks after the machine, a reset must do.
            clock::pause(clock::PATIENCE);
            set_progress(Progress { case: number + 1, step: 0, expected: true, ..progress() });
            psci::system_reset();
        }
    }
}

/// Says what is about to run, or goes on behind a reset.
fn begin(new: Progress, id: impl Fn(usize) -> &'static str) {
    match Progress::load() {
        None => {
            set_progress(new);
            let cores = u32::try_from(machine::cores()).unwrap_or(u32::MAX);
            report::event(Event::Start { cores, seed: seed(), rounds: rounds_wanted() });
        }
        Some(progress) => {
            let id = id(progress.case);
            report::event(Event::Again(id));
            if progress.expected {
                set_progress(progress);
            } else {
                report::event(Event::Fail(id, "the machine to go on", "that it began again"));
                set_progress(Progress { case: progress.case + 1, step: 0, ..progress });
            }
        }
    }
}

fn run_one(case: &'static Case) -> Verdict {
    let faults = |index| cores::faults(index);
    let before: u64 = (1..machine::cores()).map(faults).sum();
    match anchor::run(run_case, core::ptr::from_ref(case) as u64) {
        // SAFETY: The case has returned and nobody writes the verdict.
        Ending::Returned(_) => unsafe { VERDICT.0.get().read() }?,
        Ending::Faulted(fault) => return Err(failed(format_args!("no exception"), format_args!("{fault}"))),
        Ending::Restarted => {
            return Err(failed(format_args!("core 0 to go on"), format_args!("it was stopped and started")));
        }
    }
    if (1..machine::cores()).map(faults).sum::<u64>() == before {
        return Ok(());
    }
    let index = (1..machine::cores()).find(|&index| faults(index) > 0).unwrap_or(0);
    Err(failed(format_args!("no exception on core {index}"), format_args!("{}", anchor::fault_of(index))))
}

/// How long cores have to go off by themselves after a case, in microseconds, if the firmware can stop them.
const STOP_AFTER: u64 = 200_000;

/// Turns all other cores off; returns one that does not go off.
fn settle() -> Result<(), usize> {
    registers::mask_all();
    clock::stop_timer();
    gic::set_priority_mask(0xff);
    let others = 1..machine::cores();
    let is_on = |&index: &usize| psci::affinity_info(index) != psci::OFF;
    cores::dismiss(true);
    for index in others.clone().filter(is_on) {
        cores::post(index, cores::power_off, 0);
    }
    // Whoever is wedged does not go by itself: firmware with the stop need not wait long for it.
    let can_stop = stop::is_there();
    let patience = if can_stop { STOP_AFTER } else { clock::PATIENCE };
    clock::wait_until(patience, || others.clone().find(is_on).is_none());
    let left = others.clone().find(is_on);
    if left.is_some() && can_stop {
        stop::Request::at_once(Kind::Crash).sync();
    }
    cores::dismiss(false);
    others.clone().filter(|index| !is_on(index)).for_each(anchor::forget);
    gic::clear_pending(machine::this_core(), gic::ALL_SGIS);
    // Firmware that has neither says so, and stays as it is.
    psci::set_suspend_mode(psci::PLATFORM_COORDINATED);
    if psci::has(psci::MEM_PROTECT) {
        psci::mem_protect(0);
    }
    match others.clone().find(is_on) {
        Some(index) => Err(index),
        None => Ok(()),
    }
}

fn verdict(case: &Case, verdict: Verdict) {
    report::event(match &verdict {
        Ok(()) => Event::Pass(case.id),
        Err(Finding::Failed { expected, saw }) => Event::Fail(case.id, expected.as_str(), saw.as_str()),
        Err(Finding::Skipped(reason)) => Event::Skip(case.id, reason.as_str()),
    });
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    println!("payload panic: {info}");
    smc::call0(smccc::psci::PSCI_SYSTEM_OFF);
    loop {
        registers::wait_for_interrupt();
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs the cases on the boot core and prints what they find.
//!
//! Every case begins with all other cores off. After it the runner sends them off again; a core that does not go is
//! stopped by the stop service, and if that fails too, cases that need more than one core are skipped from there on.
//! A case may reset the machine once: its number and the counts so far are in memory that survives.

use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use quell_abi::Kind;

use crate::anchor::{self, Ending};
use crate::parameters::Parameters;
use crate::verdict::{Finding, Text, Verdict, failed};
use crate::{clock, console, cores, gic, machine, println, psci, registers, stop};

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
    cores::init_core(index as usize);
}

/// One case.
pub struct Case {
    /// Area, call, and what is special.
    pub name: &'static str,
    /// The number of cores that it needs.
    pub cores: usize,
    /// The case itself, on the boot core.
    pub run: fn() -> Verdict,
}

const MAGIC: u64 = 0x7175_656c_6c20_7273;

/// What survives a reset: not cleared at start, and only believed if [`MAGIC`] says so.
struct Progress {
    magic: AtomicU64,
    case: AtomicUsize,
    passed: AtomicUsize,
    failed: AtomicUsize,
    skipped: AtomicUsize,
}

#[unsafe(link_section = ".noinit.progress")]
static PROGRESS: Progress = Progress {
    magic: AtomicU64::new(0),
    case: AtomicUsize::new(0),
    passed: AtomicUsize::new(0),
    failed: AtomicUsize::new(0),
    skipped: AtomicUsize::new(0),
};

static ROUNDS: AtomicU64 = AtomicU64::new(0);
static SEED: AtomicU64 = AtomicU64::new(0);
static AFTER_RESET: AtomicUsize = AtomicUsize::new(usize::MAX);

/// The most microseconds that the rounds of one case take together: with many cores on few processors of the host a
/// round is slow.
const ROUNDS_TIME: u64 = 15_000_000;

/// Returns the numbers of the rounds of a race: as many as asked for, or as there is time for.
pub fn rounds() -> impl Iterator<Item = u64> {
    let wanted = ROUNDS.load(Ordering::Relaxed);
    let deadline = clock::now() + clock::ticks(ROUNDS_TIME);
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

/// Returns whether the running case has reset the machine.
pub fn is_after_reset() -> bool {
    AFTER_RESET.load(Ordering::Relaxed) == PROGRESS.case.load(Ordering::Relaxed)
}

/// Resets the machine; the running case begins again, and [`is_after_reset`] is true then.
pub fn reset() -> ! {
    PROGRESS.magic.store(MAGIC, Ordering::SeqCst);
    registers::dsb_sy();
    psci::system_reset()
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

/// Runs the cases that the parameters ask for, prints one line each and the counts, and turns the machine off.
pub fn run(areas: &'static [&'static [Case]]) {
    let parameters = Parameters::read();
    ROUNDS.store(parameters.rounds, Ordering::Relaxed);
    SEED.store(parameters.seed, Ordering::Relaxed);
    if PROGRESS.magic.swap(0, Ordering::SeqCst) == MAGIC {
        AFTER_RESET.store(PROGRESS.case.load(Ordering::Relaxed), Ordering::Relaxed);
        println!("# the machine was reset");
    } else {
        for counter in [&PROGRESS.case, &PROGRESS.passed, &PROGRESS.failed, &PROGRESS.skipped] {
            counter.store(0, Ordering::Relaxed);
        }
        println!("# seed {}", parameters.seed);
        println!("# rounds {}", parameters.rounds);
        println!("# cores {}", machine::cores());
    }
    let has_stop = stop::is_there();
    let mut lost = None;
    let first = PROGRESS.case.load(Ordering::Relaxed);
    for (number, case) in areas.iter().copied().flatten().enumerate().skip(first) {
        if !case.name.contains(parameters.filter) {
            continue;
        }
        PROGRESS.case.store(number, Ordering::Relaxed);
        let verdict = if case.name.starts_with("stop.") && !has_stop {
            skipped(format_args!("the firmware has no stop service"))
        } else if case.cores > machine::cores() {
            skipped(format_args!("needs {} cores, there are {}", case.cores, machine::cores()))
        } else if let Some(index) = lost.filter(|_| case.cores > 1) {
            skipped(format_args!("core {index} was lost"))
        } else {
            let verdict = run_one(case);
            match settle() {
                Err(index) if lost.is_none() => {
                    lost = Some(index);
                    verdict.and(Err(failed(
                        format_args!("core {index} to go off after the case"),
                        format_args!("nothing of it"),
                    )))
                }
                _ => verdict,
            }
        };
        report(case, verdict);
    }
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    println!(
        "done passed {} failed {} skipped {}",
        count(&PROGRESS.passed),
        count(&PROGRESS.failed),
        count(&PROGRESS.skipped)
    );
    // SYSTEM_OFF must work on any core: use another one if there is one.
    if machine::cores() > 1 && lost.is_none() && cores::start(1) == Ok(true) {
        console::flush();
        cores::post(1, cores::system_off, 0);
        clock::pause(clock::PATIENCE);
        println!("# SYSTEM_OFF on core 1 did nothing");
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
    clock::wait_until(clock::PATIENCE, || others.clone().find(is_on).is_none());
    let left = others.clone().find(is_on);
    if left.is_some() && stop::is_there() {
        stop::Request::at_once(Kind::Crash).sync();
    }
    cores::dismiss(false);
    gic::clear_pending(machine::this_core(), gic::ALL_SGIS);
    match others.clone().find(is_on) {
        Some(index) => Err(index),
        None => Ok(()),
    }
}

fn skipped(reason: core::fmt::Arguments) -> Verdict {
    Err(Finding::Skipped(Text::of(reason)))
}

fn report(case: &Case, verdict: Verdict) {
    let counter = match verdict {
        Ok(()) => {
            println!("ok {}", case.name);
            &PROGRESS.passed
        }
        Err(Finding::Failed(text)) => {
            println!("not ok {}: {text}", case.name);
            &PROGRESS.failed
        }
        Err(Finding::Skipped(text)) => {
            println!("skip {}: {text}", case.name);
            &PROGRESS.skipped
        }
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    println!("# payload panic: {info}");
    psci::system_off()
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Cores that sleep: jobs that suspend the core, and what becomes of it.
//!
//! A power-down ends like a start: the core comes to its entry point, counts one more boot and waits for jobs. A standby,
//! or a power-down that was given up because of a pending wake-up, returns from the call and finishes the job.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use smccc::psci::PSCI_CPU_SUSPEND_64;

use crate::anchor::{self, Ending};
use crate::clock::{PATIENCE, pause, wait_until};
use crate::entry::EntryState;
use crate::fixture::{start, turn_off};
use crate::machine::{MAX_CORES, this_core};
use crate::many::patience;
use crate::verdict::{Finding, Verdict, equal, failed, holds, register, status};
use crate::{clock, cores, gic, marks, psci, registers, runner, stop};

/// The mark of the entry point that sleepers give.
pub const MARK: u64 = 60;

/// The context id that sleepers give, with the core's index in its low bits.
pub const CONTEXT: u64 = 0x51ee_9000_0000_0000;

/// What a sleeper calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// CPU_SUSPEND with this power state.
    State(u64),
    /// CPU_DEFAULT_SUSPEND.
    Default,
    /// SYSTEM_SUSPEND.
    System,
}

/// The bits of a job's argument that say how to sleep, above the power state.
const DEFAULT: u64 = 1 << 40;
const SYSTEM: u64 = 1 << 41;

impl Kind {
    /// Both power-down states, and the call that means one of them.
    pub const POWER_DOWNS: [Self; 3] =
        [Self::State(psci::CORE_POWER_DOWN), Self::State(psci::CLUSTER_POWER_DOWN), Self::Default];

    /// Returns the argument of [`nap`].
    pub fn argument(self) -> u64 {
        match self {
            Self::State(state) => state,
            Self::Default => DEFAULT,
            Self::System => SYSTEM,
        }
    }

    /// Makes the call.
    pub fn call(self, entry: u64, context: u64) -> u64 {
        match self {
            Self::State(state) => psci::cpu_suspend(state, entry, context),
            Self::Default => psci::cpu_default_suspend(entry, context),
            Self::System => psci::system_suspend(entry, context),
        }
    }

    fn of(argument: u64) -> Self {
        match argument {
            DEFAULT => Self::Default,
            SYSTEM => Self::System,
            state => Self::State(state),
        }
    }
}

/// Whether a sleeper may go to sleep: the doorbell that brought the job must not be what wakes it.
static MAY_SLEEP: [AtomicBool; MAX_CORES] = [const { AtomicBool::new(false) }; MAX_CORES];

/// The counter when each core last made its call.
static CALLED_AT: [AtomicU64; MAX_CORES] = [const { AtomicU64::new(0) }; MAX_CORES];

/// Returns the counter when a core last went to sleep.
pub fn called_at(index: usize) -> u64 {
    CALLED_AT[index].load(Ordering::Acquire)
}

/// The most urgent pending interrupt that each core saw when its call last returned.
static MOST_URGENT: [AtomicU64; MAX_CORES] = [const { AtomicU64::new(0) }; MAX_CORES];

/// Returns the most urgent interrupt that was pending at a core when its call last returned.
pub fn most_urgent_at_return(index: usize) -> u64 {
    MOST_URGENT[index].load(Ordering::Acquire)
}

/// Job: suspends the core with its marked entry point and context id; returns x0.
pub extern "C" fn nap(argument: u64) -> u64 {
    let index = this_core();
    CALLED_AT[index].store(clock::now(), Ordering::Release);
    let status = Kind::of(argument).call(marks::entry(MARK), CONTEXT | index as u64);
    MOST_URGENT[index].store(gic::most_urgent(), Ordering::Release);
    status
}

/// Job: the same, once the doorbell of the job was taken and the sender has let it.
extern "C" fn nap_when_let(argument: u64) -> u64 {
    cores::beat();
    wait_until(PATIENCE, || MAY_SLEEP[this_core()].load(Ordering::Acquire));
    cores::serve_interrupts();
    nap(argument)
}

/// What a core did so far, to see what it does next.
#[derive(Clone, Copy, Debug)]
pub struct Sleeper {
    index: usize,
    boots: u64,
    finished: u64,
}

/// How a sleep ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Woken {
    /// The core came to an entry point.
    Resumed,
    /// The call returned this.
    Returned(u64),
}

impl Sleeper {
    /// Looks at a core that is about to be sent to sleep.
    pub fn new(index: usize) -> Self {
        Self { index, boots: cores::boots(index), finished: cores::finished(index) }
    }

    /// Sends a core that waits for jobs to sleep, and waits until it sleeps.
    pub fn send(index: usize, kind: Kind) -> Result<Self, Finding> {
        let sleeper = Self::new(index);
        let beats = cores::heartbeat(index);
        MAY_SLEEP[index].store(false, Ordering::Release);
        cores::post(index, nap_when_let, kind.argument());
        cores::wait_for_beat(index, beats)?;
        MAY_SLEEP[index].store(true, Ordering::Release);
        sleeper.wait_until_asleep()?;
        Ok(sleeper)
    }

    fn wait_until_asleep(self) -> Verdict {
        if stop::is_there() {
            let asleep = || {
                let state = stop::status(self.index).state();
                self.is_awake() || state == Some(quell_abi::State::Suspended)
            };
            wait_until(PATIENCE, asleep);
        } else {
            pause(20_000);
        }
        holds(format_args!("core {} sleeps", self.index), !self.is_awake())
    }

    /// Returns whether the core has come back.
    pub fn is_awake(self) -> bool {
        cores::boots(self.index) != self.boots || cores::finished(self.index) != self.finished
    }

    /// Waits until the core is back; tells how.
    pub fn wait(self) -> Result<Woken, Finding> {
        let Self { index, boots, finished } = self;
        if !wait_until(patience(), || self.is_awake()) {
            return Err(failed(format_args!("core {index} to wake"), format_args!("nothing of it")));
        }
        if cores::finished(index) != finished {
            return Ok(Woken::Returned(cores::result(index, finished)?));
        }
        equal(format_args!("entries of core {index}"), cores::boots(index), boots + 1)?;
        Ok(Woken::Resumed)
    }

    /// Rings the doorbell until the core is back; tells how. For a core that may have taken an earlier ring with it.
    pub fn wait_or_ring(self) -> Result<Woken, Finding> {
        wait_until(PATIENCE, || {
            self.ring();
            wait_until(1_000, || self.is_awake())
        });
        self.wait()
    }

    /// Wakes the core; tells how. Where nobody can tell whether it sleeps already, it is rung for until it comes.
    fn wake(self) -> Result<Woken, Finding> {
        if !stop::is_there() {
            return self.wait_or_ring();
        }
        self.ring();
        self.wait()
    }

    /// Rings the doorbell.
    pub fn ring(self) {
        gic::send(gic::DOORBELL, self.index);
    }

    /// Wakes the core; it must come to its own entry point with its own context id.
    pub fn must_resume(self) -> Verdict {
        self.resumed(self.wake()?)
    }

    /// Waits for the core, which something wakes; it must come to its own entry point with its own context id.
    pub fn resumes(self) -> Verdict {
        self.resumed(self.wait()?)
    }

    fn resumed(self, woken: Woken) -> Verdict {
        holds(format_args!("core {} resumes", self.index), woken == Woken::Resumed)?;
        came_to_its_own(self.index)
    }

    /// Wakes the core; its call must return SUCCESS.
    pub fn must_return(self) -> Verdict {
        self.returned(self.wake()?)
    }

    /// Waits for the core, which something wakes; its call must return SUCCESS.
    pub fn returns(self) -> Verdict {
        self.returned(self.wait()?)
    }

    fn returned(self, woken: Woken) -> Verdict {
        match woken {
            Woken::Returned(saw) => status(format_args!("CPU_SUSPEND of core {}", self.index), saw, 0),
            Woken::Resumed => {
                Err(failed(format_args!("CPU_SUSPEND to return"), format_args!("a start at the entry")))
            }
        }
    }
}

/// Returns whether the firmware knows a power-down: it then judges the entry point, and this one is bad.
pub fn has_power_down() -> bool {
    const MISALIGNED: u64 = 1;
    psci::has(PSCI_CPU_SUSPEND_64)
        && !runner::loses_cores()
        && psci::cpu_suspend(psci::CORE_POWER_DOWN, MISALIGNED, 0) != register(psci::INVALID_PARAMETERS)
}

/// How often a core must come back from a power-down: firmware may give one up when the doorbell rings early.
const TRIES: usize = 3;

/// Starts a core and returns whether it comes back from power-downs.
pub fn comes_back(index: usize) -> Result<bool, Finding> {
    start(index)?;
    for _ in 0..TRIES {
        if Sleeper::send(index, Kind::State(psci::CORE_POWER_DOWN))?.wake().is_err() {
            return Ok(false);
        }
    }
    turn_off(index)?;
    Ok(true)
}

/// Passes if a core came to the entry point and with the context id of [`nap`].
pub fn came_to_its_own(index: usize) -> Verdict {
    equal(format_args!("entry point (mark) of core {index}"), marks::of(index), MARK)?;
    equal(format_args!("x0 of core {index}"), EntryState::of(index).x[0], CONTEXT | index as u64)
}

/// Suspends the calling core until its timer fires after `time` microseconds.
pub fn here(kind: Kind, time: u64) -> Ending {
    registers::mask_all();
    clock::start_timer(time);
    let ending = anchor::run(nap, kind.argument());
    clock::stop_timer();
    cores::serve_interrupts();
    ending
}

/// Passes if the calling core has come back as power-downs end: at its entry point, or with SUCCESS at the call where
/// the firmware gave up because of a pending wake-up.
pub fn must_have_slept(ending: Ending) -> Verdict {
    match ending {
        Ending::Restarted => came_to_its_own(this_core()),
        Ending::Returned(saw) if saw == register(psci::SUCCESS) => Ok(()),
        Ending::Returned(saw) => status("suspend", saw, 0),
        Ending::Faulted(fault) => Err(failed(format_args!("no exception"), format_args!("{fault}"))),
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! SYSTEM_RESET by a core that does not own the session: a reboot must not kill a dump.
//!
//! | kind | what becomes of the caller |
//! |---|---|
//! | PAUSE | it is held until it is resumed, and then resets |
//! | HALT | it resets |
//! | KEXEC, CRASH | it is stopped |

use core::sync::atomic::{AtomicU64, Ordering};

use quell_abi::{Kind, State, Why};
use smccc::psci::PSCI_SYSTEM_RESET;

use crate::case::cases;
use crate::clock::{self, PATIENCE, wait_until};
use crate::fixture::start_with_job;
use crate::runner;
use crate::section;
use crate::session::{LONGEST_PAUSE, finish};
use crate::stop::{self, Fate, NO_SGI, Request};
use crate::stopped::{are_still, come_back, is_stopped};
use crate::verdict::{Finding, Verdict, equal, failed, holds, status};
use crate::{cores, registers, smc};

cases! {
    [section::STOP_SESSION]
    /// Another core's SYSTEM_RESET in a KEXEC session stops that core.
    "stop.reset.in_kexec", 2, in_kexec;
    /// Another core's SYSTEM_RESET in a CRASH session stops that core.
    "stop.reset.in_crash", 2, in_crash;
    /// Another core's SYSTEM_RESET in a HALT session resets the machine.
    "stop.reset.in_halt", 2, in_halt;
    /// Another core's SYSTEM_RESET in a PAUSE waits for its end.
    "stop.reset.in_pause", 2, in_pause;
}

/// The session is open: the other core may call.
static GO: AtomicU64 = AtomicU64::new(0);

/// Job: resets the machine when the session is open.
extern "C" fn reset(_: u64) -> u64 {
    registers::mask_all();
    cores::beat();
    wait_until(PATIENCE, || GO.load(Ordering::Acquire) != 0);
    cores::beat();
    smc::call0(PSCI_SYSTEM_RESET)
}

fn start_resetter() -> Verdict {
    GO.store(0, Ordering::Release);
    start_with_job(1, reset)
}

/// In the time of grace the caller is stopped, not only when the secure interrupt comes.
fn is_refused(kind: Kind) -> Verdict {
    const GRACE: u64 = 3_000_000;
    start_resetter()?;
    let begun = Request::with_grace(kind, GRACE, NO_SGI).begin();
    status("BEGIN", begun.status, 0)?;
    let begin = clock::now();
    GO.store(1, Ordering::Release);
    finish(begun.x[0])?;
    let took = clock::microseconds(clock::now() - begin);
    is_stopped(1, &[Why::Lost, Why::Nmi])?;
    holds(format_args!("it is stopped at its call, took {took} us"), took < GRACE)?;
    are_still(1..2)?;
    come_back(1..2)
}

fn in_kexec() -> Verdict {
    is_refused(Kind::Kexec)
}

fn in_crash() -> Verdict {
    is_refused(Kind::Crash)
}

/// The finding that a reset did not come.
fn no_reset() -> Finding {
    failed(format_args!("a reset of the machine"), format_args!("nothing of it"))
}

fn in_halt() -> Verdict {
    if runner::is_after_reset() {
        return come_back(1..2);
    }
    start_resetter()?;
    let begun = Request::with_grace(Kind::Halt, PATIENCE, NO_SGI).begin();
    runner::expect_reset();
    GO.store(1, Ordering::Release);
    clock::pause(PATIENCE);
    runner::reset_did_not_come();
    finish(begun.x[0])?;
    Err(no_reset())
}

/// Survives the reset: how far the case came.
#[unsafe(link_section = ".noinit.reset_in_pause")]
static CAME_TO: AtomicU64 = AtomicU64::new(0);

const BEGUN: u64 = 1;
const HELD: u64 = 2;

/// The caller is held as long as the PAUSE lasts. The reset that it has asked for comes when it is resumed.
fn in_pause() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    if runner::is_after_reset() {
        equal("how far the PAUSE came before the reset", CAME_TO.load(Ordering::SeqCst), HELD)?;
        return come_back(1..2);
    }
    start_resetter()?;
    CAME_TO.store(BEGUN, Ordering::SeqCst);
    runner::expect_reset();
    let verdict = hold_and_resume();
    clock::pause(PATIENCE);
    runner::reset_did_not_come();
    verdict.and(Err(no_reset()))
}

fn hold_and_resume() -> Verdict {
    let begun = Request { grace: 2_000, ..Request::pause(LONGEST_PAUSE) }.begin();
    status("BEGIN of PAUSE", begun.status, 0)?;
    GO.store(1, Ordering::Release);
    finish(begun.x[0])?;
    holds("the caller is parked", stop::status(1).state() == Some(State::Parked))?;
    clock::pause(5_000);
    CAME_TO.store(HELD, Ordering::SeqCst);
    status("RELEASE(RESUME)", stop::release(begun.x[0], Fate::Resume).status, 0)
}

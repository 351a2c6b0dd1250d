// SPDX-License-Identifier: MIT OR Apache-2.0

//! SDEI, the Software Delegated Exception Interface: its version, the private event 0 that software signals, and how a core
//! masks events.

use core::arch::naked_asm;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::arch::is_there;
use crate::case::cases;
use crate::cases::smccc_registers::preserves;
use crate::clock::{PATIENCE, wait_until};
use crate::fixture::{others, start_others};
use crate::machine::mpidr;
use crate::verdict::{Verdict, equal, holds, skipped, status};
use crate::{cores, section, smc};

cases! {
    [section::SDEI_VERSION]
    /// SDEI_VERSION is 1.0 or later.
    "sdei.version", 1, version;
    [section::SDEI_CALLS]
    /// Without SDEI all its calls answer NOT_SUPPORTED.
    "sdei.absent", 1, absent;
    /// The calls leave x4 to x30 as they were.
    "sdei.registers", 1, registers;
    /// The rest of SDEI's identifiers are unknown calls.
    "sdei.other_ids", 1, other_ids;
    [section::SDEI_PE_MASK]
    /// A core masks events and lets them in again, and is told whether that changed something.
    "sdei.pe_mask.tells_what_changed", 1, mask_and_unmask;
    /// Each core has a mask of its own.
    "sdei.pe_mask.of_each_core", 2, masks_of_others;
    [section::SDEI_EVENT_GET_INFO]
    /// Event 0 is private and of normal priority.
    "sdei.event_get_info.event_0", 1, info_of_event_0;
    /// An event or an information that there is not is INVALID_PARAMETERS.
    "sdei.event_get_info.invalid", 1, info_of_nothing;
    [section::SDEI_EVENT]
    /// Event 0 is registered, enabled, disabled and unregistered, and its status tells so.
    "sdei.event.life", 1, life;
    /// What an event's state does not allow is DENIED.
    "sdei.event.denied", 1, denied;
    /// An event that there is not is INVALID_PARAMETERS.
    "sdei.event.invalid", 1, invalid;
    /// COMPLETE and CONTEXT outside of a handler are DENIED.
    "sdei.event.complete_outside", 1, complete_outside;
    [section::SDEI_EVENT_SIGNAL]
    /// A core that signals event 0 to itself runs its handler once, and goes on with all its registers.
    "sdei.event_signal.here", 1, signal_here;
    /// An event that is signalled while the core masks events comes when it lets them in.
    "sdei.event_signal.masked", 1, signal_masked;
    /// An event that is registered and not enabled does not come.
    "sdei.event_signal.disabled", 1, signal_disabled;
    /// Other events, and cores that there are not, are INVALID_PARAMETERS.
    "sdei.event_signal.invalid", 1, signal_invalid;
    [section::SDEI_RESET]
    /// PRIVATE_RESET unregisters a core's events.
    "sdei.private_reset", 1, private_reset;
    /// SHARED_RESET succeeds without shared events.
    "sdei.shared_reset", 1, shared_reset;
    [section::SDEI_INTERRUPT]
    /// Only PPIs and SPIs can be bound, and only what was bound can be released.
    "sdei.interrupt_bind.invalid", 1, bind_invalid;
}

const fn id(number: u32) -> u32 {
    0xc400_0020 + number
}

const VERSION: u32 = id(0x0);
const EVENT_REGISTER: u32 = id(0x1);
const EVENT_ENABLE: u32 = id(0x2);
const EVENT_DISABLE: u32 = id(0x3);
const EVENT_CONTEXT: u32 = id(0x4);
const EVENT_COMPLETE: u32 = id(0x5);
const EVENT_UNREGISTER: u32 = id(0x7);
const EVENT_STATUS: u32 = id(0x8);
const EVENT_GET_INFO: u32 = id(0x9);
const PE_MASK: u32 = id(0xb);
const PE_UNMASK: u32 = id(0xc);
const INTERRUPT_BIND: u32 = id(0xd);
const INTERRUPT_RELEASE: u32 = id(0xe);
const EVENT_SIGNAL: u32 = id(0xf);
const PRIVATE_RESET: u32 = id(0x11);
const SHARED_RESET: u32 = id(0x12);

/// The numbers of SDEI, and the first of them that none is.
const NUMBERS: u32 = 0x20;
const FIRST_UNKNOWN: u32 = 0x13;

const NOT_SUPPORTED: i32 = -1;
const INVALID_PARAMETERS: i32 = -2;
const DENIED: i32 = -3;

/// The event that every core has: software signals it.
const SOFTWARE: u64 = 0;
/// An event that nobody has: reserved bits are set.
const NONE: u64 = 0x7fff_fff0;

/// EVENT_STATUS.
const REGISTERED: u64 = 1 << 0;
const ENABLED: u64 = 1 << 1;

fn call<const COUNT: usize>(function: u32, arguments: [u64; COUNT]) -> u64 {
    let mut all = [0; 6];
    all[..COUNT].copy_from_slice(&arguments);
    smc::call(function, all)[0]
}

/// Skips the case without SDEI.
fn needed() -> Verdict {
    if is_there(call(VERSION, [])) {
        return Ok(());
    }
    Err(skipped(format_args!("there is no SDEI")))
}

fn version() -> Verdict {
    needed()?;
    equal("major version", call(VERSION, []) >> 48, 1)
}

fn absent() -> Verdict {
    if needed().is_ok() {
        return Err(skipped(format_args!("there is SDEI")));
    }
    (0..FIRST_UNKNOWN).try_for_each(|number| {
        status(format_args!("call {:#x}", id(number)), call(id(number), []), NOT_SUPPORTED)
    })
}

fn registers() -> Verdict {
    needed()?;
    preserves(VERSION, &[], 4)?;
    preserves(EVENT_STATUS, &[SOFTWARE], 4)?;
    preserves(EVENT_STATUS, &[NONE], 4)?;
    preserves(EVENT_GET_INFO, &[SOFTWARE, 0], 4)?;
    preserves(PE_MASK, &[], 4)
}

fn other_ids() -> Verdict {
    (FIRST_UNKNOWN..NUMBERS).try_for_each(|number| {
        status(format_args!("call {:#x}", id(number)), call(id(number), []), NOT_SUPPORTED)
    })
}

fn mask_and_unmask() -> Verdict {
    needed()?;
    call(PE_MASK, []);
    equal("PE_MASK of a core that masks events", call(PE_MASK, []), 0)?;
    status("PE_UNMASK", call(PE_UNMASK, []), 0)?;
    status("PE_UNMASK again", call(PE_UNMASK, []), 0)?;
    equal("PE_MASK of a core that lets events in", call(PE_MASK, []), 1)
}

/// Job: masks events; returns whether that changed something.
extern "C" fn mask_here(_: u64) -> u64 {
    call(PE_MASK, [])
}

/// A core that starts masks events, whatever the others do.
fn masks_of_others() -> Verdict {
    needed()?;
    call(PE_UNMASK, []);
    start_others()?;
    for index in others() {
        equal(format_args!("PE_MASK of core {index}, just started"), cores::call(index, mask_here, 0)?, 0)?;
    }
    equal("PE_MASK of the boot core, which let events in", call(PE_MASK, []), 1)
}

/// The information on an event.
const TYPE: u64 = 0;
const PRIORITY: u64 = 2;
const ROUTING_MODE: u64 = 3;

fn info_of_event_0() -> Verdict {
    needed()?;
    let info = |what| call(EVENT_GET_INFO, [SOFTWARE, what]);
    equal("type: private", info(TYPE), 0)?;
    equal("priority: normal", info(PRIORITY), 0)?;
    status("routing mode, which only shared events have", info(ROUTING_MODE), INVALID_PARAMETERS)
}

fn info_of_nothing() -> Verdict {
    needed()?;
    for what in [5, 0xff, 0xffff_ffff] {
        let saw = call(EVENT_GET_INFO, [SOFTWARE, what]);
        status(format_args!("information {what:#x} of event 0"), saw, INVALID_PARAMETERS)?;
    }
    status("type of an event that there is not", call(EVENT_GET_INFO, [NONE, TYPE]), INVALID_PARAMETERS)
}

/// How often the handler ran.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// Handles an event: counts at the address that is its argument (x1), and completes.
#[unsafe(naked)]
extern "C" fn handler() {
    naked_asm!(
        "ldr x2, [x1]",
        "add x2, x2, #1",
        "str x2, [x1]",
        "mov w0, #({complete} & 0xffff)",
        "movk w0, #({complete} >> 16), lsl #16",
        "mov x1, xzr",
        "smc #0",
        "b .",
        complete = const EVENT_COMPLETE,
    )
}

fn register() -> u64 {
    RUNS.store(0, Ordering::Relaxed);
    call(EVENT_REGISTER, [SOFTWARE, handler as *const () as u64, (&raw const RUNS) as u64, 0, 0])
}

/// Runs a part of a case with event 0 registered.
fn registered(part: impl FnOnce() -> Verdict) -> Verdict {
    needed()?;
    status("EVENT_REGISTER", register(), 0)?;
    let verdict = part();
    call(PE_MASK, []);
    call(EVENT_DISABLE, [SOFTWARE]);
    let unregistered = call(EVENT_UNREGISTER, [SOFTWARE]);
    verdict?;
    status("EVENT_UNREGISTER", unregistered, 0)
}

fn state(what: &str, expected: u64) -> Verdict {
    equal(format_args!("EVENT_STATUS of an event that is {what}"), call(EVENT_STATUS, [SOFTWARE]), expected)
}

fn life() -> Verdict {
    needed()?;
    state("not registered", 0)?;
    registered(|| {
        state("registered", REGISTERED)?;
        status("EVENT_ENABLE", call(EVENT_ENABLE, [SOFTWARE]), 0)?;
        state("enabled", REGISTERED | ENABLED)?;
        status("EVENT_DISABLE", call(EVENT_DISABLE, [SOFTWARE]), 0)?;
        state("disabled", REGISTERED)
    })?;
    state("no longer registered", 0)
}

fn denied() -> Verdict {
    needed()?;
    for function in [EVENT_ENABLE, EVENT_DISABLE, EVENT_UNREGISTER] {
        let what = format_args!("call {function:#x} for an event that is not registered");
        status(what, call(function, [SOFTWARE]), DENIED)?;
    }
    registered(|| status("EVENT_REGISTER of a registered event", register(), DENIED))
}

fn invalid() -> Verdict {
    needed()?;
    for function in [EVENT_ENABLE, EVENT_DISABLE, EVENT_UNREGISTER, EVENT_STATUS] {
        let what = format_args!("call {function:#x} for an event that there is not");
        status(what, call(function, [NONE]), INVALID_PARAMETERS)?;
    }
    let entry = handler as *const () as u64;
    status("EVENT_REGISTER of one", call(EVENT_REGISTER, [NONE, entry, 0, 0, 0]), INVALID_PARAMETERS)
}

fn complete_outside() -> Verdict {
    needed()?;
    status("EVENT_COMPLETE", call(EVENT_COMPLETE, [0]), DENIED)?;
    status("EVENT_CONTEXT", call(EVENT_CONTEXT, [0]), DENIED)
}

fn came(expected: u64) -> Verdict {
    wait_until(PATIENCE, || RUNS.load(Ordering::Relaxed) >= expected);
    equal("runs of the handler", RUNS.load(Ordering::Relaxed), expected)
}

/// How long an event that must not come is waited for, in microseconds.
const A_WHILE: u64 = 10_000;

fn does_not_come() -> Verdict {
    wait_until(A_WHILE, || RUNS.load(Ordering::Relaxed) != 0);
    equal("runs of the handler", RUNS.load(Ordering::Relaxed), 0)
}

fn signal_here() -> Verdict {
    registered(|| {
        status("EVENT_ENABLE", call(EVENT_ENABLE, [SOFTWARE]), 0)?;
        status("PE_UNMASK", call(PE_UNMASK, []), 0)?;
        status("EVENT_SIGNAL", call(EVENT_SIGNAL, [SOFTWARE, mpidr(0)]), 0)?;
        came(1)?;
        preserves(EVENT_SIGNAL, &[SOFTWARE, mpidr(0)], 4)?;
        came(2)
    })
}

fn signal_masked() -> Verdict {
    registered(|| {
        status("EVENT_ENABLE", call(EVENT_ENABLE, [SOFTWARE]), 0)?;
        call(PE_MASK, []);
        status("EVENT_SIGNAL", call(EVENT_SIGNAL, [SOFTWARE, mpidr(0)]), 0)?;
        does_not_come()?;
        status("PE_UNMASK", call(PE_UNMASK, []), 0)?;
        came(1)
    })
}

fn signal_disabled() -> Verdict {
    registered(|| {
        status("PE_UNMASK", call(PE_UNMASK, []), 0)?;
        call(EVENT_SIGNAL, [SOFTWARE, mpidr(0)]);
        does_not_come()
    })
}

fn signal_invalid() -> Verdict {
    needed()?;
    for (event, target) in [(NONE, mpidr(0)), (1, mpidr(0)), (SOFTWARE, 0xff_00ff_ffff)] {
        let what = format_args!("EVENT_SIGNAL of event {event:#x} to {target:#x}");
        status(what, call(EVENT_SIGNAL, [event, target]), INVALID_PARAMETERS)?;
    }
    Ok(())
}

fn private_reset() -> Verdict {
    needed()?;
    status("EVENT_REGISTER", register(), 0)?;
    status("PRIVATE_RESET", call(PRIVATE_RESET, []), 0)?;
    state("reset", 0)?;
    holds("it can be registered again", register() == 0)?;
    status("PRIVATE_RESET", call(PRIVATE_RESET, []), 0)
}

fn shared_reset() -> Verdict {
    needed()?;
    status("SHARED_RESET", call(SHARED_RESET, []), 0)
}

fn bind_invalid() -> Verdict {
    needed()?;
    for interrupt in [0, 15, 1020, 1 << 20, 0xffff_ffff] {
        let what = format_args!("INTERRUPT_BIND of interrupt {interrupt:#x}");
        status(what, call(INTERRUPT_BIND, [interrupt]), INVALID_PARAMETERS)?;
    }
    for event in [SOFTWARE, NONE] {
        let what = format_args!("INTERRUPT_RELEASE of event {event:#x}");
        status(what, call(INTERRUPT_RELEASE, [event]), INVALID_PARAMETERS)?;
    }
    Ok(())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! PSCI's outcomes: what becomes of the core that called, and of the machine.
//!
//! A core that sleeps stays where it is in EL3, in WFI. Its stack and with it the place where it shall begin are its own:
//! no call of another core touches them. From the step of its word to SUSPENDED on a session may say that it has stopped;
//! so the step comes after its last store to the operating system's memory, and whatever wakes it, it looks at its word first.

use aarch64_cpu::asm::barrier;
use quell_abi::Why;
use quell_arch::FunctionId;
use quell_plat::Platform;
use quell_power::{Depth, Entry, LocalCore};
use quell_psci::{End, Outcome, Rest};

use crate::{
    exception::follow, frame::Caller, gic, machine, mem_protect, pen, platform::Machine, virtual_interrupts,
    world,
};

const SUCCESS: i32 = 0;

/// Serves a call of PSCI.
// Its frame is not that of every call.
#[inline(never)]
pub(crate) fn handle(caller: Caller, function: FunctionId) {
    let [_, arguments @ ..]: [u64; 4] = caller.get();
    carry_out(caller, machine::psci().handle(function, arguments, caller.local(), caller.counters()));
}

/// Serves CPU_SUSPEND (SMC64), the short way.
#[inline(never)]
pub(crate) fn suspend(caller: Caller) {
    rest(caller, Rest::Suspend);
}

/// Serves CPU_OFF, the short way.
#[inline(never)]
pub(crate) fn off(caller: Caller) {
    rest(caller, Rest::Off);
}

#[inline(always)]
fn rest(caller: Caller, rest: Rest) {
    let [x0, arguments @ ..]: [u64; 4] = caller.get();
    caller.note_call(x0);
    carry_out(caller, machine::psci().rest_at_once(rest, arguments, caller.local(), caller.counters()));
}

#[inline(always)]
fn carry_out(caller: Caller, outcome: Outcome) {
    let local = caller.local();
    match outcome {
        Outcome::Return(value) => caller.set_code(value),
        Outcome::Value(value) => caller.set(&[value]),
        Outcome::Off => {
            machine::stop_service().off(local);
            pen::stay()
        }
        Outcome::Standby => {
            sleep(local, Depth::Standby);
            caller.set_code(SUCCESS);
        }
        Outcome::PowerDown { depth, entry } => power_down(caller, depth, entry),
        Outcome::End(how) => end(local, how),
    }
}

/// Sleeps until an interrupt is pending for the non-secure world, masked or not; then the core is ON and has passed the
/// gate. It does not return if a session stops the core.
#[inline(never)]
fn sleep(local: &LocalCore<'_>, depth: Depth) {
    let (psci, stop) = (machine::psci(), machine::stop_service());
    // A session may say that this core has stopped as soon as its word says that it sleeps.
    barrier::dsb(barrier::SY);
    let Some(asleep) = psci.suspend(local, depth) else {
        return follow(stop.arrive(local, Why::Nmi));
    };
    let hidden = virtual_interrupts::hide();
    loop {
        pen::sleep();
        gic::acknowledge();
        stop.attend(local);
        let is_evicted = stop.serve(local);
        debug_assert!(!is_evicted, "who sleeps does not accept that");
        if local.word().depth().is_none() || gic::is_non_secure_pending() || stop.is_evicted(local) {
            break;
        }
        psci.counters(local.index()).count_stray_doorbell();
    }
    hidden.restore();
    let way = if psci.wake(local, asleep) {
        stop.enter(local, Why::Suspended)
    } else {
        stop.arrive(local, Why::Suspended)
    };
    follow(way);
    if stop.serve(local) {
        follow(stop.leave_evicted(local));
    }
}

/// Sleeps, and begins anew. What the operating system had in the core is lost, what it has around it (the settings of the
/// redistributor, pending interrupts, the timers) is kept.
#[inline(never)]
fn power_down(caller: Caller, depth: Depth, entry: Entry) {
    gic::open_for_wake_up();
    sleep(caller.local(), depth);
    world::resume_core(entry);
    pen::enter(caller, entry.context())
}

/// Ends the machine with every other core at rest, if this core may.
#[inline(never)]
fn end(local: &LocalCore<'_>, how: End) {
    follow(machine::stop_service().rest(local));
    match how {
        End::Off => Machine::system_off(),
        End::Reset => Machine::system_reset(),
        End::WarmReset => {
            mem_protect::replace(false);
            Machine::system_reset();
        }
    }
    pen::wait_for_the_end()
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! PSCI's outcomes: what becomes of the core that called, and of the machine.
//!
//! A core that sleeps stays where it is in EL3, in WFI. Its stack and with it the place where it shall begin are its own:
//! no call of another core touches them. From the step of its word to SUSPENDED on a session may say that it has stopped;
//! so the step comes after its last store to the operating system's memory, and whatever wakes it, it looks at its word first.

use aarch64_cpu::asm::barrier;
use quell_arch::FunctionId;
use quell_plat::Platform;
use quell_power::{Depth, Entry, Gate, LocalCore};
use quell_psci::{End, Outcome};

use crate::{
    frame::{Frame, Leave, Verdict},
    gic,
    machine::{self, Machine},
    mem_protect, pen, smc, virtual_interrupts, world,
};

const SUCCESS: i32 = 0;

/// Serves a call of PSCI.
#[inline(never)]
pub(crate) fn handle(frame: &mut Frame, function: FunctionId, arguments: [u64; 3]) -> Verdict {
    let local = machine::local_core();
    match machine::psci().handle(function, arguments, &local) {
        Outcome::Return(value) => smc::code(frame, value),
        Outcome::Value(value) => {
            frame.x[0] = value;
            Verdict::RETURN
        }
        Outcome::Off => Leave::Off.into(),
        Outcome::Standby => match sleep(&local, Depth::Standby) {
            Ok(()) => smc::code(frame, SUCCESS),
            Err(leave) => leave.into(),
        },
        Outcome::PowerDown { depth, entry } => power_down(&local, depth, entry),
        Outcome::End(how) => end(&local, how),
    }
}

/// Sleeps until an interrupt is pending for the non-secure world, masked or not; then the core is ON and has passed the
/// gate.
///
/// # Errors
///
/// Returns how the core leaves if a session has stopped it.
fn sleep(local: &LocalCore<'_>, depth: Depth) -> Result<(), Leave> {
    let psci = machine::psci();
    // A session may say that this core has stopped as soon as its word says that it sleeps.
    barrier::dsb(barrier::SY);
    let asleep = psci.suspend(local, depth).ok_or(Leave::Suspended)?;
    let hidden = virtual_interrupts::hide();
    loop {
        pen::sleep();
        gic::acknowledge();
        if local.word().depth().is_none() || gic::is_non_secure_pending() {
            break;
        }
        psci.counters(local.index()).count_stray_doorbell();
    }
    hidden.restore();
    if !psci.wake(local, asleep) {
        return Err(Leave::Suspended);
    }
    match local.enter() {
        Gate::Pass => Ok(()),
        Gate::Stop { generation } => Err(Leave::Woken(generation)),
        Gate::Pen => Err(Leave::Suspended),
    }
}

/// Sleeps, and begins anew. What the operating system had in the core is lost, what it has around it (the settings of the
/// redistributor, pending interrupts, the timers) is kept.
fn power_down(local: &LocalCore<'_>, depth: Depth, entry: Entry) -> Verdict {
    gic::open_for_wake_up();
    match sleep(local, depth) {
        Ok(()) => {
            world::resume_core(entry);
            pen::enter(local.index(), entry.context)
        }
        Err(leave) => leave.into(),
    }
}

/// Ends the machine with every other core at rest, if this core may.
fn end(local: &LocalCore<'_>, how: End) -> Verdict {
    if let Err(generation) = machine::stop_service().rest(local) {
        return Leave::Stop(generation).into();
    }
    match how {
        End::Off => Machine::system_off(),
        End::Reset => Machine::system_reset(),
        End::WarmReset => {
            mem_protect::replace(false);
            Machine::system_reset();
        }
    }
    // It takes a moment, which this core spends asleep.
    loop {
        pen::sleep();
    }
}

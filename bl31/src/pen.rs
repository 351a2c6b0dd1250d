// SPDX-License-Identifier: MIT OR Apache-2.0

//! The pen on this machine: the protocol is the stop service's (`services/stop/src/pen.rs`), here is what it does to the core.

use core::ptr::NonNull;

use aarch64_cpu::asm::{self, barrier};
use quell_abi::Why;
use quell_stop::Way;
use tock_registers::interfaces::{Readable, Writeable};

use crate::{
    frame::{Caller, Frame},
    gic, machine,
    sysreg::ICC_IGRPEN1_EL3,
    vectors,
    virtual_interrupts::{self, Hidden},
    world,
};

/// Stays in the pen, with an empty stack: nothing of what the core was doing is needed any more.
pub(crate) fn stay() -> ! {
    // SAFETY: this does not return, and nothing on this stack is used after it.
    unsafe { vectors::enter_pen(Caller::of_this_core().address()) }
}

/// The pen: the core lives again with every start that gets through the gate.
pub(crate) extern "C" fn live_again(frame: NonNull<Frame>) -> ! {
    // SAFETY: it is this core's, and nobody has a reference into it.
    let caller = unsafe { Caller::new(frame) };
    let local = caller.local();
    loop {
        let entry = machine::stop_service().stay(local);
        machine::psci().note_up(local);
        world::reset_core(local.index(), entry);
        if machine::stop_service().enter(local, Why::NeverRan) == Way::Back {
            enter(caller, entry.context());
        }
    }
}

/// Sleeps until an interrupt is pending, masked or not.
pub(crate) fn sleep() {
    // All that this core has stored is complete, and what it has looked at it has looked at, before it sleeps: to others
    // a core that sleeps in the firmware counts as stopped.
    barrier::dsb(barrier::SY);
    asm::wfi();
}

/// Sleeps while the machine ends, which takes a moment.
pub(crate) fn wait_for_the_end() -> ! {
    loop {
        sleep();
    }
}

/// What was open of a core that is closed.
#[derive(Debug)]
pub(crate) struct Closed {
    groups: u64,
    hidden: Hidden,
}

/// Makes the core deaf to all but EL3's interrupts, and takes those that are pending.
pub(crate) fn close() -> Closed {
    let closed = Closed { groups: ICC_IGRPEN1_EL3.get(), hidden: virtual_interrupts::hide() };
    gic::close_non_secure();
    gic::acknowledge();
    // "Stopped" promises that every store of the core is complete.
    barrier::dsb(barrier::SY);
    closed
}

/// Lets the core hear again what it heard before.
pub(crate) fn reopen(closed: Closed) {
    closed.hidden.restore();
    ICC_IGRPEN1_EL3.set(closed.groups);
    // What is pending is signalled once the core has gone back, no sooner and no later.
    barrier::isb(barrier::SY);
}

/// Goes to the non-secure world where [`world::reset_core`] has said.
pub(crate) fn enter(caller: Caller, context: u64) -> ! {
    // SAFETY: the exception return goes to the non-secure world, and nothing on this stack is used after it.
    unsafe { vectors::enter_boot(context, caller.address()) }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The pen: where a core is that is OFF, and the ways in and out of it.
//!
//! In: the core takes its word to STOPPING, records its registers if a session wants them, closes the operating system's
//! interrupts, clears what is pending for EL3, completes its stores, and publishes OFF. Then it looks for a start, and
//! sleeps if there is none. The doorbell of a start that comes between look and sleep is pending by then, so WFI falls
//! through; every wake-up first acknowledges, then looks. A doorbell is cleared before OFF is published and not after: one
//! that comes after belongs to a start.
//!
//! Out: the core takes the start, resets what the operating system sees of it, and passes the gate of those that enter.

use aarch64_cpu::asm::{self, barrier};
use quell_abi::{State, Why};
use quell_power::{Entry, Gate, LocalCore};

use crate::{
    capture,
    frame::{Frame, Leave, Verdict},
    gic, machine, vectors, virtual_interrupts, world,
};

/// The way in for a core that does not go back to the operating system.
pub(crate) extern "C" fn leave(frame: &Frame, verdict: Verdict) -> ! {
    let local = machine::local_core();
    let (why, session) = match verdict.leave() {
        Leave::Off => (Why::Off, None),
        Leave::Ack(generation) => (Why::Ack, Some(generation)),
        Leave::Stop(generation) => (Why::Nmi, Some(generation)),
        Leave::Lost(generation) => (Why::Lost, Some(generation)),
        Leave::Woken(generation) => (Why::Suspended, Some(generation)),
        Leave::Suspended => contained(&local, frame),
    };
    if local.leave() {
        let session = session.or_else(|| local.session());
        if let Some(generation) = session {
            record(local.index(), frame, generation, why);
        }
        close();
        local.publish(why, session);
    } else {
        close();
    }
    stay(&local)
}

/// Records a core that a session stopped in its sleep: its word is OFF, or a start of it is under way already.
fn contained(local: &LocalCore<'_>, frame: &Frame) -> (Why, Option<u32>) {
    let generation = local.word().generation();
    record(local.index(), frame, generation, Why::Suspended);
    (Why::Suspended, Some(generation))
}

fn record(index: usize, frame: &Frame, generation: u32, why: Why) {
    machine::stop_service().record(index, generation, why, |writer| capture::registers(frame, writer));
}

/// Makes the core deaf to all but EL3's interrupts, and takes those that are pending.
fn close() {
    gic::close_non_secure();
    virtual_interrupts::hide();
    gic::acknowledge();
    // "Stopped" promises that every store of the core is complete.
    barrier::dsb(barrier::SY);
}

/// Stays in the pen until a start lets the core out.
pub(crate) fn stay(local: &LocalCore<'_>) -> ! {
    loop {
        if let Some(entry) = local.boot() {
            boot(local, entry);
        }
        sleep();
        gic::acknowledge();
        if local.word().state() != State::Pending {
            machine::psci().counters(local.index()).count_stray_doorbell();
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

/// Takes a started core to the operating system, unless a session stops it at the gate.
fn boot(local: &LocalCore<'_>, entry: Entry) {
    machine::stop_service().begin_life(local.index());
    machine::psci().note_up(local);
    world::reset_core(local.index(), entry);
    match local.enter() {
        Gate::Pass => enter(local.index(), entry.context),
        Gate::Stop { generation } => {
            close();
            machine::stop_service().never_ran(local.index());
            assert!(local.leave(), "only the core itself leaves ON");
            local.publish(Why::NeverRan, Some(generation));
        }
        Gate::Pen => assert!(local.word().state() != State::On),
    }
}

/// Goes to the non-secure world where [`world::reset_core`] has said.
pub(crate) fn enter(index: usize, context: u64) -> ! {
    // SAFETY: the exception return goes to the non-secure world, and nothing on this stack is used after it.
    unsafe { vectors::enter_boot(context, machine::stack_top(index)) }
}

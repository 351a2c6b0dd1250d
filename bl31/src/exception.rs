// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the vectors call when a lower exception level comes up, and the gate that it goes down through.

use core::ptr::NonNull;

use aarch64_cpu::registers::ESR_EL3;
use quell_arch::NOT_SUPPORTED;
use quell_power::{Gate, LocalCore};
use quell_stop::Way;
use tock_registers::interfaces::Readable;

use crate::{
    frame::{Caller, Frame},
    gic, inject, machine, pen, smc,
};

/// ESR_ELx.EC of an SMC in AArch64, and in AArch32.
const SMC64: u64 = 0x17;
const SMC32: u64 = 0x13;

/// Serves a synchronous exception from a lower exception level.
pub(crate) extern "C" fn lower_sync(frame: NonNull<Frame>) {
    // SAFETY: the vectors have saved it, and have no reference into it.
    let caller = unsafe { Caller::new(frame) };
    match ESR_EL3.read(ESR_EL3::EC) {
        SMC64 => smc::handle(caller),
        SMC32 if !smc::is_smc64(caller) => smc::handle(caller),
        // An AArch32 caller has no SMC64 calls (SMCCC 1.5 section 2.5).
        SMC32 => caller.set_code(NOT_SUPPORTED),
        // What EL3 keeps for itself, the registers of Group 0 first of all, is not there for anybody else.
        _ => inject::undefined(),
    }
}

/// Serves a Group 0 interrupt that a lower exception level could not mask.
pub(crate) extern "C" fn lower_fiq() {
    gic::acknowledge();
    let local = machine::local_core();
    follow(machine::stop_service().interrupted(&local), &local);
}

/// The gate: the last thing that a core passes on its way to the non-secure world.
pub(crate) extern "C" fn gate() {
    let local = machine::local_core();
    if local.resume() != Gate::Pass {
        closed(&local);
    }
}

/// Off the path of those that pass.
#[cold]
fn closed(local: &LocalCore<'_>) {
    follow(machine::stop_service().gate(local), local);
}

/// Goes where the core has to go: returns to the non-secure world's side, or stays in the pen.
pub(crate) fn follow(way: Way, local: &LocalCore<'_>) {
    if way == Way::Pen {
        pen::stay(local);
    }
}

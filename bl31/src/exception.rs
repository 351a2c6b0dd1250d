// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the vectors call when a lower exception level comes up, and the gate that it goes down through.

use aarch64_cpu::registers::ESR_EL3;
use quell_arch::NOT_SUPPORTED;
use quell_power::Gate;
use tock_registers::interfaces::Readable;

use crate::{
    frame::{Frame, Leave, Verdict},
    gic, inject, machine, smc,
};

/// ESR_ELx.EC of an SMC in AArch64, and in AArch32.
const SMC64: u64 = 0x17;
const SMC32: u64 = 0x13;

/// Serves a synchronous exception from a lower exception level.
pub(crate) extern "C" fn lower_sync(frame: &mut Frame) -> Verdict {
    match ESR_EL3.read(ESR_EL3::EC) {
        SMC64 => smc::handle(frame),
        SMC32 if !smc::is_smc64(frame) => smc::handle(frame),
        // An AArch32 caller has no SMC64 calls (SMCCC 1.5 section 2.5).
        SMC32 => smc::code(frame, NOT_SUPPORTED),
        // What EL3 keeps for itself, the registers of Group 0 first of all, is not there for anybody else.
        _ => {
            inject::undefined();
            Verdict::RETURN
        }
    }
}

/// Serves a Group 0 interrupt that a lower exception level could not mask. It carries no order: what is to be done is in
/// the control word, and the gate that follows looks at it.
pub(crate) extern "C" fn lower_fiq(_frame: &Frame) {
    gic::acknowledge();
    let local = machine::local_core();
    if !machine::core_table().control().load().targets(local.index()) {
        machine::psci().counters(local.index()).count_stray_doorbell();
    }
}

/// The gate: the last thing that a core passes on its way to the non-secure world.
pub(crate) extern "C" fn gate() -> Verdict {
    match machine::local_core().resume() {
        Gate::Pass => Verdict::RETURN,
        Gate::Stop { generation } => Leave::Stop(generation).into(),
        Gate::Pen => Leave::Suspended.into(),
    }
}

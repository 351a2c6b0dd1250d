// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the vectors call when a lower exception level comes up, and the gate that it goes down through.

use core::ptr::NonNull;

use aarch64_cpu::registers::ESR_EL3;
use quell_arch::{NOT_SUPPORTED, is_done_by_entry};
use quell_power::{Gate, LocalCore};
use quell_psci::{AtOnce, Rest};
use quell_stop::Way;
use tock_registers::interfaces::Readable;

use crate::{
    frame::{Caller, Frame},
    gic, inject, machine, mitigation, pen, psci, smc,
};

/// ESR_ELx.EC of an SMC in AArch64, and in AArch32.
const SMC64: u64 = 0x17;
const SMC32: u64 = 0x13;

/// ESR_EL3 of `smc #0` in AArch64: EC, and IL.
const SMC64_0: u64 = SMC64 << 26 | 1 << 25;

/// What is left of a call for the long way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub(crate) enum Left {
    /// All of it: nothing has happened yet.
    All = 0,
    /// Nothing: it is answered, and has passed the gate. The vectors look at this bit.
    Nothing = ANSWERED,
    /// To let the core rest in CPU_SUSPEND.
    Suspend = 2,
    /// To let it go in CPU_OFF.
    Off = 4,
}

/// Bit 0 of [`Left`].
const ANSWERED: u32 = 1;

/// Answers the call of a caller with `x0` to `x3` if it is one that returns at once and the core may go back; returns what is
/// left of it.
///
/// The gate comes first: what is behind it takes no time that others have to wait for, and a session that opens meanwhile
/// finds the core as it finds one that has just gone back.
pub(crate) extern "C" fn answer_at_once(x0: u64, x1: u64, x2: u64, x3: u64, frame: NonNull<Frame>) -> Left {
    // SAFETY: the vectors have saved it, and have no reference into it.
    let caller = unsafe { Caller::new(frame) };
    if ESR_EL3.get() != SMC64_0 {
        return Left::All;
    }
    // What needs a stack, and what comes seldom, has a function of its own: no other call shall pay for it.
    match AtOnce::from_register(x0) {
        Some(AtOnce::Version) => left(may_return(caller) && smc::version_at_once(caller, x0)),
        Some(AtOnce::CpuOn) => start_at_once(x0, x1, x2, x3, frame),
        Some(AtOnce::Unknown) => left(may_return(caller) && smc::refuse_at_once(caller, x0)),
        Some(AtOnce::AffinityInfo) => {
            left(may_return(caller) && smc::affinity_info_at_once(caller, [x0, x1, x2]))
        }
        None => others_at_once(x0, x1, x2, x3, frame),
    }
}

#[inline(always)]
fn may_return(caller: Caller) -> bool {
    caller.local().resume() == Gate::Pass
}

#[inline(always)]
fn left(is_answered: bool) -> Left {
    if is_answered { Left::Nothing } else { Left::All }
}

#[inline(never)]
extern "C" fn start_at_once(x0: u64, x1: u64, x2: u64, x3: u64, frame: NonNull<Frame>) -> Left {
    // SAFETY: as above.
    let caller = unsafe { Caller::new(frame) };
    left(may_return(caller) && smc::cpu_on_at_once(caller, [x0, x1, x2, x3]))
}

#[inline(never)]
extern "C" fn others_at_once(x0: u64, _x1: u64, _x2: u64, _x3: u64, frame: NonNull<Frame>) -> Left {
    // SAFETY: as above.
    let caller = unsafe { Caller::new(frame) };
    match Rest::from_register(x0) {
        Some(Rest::Suspend) => Left::Suspend,
        Some(Rest::Off) => Left::Off,
        None => left(
            is_done_by_entry(x0)
                && mitigation::is_guarded()
                && may_return(caller)
                && smc::leave_at_once(caller, x0),
        ),
    }
}

/// Serves a synchronous exception from a lower exception level, of which the short way has left this.
pub(crate) extern "C" fn lower_sync(frame: NonNull<Frame>, left: Left) {
    // SAFETY: the vectors have saved it, and have no reference into it.
    let caller = unsafe { Caller::new(frame) };
    match left {
        Left::Suspend => return psci::suspend(caller),
        Left::Off => return psci::off(caller),
        Left::All | Left::Nothing => {}
    }
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
pub(crate) extern "C" fn lower_fiq(frame: NonNull<Frame>) {
    // SAFETY: as in `answer_at_once`.
    let local = unsafe { Caller::new(frame) }.local();
    gic::acknowledge();
    follow(machine::stop_service().interrupted(local));
}

/// The gate: the last thing that a core passes on its way to the non-secure world.
pub(crate) extern "C" fn gate(frame: NonNull<Frame>) {
    // SAFETY: as in `answer_at_once`.
    let local = unsafe { Caller::new(frame) }.local();
    if local.resume() != Gate::Pass {
        closed(local);
    }
}

/// Off the path of those that pass.
#[cold]
fn closed(local: &LocalCore<'_>) {
    follow(machine::stop_service().gate(local));
}

/// Goes where the core has to go: returns to the non-secure world's side, or stays in the pen.
pub(crate) fn follow(way: Way) {
    if way == Way::Pen {
        pen::stay();
    }
}

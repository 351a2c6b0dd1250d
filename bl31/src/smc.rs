// SPDX-License-Identifier: MIT OR Apache-2.0

//! SMC dispatch: from the function identifier to the service, and from its outcome to the caller's registers.
//!
//! [`answer_at_once`] is the short way of the calls that need no more than a look; what it leaves goes to [`handle`], which
//! knows every call.

use quell_arch::{FunctionId, NOT_SUPPORTED, Owner, is_done_by_entry};
use quell_plat::{CallError, Platform};
use quell_stop::{Order, Outcome};

use crate::{arch, frame::Caller, machine, pen, platform::Machine, psci};

/// Answers a call that needs no more than a look, and returns whether it is one. Nothing is changed otherwise.
#[inline(always)]
pub(crate) fn answer_at_once(caller: Caller, registers: [u64; 3]) -> bool {
    let [x0, ..] = registers;
    if let Some(glance) = machine::psci().glance(registers) {
        caller.set_code(glance.counted(caller.counters()));
    } else if FunctionId::is_unknown_standard(x0) {
        caller.set_code(NOT_SUPPORTED);
    } else if !is_done_by_entry(x0) {
        return false;
    }
    caller.note_call(x0);
    true
}

/// Serves the call of the caller, who gets the results.
pub(crate) fn handle(caller: Caller) {
    let [x0, x1, x2, x3] = caller.get();
    caller.note_call(x0);
    let Some(function) = FunctionId::from_register(x0) else {
        return caller.set_code(NOT_SUPPORTED);
    };
    match function.owner() {
        Some(Owner::Arch) => arch::handle(caller, function),
        Some(Owner::Standard) if !function.is_psci() => arch::trng(caller, function),
        Some(Owner::Standard) => psci::handle(caller, function, [x1, x2, x3]),
        Some(Owner::Monitor) => stop(caller, function),
        Some(Owner::Sip) => machine_call(caller, function),
        None => caller.set_code(NOT_SUPPORTED),
    }
}

/// Returns whether the call of the caller is of the 64-bit convention.
pub(crate) fn is_smc64(caller: Caller) -> bool {
    let [x0] = caller.get();
    FunctionId::from_register(x0).is_some_and(FunctionId::is_smc64)
}

/// Serves a call of the machine's own. Off the path of every other call.
#[inline(never)]
fn machine_call(caller: Caller, function: FunctionId) {
    let outcome = caller.with_registers(|registers| Machine::call(function.bits(), registers));
    caller.set_code(outcome.map_or_else(CallError::code, |()| 0));
}

fn stop(caller: Caller, function: FunctionId) {
    if let Some(order) = call(caller, function) {
        obey(caller, order);
    }
}

// Neither frame is that of every call, and the first is gone when the caller is stopped, which takes the second.
#[inline(never)]
fn obey(caller: Caller, order: Order) {
    let local = caller.local();
    match machine::stop_service().obey(local, order) {
        Some(answer) => caller.set(answer.as_slice()),
        None => pen::stay(local),
    }
}

#[inline(never)]
fn call(caller: Caller, function: FunctionId) -> Option<Order> {
    let [_, arguments @ ..]: [u64; 7] = caller.get();
    match machine::stop_service().handle(function, arguments, caller.local()) {
        Outcome::Return(answer) => {
            caller.set(answer.as_slice());
            None
        }
        Outcome::Stop(order) => Some(order),
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! SMC dispatch: from the function identifier to the service, and from its outcome to the caller's registers.

use quell_arch::{FunctionId, NOT_SUPPORTED, Owner};
use quell_plat::{CallError, Platform};
use quell_stop::{Order, Outcome};

use crate::{arch, frame::Caller, machine, pen, platform::Machine, psci};

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
    let local = machine::local_core();
    match machine::stop_service().obey(&local, order) {
        Some(answer) => caller.set(answer.as_slice()),
        None => pen::stay(&local),
    }
}

#[inline(never)]
fn call(caller: Caller, function: FunctionId) -> Option<Order> {
    let [_, arguments @ ..]: [u64; 7] = caller.get();
    match machine::stop_service().handle(function, arguments, &machine::local_core()) {
        Outcome::Return(answer) => {
            caller.set(answer.as_slice());
            None
        }
        Outcome::Stop(order) => Some(order),
    }
}

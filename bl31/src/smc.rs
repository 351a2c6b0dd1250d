// SPDX-License-Identifier: MIT OR Apache-2.0

//! SMC dispatch: from the function identifier to the service, and from its outcome to the caller's registers.
//!
//! The functions `..._at_once` are the short way of the calls that are made most; what they leave goes to [`handle`], which
//! knows every call.

use quell_arch::{FunctionId, NOT_SUPPORTED, Owner};
use quell_plat::{CallError, Platform};
use quell_stop::{Order, Outcome};

use crate::{arch, frame::Caller, machine, pen, platform::Machine, psci};

/// Answers PSCI_VERSION. This and those that follow return whether they did; if not, nothing has happened.
#[inline(always)]
pub(crate) fn version_at_once(caller: Caller, x0: u64) -> bool {
    answer(caller, x0, machine::psci().version_at_once(caller.counters()))
}

/// Answers a function identifier that is nobody's.
#[inline(always)]
pub(crate) fn refuse_at_once(caller: Caller, x0: u64) -> bool {
    answer(caller, x0, NOT_SUPPORTED)
}

/// Answers AFFINITY_INFO.
#[inline(always)]
pub(crate) fn affinity_info_at_once(caller: Caller, [x0, x1, x2]: [u64; 3]) -> bool {
    let code = machine::psci().affinity_info_at_once(x1, x2, caller.counters());
    code.is_some_and(|code| answer(caller, x0, code))
}

/// Answers CPU_ON.
#[inline(always)]
pub(crate) fn cpu_on_at_once(caller: Caller, [x0, arguments @ ..]: [u64; 4]) -> bool {
    // First: the core that it starts may fail before this one is done.
    caller.note_call(x0);
    let code = machine::psci().cpu_on_at_once(arguments, caller.local(), caller.counters());
    code.is_some_and(|code| {
        caller.set_code(code);
        true
    })
}

/// Leaves every register as it is, which is what the call wants.
#[inline(always)]
pub(crate) fn leave_at_once(caller: Caller, x0: u64) -> bool {
    caller.note_call(x0);
    true
}

#[inline(always)]
fn answer(caller: Caller, x0: u64, code: i32) -> bool {
    caller.set_code(code);
    caller.note_call(x0);
    true
}

/// Serves the call of the caller, who gets the results.
pub(crate) fn handle(caller: Caller) {
    let [x0] = caller.get();
    caller.note_call(x0);
    let Some(function) = FunctionId::from_register(x0) else {
        return caller.set_code(NOT_SUPPORTED);
    };
    match function.owner() {
        Some(Owner::Arch) => arch::handle(caller, function),
        Some(Owner::Standard) if !function.is_psci() => arch::trng(caller, function),
        Some(Owner::Standard) => psci::handle(caller, function),
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
        None => pen::stay(),
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

// SPDX-License-Identifier: MIT OR Apache-2.0

//! SMC dispatch: from the function identifier to the service, and from its outcome to the caller's registers.

use quell_arch::{FunctionId, NOT_SUPPORTED, Owner};

use crate::{
    arch,
    frame::{Frame, Leave, Verdict},
    machine, psci,
};

/// Serves the call in the frame, which gets the results.
pub(crate) fn handle(frame: &mut Frame) -> Verdict {
    let [x0, x1, x2, x3, x4, x5, x6, ..] = frame.x;
    let Some(function) = FunctionId::from_register(x0) else {
        return code(frame, NOT_SUPPORTED);
    };
    match function.owner() {
        Some(Owner::Arch) => arch::handle(frame, function),
        Some(Owner::Standard) if !function.is_psci() => arch::trng(frame, function),
        Some(Owner::Standard) => psci::handle(frame, function, [x1, x2, x3]),
        Some(Owner::Monitor) => stop(frame, function, [x1, x2, x3, x4, x5, x6]),
        Some(Owner::Sip) | None => code(frame, NOT_SUPPORTED),
    }
}

/// Returns whether the call in the frame is of the 64-bit convention.
pub(crate) fn is_smc64(frame: &Frame) -> bool {
    FunctionId::from_register(frame.x[0]).is_some_and(FunctionId::is_smc64)
}

/// Returns one signed code to the caller.
pub(crate) fn code(frame: &mut Frame, code: i32) -> Verdict {
    frame.x[0] = i64::from(code).cast_unsigned();
    Verdict::RETURN
}

// Its frame is not that of every call.
#[inline(never)]
fn stop(frame: &mut Frame, function: FunctionId, arguments: [u64; 6]) -> Verdict {
    use quell_stop::Outcome;
    match machine::stop_service().handle(function, arguments, &machine::local_core()) {
        Outcome::Return(answer) => {
            let results = answer.as_slice();
            frame.x[..results.len()].copy_from_slice(results);
            Verdict::RETURN
        }
        Outcome::Ack { generation } => Leave::Ack(generation).into(),
        Outcome::Lost { generation } => Leave::Lost(generation).into(),
    }
}

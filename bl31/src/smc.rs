// SPDX-License-Identifier: MIT OR Apache-2.0

//! SMC dispatch: from the function identifier to the service, and from its outcome to the caller's registers.

use aarch64_cpu::asm::barrier;
use quell_arch::{FunctionId, NOT_SUPPORTED, Owner};
use quell_plat::Platform;
use quell_power::Gate;

use crate::{
    frame::{Frame, Leave, Verdict},
    machine::{self, Hardware, Machine},
    pen,
};

/// PSCI's SUCCESS.
const SUCCESS: i32 = 0;

/// Serves the call in the frame, which gets the results.
pub(crate) fn handle(frame: &mut Frame) -> Verdict {
    let [x0, x1, x2, x3, x4, x5, x6, ..] = frame.x;
    let Some(function) = FunctionId::from_register(x0) else {
        return code(frame, NOT_SUPPORTED);
    };
    match function.owner() {
        Some(Owner::Arch) => code(frame, quell_arch::handle(function, x1)),
        Some(Owner::Standard) => psci(frame, function, [x1, x2, x3]),
        Some(Owner::Monitor) => stop(frame, function, [x1, x2, x3, x4, x5, x6]),
        Some(Owner::Sip) | None => code(frame, NOT_SUPPORTED),
    }
}

/// Returns one signed code to the caller.
fn code(frame: &mut Frame, code: i32) -> Verdict {
    frame.x[0] = i64::from(code).cast_unsigned();
    Verdict::RETURN
}

fn psci(frame: &mut Frame, function: FunctionId, arguments: [u64; 3]) -> Verdict {
    use quell_psci::Outcome;
    let local = machine::local_core();
    match quell_psci::handle(function, arguments, &local, &machine::core_table(), &Hardware) {
        Outcome::Return(value) => code(frame, value),
        Outcome::Off => Leave::Off.into(),
        Outcome::Standby => standby(frame),
        Outcome::Stop { generation } => Leave::Stop(generation).into(),
        Outcome::SystemOff => end(Machine::system_off),
        Outcome::SystemReset => end(Machine::system_reset),
    }
}

/// Sleeps until an interrupt is pending, masked or not.
fn standby(frame: &mut Frame) -> Verdict {
    let local = machine::local_core();
    // A session may say that this core has stopped as soon as its word says that it sleeps.
    barrier::dsb(barrier::SY);
    if !local.suspend() {
        return Leave::Suspended.into();
    }
    pen::sleep();
    if !local.wake() {
        return Leave::Suspended.into();
    }
    match local.enter() {
        Gate::Pass => code(frame, SUCCESS),
        Gate::Stop { generation } => Leave::Woken(generation).into(),
        Gate::Pen => Leave::Suspended.into(),
    }
}

/// Ends the machine. It takes a moment, which this core spends asleep.
fn end(command: fn()) -> ! {
    command();
    loop {
        pen::sleep();
    }
}

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

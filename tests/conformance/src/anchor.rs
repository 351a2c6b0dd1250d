// SPDX-License-Identifier: MIT OR Apache-2.0

//! Places that a core comes back to when what it does there can not go on.
//!
//! [`run`] calls a function and remembers where. If the function faults, or if the firmware stops the core and
//! another core starts it anew, `run` returns and says so; what the function had on its stack is forgotten. Only plain data
//! may be lost that way: the functions run here own nothing that must be dropped.

use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::machine::{MAX_CORES, this_core};
use crate::vectors::Fault;
use crate::{cores, psci};

/// How [`run`] ended.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    /// The function returned.
    Returned(u64),
    /// The function took an exception.
    Faulted(Fault),
    /// The core was turned off and started anew.
    Restarted,
}

const RETURNED: u64 = 0;
const FAULTED: u64 = 1;
const RESTARTED: u64 = 2;

/// Where the stack of each core was at its innermost [`run`]; 0 outside of any.
pub(crate) static ANCHORS: [AtomicU64; MAX_CORES] = [const { AtomicU64::new(0) }; MAX_CORES];

struct Faults(UnsafeCell<[Fault; MAX_CORES]>);

// SAFETY: A core writes only its own element; others read it after the core has counted the fault (`cores`).
unsafe impl Sync for Faults {}

static FAULTS: Faults = Faults(UnsafeCell::new([Fault::NONE; MAX_CORES]));

/// What [`run_anchored`] returns: x0 and x1.
#[repr(C)]
struct Outcome {
    ending: u64,
    value: u64,
}

/// Runs `function(argument)` so that a fault or a restart of the core comes back here.
pub fn run(function: extern "C" fn(u64) -> u64, argument: u64) -> Ending {
    let anchor = &ANCHORS[this_core()];
    // SAFETY: The anchor is the calling core's, and `run_anchored` keeps to the C calling convention.
    let outcome = unsafe { run_anchored(argument, function, anchor) };
    match outcome.ending {
        RETURNED => Ending::Returned(outcome.value),
        FAULTED => Ending::Faulted(fault_of(this_core())),
        _ => Ending::Restarted,
    }
}

/// Returns the latest fault of a core.
pub fn fault_of(index: usize) -> Fault {
    assert!(index < MAX_CORES);
    // SAFETY: The element is inside the array, and its core has counted the fault before anyone asks for it.
    unsafe { FAULTS.0.get().cast::<Fault>().add(index).read() }
}

/// Ends what the calling core does because of an exception.
pub fn fault(fault: Fault) -> ! {
    let index = this_core();
    assert!(index < MAX_CORES);
    // SAFETY: The element is inside the array and the calling core's own.
    unsafe { FAULTS.0.get().cast::<Fault>().add(index).write(fault) };
    cores::count_fault(index);
    return_to_anchor(FAULTED);
    // Outside of any anchor there is nothing to come back to.
    psci::cpu_off();
    panic!("{fault}, and CPU_OFF came back")
}

/// Goes back to the calling core's [`run`] after a start by CPU_ON; returns if the core is not in one.
pub fn resume() {
    return_to_anchor(RESTARTED);
}

/// Makes a core that is off forget where it would come back to.
pub fn forget(index: usize) {
    ANCHORS[index].store(0, Ordering::Relaxed);
}

fn return_to_anchor(ending: u64) {
    let stack = ANCHORS[this_core()].load(Ordering::Relaxed);
    if stack != 0 {
        // SAFETY: `stack` is where `run_anchored` of this core saved its registers, and that call has not returned:
        // it would have put back the anchor before it.
        unsafe { unwind(ending, stack) }
    }
}

/// Saves the callee-saved registers on the stack with the previous anchor, calls `function(argument)`, and
/// undoes both. Clobbers what a C function may.
#[unsafe(naked)]
unsafe extern "C" fn run_anchored(
    argument: u64,
    function: extern "C" fn(u64) -> u64,
    anchor: &AtomicU64,
) -> Outcome {
    naked_asm!(
        "stp x29, x30, [sp, #-112]!",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "ldr x9, [x2]",
        "stp x9, x2, [sp, #96]",
        "mov x9, sp",
        "str x9, [x2]",
        "blr x1",
        "mov x1, x0",
        "mov x0, {returned}",
        "mov x2, sp",
        "b {unwind_with_value}",
        returned = const RETURNED,
        unwind_with_value = sym unwind_with_value,
    )
}

/// Leaves the [`run_anchored`] whose stack pointer was `stack`.
#[unsafe(naked)]
unsafe extern "C" fn unwind(ending: u64, stack: u64) -> ! {
    naked_asm!("mov x2, x1", "mov x1, #0", "b {unwind_with_value}", unwind_with_value = sym unwind_with_value)
}

/// x0 and x1 are what `run_anchored` returns, x2 is its stack pointer.
#[unsafe(naked)]
unsafe extern "C" fn unwind_with_value() {
    naked_asm!(
        "mov sp, x2",
        "ldp x9, x10, [sp, #96]",
        "str x9, [x10]",
        "ldp x27, x28, [sp, #80]",
        "ldp x25, x26, [sp, #64]",
        "ldp x23, x24, [sp, #48]",
        "ldp x21, x22, [sp, #32]",
        "ldp x19, x20, [sp, #16]",
        "ldp x29, x30, [sp], #112",
        "ret",
    )
}

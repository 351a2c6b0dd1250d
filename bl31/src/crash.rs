// SPDX-License-Identifier: MIT OR Apache-2.0

//! What happens when the firmware itself is wrong: one report on the secure console, and every core stopped.
//!
//! The way here uses nothing that may be broken: no stack of a core, no lock, no formatter that allocates. Of several
//! cores that fail, the first one reports; so does a core that fails again while it reports, which is why the second
//! failure only sleeps.
//!
//! An exception at EL3 comes by [`fault`], a Rust panic by the panic handler, a machine that is not as it should be by
//! [`give_up`]. All take the one emergency stack, and end in the last session there is, which stops every core. The gate
//! and the doorbell do the rest.
//!
//! A panic is reported by its place in the source alone, which names one panic as well as its message does. The messages
//! of the core library and of the dependencies, with all that they can format, are 14 KB that the flash has not.

use core::{
    arch::naked_asm,
    cell::UnsafeCell,
    mem::offset_of,
    panic::{Location, PanicInfo},
    slice,
    sync::atomic::{AtomicU32, Ordering},
};

use aarch64_cpu::{
    asm,
    registers::{ELR_EL3, ESR_EL3, FAR_EL3, MPIDR_EL1, SPSR_EL3},
};
use quell_power::CoreWord;
use tock_registers::interfaces::Readable;

use crate::{
    console::{
        Console,
        Part::{self, Hex, Number, Text},
    },
    frame::Caller,
    machine,
};

const EMERGENCY_STACK_SIZE: usize = 4096;

#[repr(C, align(16))]
struct EmergencyStack(UnsafeCell<[u8; EMERGENCY_STACK_SIZE]>);

// SAFETY: only the core that claims REPORTING uses it, and nobody makes a reference to it.
unsafe impl Sync for EmergencyStack {}

static EMERGENCY_STACK: EmergencyStack = EmergencyStack(UnsafeCell::new([0; EMERGENCY_STACK_SIZE]));

/// Not 0 once a core reports a crash. The first one does.
static REPORTING: AtomicU32 = AtomicU32::new(0);

/// The registers of a core at an exception that it took at EL3.
#[derive(Debug)]
#[repr(C, align(16))]
struct FaultFrame {
    x: [u64; 31],
    sp: u64,
    vector: u64,
}

/// What the vectors are, in their order.
const VECTORS: [&str; 16] = [
    "synchronous, EL3 with SP_EL0",
    "IRQ, EL3 with SP_EL0",
    "FIQ, EL3 with SP_EL0",
    "SError, EL3 with SP_EL0",
    "synchronous, EL3",
    "IRQ, EL3",
    "FIQ, EL3",
    "SError, EL3",
    "synchronous, AArch64",
    "IRQ, AArch64",
    "FIQ, AArch64",
    "SError, AArch64",
    "synchronous, AArch32",
    "IRQ, AArch32",
    "FIQ, AArch32",
    "SError, AArch32",
];

/// Where a vector goes whose exception is a fault: the vector's number is in x0, and x0 in SP_EL0.
///
/// Clobbers TPIDRRO_EL0, SP_EL1 and TPIDR_EL0, which with SP_EL0 are where registers go that have no stack.
#[unsafe(naked)]
pub(crate) extern "C" fn fault() -> ! {
    naked_asm!(
        "msr    tpidrro_el0, x1",
        "msr    sp_el1, x2",
        "msr    tpidr_el0, x3",
        "adrp   x1, {reporting}",
        "add    x1, x1, :lo12:{reporting}",
        "mov    w3, #1",
        "0:",
        "ldaxr  w2, [x1]",
        "cbnz   w2, 1f",
        "stxr   w2, w3, [x1]",
        "cbnz   w2, 0b",
        "mov    x2, sp",
        "adrp   x1, {stack}",
        "add    x1, x1, :lo12:{stack}",
        "add    x1, x1, #{stack_size}",
        "mov    sp, x1",
        "sub    sp, sp, #{frame}",
        "str    x0, [sp, #{vector}]",
        "str    x2, [sp, #{sp}]",
        "mrs    x0, sp_el0",
        "mrs    x1, tpidrro_el0",
        "mrs    x2, sp_el1",
        "mrs    x3, tpidr_el0",
        "stp    x0, x1, [sp, #{x} + 16 * 0]",
        "stp    x2, x3, [sp, #{x} + 16 * 1]",
        "stp    x4, x5, [sp, #{x} + 16 * 2]",
        "stp    x6, x7, [sp, #{x} + 16 * 3]",
        "stp    x8, x9, [sp, #{x} + 16 * 4]",
        "stp    x10, x11, [sp, #{x} + 16 * 5]",
        "stp    x12, x13, [sp, #{x} + 16 * 6]",
        "stp    x14, x15, [sp, #{x} + 16 * 7]",
        "stp    x16, x17, [sp, #{x} + 16 * 8]",
        "stp    x18, x19, [sp, #{x} + 16 * 9]",
        "stp    x20, x21, [sp, #{x} + 16 * 10]",
        "stp    x22, x23, [sp, #{x} + 16 * 11]",
        "stp    x24, x25, [sp, #{x} + 16 * 12]",
        "stp    x26, x27, [sp, #{x} + 16 * 13]",
        "stp    x28, x29, [sp, #{x} + 16 * 14]",
        "str    x30, [sp, #{x} + 8 * 30]",
        "mov    x0, sp",
        "b      {report}",
        "1:",
        "wfi",                              // another core reports, or this one failed again
        "b      1b",
        reporting = sym REPORTING,
        stack = sym EMERGENCY_STACK,
        stack_size = const EMERGENCY_STACK_SIZE,
        frame = const size_of::<FaultFrame>(),
        x = const offset_of!(FaultFrame, x),
        sp = const offset_of!(FaultFrame, sp),
        vector = const offset_of!(FaultFrame, vector),
        report = sym report_fault,
    )
}

extern "C" fn report_fault(frame: &FaultFrame) -> ! {
    machine::stop_service().fail(machine::core_index());
    let console = Console::new();
    let kind = VECTORS.get(frame.vector as usize).copied().unwrap_or("unknown");
    console.print(&[Text("quell: crash: exception at EL3: "), Text(kind), Text("\nquell: registers")]);
    for (number, value) in frame.x.iter().enumerate() {
        console.print(&[Text(" x"), Number(number as u64), Text("="), Hex(*value)]);
    }
    console.print(&[Text(" sp="), Hex(frame.sp)]);
    finish(&console)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    report_once(info.location(), &[])
}

/// Reports why the firmware can not go on, and stops every core.
pub(crate) fn give_up(why: &[Part<'_>]) -> ! {
    report_once(None, why)
}

// A frame of its own would be one more on the deepest path.
#[inline(always)]
fn report_once(panic: Option<&Location<'_>>, why: &[Part<'_>]) -> ! {
    if REPORTING.swap(1, Ordering::AcqRel) != 0 {
        sleep();
    }
    report_on_emergency_stack(panic, why.as_ptr(), why.len())
}

/// Goes to [`report`] on the emergency stack: a panic may have come of too little stack.
#[unsafe(naked)]
extern "C" fn report_on_emergency_stack(
    panic: Option<&Location<'_>>,
    why: *const Part<'_>,
    parts: usize,
) -> ! {
    naked_asm!(
        "adrp   x3, {stack}",
        "add    x3, x3, :lo12:{stack}",
        "add    x3, x3, #{stack_size}",
        "mov    sp, x3",
        "b      {report}",
        stack = sym EMERGENCY_STACK,
        stack_size = const EMERGENCY_STACK_SIZE,
        report = sym report,
    )
}

/// Reports the place of a panic, or why the firmware gives up.
extern "C" fn report(panic: Option<&Location<'_>>, why: *const Part<'_>, parts: usize) -> ! {
    machine::stop_service().fail(machine::core_index());
    let console = Console::new();
    console.print(&[Text("quell: crash: ")]);
    if let Some(place) = panic {
        console.print(&[Text("panicked at "), Text(place.file()), Text(":"), Number(place.line().into())]);
    }
    // SAFETY: the slice lies on the stack that was left, which nobody uses any more.
    console.print(unsafe { slice::from_raw_parts(why, parts) });
    finish(&console)
}

/// Prints where this core was, the control word and every core, and ends.
fn finish(console: &Console) -> ! {
    console.print(&[
        Text("\nquell: on core="),
        Number(machine::core_index() as u64),
        Text(" mpidr="),
        Hex(MPIDR_EL1.get()),
        Text(" esr="),
        Hex(ESR_EL3.get()),
        Text(" elr="),
        Hex(ELR_EL3.get()),
        Text(" far="),
        Hex(FAR_EL3.get()),
        Text(" spsr="),
        Hex(SPSR_EL3.get()),
    ]);
    let control = machine::core_table().control().load();
    console.print(&[
        Text("\nquell: control phase="),
        Text(control.phase().name()),
        Text(" kind="),
        Text(control.kind().name()),
        Text(" owner="),
        Number(control.owner() as u64),
        Text(" generation="),
        Number(control.generation().into()),
        Text("\n"),
    ]);
    for (core, word) in machine::core_table().words().enumerate() {
        print_core(console, core, word);
    }
    console.print(&[Text("quell: end\n")]);
    sleep()
}

/// Prints a core's word, its latest call, and what has happened to it.
fn print_core(console: &Console, core: usize, word: CoreWord) {
    console.print(&[
        Text("quell: core="),
        Number(core as u64),
        Text(" state="),
        Text(word.state().name()),
        Text(if word.is_quarantined() { " quarantined=1" } else { "" }),
        Text(" why="),
        Text(word.why().name()),
        Text(" generation="),
        Number(word.generation().into()),
        Text(" changes="),
        Number(word.changes()),
        Text(" last_call="),
        Hex(Caller::last_call_of(core)),
    ]);
    for (name, count) in machine::psci().counters(core).nonzero() {
        console.print(&[Text(" "), Text(name), Text("="), Number(count.into())]);
    }
    console.print(&[Text("\n")]);
}

fn sleep() -> ! {
    loop {
        asm::wfi();
    }
}

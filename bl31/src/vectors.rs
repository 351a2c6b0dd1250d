// SPDX-License-Identifier: MIT OR Apache-2.0

//! The exception vectors, and the one place where a core goes to the non-secure world, behind `enter_ns`.
//!
//! EL3 runs with everything masked and is not re-entrant, so ELR_EL3 and SPSR_EL3 hold what the exception put there until
//! the core goes back. In the non-secure world SP_EL3 is the top of the core's stack.
//!
//! From a lower exception level:
//!
//! 1. Save x0-x18 and x30 in a [`Frame`] at the top of the stack.
//! 2. In the table of a core that needs it ([`guarded_vectors`]): [`mitigation::enter`], before the first indirect branch.
//! 3. After a call, the short way: [`answer_at_once`](exception::answer_at_once) passes the gate and answers what returns at
//!    once. Then go on with 6.
//! 4. The long way: save x19-x29 too, which Rust code has preserved, for the core may be stopped where it is. Call
//!    [`lower_sync`](exception::lower_sync) or [`lower_fiq`](exception::lower_fiq). A core that is to stop does not come back
//!    from there.
//! 5. Go to `enter_ns`: pass the [`gate`](exception::gate).
//! 6. Restore what 1 has saved and return. The frame is the caller's but for the results that the handler wrote, and x19-x29
//!    hold what they held.
//!
//! Every other exception is a fault, because none other is routed here: the [crash report](crate::crash) is all that follows.

use core::{arch::global_asm, mem::offset_of};

use crate::{crash, exception, frame::Frame, mitigation, pen};

unsafe extern "C" {
    /// The exception vectors: an address for VBAR_EL3.
    pub(crate) fn vectors();

    /// The same for a core whose branch predictor the lower exception levels could have trained against EL3.
    pub(crate) fn guarded_vectors();

    /// Goes to the non-secure world as ELR_EL3 and SPSR_EL3 say, with x0 = `context`, every other general-purpose
    /// register 0 and the stack of this core empty but for the frame at `frame`. The gate may still stop the core.
    pub(crate) fn enter_boot(context: u64, frame: u64) -> !;

    /// Goes to [`live_again`](pen::live_again) with the stack of this core empty but for the frame at `frame`.
    pub(crate) fn enter_pen(frame: u64) -> !;
}

global_asm!(
    r#"
    .macro save
    sub     sp, sp, #{frame}
    stp     x0, x1, [sp, #{x} + 16 * 0]
    stp     x2, x3, [sp, #{x} + 16 * 1]
    stp     x4, x5, [sp, #{x} + 16 * 2]
    stp     x6, x7, [sp, #{x} + 16 * 3]
    stp     x8, x9, [sp, #{x} + 16 * 4]
    stp     x10, x11, [sp, #{x} + 16 * 5]
    stp     x12, x13, [sp, #{x} + 16 * 6]
    stp     x14, x15, [sp, #{x} + 16 * 7]
    stp     x16, x17, [sp, #{x} + 16 * 8]
    stp     x18, x30, [sp, #{x} + 16 * 9]
    .endm

    .macro save_preserved
    stp     x19, x20, [sp, #{x} + 16 * 10]
    stp     x21, x22, [sp, #{x} + 16 * 11]
    stp     x23, x24, [sp, #{x} + 16 * 12]
    stp     x25, x26, [sp, #{x} + 16 * 13]
    stp     x27, x28, [sp, #{x} + 16 * 14]
    str     x29, [sp, #{x} + 16 * 15]
    .endm

    // x0 to x3 are the caller's.
    .macro answer label
    mov     x4, sp
    bl      {answer_at_once}
    tbnz    w0, #0, restore             // Left::Nothing
    b       long_way
    .size   \label, . - \label
    .endm

    // A vector has room for 32 instructions; the assembler refuses a table whose slots outgrow it.
    // The labels tell the check of the stack where a path begins.
    .macro sync label
    .balign 128
\label:
    save
    answer  \label
    .endm

    .macro guarded_sync label
    .balign 128
\label:
    save
    bl      {guard}                     // clobbers x0, x1, x30 and the flags
    ldp     x0, x1, [sp, #{x}]
    answer  \label
    .endm

    .macro sync_aarch32 label, guard
    .balign 128
\label:
    save
    \guard
    mov     w0, #0                      // Left::All
    b       long_way
    .size   \label, . - \label
    .endm

    .macro fiq label, guard
    .balign 128
\label:
    save
    \guard
    save_preserved
    mov     x0, sp
    bl      {lower_fiq}
    b       enter_ns
    .size   \label, . - \label
    .endm

    .macro fault number
    .balign 128
    msr     sp_el0, x0                  // the only free place; what it held is lost in a crash
    mov     x0, #\number
    b       {fault}
    .endm

    .macro table name, sync, guard
    fault   0                           // EL3 with SP_EL0
    fault   1
    fault   2
    fault   3
    fault   4                           // EL3 with SP_EL3
    fault   5
    fault   6
    fault   7
    \sync   vector_\name\()_sync
    fault   9                           // lower, AArch64
    fiq     vector_\name\()_fiq, "\guard"
    fault   11
    sync_aarch32 vector_\name\()_sync_aarch32, "\guard"
    fault   13                          // lower, AArch32
    fiq     vector_\name\()_fiq_aarch32, "\guard"
    fault   15
    .endm

    .section .vectors, "ax"
    .balign 2048
    .global vectors
vectors:
    table   plain, sync
    .org    vectors + 2048 - 116        // no slot before the last, a fault of three instructions, outgrew its place

    .balign 2048
    .global guarded_vectors
guarded_vectors:
    table   guarded, guarded_sync, "bl {guard}"
    .org    guarded_vectors + 2048 - 116

    .balign 4
long_way:
    save_preserved
    mov     w1, w0                      // what the short way has left
    mov     x0, sp
    bl      {lower_sync}

    .global enter_ns
enter_ns:
    mov     x0, sp
    bl      {gate}
restore:
    ldp     x0, x1, [sp, #{x} + 16 * 0]
    ldp     x2, x3, [sp, #{x} + 16 * 1]
    ldp     x4, x5, [sp, #{x} + 16 * 2]
    ldp     x6, x7, [sp, #{x} + 16 * 3]
    ldp     x8, x9, [sp, #{x} + 16 * 4]
    ldp     x10, x11, [sp, #{x} + 16 * 5]
    ldp     x12, x13, [sp, #{x} + 16 * 6]
    ldp     x14, x15, [sp, #{x} + 16 * 7]
    ldp     x16, x17, [sp, #{x} + 16 * 8]
    ldp     x18, x30, [sp, #{x} + 16 * 9]
    add     sp, sp, #{frame}
    eret
    dsb     nsh                         // nothing is executed speculatively past the ERET
    isb

    .global enter_pen
enter_pen:
    mov     sp, x0                      // no stack of the firmware lies where a record is taken from
    b       {live_again}

    .global enter_boot
enter_boot:
    mov     sp, x1
    .irp    pair, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    stp     xzr, xzr, [sp, #{x} + 16 * \pair]      // the last one is x29 and the latest call
    .endr
    str     x0, [sp, #{x}]
    mov     x19, #0
    mov     x20, #0
    mov     x21, #0
    mov     x22, #0
    mov     x23, #0
    mov     x24, #0
    mov     x25, #0
    mov     x26, #0
    mov     x27, #0
    mov     x28, #0
    mov     x29, #0
    b       enter_ns
    "#,
    answer_at_once = sym exception::answer_at_once,
    frame = const size_of::<Frame>(),
    x = const offset_of!(Frame, x),
    fault = sym crash::fault,
    gate = sym exception::gate,
    guard = sym mitigation::enter,
    live_again = sym pen::live_again,
    lower_fiq = sym exception::lower_fiq,
    lower_sync = sym exception::lower_sync,
);

/// What is cleared for a core that begins is sixteen pairs.
const _: () = assert!(offset_of!(Frame, last_call) - offset_of!(Frame, x) == 31 * 8);

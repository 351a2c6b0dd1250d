// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a core still knows in the middle of an operation: what is on the stack and in the registers there.
//!
//! What the accesses have returned says all of a core, but more than it needs: most values are looked at once and dropped. Two
//! runs of an operation that have come to the same access with the same stack and the same registers go on in the same
//! way, whatever they have read. That is so because the stack is at the same place, and clean, whenever an operation is
//! run, and because the code keeps nothing elsewhere: not in memory that it allocates.

use std::sync::atomic::AtomicU64;

use crate::{context, hash::scatter};

/// More bytes than an operation needs of the stack.
const DEPTH: usize = 32 * 1024;

/// How much of the stack is made clean after an access: what it has used itself, and what was called before it.
const BELOW: usize = 4 * 1024;

/// What an access says to the code that made it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Answer {
    pub value: u64,
    pub verdict: u64,
}

/// The value is the access's result.
pub(crate) const GO_ON: u64 = 0;
/// The same, in an operation that is replayed: nothing of the access is to stay on the stack.
pub(crate) const GO_ON_CLEAN: u64 = 1;
/// The operation is left here.
pub(crate) const LEAVE: u64 = 2;
/// The access is not allowed here.
pub(crate) const REFUSE: u64 = 3;

/// Makes an access: calls [`context::answer`] with the same arguments and the address where all begins that the caller
/// keeps: the registers that a function leaves as it finds them, then its stack.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
pub(crate) extern "C" fn access(place: &AtomicU64, code: u64, first: u64, second: u64, class: u64) -> Answer {
    core::arch::naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov r9, rsp",
        // A call needs a stack of 16 bytes.
        "sub rsp, 8",
        "call {answer}",
        "add rsp, 56",
        "cmp rdx, {clean}",
        "jne 2f",
        "mov r8, rax",
        "lea rdi, [rsp - {below}]",
        "mov ecx, {words}",
        "xor eax, eax",
        "rep stosq",
        "mov rax, r8",
        "2:",
        "ret",
        answer = sym context::answer,
        clean = const GO_ON_CLEAN,
        below = const BELOW,
        words = const BELOW / 8,
    )
}

/// Makes an access: calls [`context::answer`] with the same arguments and the address where all begins that the caller
/// keeps: the registers that a function leaves as it finds them, then its stack.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
pub(crate) extern "C" fn access(place: &AtomicU64, code: u64, first: u64, second: u64, class: u64) -> Answer {
    core::arch::naked_asm!(
        "stp x29, x30, [sp, #-96]!",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "mov x5, sp",
        "bl {answer}",
        "ldp x29, x30, [sp], #96",
        "cmp x1, #{clean}",
        "b.ne 3f",
        "sub x2, sp, #{below}",
        "2:",
        "stp xzr, xzr, [x2], #16",
        "cmp x2, sp",
        "b.lo 2b",
        "3:",
        "ret",
        answer = sym context::answer,
        clean = const GO_ON_CLEAN,
        below = const BELOW,
    )
}

/// Makes an access. What the caller keeps can not be told here.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) extern "C" fn access(place: &AtomicU64, code: u64, first: u64, second: u64, class: u64) -> Answer {
    context::answer(place, code, first, second, class, 0)
}

/// Runs code with the address where its stack begins, 0 where that can not be told. It must not unwind.
///
/// All that it finds is always the same if the caller's frame is always at the same place: the stack is clean, and so are the
/// registers that functions leave as they find them.
pub(crate) fn run<F: FnOnce(usize)>(code: F) {
    clean();
    let mut code = Some(code);
    enter(call::<F>, (&raw mut code).cast());
}

extern "C" fn call<F: FnOnce(usize)>(code: *mut (), base: usize) {
    // SAFETY: it is the only reference to the caller's variable, which is there until `enter` returns.
    let code = unsafe { &mut *code.cast::<Option<F>>() };
    code.take().expect("it is called once")(base);
}

#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
extern "C" fn enter(function: extern "C" fn(*mut (), usize), argument: *mut ()) {
    core::arch::naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        // A call needs a stack of 16 bytes.
        "sub rsp, 8",
        "xor ebx, ebx",
        "xor ebp, ebp",
        "xor r12d, r12d",
        "xor r13d, r13d",
        "xor r14d, r14d",
        "xor r15d, r15d",
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rsp",
        "call rax",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
    )
}

#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
extern "C" fn enter(function: extern "C" fn(*mut (), usize), argument: *mut ()) {
    core::arch::naked_asm!(
        "stp x29, x30, [sp, #-96]!",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "mov x19, xzr",
        "mov x20, xzr",
        "mov x21, xzr",
        "mov x22, xzr",
        "mov x23, xzr",
        "mov x24, xzr",
        "mov x25, xzr",
        "mov x26, xzr",
        "mov x27, xzr",
        "mov x28, xzr",
        "mov x29, xzr",
        "mov x2, x0",
        "mov x0, x1",
        "mov x1, sp",
        "blr x2",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp x29, x30, [sp], #96",
        "ret",
    )
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
extern "C" fn enter(function: extern "C" fn(*mut (), usize), argument: *mut ()) {
    function(argument, 0);
}

/// Returns a fingerprint of what a caller keeps, from its registers up to the beginning of its stack.
pub(crate) fn print(top: usize, base: usize) -> u128 {
    assert!(top < base && base - top < DEPTH, "an operation needs more of the stack than is kept clean");
    let (mut low, mut high) = (1, 2);
    for address in (top..base).step_by(size_of::<usize>()) {
        // SAFETY: this thread's stack between an access and the frame where the operation began: mapped, aligned as the
        // stack pointer is, and written by nobody meanwhile.
        let word = unsafe { core::ptr::with_exposed_provenance::<u64>(address).read_volatile() };
        low = scatter(low ^ word);
        high = scatter(high ^ word.rotate_left(32)).wrapping_add(low);
    }
    u128::from(high) << 64 | u128::from(low)
}

/// Makes the stack below clean: what earlier calls have left there says nothing of an operation.
#[inline(never)]
fn clean() {
    let mut space = [0_u64; DEPTH / 8];
    std::hint::black_box(&mut space);
}

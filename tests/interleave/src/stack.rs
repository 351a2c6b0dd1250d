// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a core still knows in the middle of an operation: what is on the stack and in the registers there.
//!
//! What the accesses have returned says all of a core, but more than it needs: most values are looked at once and dropped. Two
//! runs of an operation that have come to the same access with the same stack and the same registers go on in the same
//! way, whatever they have read. That is so because the stack is at the same place, and clean, whenever an operation is
//! run, and because the code keeps nothing elsewhere: not in memory that it allocates.

use crate::hash::scatter;

/// More bytes than an operation needs of the stack.
const DEPTH: usize = 32 * 1024;

/// The stack pointer, and the registers that a function leaves as it finds them.
type Registers = [usize; 12];

/// Reads the registers.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn registers() -> Registers {
    let mut registers = [0; 12];
    // SAFETY: the seven stores go to the first seven elements of the array.
    unsafe {
        core::arch::asm!(
            "mov [{0}], rsp",
            "mov [{0} + 8], rbx",
            "mov [{0} + 16], rbp",
            "mov [{0} + 24], r12",
            "mov [{0} + 32], r13",
            "mov [{0} + 40], r14",
            "mov [{0} + 48], r15",
            in(reg) registers.as_mut_ptr(),
            options(nostack, preserves_flags),
        );
    }
    registers
}

/// Reads the registers.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn registers() -> Registers {
    let mut registers = [0; 12];
    // SAFETY: the twelve stores go to the twelve elements of the array.
    unsafe {
        core::arch::asm!(
            "mov {1}, sp",
            "stp {1}, x19, [{0}]",
            "stp x20, x21, [{0}, #16]",
            "stp x22, x23, [{0}, #32]",
            "stp x24, x25, [{0}, #48]",
            "stp x26, x27, [{0}, #64]",
            "stp x28, x29, [{0}, #80]",
            in(reg) registers.as_mut_ptr(),
            out(reg) _,
            options(nostack, preserves_flags),
        );
    }
    registers
}

/// Where the stack of an operation begins; `None` where it can not be told.
#[inline(always)]
pub(crate) fn base() -> Option<usize> {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    return Some(registers()[0]);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    None
}

/// Returns a fingerprint of the registers and of the stack up to its beginning.
#[inline(always)]
pub(crate) fn print(base: usize) -> u128 {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    return print_from(&registers(), base);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    unreachable!("there is no beginning of the stack: {base}")
}

#[inline(never)]
fn print_from(registers: &Registers, base: usize) -> u128 {
    let (mut low, mut high) = (1, 2);
    let mut add = |word: usize| {
        low = scatter(low ^ word as u64);
        high = scatter(high ^ (word as u64).rotate_left(32)).wrapping_add(low);
    };
    registers.iter().for_each(|&register| add(register));
    let top = registers[0];
    assert!(base - top < DEPTH, "an operation needs more of the stack than is kept clean");
    for address in (top..base).step_by(size_of::<usize>()) {
        // SAFETY: the stack of this thread from its top to the frame where the operation began: mapped, aligned as the stack
        // pointer is, and read as bytes that nobody writes meanwhile.
        add(unsafe { core::ptr::with_exposed_provenance::<usize>(address).read_volatile() });
    }
    u128::from(high) << 64 | u128::from(low)
}

/// Makes the stack below clean: what earlier calls have left there says nothing of an operation.
#[inline(never)]
pub(crate) fn clean() {
    let mut space = [0_u64; DEPTH / 8];
    std::hint::black_box(&mut space);
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registers of the non-secure world on a core's EL3 stack.

use core::{
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

use quell_arch::Registers;

use crate::machine;

/// General-purpose registers x0 to x30 as the vectors save them.
///
/// All are saved at each entry, because a core may be captured wherever it waits in EL3. Those from x19 on are not
/// restored: Rust code preserves them by its calling convention.
#[derive(Debug)]
#[repr(C, align(16))]
pub(crate) struct Frame {
    /// x0 to x30.
    pub x: [u64; 31],
    /// x0 of the latest SMC of this life of the core; the vectors leave it alone. 0: there was none. Other cores read it, for a
    /// crash report.
    last_call: AtomicU64,
}

/// The caller's registers: the frame at the top of the calling core's stack, which is there as long as the core is in EL3 on
/// behalf of the non-secure world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller(NonNull<Frame>);

impl Caller {
    /// Returns the caller that the vectors hand over.
    ///
    /// # Safety
    ///
    /// `frame` is what they saved, and nobody else has a reference into it.
    pub(crate) const unsafe fn new(frame: NonNull<Frame>) -> Self {
        Self(frame)
    }

    /// Returns who called this core into EL3.
    pub(crate) fn of_this_core() -> Self {
        Self(NonNull::new(Self::frame_of(machine::core_index())).expect("no stack is at 0"))
    }

    /// Forgets the call that a core made before the machine's reset.
    ///
    /// # Safety
    ///
    /// The core is not the calling one, and does not run.
    pub(crate) unsafe fn clear_last_call(index: usize) {
        // SAFETY: the frame lies on the stack of a core that does not run, in memory that is there.
        unsafe { &(*Self::frame_of(index)).last_call }.store(0, Ordering::Relaxed);
    }

    /// Returns the latest call of a core, which may be making another one at this moment.
    pub(crate) fn last_call_of(index: usize) -> u64 {
        // SAFETY: the frame lies on the stack of that core, in memory that is there, and this word of it is an atomic for all.
        unsafe { &(*Self::frame_of(index)).last_call }.load(Ordering::Relaxed)
    }

    /// Returns where the frame of a core is while it is in EL3.
    fn frame_of(index: usize) -> *mut Frame {
        (machine::stack_top(index) as usize - size_of::<Frame>()) as *mut Frame
    }

    /// Returns the registers from x0 on.
    pub(crate) fn get<const N: usize>(self) -> [u64; N] {
        const { assert!(N <= 31) };
        // SAFETY: the frame is on this core's stack, initialised, and no reference into it lives longer than a call of
        // `registers`.
        unsafe { self.0.cast::<[u64; N]>().read() }
    }

    /// Notes the latest call, for a crash report.
    pub(crate) fn note_call(self, function: u64) {
        // SAFETY: as for `get`.
        unsafe { &(*self.0.as_ptr()).last_call }.store(function, Ordering::Relaxed);
    }

    /// Returns every register, one after the other.
    pub(crate) fn each(self) -> impl Iterator<Item = u64> {
        // SAFETY: as for `get`, and the numbers are the frame's.
        (0..31).map(move |number| unsafe { self.0.cast::<u64>().add(number).read() })
    }

    /// Writes the registers from x0 on.
    pub(crate) fn set(self, values: &[u64]) {
        assert!(values.len() <= 31);
        for (number, value) in values.iter().enumerate() {
            // SAFETY: as for `get`, and the number is one of the frame's.
            unsafe { self.0.cast::<u64>().add(number).write(*value) };
        }
    }

    /// Returns one signed code in x0.
    pub(crate) fn set_code(self, code: i32) {
        self.set(&[i64::from(code).cast_unsigned()]);
    }

    /// Lets a service work on the registers in place.
    pub(crate) fn with_registers<T>(self, serve: impl FnOnce(&mut Registers) -> T) -> T {
        // SAFETY: as for `get`; the services that get this know nothing of the frame.
        serve(unsafe { self.0.cast::<Registers>().as_mut() })
    }
}

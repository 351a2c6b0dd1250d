// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registers of the non-secure world on a core's EL3 stack.

use core::{
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

use quell_arch::Registers;
use quell_power::LocalCore;
use quell_psci::Counters;

use crate::machine;

/// How many general-purpose registers there are: x0 to x30.
const REGISTERS: usize = 31;

/// The top of a core's stack: the registers of the non-secure world while the core is in EL3, and what a call needs to know of
/// its core at once.
#[derive(Debug)]
#[repr(C, align(16))]
pub(crate) struct Frame {
    /// x0 to x18, x30, x19 to x29. The first twenty are saved at each entry and restored at each exit. The others, which Rust
    /// code preserves by its calling convention, are saved only where the core may be captured before it goes back.
    pub x: [u64; REGISTERS],
    /// x0 of the latest SMC of this life of the core. 0: there was none. Other cores read it, for a crash report.
    pub last_call: AtomicU64,
    /// The core whose stack this is. Written once, before the core first comes here.
    core: CoreLinks,
}

/// Where what EL3 keeps of a core is.
#[derive(Clone, Copy, Debug)]
struct CoreLinks {
    local: LocalCore<'static>,
    counters: &'static Counters,
}

/// Returns where in [`Frame::x`] a register is.
const fn place_of(register: usize) -> usize {
    match register {
        30 => 19,
        19.. => register + 1,
        _ => register,
    }
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

    /// Returns the address of the frame, which is all that an empty stack holds.
    pub(crate) fn address(self) -> u64 {
        self.0.as_ptr().addr() as u64
    }

    /// Returns who called this core into EL3.
    pub(crate) fn of_this_core() -> Self {
        Self::of(machine::core_index())
    }

    fn of(index: usize) -> Self {
        let frame = (machine::stack_top(index) as usize - size_of::<Frame>()) as *mut Frame;
        Self(NonNull::new(frame).expect("no stack is at 0"))
    }

    /// Tells a core's frame whose it is, and forgets the call that the core made before the machine's reset.
    ///
    /// # Safety
    ///
    /// The core does not run, or its stack begins below the frame.
    pub(crate) unsafe fn link(index: usize, local: LocalCore<'static>, counters: &'static Counters) {
        let frame = Self::of(index).0.as_ptr();
        // SAFETY: the frame lies on the stack of a core that does not use it, in memory that is there.
        unsafe {
            (&raw mut (*frame).core).write(CoreLinks { local, counters });
            (*frame).last_call.store(0, Ordering::Relaxed);
        }
    }

    /// Returns the latest call of a core, which may be making another one at this moment.
    pub(crate) fn last_call_of(index: usize) -> u64 {
        // SAFETY: the frame lies on the stack of that core, in memory that is there, and this word of it is an atomic for all.
        unsafe { &(*Self::of(index).0.as_ptr()).last_call }.load(Ordering::Relaxed)
    }

    /// Returns the core's view of itself.
    pub(crate) fn local(self) -> &'static LocalCore<'static> {
        // SAFETY: `link` has written it, and nobody writes it again.
        unsafe { &(*self.0.as_ptr()).core.local }
    }

    /// Returns the core's counters.
    pub(crate) fn counters(self) -> &'static Counters {
        // SAFETY: as for `local`.
        unsafe { (*self.0.as_ptr()).core.counters }
    }

    /// Returns the registers from x0 on.
    pub(crate) fn get<const N: usize>(self) -> [u64; N] {
        const { assert!(N <= 19, "the first of them are in order") };
        // SAFETY: the frame is on this core's stack, initialised, and no reference into it lives longer than a call of
        // `registers`.
        unsafe { self.0.cast::<[u64; N]>().read() }
    }

    /// Notes the latest call, for a crash report.
    pub(crate) fn note_call(self, function: u64) {
        // SAFETY: as for `get`.
        unsafe { &(*self.0.as_ptr()).last_call }.store(function, Ordering::Relaxed);
    }

    /// Returns every register, one after the other. Where all are saved.
    pub(crate) fn each(self) -> impl Iterator<Item = u64> {
        // SAFETY: as for `get`, and the places are the frame's.
        (0..REGISTERS).map(move |number| unsafe { self.0.cast::<u64>().add(place_of(number)).read() })
    }

    /// Writes the registers from x0 on.
    pub(crate) fn set(self, values: &[u64]) {
        assert!(values.len() <= 19, "the first of them are in order");
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

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Exceptions: IRQs are served; the way back from [`el1`] is taken; anything else is a fault of the payload or of what the
//! firmware did to it, and ends the case.

use core::arch::global_asm;
use core::fmt::{self, Display, Formatter};
use core::mem::offset_of;

use crate::el1::{self, Back};
use crate::{anchor, cores, read_register};

/// The interrupted registers, as the vectors save them.
#[repr(C)]
pub struct Frame {
    x: [u64; 31],
    elr: u64,
    spsr: u64,
    reserved: u64,
}

const IRQ: u64 = 1;
const SLOT_NAMES: [&str; 4] = ["synchronous exception", "IRQ", "FIQ", "SError"];

// Each slot saves x0 and x1, which `vector_common` needs, and says which slot it is. Nothing else is clobbered;
// `vector_common` saves and restores all that Rust may use.
global_asm!(
    ".pushsection .text.vectors, \"ax\"",
    ".balign 2048",
    ".global vectors",
    "vectors:",
    ".set slot, 0",
    ".rept 16",
    ".balign 128",
    "sub sp, sp, #{size}",
    "stp x0, x1, [sp]",
    "mov x0, #slot",
    "b vector_common",
    ".set slot, slot + 1",
    ".endr",
    "vector_common:",
    "stp x2, x3, [sp, #16]",
    "stp x4, x5, [sp, #32]",
    "stp x6, x7, [sp, #48]",
    "stp x8, x9, [sp, #64]",
    "stp x10, x11, [sp, #80]",
    "stp x12, x13, [sp, #96]",
    "stp x14, x15, [sp, #112]",
    "stp x16, x17, [sp, #128]",
    "stp x18, x19, [sp, #144]",
    "stp x20, x21, [sp, #160]",
    "stp x22, x23, [sp, #176]",
    "stp x24, x25, [sp, #192]",
    "stp x26, x27, [sp, #208]",
    "stp x28, x29, [sp, #224]",
    "mrs x2, elr_el2",
    "mrs x3, spsr_el2",
    "stp x30, x2, [sp, #{x30}]",
    "str x3, [sp, #{spsr}]",
    "mov x1, sp",
    "bl {handler}",
    "ldp x30, x2, [sp, #{x30}]",
    "ldr x3, [sp, #{spsr}]",
    "msr elr_el2, x2",
    "msr spsr_el2, x3",
    "ldp x2, x3, [sp, #16]",
    "ldp x4, x5, [sp, #32]",
    "ldp x6, x7, [sp, #48]",
    "ldp x8, x9, [sp, #64]",
    "ldp x10, x11, [sp, #80]",
    "ldp x12, x13, [sp, #96]",
    "ldp x14, x15, [sp, #112]",
    "ldp x16, x17, [sp, #128]",
    "ldp x18, x19, [sp, #144]",
    "ldp x20, x21, [sp, #160]",
    "ldp x22, x23, [sp, #176]",
    "ldp x24, x25, [sp, #192]",
    "ldp x26, x27, [sp, #208]",
    "ldp x28, x29, [sp, #224]",
    "ldp x0, x1, [sp], #{size}",
    "eret",
    ".popsection",
    size = const size_of::<Frame>(),
    x30 = const offset_of!(Frame, x) + 30 * 8,
    spsr = const offset_of!(Frame, spsr),
    handler = sym handle,
);

/// An exception that nobody expected.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    slot: u64,
    esr: u64,
    elr: u64,
    far: u64,
}

impl Fault {
    /// Nothing happened yet.
    pub const NONE: Self = Self { slot: 0, esr: 0, elr: 0, far: 0 };
}

impl Fault {
    /// Returns the number of the vector, from 0 on.
    pub fn slot(&self) -> u64 {
        self.slot
    }

    /// Returns ESR_EL2.
    pub fn esr(&self) -> u64 {
        self.esr
    }

    /// Returns FAR_EL2: the address of the access.
    pub fn far(&self) -> u64 {
        self.far
    }

    /// Returns ELR_EL2: the instruction that was to be executed.
    pub fn elr(&self) -> u64 {
        self.elr
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let Self { slot, esr, elr, far } = self;
        let name = SLOT_NAMES[(slot % 4) as usize];
        let from = if *slot < 8 { "EL2" } else { "EL1" };
        write!(f, "{name} from {from}: ESR {esr:#x} ELR {elr:#x} FAR {far:#x}")
    }
}

/// The vectors of a synchronous exception from AArch64 and from AArch32 below EL2.
const FROM_EL1: [u64; 2] = [8, 12];

extern "C" fn handle(slot: u64, frame: &mut Frame) {
    if FROM_EL1.contains(&slot) {
        match el1::back() {
            Back::Called { pc, pstate } => {
                (frame.elr, frame.spsr) = (pc, pstate);
                return;
            }
            Back::Faulted { esr, elr, far } => anchor::fault(Fault { slot, esr, elr, far }),
            Back::Otherwise => {}
        }
    }
    if slot % 4 == IRQ {
        cores::serve_interrupts();
        return;
    }
    anchor::fault(Fault {
        slot,
        esr: read_register!("esr_el2"),
        elr: frame.elr,
        far: read_register!("far_el2"),
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! A computation in which every register takes part, so that its result tells whether one of them ever had a wrong value, or
//! whether an instruction was left out or done twice: x0 to x30, SP, the flags and v0 to v31, with everything else masked.
//!
//! Each register is added to the one before it, the carry goes through all of them, and x30 counts. Another core does the same
//! afterwards in Rust.

use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;

use crate::random::Random;
use crate::registers::mask_all;
use crate::sysregs::SystemRegisters;
use crate::verdict::{Verdict, equal, holds};
use crate::{cores, read_register, runner, sysregs};

/// How often the chain goes round between two looks at whether it shall end.
const TURNS: u64 = 2_000;

/// The registers that are computed with.
#[derive(Clone, Copy, Eq, PartialEq)]
#[repr(C, align(16))]
struct Chain {
    x: [u64; 30],
    sp: u64,
    nzcv: u64,
    v: [[u64; 2]; 32],
}

const NZCV: u64 = 0xf << 28;
const CARRY: u64 = 1 << 29;

impl Chain {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            x: core::array::from_fn(|_| random.bits()),
            sp: random.bits(),
            nzcv: random.bits() & NZCV,
            v: core::array::from_fn(|_| [random.bits(), random.bits()]),
        }
    }

    /// Does one turn as [`run_chain`] does.
    fn turn(&mut self) {
        let mut carry = u64::from(self.nzcv & CARRY != 0);
        for index in 0..30 {
            let (a, b) = (self.x[index], self.x[(index + 1) % 30]);
            let sum = u128::from(a) + u128::from(b) + u128::from(carry);
            let result = sum as u64;
            carry = (sum >> 64) as u64;
            let overflow = ((a ^ result) & (b ^ result)) >> 63;
            self.x[index] = result;
            self.nzcv = (result >> 63) << 31 | u64::from(result == 0) << 30 | carry << 29 | overflow << 28;
        }
        self.sp = self.sp.wrapping_add(self.x[29]);
        for index in 0..32 {
            let next = self.v[(index + 1) % 32];
            for (lane, value) in self.v[index].iter_mut().zip(next) {
                *lane = lane.wrapping_add(value);
            }
        }
    }
}

struct Computed {
    chain: Chain,
    turns: u64,
    wrong_register: Option<&'static str>,
    same: bool,
}

struct Slot(UnsafeCell<Option<Computed>>);

// SAFETY: The core that runs the job writes it before it counts the job as finished, and others read it after that.
unsafe impl Sync for Slot {}

static RESULT: Slot = Slot(UnsafeCell::new(None));

/// Job: computes until it is dismissed. Only one core at a time.
pub extern "C" fn compute(seed: u64) -> u64 {
    mask_all();
    let mut chain = Chain::new(seed);
    let mut turns = 0;
    let registers = SystemRegisters::soil(seed);
    let pstate = || [read_register!("daif"), read_register!("spsel"), read_register!("currentel")];
    let (before, mut same) = (pstate(), true);
    while !cores::dismissed() {
        // SAFETY: The chain is valid for reads and writes. Nothing interrupts the assembly, which needs no stack but at its
        // ends and follows the C calling convention but for SIMD registers, which this program does not use.
        unsafe { run_chain(&raw mut chain, TURNS) };
        turns += TURNS;
        same &= pstate() == before;
        cores::beat();
    }
    let wrong_register = registers.first_difference();
    sysregs::restore();
    let result = Computed { chain, turns, wrong_register, same };
    // SAFETY: As said at `Slot`.
    unsafe { RESULT.0.get().write(Some(result)) };
    turns
}

/// Starts the computation on a core that waits for jobs.
pub fn begin(index: usize) -> Verdict {
    let beats = cores::heartbeat(index);
    cores::post(index, compute, runner::seed());
    Ok(cores::wait_for_beat(index, beats)?)
}

/// Ends the computation, and passes if every register is what it must be.
pub fn end(index: usize, finished: u64) -> Verdict {
    cores::dismiss(true);
    let turns = cores::result(index, finished);
    cores::dismiss(false);
    let turns = turns?;
    // SAFETY: The job has finished.
    let result = unsafe { (*RESULT.0.get()).take() };
    let Some(result) = result else { return holds("a result of the computation", false) };
    let mut expected = Chain::new(runner::seed());
    (0..turns).for_each(|_| expected.turn());
    equal("turns of the computation", result.turns, turns)?;
    if let Some(name) = result.wrong_register {
        holds(format_args!("{name} keeps its value"), false)?;
    }
    holds("DAIF, SPSel and the system registers as they were", result.same)?;
    for (index, (saw, expected)) in result.chain.x.into_iter().zip(expected.x).enumerate() {
        equal(format_args!("x{index} after {turns} turns"), saw, expected)?;
    }
    equal(format_args!("SP after {turns} turns"), result.chain.sp, expected.sp)?;
    equal(format_args!("NZCV after {turns} turns"), result.chain.nzcv, expected.nzcv)?;
    for (index, (saw, expected)) in result.chain.v.into_iter().zip(expected.v).enumerate() {
        equal(format_args!("v{index} (low) after {turns} turns"), saw[0], expected[0])?;
        equal(format_args!("v{index} (high) after {turns} turns"), saw[1], expected[1])?;
    }
    crate::println!("# {turns} turns of the computation");
    Ok(())
}

/// Loads the registers, goes round so many times, and stores them. SP is one of them meanwhile: what is needed in the end waits in
/// TPIDR_EL1 and TPIDRRO_EL0. Clobbers x0 to x17 and the SIMD registers.
#[unsafe(naked)]
unsafe extern "C" fn run_chain(chain: *mut Chain, turns: u64) {
    naked_asm!(
        ".arch_extension fp",
        ".arch_extension simd",
        "stp x29, x30, [sp, #-112]!",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "str x18, [sp, #96]",
        "msr tpidrro_el0, x0",
        "mov x2, sp",
        "msr tpidr_el1, x2",
        "mov x30, x1",
        ".set offset, {v}",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "ldr q\\n, [x0, #offset]",
        ".set offset, offset + 16",
        ".endr",
        "ldr x2, [x0, #{sp}]",
        "mov sp, x2",
        "ldr x2, [x0, #{nzcv}]",
        "msr nzcv, x2",
        ".set offset, {x} + 16",
        ".irp n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29",
        "ldr x\\n, [x0, #offset]",
        ".set offset, offset + 8",
        ".endr",
        "ldp x0, x1, [x0, #{x}]",
        "1: adcs x0, x0, x1; adcs x1, x1, x2; adcs x2, x2, x3; adcs x3, x3, x4; adcs x4, x4, x5",
        "adcs x5, x5, x6; adcs x6, x6, x7; adcs x7, x7, x8; adcs x8, x8, x9; adcs x9, x9, x10",
        "adcs x10, x10, x11; adcs x11, x11, x12; adcs x12, x12, x13; adcs x13, x13, x14; adcs x14, x14, x15",
        "adcs x15, x15, x16; adcs x16, x16, x17; adcs x17, x17, x18; adcs x18, x18, x19; adcs x19, x19, x20",
        "adcs x20, x20, x21; adcs x21, x21, x22; adcs x22, x22, x23; adcs x23, x23, x24; adcs x24, x24, x25",
        "adcs x25, x25, x26; adcs x26, x26, x27; adcs x27, x27, x28; adcs x28, x28, x29; adcs x29, x29, x0",
        "add sp, sp, x29",
        "add v0.2d, v0.2d, v1.2d; add v1.2d, v1.2d, v2.2d; add v2.2d, v2.2d, v3.2d; add v3.2d, v3.2d, v4.2d",
        "add v4.2d, v4.2d, v5.2d; add v5.2d, v5.2d, v6.2d; add v6.2d, v6.2d, v7.2d; add v7.2d, v7.2d, v8.2d",
        "add v8.2d, v8.2d, v9.2d; add v9.2d, v9.2d, v10.2d; add v10.2d, v10.2d, v11.2d; add v11.2d, v11.2d, v12.2d",
        "add v12.2d, v12.2d, v13.2d; add v13.2d, v13.2d, v14.2d; add v14.2d, v14.2d, v15.2d; add v15.2d, v15.2d, v16.2d",
        "add v16.2d, v16.2d, v17.2d; add v17.2d, v17.2d, v18.2d; add v18.2d, v18.2d, v19.2d; add v19.2d, v19.2d, v20.2d",
        "add v20.2d, v20.2d, v21.2d; add v21.2d, v21.2d, v22.2d; add v22.2d, v22.2d, v23.2d; add v23.2d, v23.2d, v24.2d",
        "add v24.2d, v24.2d, v25.2d; add v25.2d, v25.2d, v26.2d; add v26.2d, v26.2d, v27.2d; add v27.2d, v27.2d, v28.2d",
        "add v28.2d, v28.2d, v29.2d; add v29.2d, v29.2d, v30.2d; add v30.2d, v30.2d, v31.2d; add v31.2d, v31.2d, v0.2d",
        "sub x30, x30, #1",
        "cbnz x30, 1b",
        "mrs x30, tpidrro_el0",
        ".set offset, {x}",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29",
        "str x\\n, [x30, #offset]",
        ".set offset, offset + 8",
        ".endr",
        "mov x0, sp",
        "mrs x1, nzcv",
        "str x0, [x30, #{sp}]",
        "str x1, [x30, #{nzcv}]",
        ".set offset, {v}",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "str q\\n, [x30, #offset]",
        ".set offset, offset + 16",
        ".endr",
        "mrs x0, tpidr_el1",
        "mov sp, x0",
        "ldr x18, [sp, #96]",
        "ldp x27, x28, [sp, #80]",
        "ldp x25, x26, [sp, #64]",
        "ldp x23, x24, [sp, #48]",
        "ldp x21, x22, [sp, #32]",
        "ldp x19, x20, [sp, #16]",
        "ldp x29, x30, [sp], #112",
        "ret",
        sp = const offset_of!(Chain, sp),
        nzcv = const offset_of!(Chain, nzcv),
        x = const offset_of!(Chain, x),
        v = const offset_of!(Chain, v),
    )
}

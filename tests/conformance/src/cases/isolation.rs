// SPDX-License-Identifier: MIT OR Apache-2.0

//! What EL3 keeps for itself is not there for anybody else: the access is an Undefined Instruction exception at the level
//! that made it, and the firmware goes on.

use core::arch::{asm, naked_asm};

use crate::anchor::{self, Ending};
use crate::case::cases;
use crate::fixture::by_choice;
use crate::section;
use crate::verdict::{Verdict, equal, failed, holds, status};
use crate::{el1, psci, registers};

cases! {
    [section::GIC_GROUPS]
    /// ICC_IAR0_EL1 is undefined at EL2.
    "isolation.group0.acknowledge", 1, acknowledge;
    /// ICC_EOIR0_EL1 is undefined at EL2.
    "isolation.group0.end", 1, end;
    /// ICC_IGRPEN0_EL1 is undefined at EL2.
    "isolation.group0.enable", 1, enable;
    /// ICC_HPPIR0_EL1 is undefined at EL2.
    "isolation.group0.pending", 1, pending;
    /// ICC_AP0R0_EL1 is undefined at EL2.
    "isolation.group0.active_priorities", 1, active_priorities;
    /// ICC_IAR0_EL1 is undefined at EL1, and the exception is EL1's own.
    "isolation.group0.from_el1", 1, from_el1;

    [section::EL3_REGISTERS]
    /// SCR_EL3 is undefined at EL2.
    "isolation.el3.control", 1, control;
    /// VBAR_EL3 is undefined at EL2.
    "isolation.el3.vectors", 1, vectors;
    /// ELR_EL3 is undefined at EL2.
    "isolation.el3.return_address", 1, return_address;
    /// TPIDR_EL3 is undefined at EL2.
    "isolation.el3.thread", 1, thread;
    /// The secure physical timer is undefined at EL2.
    "isolation.el3.timer", 1, timer;
    /// ICC_IGRPEN1_EL3 is undefined at EL2.
    "isolation.el3.interrupt_groups", 1, interrupt_groups;
}

/// ESR of an exception with unknown reason: EC 0, a 32-bit instruction.
const UNKNOWN: u64 = 1 << 25;

/// The vector of a synchronous exception from the same level with its own stack.
const SAME_LEVEL_SYNC: u64 = 4;

/// Defines a case that executes one instruction with x0 = 0.
macro_rules! undefined {
    ($name:ident, $instruction:literal, $judge:ident) => {
        fn $name() -> Verdict {
            extern "C" fn access(_: u64) -> u64 {
                // SAFETY: The instruction touches an interrupt register only, and is not executed by a firmware that
                // keeps the register for itself.
                unsafe { asm!("mov x0, xzr", $instruction, out("x0") _, options(nostack)) };
                0
            }
            $judge(access)
        }
    };
}

undefined!(acknowledge, "mrs x0, S3_0_C12_C8_0", is_kept);
undefined!(end, "msr S3_0_C12_C8_1, x0", is_kept);
undefined!(enable, "msr S3_0_C12_C12_6, x0", is_kept);
undefined!(pending, "mrs x0, S3_0_C12_C8_2", is_kept);
undefined!(active_priorities, "msr S3_0_C12_C8_4, x0", is_kept);

undefined!(control, "mrs x0, S3_6_C1_C1_0", is_undefined); // SCR_EL3
undefined!(vectors, "msr S3_6_C12_C0_0, x0", is_undefined); // VBAR_EL3
undefined!(return_address, "msr S3_6_C4_C0_1, x0", is_undefined); // ELR_EL3
undefined!(thread, "msr S3_6_C13_C0_2, x0", is_undefined); // TPIDR_EL3
undefined!(timer, "msr S3_7_C14_C2_1, x0", is_undefined); // CNTPS_CTL_EL1
undefined!(interrupt_groups, "msr S3_6_C12_C12_7, x0", is_undefined); // ICC_IGRPEN1_EL3

/// EL1's access comes to EL3 as EL2's does, and its exception is EL1's own.
fn from_el1() -> Verdict {
    #[unsafe(naked)]
    extern "C" fn access(_: u64) -> u64 {
        naked_asm!("mrs x0, S3_0_C12_C8_0", "ret") // ICC_IAR0_EL1
    }
    extern "C" fn at_el1(_: u64) -> u64 {
        el1::run(access, 0, 0)
    }
    registers::mask_all();
    let Ending::Faulted(fault) = anchor::run(at_el1, 0) else { return by_choice(no_exception()) };
    equal("ESR_EL1", fault.esr(), UNKNOWN)?;
    equal("ELR_EL1", fault.elr(), access as *const () as u64)?;
    status("AFFINITY_INFO afterwards", psci::affinity_info(0), 0)
}

fn no_exception() -> Verdict {
    Err(failed(format_args!("an exception"), format_args!("none")))
}

/// Group 0 is the firmware's if it keeps it: it may leave these registers to the non-secure world, and do without interrupts of
/// its own.
fn is_kept(access: extern "C" fn(u64) -> u64) -> Verdict {
    by_choice(is_undefined(access))
}

fn is_undefined(access: extern "C" fn(u64) -> u64) -> Verdict {
    registers::mask_all();
    let Ending::Faulted(fault) = anchor::run(access, 0) else { return no_exception() };
    equal("vector", fault.slot(), SAME_LEVEL_SYNC)?;
    equal("ESR_EL2", fault.esr(), UNKNOWN)?;
    let start = access as usize as u64;
    holds(
        format_args!("ELR_EL2 {:#x} in the function", fault.elr()),
        (start..start + 64).contains(&fault.elr()),
    )?;
    status("AFFINITY_INFO afterwards", psci::affinity_info(0), 0)
}

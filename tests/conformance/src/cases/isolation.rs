// SPDX-License-Identifier: MIT OR Apache-2.0

//! What EL3 keeps for itself is not there for anybody else: the access is an Undefined Instruction exception at the level
//! that made it, and the firmware goes on.

use core::arch::asm;

use crate::anchor::{self, Ending};
use crate::runner::Case;
use crate::verdict::{Verdict, equal, failed, holds, status};
use crate::{psci, registers};

/// The cases of this file.
pub const CASES: &[Case] = &[
    Case { name: "isolation.group0.acknowledge", cores: 1, run: acknowledge },
    Case { name: "isolation.group0.end", cores: 1, run: end },
    Case { name: "isolation.group0.enable", cores: 1, run: enable },
    Case { name: "isolation.group0.pending", cores: 1, run: pending },
    Case { name: "isolation.group0.active_priorities", cores: 1, run: active_priorities },
];

/// ESR of an exception with unknown reason: EC 0, a 32-bit instruction.
const UNKNOWN: u64 = 1 << 25;

/// The vector of a synchronous exception from the same level with its own stack.
const SAME_LEVEL_SYNC: u64 = 4;

/// Defines a case that executes one instruction with x0 = 0.
macro_rules! undefined {
    ($name:ident, $instruction:literal) => {
        fn $name() -> Verdict {
            extern "C" fn access(_: u64) -> u64 {
                // SAFETY: The instruction touches an interrupt register only, and is not executed by a firmware that
                // keeps the register for itself.
                unsafe { asm!("mov x0, xzr", $instruction, out("x0") _, options(nostack)) };
                0
            }
            is_undefined(access)
        }
    };
}

undefined!(acknowledge, "mrs x0, S3_0_C12_C8_0");
undefined!(end, "msr S3_0_C12_C8_1, x0");
undefined!(enable, "msr S3_0_C12_C12_6, x0");
undefined!(pending, "mrs x0, S3_0_C12_C8_2");
undefined!(active_priorities, "msr S3_0_C12_C8_4, x0");

fn is_undefined(access: extern "C" fn(u64) -> u64) -> Verdict {
    registers::mask_all();
    let Ending::Faulted(fault) = anchor::run(access, 0) else {
        return Err(failed(format_args!("an exception"), format_args!("none")));
    };
    equal("vector", fault.slot(), SAME_LEVEL_SYNC)?;
    equal("ESR_EL2", fault.esr(), UNKNOWN)?;
    let start = access as usize as u64;
    holds(
        format_args!("ELR_EL2 {:#x} in the function", fault.elr()),
        (start..start + 64).contains(&fault.elr()),
    )?;
    status("AFFINITY_INFO afterwards", psci::affinity_info(0), 0)
}

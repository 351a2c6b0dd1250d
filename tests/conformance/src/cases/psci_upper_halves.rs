// SPDX-License-Identifier: MIT OR Apache-2.0

//! Only w0 is the function identifier, and an SMC32 call has arguments of 32 bits: what is above them means nothing.

use crate::call::{self, of_every_function};
use crate::case::Case;
use crate::smc;
use crate::verdict::{Verdict, equal};

/// The cases of this file.
pub const CASES: &[Case] = of_every_function!(
    "psci.upper_half.",
    same_with_garbage,
    "Garbage above the 32 bits of the identifier, and of SMC32 arguments, changes no answer."
);

const GARBAGE: u64 = 0xdead_beef_0000_0000;
const WIDE: u32 = 1 << 30;

fn same_with_garbage(number: u32) -> Verdict {
    for call::Call { function, arguments } in call::of(number) {
        let is_wide = function & WIDE != 0;
        let result = |garbage: u64| {
            let mut registers = [0; 31];
            registers[0] = garbage | u64::from(function);
            for (register, argument) in registers[1..].iter_mut().zip(arguments) {
                *register = if is_wide { argument } else { garbage | argument & 0xffff_ffff };
            }
            smc::call_with_all_registers(&registers)[0]
        };
        let what = format_args!("call {function:#x}({arguments:x?}) with garbage above bit 31");
        equal(what, result(GARBAGE), result(0))?;
    }
    Ok(())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Only w0 is the function identifier, and an SMC32 call has arguments of 32 bits: what is above them means nothing.

use crate::call;
use crate::runner::Case;
use crate::smc;
use crate::verdict::{Verdict, equal};

/// Defines the cases, by the function's number.
macro_rules! upper_halves {
    ($($name:ident = $number:literal),* $(,)?) => {
        /// The cases of this file.
        pub const CASES: &[Case] = &[
            $(Case {
                name: concat!("psci.upper_half.", stringify!($name)),
                cores: 1,
                run: || same_with_garbage($number),
            },)*
        ];
    };
}

upper_halves!(
    version = 0x0,
    cpu_suspend = 0x1,
    cpu_on = 0x3,
    affinity_info = 0x4,
    migrate = 0x5,
    migrate_info_type = 0x6,
    migrate_info_up_cpu = 0x7,
    features = 0xa,
    default_suspend = 0xc,
    node_hw_state = 0xd,
    system_suspend = 0xe,
    set_suspend_mode = 0xf,
    stat_residency = 0x10,
    stat_count = 0x11,
    system_reset2 = 0x12,
    mem_protect = 0x13,
    mem_protect_check_range = 0x14,
    system_off2 = 0x15,
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

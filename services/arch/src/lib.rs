// SPDX-License-Identifier: MIT OR Apache-2.0

//! The SMC Calling Convention: function identifiers, results, the calls of the Arm architecture owner, and the TRNG.

#![no_std]

mod answer;
mod calls;
mod function_id;
pub mod mitigation;
mod soc;
pub mod trng;

pub use answer::Answer;
pub use calls::{Control, Hardware, SMCCC_VERSION, handle, is_done_by_entry};
pub use function_id::{FunctionId, Owner};
pub use soc::Soc;

/// NOT_SUPPORTED and SMC_UNK: the one code that every owner shares (SMCCC 1.5 section 5.2).
pub const NOT_SUPPORTED: i32 = smccc::arch::error::NOT_SUPPORTED;

/// An argument is out of its range.
pub const INVALID_PARAMETER: i32 = smccc::arch::error::INVALID_PARAMETER;

/// What a call may read and write: x0 to x17. A register that it does not write keeps the caller's value.
pub type Registers = [u64; 18];

/// Returns a code as x0 has it: sign-extended to 64 bits.
const fn register(code: i32) -> u64 {
    (code as i64).cast_unsigned()
}

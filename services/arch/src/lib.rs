// SPDX-License-Identifier: MIT OR Apache-2.0

//! The SMC Calling Convention: function identifiers, results, and the calls of the Arm architecture owner.

#![no_std]

mod answer;
mod calls;
mod function_id;

pub use answer::Answer;
pub use calls::{SMCCC_VERSION, handle};
pub use function_id::{FunctionId, Owner};

/// NOT_SUPPORTED and SMC_UNK: the one code that every owner shares (SMCCC 1.5 section 5.2).
pub const NOT_SUPPORTED: i32 = smccc::arch::error::NOT_SUPPORTED;

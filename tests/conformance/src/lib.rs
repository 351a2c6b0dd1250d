// SPDX-License-Identifier: MIT OR Apache-2.0

//! What runs after the firmware: the library of the demonstration and of the conformance suite.
//!
//! Both are BL33 payloads for one of QEMU's machines (`machine`). They start in NS flash, at EL2 with the MMU off, copy themselves to DRAM and run there with an identity map. Nothing in here depends on whose firmware is at
//! EL3; it must only follow PSCI.
//!
//! The entry is our own and not `aarch64-rt`'s: that one runs where it was loaded (the code model does not reach
//! from flash to DRAM), has a one-level table (sbsa-ref's DRAM lies above its 512 GiB), and uses registers before they can be
//! recorded, while the state in which the firmware starts a core is one of the things to judge here.

#![no_std]
#![allow(
    clippy::large_enum_variant,
    clippy::result_large_err,
    reason = "a finding holds its text: there is no allocator to box it with"
)]

pub mod anchor;
pub mod arch;
pub mod call;
pub mod case;
pub mod cases;
pub mod chain;
pub mod clock;
pub mod console;
pub mod cores;
pub mod dirt;
pub mod el1;
pub mod entry;
pub mod fixture;
pub mod found;
pub mod gic;
pub mod handover;
pub mod its;
pub mod machine;
pub mod many;
pub mod marks;
pub mod page_table;
pub mod parameters;
pub mod platform;
pub mod progress;
pub mod psci;
pub mod random;
pub mod registers;
pub mod report;
pub mod runner;
pub mod section;
pub mod session;
pub mod simd;
pub mod sleep;
pub mod smc;
pub mod stale;
pub mod stop;
pub mod stopped;
pub mod storm;
pub mod sysregs;
pub mod ticker;
pub mod vectors;
pub mod verdict;
pub mod wedge;

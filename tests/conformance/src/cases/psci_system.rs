// SPDX-License-Identifier: MIT OR Apache-2.0

//! SYSTEM_RESET, and identifiers near SYSTEM_OFF. SYSTEM_OFF itself ends every run.

use core::sync::atomic::{AtomicU64, Ordering};

use smccc::psci::{PSCI_SYSTEM_OFF, PSCI_SYSTEM_RESET};

use crate::entry::EntryState;
use crate::fixture::{others, start_others};
use crate::psci::{self, NOT_SUPPORTED, OFF};
use crate::runner::{self, Case};
use crate::smc;
use crate::verdict::{Verdict, equal, status};

/// The cases of this file.
pub const CASES: &[Case] = &[
    Case { name: "psci.system_reset", cores: 1, run: system_reset },
    Case { name: "psci.system_off.wide_ids", cores: 1, run: wide_ids },
];

const WITNESS: u64 = 0x0123_4567_89ab_cdef;

/// Survives the reset: RAM keeps its contents.
#[unsafe(link_section = ".noinit.witness")]
static RAM: AtomicU64 = AtomicU64::new(0);

fn system_reset() -> Verdict {
    if !runner::is_after_reset() {
        RAM.store(WITNESS, Ordering::SeqCst);
        // Others on: the reset must not leave them running.
        start_others()?;
        runner::reset();
    }
    equal("a word of RAM after the reset", RAM.swap(0, Ordering::SeqCst), WITNESS)?;
    equal("x0 of the boot core after the reset", EntryState::of(0).x[0], 0)?;
    for index in others() {
        equal(
            format_args!("AFFINITY_INFO of core {index} after the reset"),
            psci::affinity_info(index),
            OFF,
        )?;
    }
    start_others()
}

fn wide_ids() -> Verdict {
    for function in [PSCI_SYSTEM_OFF, PSCI_SYSTEM_RESET] {
        let function = function | 1 << 30;
        status(format_args!("call {function:#x}"), smc::call0(function), NOT_SUPPORTED)?;
    }
    Ok(())
}

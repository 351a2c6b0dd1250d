// SPDX-License-Identifier: MIT OR Apache-2.0

//! The cases: one file for each call or question.

use crate::runner::Case;

mod psci_affinity;
mod psci_cpu_off;
mod psci_cpu_on;
mod psci_cpu_on_entry;
mod psci_cpu_on_race;
mod psci_cpu_on_state;
mod psci_features;
mod psci_suspend;
mod psci_system;
mod smccc_calls;
mod smccc_registers;

/// Every case, in the order in which they run.
pub const ALL: &[&[Case]] = &[
    smccc_calls::CASES,
    smccc_registers::CASES,
    psci_features::CASES,
    psci_affinity::CASES,
    psci_cpu_on::CASES,
    psci_cpu_on_entry::CASES,
    psci_cpu_on_state::CASES,
    psci_cpu_on_race::CASES,
    psci_cpu_off::CASES,
    psci_suspend::CASES,
    psci_system::CASES,
];

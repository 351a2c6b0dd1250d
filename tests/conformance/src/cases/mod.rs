// SPDX-License-Identifier: MIT OR Apache-2.0

//! The cases: one file for each call or question.

use crate::case::Case;

mod features;
mod finale;
mod isolation;
mod isolation_calls;
mod isolation_gic;
mod isolation_memory;
mod platform_calls;
mod platform_convention;
mod psci_affinity;
mod psci_affinity_history;
mod psci_cpu_off;
mod psci_cpu_on;
mod psci_cpu_on_entry;
mod psci_cpu_on_race;
mod psci_cpu_on_refused;
mod psci_el1;
mod psci_endian;
mod psci_entry_state;
mod psci_features;
mod psci_mem_protect;
mod psci_node_hw_state;
mod psci_os_initiated;
mod psci_power_down;
mod psci_power_down_keeps;
mod psci_registers;
mod psci_stat;
mod psci_stays_off;
mod psci_stop;
mod psci_suspend;
mod psci_suspend_entry;
mod psci_suspend_lpi;
mod psci_suspend_mode;
mod psci_sve_hint;
mod psci_system;
mod psci_system_arguments;
mod psci_system_suspend;
mod psci_upper_halves;
mod psci_version;
mod scale;
mod sdei;
mod selftest;
mod smccc_availability;
mod smccc_calls;
mod smccc_el1;
mod smccc_registers;
mod smccc_soc_id;
mod smccc_workarounds;
mod stop_arbitration;
mod stop_arguments;
mod stop_evict;
mod stop_evict_race;
mod stop_fuzz;
mod stop_grace;
mod stop_info;
mod stop_many;
mod stop_orphan;
mod stop_pause;
mod stop_pause_calls;
mod stop_pause_registers;
mod stop_random;
mod stop_read;
mod stop_release;
mod stop_reset;
mod stop_snapshot;
mod stop_states;
mod stop_storm;
mod stop_wedges;
mod trng;

/// Every case, in the order in which they run.
pub const ALL: &[&[Case]] = &[
    smccc_calls::CASES,
    smccc_registers::CASES,
    smccc_el1::CASES,
    smccc_soc_id::CASES,
    smccc_workarounds::CASES,
    smccc_availability::CASES,
    trng::CASES,
    features::CASES,
    isolation::CASES,
    isolation_memory::CASES,
    isolation_gic::CASES,
    isolation_calls::CASES,
    platform_calls::CASES,
    platform_convention::CASES,
    psci_version::CASES,
    psci_features::CASES,
    psci_affinity::CASES,
    psci_affinity_history::CASES,
    psci_cpu_on::CASES,
    psci_cpu_on_entry::CASES,
    psci_entry_state::CASES,
    psci_endian::CASES,
    psci_cpu_on_race::CASES,
    psci_cpu_on_refused::CASES,
    psci_cpu_off::CASES,
    psci_stays_off::CASES,
    psci_suspend::CASES,
    psci_suspend_entry::CASES,
    psci_power_down::CASES,
    psci_suspend_lpi::CASES,
    psci_system_suspend::CASES,
    psci_suspend_mode::CASES,
    psci_os_initiated::CASES,
    psci_node_hw_state::CASES,
    psci_stat::CASES,
    psci_power_down_keeps::CASES,
    psci_registers::CASES,
    psci_sve_hint::EVERY_FUNCTION,
    psci_sve_hint::CASES,
    psci_upper_halves::CASES,
    psci_el1::CASES,
    psci_stop::CASES,
    psci_system_arguments::CASES,
    psci_system::CASES,
    psci_mem_protect::CASES,
    scale::CASES,
    stop_info::CASES,
    stop_arguments::CASES,
    stop_wedges::CASES,
    stop_states::CASES,
    stop_reset::CASES,
    stop_grace::CASES,
    stop_read::CASES,
    stop_arbitration::CASES,
    stop_random::CASES,
    stop_pause::CASES,
    stop_pause_calls::CASES,
    stop_pause_registers::CASES,
    stop_release::CASES,
    stop_snapshot::CASES,
    stop_evict::CASES,
    stop_evict_race::CASES,
    stop_orphan::CASES,
    stop_many::CASES,
    stop_storm::CASES,
    stop_fuzz::CASES,
    sdei::CASES,
    selftest::CASES,
    finale::CASES,
];

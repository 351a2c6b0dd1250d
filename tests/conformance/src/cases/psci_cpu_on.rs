// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_ON: which cores it starts, which it does not, and what a refused call leaves alone.

use smccc::psci::PSCI_CPU_ON_32;

use crate::case::cases;
use crate::cores;
use crate::entry::{EntryState, flash_entry};
use crate::fixture::{others, start, start_others, turn_off};
use crate::machine::{self, CLUSTER_SHIFT, mpidr};
use crate::psci::{self, ALREADY_ON, INVALID_PARAMETERS, OFF};
use crate::section;
use crate::smc;
use crate::verdict::{Verdict, equal, holds, status};

cases! {
    [section::CPU_ON]
    /// Every core starts, goes off and starts again, once for each call.
    "psci.cpu_on.every_core", 2, every_core;
    /// CPU_ON of a core that is on is ALREADY_ON and starts nothing.
    "psci.cpu_on.already_on", 1, already_on;
    /// CPU_ON of a core that there is not is INVALID_PARAMETERS.
    "psci.cpu_on.absent_core", 1, absent_core;
    /// x0 of a started core is the context identifier, all 64 bits of it.
    "psci.cpu_on.context_id", 2, context_id;
    /// The SMC32 form takes 32 bits of target, entry point and context identifier.
    "psci.cpu_on.smc32_context_id", 2, smc32_context_id;
    /// Any core can start another.
    "psci.cpu_on.by_a_secondary", 3, by_a_secondary;
}

/// Returns values that name no core: absent ones, and existing ones with a reserved bit.
pub fn not_mpidrs() -> impl Iterator<Item = u64> {
    let last = machine::cores() - 1;
    let absent = [mpidr(last + 1), 0x4000, 0xff, 0xff00, 0xff_0000, 1 << 16, 1 << 32, 0xff_00ff_ffff];
    // `last + 1` is one after the last, and Aff0 has no bits but those that number the cores of a cluster.
    let reserved = [CLUSTER_SHIFT, 24, 25, 30, 31, 40, 47, 48, 62, 63].map(|bit| 1 << bit);
    absent.into_iter().chain(reserved).chain([u64::MAX])
}

fn every_core() -> Verdict {
    start_others()?;
    for index in others() {
        let boots = cores::boots(index);
        turn_off(index)?;
        start(index)?;
        equal(format_args!("boots of core {index}"), cores::boots(index), boots + 1)?;
    }
    Ok(())
}

fn already_on() -> Verdict {
    let entry = cores::entry_point();
    status("CPU_ON of the caller", psci::cpu_on(mpidr(0), entry, 0), ALREADY_ON)?;
    for index in others() {
        start(index)?;
        let boots = cores::boots(index);
        status(format_args!("CPU_ON of core {index}, on"), psci::cpu_on(mpidr(index), entry, 0), ALREADY_ON)?;
        turn_off(index)?;
        equal(format_args!("boots of core {index}"), cores::boots(index), boots)?;
    }
    Ok(())
}

fn absent_core() -> Verdict {
    for target in not_mpidrs() {
        let saw = psci::cpu_on(target, cores::entry_point(), 0);
        status(format_args!("CPU_ON of {target:#x}"), saw, INVALID_PARAMETERS)?;
    }
    for index in others() {
        equal(format_args!("AFFINITY_INFO of core {index}"), psci::affinity_info(index), OFF)?;
    }
    Ok(())
}

fn context_id() -> Verdict {
    for context in [0, 1, u64::MAX, 1 << 63, 0xdead_beef_cafe_f00d] {
        match cores::start_with(1, context) {
            Ok(started) => holds("core 1 starts", started)?,
            Err(saw) => status("CPU_ON", saw, 0)?,
        }
        equal("x0 of the started core", EntryState::of(1).x[0], context)?;
        turn_off(1)?;
    }
    Ok(())
}

fn smc32_context_id() -> Verdict {
    const GARBAGE: u64 = 0xdead_beef_0000_0000;
    const CONTEXT: u64 = 0x89ab_cdef;
    // The only NS memory below 4 GiB that can be executed is flash.
    let entry = flash_entry();
    let before = cores::prepare(1);
    let arguments = [GARBAGE | mpidr(1), GARBAGE | entry, GARBAGE | CONTEXT, 0, 0, 0];
    status("CPU_ON (SMC32)", smc::call(PSCI_CPU_ON_32, arguments)[0], 0)?;
    holds("core 1 starts in flash", cores::wait_for_boot(1, before))?;
    equal("x0 of the started core", EntryState::of(1).x[0], CONTEXT)
}

extern "C" fn start_by_job(index: u64) -> u64 {
    match cores::start(index as usize) {
        Ok(started) => u64::from(!started),
        Err(saw) => saw,
    }
}

fn by_a_secondary() -> Verdict {
    start(1)?;
    status("CPU_ON of core 2 by core 1", cores::call(1, start_by_job, 2)?, 0)
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_OFF and CPU_FREEZE: any core can go off, the boot core too, and it can come back.

use core::sync::atomic::{AtomicU64, Ordering};

use smccc::psci::PSCI_CPU_FREEZE;

use crate::anchor::{self, Ending};
use crate::case::cases;
use crate::entry::EntryState;
use crate::fixture::{needs, others, start, turn_off};
use crate::machine::mpidr;
use crate::psci;
use crate::runner::rounds;
use crate::section;
use crate::verdict::{Verdict, equal, failed, holds, status};
use crate::{cores, marks};

cases! {
    [section::CPU_OFF]
    /// CPU_OFF has no arguments.
    "psci.cpu_off.ignores_x1", 2, ignores_x1;
    /// Every core goes off and comes back, again and again.
    "psci.cpu_off.every_core_in_a_loop", 2, every_core_in_a_loop;
    /// All cores go off at once and come back.
    "psci.cpu_off.all_at_once", 3, all_at_once;
    /// The boot core goes off, and another starts it again.
    "psci.cpu_off.boot_core", 2, boot_core;
    /// Every other core can bring the boot core back.
    "psci.cpu_off.boot_core_by_every_peer", 3, boot_core_by_every_peer;
    /// The boot core goes off and comes back, again and again.
    "psci.cpu_off.boot_core_in_a_loop", 2, boot_core_in_a_loop;

    [section::CPU_FREEZE]
    /// A frozen core is OFF.
    "psci.cpu_freeze.is_off", 2, freeze_is_off;
    /// CPU_FREEZE has no arguments.
    "psci.cpu_freeze.ignores_arguments", 2, freeze_ignores_arguments;
    /// CPU_ON starts a frozen core, again and again.
    "psci.cpu_freeze.on_again_in_a_loop", 2, freeze_in_a_loop;
    /// The boot core freezes, and another starts it again.
    "psci.cpu_freeze.boot_core", 2, freeze_boot_core;
}

extern "C" fn off_with_argument(_: u64) -> u64 {
    crate::smc::call(smccc::psci::PSCI_CPU_OFF, [0x1_0000, u64::MAX, u64::MAX, 0, 0, 0])[0]
}

fn ignores_x1() -> Verdict {
    start(1)?;
    cores::post(1, off_with_argument, 0);
    holds("core 1 goes off", cores::wait_for_off(1))
}

fn every_core_in_a_loop() -> Verdict {
    for index in others() {
        let before = cores::boots(index);
        start(index)?;
        turn_off(index)?;
        equal(format_args!("boots of core {index}"), cores::boots(index), before + 1)?;
    }
    for round in rounds() {
        let index = 1 + round as usize % others().count();
        let before = cores::boots(index);
        start(index)?;
        turn_off(index)?;
        equal(format_args!("boots of core {index} (round {round})"), cores::boots(index), before + 1)?;
    }
    Ok(())
}

/// All others go off at the same time, and are all started again.
fn all_at_once() -> Verdict {
    for round in rounds() {
        for index in others() {
            start(index)?;
        }
        others().for_each(|index| cores::post(index, cores::power_off, 0));
        for index in others() {
            holds(format_args!("core {index} goes off (round {round})"), cores::wait_for_off(index))?;
        }
    }
    Ok(())
}

static PEER_STATUS: AtomicU64 = AtomicU64::new(0);

/// The mark of the entry point that the boot core is started at.
const MARK: u64 = 17;

/// Job: waits until core 0 is off and starts it, with a context id.
extern "C" fn restart_core_0(context: u64) -> u64 {
    let went_off = cores::wait_for_off(0);
    let status = psci::cpu_on(mpidr(0), marks::entry(MARK), context);
    PEER_STATUS.store(status, Ordering::Relaxed);
    u64::from(went_off)
}

extern "C" fn freeze(_: u64) -> u64 {
    psci::cpu_freeze()
}

/// Turns the boot core off; a peer that waits for jobs turns it on again.
fn boot_core_goes(end: cores::Job, peer: usize, context: u64) -> Verdict {
    let (finished, boots) = (cores::finished(peer), cores::boots(0));
    cores::post(peer, restart_core_0, context);
    match anchor::run(end, 0) {
        Ending::Restarted => {}
        Ending::Returned(saw) => status("CPU_OFF of the boot core", saw, 0)?,
        Ending::Faulted(fault) => return Err(failed(format_args!("no exception"), format_args!("{fault}"))),
    }
    equal(format_args!("core {peer} saw core 0 off"), cores::result(peer, finished)?, 1)?;
    status("CPU_ON of the boot core", PEER_STATUS.load(Ordering::Relaxed), 0)?;
    equal("x0 of the boot core", EntryState::of(0).x[0], context)?;
    equal("mark of the boot core's entry point", marks::of(0), MARK)?;
    equal("boots of the boot core", cores::boots(0), boots + 1)
}

fn boot_core() -> Verdict {
    start(1)?;
    boot_core_goes(cores::power_off, 1, 0x1234)
}

fn boot_core_by_every_peer() -> Verdict {
    others().try_for_each(start)?;
    others().try_for_each(|peer| boot_core_goes(cores::power_off, peer, peer as u64))
}

fn boot_core_in_a_loop() -> Verdict {
    start(1)?;
    rounds().try_for_each(|round| boot_core_goes(cores::power_off, 1, round))
}

fn freeze_is_off() -> Verdict {
    needs(PSCI_CPU_FREEZE)?;
    start(1)?;
    let boots = cores::boots(1);
    cores::post(1, freeze, 0);
    holds("core 1 goes off", cores::wait_for_off(1))?;
    start(1)?;
    equal("boots", cores::boots(1), boots + 1)
}

extern "C" fn freeze_with_arguments(_: u64) -> u64 {
    crate::smc::call(PSCI_CPU_FREEZE, [u64::MAX, 1, u64::MAX, 0, 0, 0])[0]
}

fn freeze_ignores_arguments() -> Verdict {
    needs(PSCI_CPU_FREEZE)?;
    start(1)?;
    cores::post(1, freeze_with_arguments, 0);
    holds("core 1 goes off", cores::wait_for_off(1))
}

fn freeze_in_a_loop() -> Verdict {
    needs(PSCI_CPU_FREEZE)?;
    for round in rounds() {
        let before = cores::boots(1);
        start(1)?;
        cores::post(1, freeze, 0);
        holds(format_args!("core 1 goes off (round {round})"), cores::wait_for_off(1))?;
        equal(format_args!("boots (round {round})"), cores::boots(1), before + 1)?;
    }
    Ok(())
}

fn freeze_boot_core() -> Verdict {
    needs(PSCI_CPU_FREEZE)?;
    start(1)?;
    boot_core_goes(freeze, 1, 0x5678)
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_OFF: a core that is off stays off, any core can go off, and it can come back.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::anchor::{self, Ending};
use crate::clock::{self, HYPERVISOR_TIMER_PPI};
use crate::fixture::{others, start, turn_off};
use crate::machine::mpidr;
use crate::psci::{self, OFF};
use crate::runner::{Case, rounds};
use crate::verdict::{Verdict, equal, failed, holds, status};
use crate::{cores, gic};

/// The cases of this file.
pub const CASES: &[Case] = &[
    Case { name: "psci.cpu_off.stays_off", cores: 2, run: stays_off },
    Case { name: "psci.cpu_off.ignores_x1", cores: 2, run: ignores_x1 },
    Case { name: "psci.cpu_off.every_core_in_a_loop", cores: 2, run: every_core_in_a_loop },
    Case { name: "psci.cpu_off.boot_core", cores: 2, run: boot_core },
];

const UNTAKEN_SGI: u32 = 5;

/// Job: turns the core off with an SGI and a timer pending.
extern "C" fn off_with_interrupts(_: u64) -> u64 {
    gic::set_pending(1, 1 << UNTAKEN_SGI);
    clock::start_timer(0);
    clock::wait_until(clock::PATIENCE, || gic::pending(1) & 1 << HYPERVISOR_TIMER_PPI != 0);
    psci::cpu_off()
}

fn stays_off() -> Verdict {
    start(1)?;
    let boots = cores::boots(1);
    cores::post(1, off_with_interrupts, 0);
    holds("core 1 goes off", cores::wait_for_off(1))?;
    for sgi in 0..8 {
        gic::send(sgi, 1);
        // SAFETY: SEV is a hint to other cores.
        unsafe { asm!("sev", options(nostack)) };
        clock::pause(2_000);
        equal(format_args!("AFFINITY_INFO after SGI {sgi}"), psci::affinity_info(1), OFF)?;
    }
    equal("boots", cores::boots(1), boots)?;
    start(1)
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

static PEER_STATUS: AtomicU64 = AtomicU64::new(0);

/// Job: waits until core 0 is off and starts it.
extern "C" fn restart_core_0(_: u64) -> u64 {
    let went_off = cores::wait_for_off(0);
    let status = psci::cpu_on(mpidr(0), cores::entry_point(), 0);
    PEER_STATUS.store(status, Ordering::Relaxed);
    u64::from(went_off)
}

extern "C" fn turn_self_off(_: u64) -> u64 {
    psci::cpu_off()
}

fn boot_core() -> Verdict {
    start(1)?;
    let finished = cores::finished(1);
    cores::post(1, restart_core_0, 0);
    match anchor::run(turn_self_off, 0) {
        Ending::Restarted => {}
        Ending::Returned(saw) => status("CPU_OFF of the boot core", saw, 0)?,
        Ending::Faulted(fault) => return Err(failed(format_args!("no exception"), format_args!("{fault}"))),
    }
    equal("core 1 saw core 0 off", cores::result(1, finished)?, 1)?;
    status("CPU_ON of the boot core", PEER_STATUS.load(Ordering::Relaxed), 0)
}

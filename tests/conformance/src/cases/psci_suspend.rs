// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_SUSPEND: standby, and power states that do not exist.

use smccc::psci::{PSCI_CPU_SUSPEND_32, PSCI_CPU_SUSPEND_64};

use crate::case::cases;
use crate::clock::{self, HYPERVISOR_TIMER_PPI};
use crate::fixture::start;
use crate::machine::{SECURE_RAM, this_core};
use crate::psci::{self, INVALID_PARAMETERS, STANDBY};
use crate::section;
use crate::verdict::{Verdict, equal, holds, status};
use crate::{cores, gic, registers, smc};

cases! {
    [section::CPU_SUSPEND]
    /// A standby ends by an interrupt and returns SUCCESS.
    "psci.cpu_suspend.standby", 1, standby;
    /// A standby of another core returns, too.
    "psci.cpu_suspend.standby_on_a_secondary", 2, standby_on_a_secondary;
    /// An interrupt that is pending ends the standby at once, masked or not.
    "psci.cpu_suspend.pending_interrupt", 1, pending_interrupt;
    /// A standby looks at no entry point.
    "psci.cpu_suspend.standby_ignores_entry", 1, standby_ignores_entry;
    /// A power state that there is not is INVALID_PARAMETERS.
    "psci.cpu_suspend.bad_power_state", 1, bad_power_state;
}

const SLEEP: u64 = 20_000;

/// Sleeps until the timer fires, with IRQs masked; judges registers and time.
fn sleep(function: u32) -> Verdict {
    registers::mask_all();
    let mut before: [u64; 31] = core::array::from_fn(|register| register as u64 * 0x0101_0101_0101_0101);
    before[0] = function.into();
    before[1] = STANDBY;
    clock::start_timer(SLEEP);
    let begin = clock::now();
    let after = smc::call_with_all_registers(&before);
    let slept = clock::microseconds(clock::now() - begin);
    let fired = gic::pending(this_core()) & 1 << HYPERVISOR_TIMER_PPI != 0;
    cores::serve_interrupts();
    status(format_args!("CPU_SUSPEND {function:#x} of a standby"), after[0], 0)?;
    for register in 1..31 {
        equal(format_args!("x{register} after a standby"), after[register], before[register])?;
    }
    holds(format_args!("the timer woke it (after {slept} us)"), fired)
}

fn standby() -> Verdict {
    sleep(PSCI_CPU_SUSPEND_64)?;
    sleep(PSCI_CPU_SUSPEND_32)
}

/// Job: a standby that the timer ends; returns x0.
extern "C" fn standby_job(_: u64) -> u64 {
    clock::start_timer(SLEEP);
    psci::cpu_suspend(STANDBY, 0, 0)
}

fn standby_on_a_secondary() -> Verdict {
    start(1)?;
    for _ in 0..5 {
        status("CPU_SUSPEND of a standby", cores::call(1, standby_job, 0)?, 0)?;
    }
    Ok(())
}

fn pending_interrupt() -> Verdict {
    registers::mask_all();
    gic::send(gic::DOORBELL, this_core());
    let pending = clock::wait_until(clock::PATIENCE, gic::irq_is_pending);
    // Should the SGI not wake it, the timer will.
    clock::start_timer(1_000_000);
    let begin = clock::now();
    let saw = psci::cpu_suspend(STANDBY, 0, 0);
    let slept = clock::microseconds(clock::now() - begin);
    clock::stop_timer();
    cores::serve_interrupts();
    holds("an SGI to oneself is pending", pending)?;
    status("CPU_SUSPEND of a standby", saw, 0)?;
    holds(format_args!("it comes back at once (took {slept} us)"), slept < 1_000_000)
}

fn standby_ignores_entry() -> Verdict {
    for entry in [1, SECURE_RAM.start, u64::MAX] {
        clock::start_timer(0);
        let saw = psci::cpu_suspend(STANDBY, entry, 0);
        cores::serve_interrupts();
        status(format_args!("CPU_SUSPEND of a standby with entry point {entry:#x}"), saw, 0)?;
    }
    Ok(())
}

fn bad_power_state() -> Verdict {
    for power_state in [
        0x2,
        0x3,
        0xffff,
        0x0001_0000,
        0x0001_0001,
        0x0002_0001,
        0x0100_0001,
        0x0200_0001,
        0x0300_0001,
        0x0400_0001,
        0x8000_0001,
        0x8000_0000,
        0x7fff_ffff,
        0xffff_ffff,
    ] {
        // A firmware that takes the state for something valid must not keep the core.
        clock::start_timer(0);
        let saw = psci::cpu_suspend(power_state, cores::entry_point(), 0);
        cores::serve_interrupts();
        status(format_args!("CPU_SUSPEND of {power_state:#x}"), saw, INVALID_PARAMETERS)?;
    }
    Ok(())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! A core that CPU_OFF or CPU_FREEZE ended stays off whatever arrives: only CPU_ON brings it back.

use core::arch::asm;

use smccc::psci::PSCI_CPU_FREEZE;

use crate::case::cases;
use crate::clock::{self, HYPERVISOR_TIMER_PPI};
use crate::entry::HCR;
use crate::fixture::{needs, start, turn_off};
use crate::machine::this_core;
use crate::psci::{self, OFF};
use crate::runner::rounds;
use crate::section;
use crate::verdict::{Verdict, equal, holds};
use crate::{cores, gic, write_register};

cases! {
    [section::CPU_OFF]
    /// An SGI that was pending at CPU_OFF does not wake the core.
    "psci.cpu_off.stays_off.sgi_pending_before", 2, off_sgi_before;
    /// An SGI that comes after CPU_OFF does not wake the core.
    "psci.cpu_off.stays_off.sgi_sent_after", 2, off_sgi_after;
    /// A timer that had fired does not wake the core.
    "psci.cpu_off.stays_off.timer_fired_before", 2, off_timer_before;
    /// A timer that fires after CPU_OFF does not wake the core.
    "psci.cpu_off.stays_off.timer_fires_after", 2, off_timer_after;
    /// An SPI does not wake the core.
    "psci.cpu_off.stays_off.spi", 2, off_spi;
    /// SEV does not wake the core.
    "psci.cpu_off.stays_off.sev", 2, off_sev;
    /// A virtual interrupt does not wake the core.
    "psci.cpu_off.stays_off.virtual_interrupt", 2, off_virtual_interrupt;
    /// SGIs all around CPU_OFF do not wake the core.
    "psci.cpu_off.stays_off.sgi_race", 2, off_sgi_race;

    [section::CPU_FREEZE]
    /// An SGI that was pending at CPU_FREEZE does not wake the core.
    "psci.cpu_freeze.stays_off.sgi_pending_before", 2, freeze_sgi_before;
    /// An SGI that comes after CPU_FREEZE does not wake the core.
    "psci.cpu_freeze.stays_off.sgi_sent_after", 2, freeze_sgi_after;
    /// A timer that had fired does not wake the frozen core.
    "psci.cpu_freeze.stays_off.timer_fired_before", 2, freeze_timer_before;
    /// A timer that fires after CPU_FREEZE does not wake the core.
    "psci.cpu_freeze.stays_off.timer_fires_after", 2, freeze_timer_after;
    /// An SPI does not wake the frozen core.
    "psci.cpu_freeze.stays_off.spi", 2, freeze_spi;
    /// SEV does not wake the frozen core.
    "psci.cpu_freeze.stays_off.sev", 2, freeze_sev;
}

const UNTAKEN_SGI: u32 = 5;

/// The SPI of the real-time clock: nothing else uses it here.
const SPI: u32 = 32 + 2;

/// What is pending at the core when it ends.
#[derive(Clone, Copy)]
enum Before {
    Nothing,
    Sgi,
    TimerFired,
    TimerToFire,
    VirtualInterrupt,
}

const FREEZE: u64 = 1 << 8;

/// HCR_EL2.VI: a virtual interrupt is pending.
const HCR_VI: u64 = 1 << 7;

/// Microseconds until a timer fires at a core that is off.
const LATER: u64 = 5_000;

/// Job: ends the core's life as the argument says.
extern "C" fn end(argument: u64) -> u64 {
    let me = this_core();
    match argument & !FREEZE {
        1 => gic::set_pending(me, 1 << UNTAKEN_SGI),
        2 => {
            clock::start_timer(0);
            clock::wait_until(clock::PATIENCE, || gic::pending(me) & 1 << HYPERVISOR_TIMER_PPI != 0);
        }
        3 => clock::start_timer(LATER),
        4 => write_register!("hcr_el2", HCR | HCR_VI),
        _ => {}
    }
    if argument & FREEZE != 0 { psci::cpu_freeze() } else { psci::cpu_off() }
}

/// Ends core 1, does something to it, and judges that it stays where it is; and that it comes back when it is told to.
fn stays_off(freeze: bool, before: Before, after: impl Fn()) -> Verdict {
    if freeze {
        needs(PSCI_CPU_FREEZE)?;
    }
    start(1)?;
    let boots = cores::boots(1);
    cores::post(1, end, before as u64 | if freeze { FREEZE } else { 0 });
    holds("core 1 goes off", cores::wait_for_off(1))?;
    for time in 0..5 {
        after();
        clock::pause(2_000);
        equal(format_args!("AFFINITY_INFO, time {time}"), psci::affinity_info(1), OFF)?;
    }
    equal("boots", cores::boots(1), boots)?;
    start(1)?;
    turn_off(1)?;
    equal("boots after CPU_ON", cores::boots(1), boots + 1)
}

fn sgis() {
    (0..8).for_each(|sgi| gic::send(sgi, 1));
}

fn sev() {
    // SAFETY: SEV is a hint to other cores.
    unsafe { asm!("sev", options(nostack)) }
}

fn spi(freeze: bool) -> Verdict {
    gic::route(SPI, 1);
    let verdict = stays_off(freeze, Before::Nothing, || gic::set_spi_pending(SPI));
    gic::disable_spi(SPI);
    verdict
}

fn off_sgi_before() -> Verdict {
    stays_off(false, Before::Sgi, || {})
}

fn off_sgi_after() -> Verdict {
    stays_off(false, Before::Nothing, sgis)
}

fn off_timer_before() -> Verdict {
    stays_off(false, Before::TimerFired, || {})
}

fn off_timer_after() -> Verdict {
    stays_off(false, Before::TimerToFire, || {})
}

fn off_spi() -> Verdict {
    spi(false)
}

/// It lasts half a second, for who wants to see from outside whether core 1 sleeps.
fn off_virtual_interrupt() -> Verdict {
    stays_off(false, Before::VirtualInterrupt, || clock::pause(100_000))
}

fn off_sev() -> Verdict {
    stays_off(false, Before::Nothing, sev)
}

fn freeze_sgi_before() -> Verdict {
    stays_off(true, Before::Sgi, || {})
}

fn freeze_sgi_after() -> Verdict {
    stays_off(true, Before::Nothing, sgis)
}

fn freeze_timer_before() -> Verdict {
    stays_off(true, Before::TimerFired, || {})
}

fn freeze_timer_after() -> Verdict {
    stays_off(true, Before::TimerToFire, || {})
}

fn freeze_spi() -> Verdict {
    spi(true)
}

fn freeze_sev() -> Verdict {
    stays_off(true, Before::Nothing, sev)
}

/// SGIs arrive all the time while the core goes off: it goes, and stays.
fn off_sgi_race() -> Verdict {
    for round in rounds() {
        start(1)?;
        let boots = cores::boots(1);
        cores::post(1, cores::power_off, 0);
        let off = clock::wait_until(clock::PATIENCE, || {
            gic::send(UNTAKEN_SGI, 1);
            sev();
            psci::affinity_info(1) == OFF
        });
        holds(format_args!("core 1 goes off (round {round})"), off)?;
        gic::send(UNTAKEN_SGI, 1);
        clock::pause(100);
        equal(format_args!("AFFINITY_INFO (round {round})"), psci::affinity_info(1), OFF)?;
        equal(format_args!("boots (round {round})"), cores::boots(1), boots)?;
    }
    Ok(())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What lies outside of a core outlives its power-down: its redistributor, its pending interrupts, its timers.

use crate::case::cases;
use crate::clock::{self, HYPERVISOR_TIMER_PPI, PATIENCE, wait_until};
use crate::entry::EntryState;
use crate::fixture::{needs_power_down, start, turn_off};
use crate::found::Found;
use crate::machine::this_core;
use crate::psci::{CLUSTER_POWER_DOWN, CORE_POWER_DOWN};
use crate::section;
use crate::sleep::{self, Kind, Sleeper, Woken};
use crate::verdict::{Verdict, equal, holds, skipped, status};
use crate::{cores, gic, read_register, write_register};

cases! {
    [section::CONTEXT]
    /// An SGI that is pending outlives the power-down.
    "psci.power_down.keeps.pending_doorbell", 2, pending_doorbell;
    /// A timer's interrupt that is pending outlives it.
    "psci.power_down.keeps.pending_timer", 2, pending_timer;
    /// An SGI that is pending and disabled outlives it.
    "psci.power_down.keeps.disabled_pending_sgi", 2, disabled_pending;
    /// The enables of private interrupts outlive it.
    "psci.power_down.keeps.enables", 2, enables;
    /// The priorities of private interrupts outlive it.
    "psci.power_down.keeps.priorities", 2, priorities;
    /// The timers outlive it.
    "psci.power_down.keeps.timers", 2, timers;
    /// A timer set before fires after it.
    "psci.power_down.keeps.timer_of_the_future", 2, timer_of_the_future;
}

/// Runs a job that powers core 1 down in either state, and judges what it finds; a firmware that returns from the call
/// because of a pending wake-up has powered nothing down.
fn behind(job: cores::Job, ring: bool, judge: fn() -> Verdict) -> Verdict {
    needs_power_down()?;
    let mut resumed = 0;
    for state in [CORE_POWER_DOWN, CLUSTER_POWER_DOWN] {
        start(1)?;
        let sleeper = Sleeper::new(1);
        cores::post(1, job, state);
        let woken = if ring { sleeper.wait_or_ring()? } else { sleeper.wait()? };
        match woken {
            Woken::Resumed => {
                sleep::came_to_its_own(1)?;
                judge()?;
                resumed += 1;
            }
            Woken::Returned(saw) => status("CPU_SUSPEND", saw, 0)?,
        }
        turn_off(1)?;
    }
    if resumed == 0 {
        return Err(skipped(format_args!("no power-down was carried out")));
    }
    Ok(())
}

fn pending_doorbell() -> Verdict {
    needs_power_down()?;
    start(1)?;
    for kind in [CORE_POWER_DOWN, CLUSTER_POWER_DOWN] {
        Sleeper::send(1, Kind::State(kind))?.must_resume()?;
        let pending = Found::of(1).pending;
        holds(
            format_args!("the doorbell that woke it is pending in {pending:#x}"),
            pending & 1 << gic::DOORBELL != 0,
        )?;
    }
    Ok(())
}

/// Job: sleeps until its timer fires.
extern "C" fn nap_with_timer(state: u64) -> u64 {
    wait_until(100, || gic::pending(this_core()) & 1 << gic::DOORBELL != 0);
    cores::serve_interrupts();
    clock::start_timer(10_000);
    sleep::nap(state)
}

fn pending_timer() -> Verdict {
    behind(nap_with_timer, false, || {
        const ENABLED_AND_FIRED: u64 = 0b101;
        let pending = Found::of(1).pending;
        holds(
            format_args!("the timer that woke it is pending in {pending:#x}"),
            pending & 1 << HYPERVISOR_TIMER_PPI != 0,
        )?;
        equal("CNTHP_CTL_EL2", EntryState::of(1).cnthp_ctl, ENABLED_AND_FIRED)
    })
}

const UNTAKEN_SGI: u32 = 5;
const ENABLED: u32 = 1 << gic::DOORBELL | 1 << 7 | 1 << HYPERVISOR_TIMER_PPI;

/// Job: sleeps with an SGI pending that is not enabled.
extern "C" fn nap_with_disabled_sgi(state: u64) -> u64 {
    gic::set_enabled(this_core(), ENABLED);
    gic::set_pending(this_core(), 1 << UNTAKEN_SGI);
    nap_with_timer(state)
}

fn disabled_pending() -> Verdict {
    behind(nap_with_disabled_sgi, false, || {
        let pending = Found::of(1).pending;
        holds(format_args!("SGI {UNTAKEN_SGI} is pending in {pending:#x}"), pending & 1 << UNTAKEN_SGI != 0)
    })
}

/// The SGIs and PPIs that NS software can enable: SGIs 8 to 15 are the secure world's.
const OURS: u32 = 0xffff_00ff;

fn enables() -> Verdict {
    behind(nap_with_disabled_sgi, false, || {
        equal("enabled SGIs and PPIs", (Found::of(1).enabled & OURS).into(), ENABLED.into())
    })
}

const PRIORITIES: u32 = 0xa0b0_c0d0;

/// Job: sleeps with priorities of its own.
extern "C" fn nap_with_priorities(state: u64) -> u64 {
    gic::set_priorities(this_core(), PRIORITIES);
    nap_with_timer(state)
}

fn priorities() -> Verdict {
    behind(nap_with_priorities, false, || {
        equal("priorities of SGIs 0 to 3", gic::priorities(1).into(), PRIORITIES.into())
    })
}

const PHYSICAL: u64 = 0x1234_5678_9abc;
const VIRTUAL: u64 = 0x0fed_cba9_8765;
const MASKED: u64 = 0b10;
const MASKED_ENABLED: u64 = 0b11;

/// Job: sleeps with compare values in all timers.
extern "C" fn nap_with_timers(state: u64) -> u64 {
    write_register!("cntp_cval_el0", PHYSICAL);
    write_register!("cntv_cval_el0", VIRTUAL);
    write_register!("cntp_ctl_el0", MASKED);
    write_register!("cntv_ctl_el0", MASKED_ENABLED);
    nap_with_timer(state)
}

/// Job: reads a compare value.
extern "C" fn compare_value(physical: u64) -> u64 {
    if physical != 0 { read_register!("cntp_cval_el0") } else { read_register!("cntv_cval_el0") }
}

fn timers() -> Verdict {
    const ENABLE_AND_MASK: u64 = 0b11;
    behind(nap_with_timers, false, || {
        let state = EntryState::of(1);
        equal("CNTP_CTL_EL0", state.cntp_ctl & ENABLE_AND_MASK, MASKED)?;
        equal("CNTV_CTL_EL0", state.cntv_ctl & ENABLE_AND_MASK, MASKED_ENABLED)?;
        equal("CNTP_CVAL_EL0", cores::call(1, compare_value, 1)?, PHYSICAL)?;
        equal("CNTV_CVAL_EL0", cores::call(1, compare_value, 0)?, VIRTUAL)
    })
}

/// Job: sleeps with a timer that fires long after the doorbell.
extern "C" fn nap_with_late_timer(state: u64) -> u64 {
    cores::serve_interrupts();
    clock::start_timer(4 * LATE);
    sleep::nap(state)
}

const LATE: u64 = 20_000;

/// A timer that has not fired when something else wakes the core fires at its time.
fn timer_of_the_future() -> Verdict {
    behind(nap_with_late_timer, true, || {
        let fires = wait_until(PATIENCE, || {
            gic::pending(1) & 1 << HYPERVISOR_TIMER_PPI != 0 || cores::call(1, timer_is_off, 0) == Ok(1)
        });
        holds("the timer fires behind the power-down", fires)
    })
}

/// Job: returns whether the core has taken its timer's interrupt, which stops the timer.
extern "C" fn timer_is_off(_: u64) -> u64 {
    u64::from(read_register!("cnthp_ctl_el2") == 0)
}

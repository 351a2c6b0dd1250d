// SPDX-License-Identifier: MIT OR Apache-2.0

//! A core begins with the data endianness of the core that asked for it: SCTLR_ELx.EE is the caller's.

use smccc::psci::{PSCI_CPU_DEFAULT_SUSPEND_64, PSCI_CPU_ON_64, PSCI_CPU_SUSPEND_64};

use crate::case::cases;
use crate::clock;
use crate::dirt::{big_endian_call, off_as_big_endian_host};
use crate::entry::EntryState;
use crate::fixture::{by_choice, needs, needs_power_down, start};
use crate::machine::mpidr;
use crate::marks::{SCTLR_EE, either_endian_entry};
use crate::psci::{self, CORE_POWER_DOWN};
use crate::section;
use crate::sleep::{Sleeper, Woken};
use crate::verdict::{Verdict, equal, holds, skipped, status};
use crate::{cores, registers};

cases! {
    [section::ENTRY_STATE]
    /// A little-endian caller starts a little-endian core.
    "psci.endian.cpu_on_by_little", 2, cpu_on_by_little;
    /// A big-endian caller starts a big-endian core.
    "psci.endian.cpu_on_by_big", 3, cpu_on_by_big;
    /// A big-endian core wakes up big-endian.
    "psci.endian.power_down_by_big", 2, power_down_by_big;
    /// A big-endian core wakes up big-endian from CPU_DEFAULT_SUSPEND.
    "psci.endian.default_suspend_by_big", 2, default_suspend_by_big;
    /// A core that was big-endian begins little-endian for a little-endian caller.
    "psci.endian.big_host_then_little", 2, big_host_then_little;
}

/// Passes if the core came with SCTLR_EL2.EE like this.
fn came(index: usize, big: bool) -> Verdict {
    let found = EntryState::of(index).x[16];
    equal(format_args!("SCTLR_EL2.EE of core {index}"), found & SCTLR_EE, if big { SCTLR_EE } else { 0 })
}

fn cpu_on_by_little() -> Verdict {
    let before = cores::prepare(1);
    status("CPU_ON", psci::cpu_on(mpidr(1), either_endian_entry(), 0), 0)?;
    holds("core 1 starts", cores::wait_for_boot(1, before))?;
    came(1, false)
}

/// Job: starts core 2 as a big-endian caller.
extern "C" fn start_core_2(_: u64) -> u64 {
    registers::mask_all();
    big_endian_call(PSCI_CPU_ON_64.into(), mpidr(2), either_endian_entry(), 0)
}

fn cpu_on_by_big() -> Verdict {
    start(1)?;
    let before = cores::prepare(2);
    status("CPU_ON by a big-endian caller", cores::call(1, start_core_2, 0)?, 0)?;
    holds("core 2 starts", cores::wait_for_boot(2, before))?;
    came(2, true)
}

const SLEEP: u64 = 10_000;

/// Job: powers down as a big-endian caller.
extern "C" fn power_down(_: u64) -> u64 {
    cores::serve_interrupts();
    clock::start_timer(SLEEP);
    big_endian_call(PSCI_CPU_SUSPEND_64.into(), CORE_POWER_DOWN, either_endian_entry(), 0)
}

/// Job: the same by CPU_DEFAULT_SUSPEND.
extern "C" fn default_suspend(_: u64) -> u64 {
    cores::serve_interrupts();
    clock::start_timer(SLEEP);
    big_endian_call(PSCI_CPU_DEFAULT_SUSPEND_64.into(), either_endian_entry(), 0, 0)
}

fn resumes_big(job: cores::Job) -> Verdict {
    needs_power_down()?;
    start(1)?;
    for _ in 0..5 {
        let sleeper = Sleeper::new(1);
        cores::post(1, job, 0);
        match sleeper.wait()? {
            Woken::Resumed => return came(1, true),
            Woken::Returned(saw) => status("CPU_SUSPEND by a big-endian caller", saw, 0)?,
        }
    }
    Err(skipped(format_args!("no power-down was carried out")))
}

fn power_down_by_big() -> Verdict {
    resumes_big(power_down)
}

fn default_suspend_by_big() -> Verdict {
    needs(PSCI_CPU_DEFAULT_SUSPEND_64)?;
    resumes_big(default_suspend)
}

/// What counts is the endianness of who starts the core, not the one of its earlier life.
fn big_host_then_little() -> Verdict {
    start(1)?;
    cores::post(1, off_as_big_endian_host, 0);
    holds("core 1 goes off", cores::wait_for_off(1))?;
    cpu_on_by_little()?;
    const E2H_TGE: u64 = 1 << 34 | 1 << 27;
    by_choice(equal("HCR_EL2.{E2H,TGE}", EntryState::of(1).hcr_el2 & E2H_TGE, 0))
}

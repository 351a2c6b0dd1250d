// SPDX-License-Identifier: MIT OR Apache-2.0

//! Operations of one core.

use conformance::verdict::{Verdict, equal, failed, holds, status};
use conformance::{cores, gic, machine, psci, smc};
use smccc::psci::PSCI_VERSION;

use crate::mark::{self, mark, marked};
use crate::operation::Operation;
use crate::wait;

/// A function of the standard secure service, owner 4, that nobody has defined.
const UNKNOWN: u32 = 0x8400_fe00;

/// A function of the silicon provider, owner 2, that no firmware has.
const UNKNOWN_SIP: u32 = 0xc200_ff00;

/// The core that is started and stopped.
const OTHER: usize = 1;

/// How long a core has to come back from a power-down, in microseconds: firmware with cores that poll takes the emulator long.
const AWAKE: u64 = 10_000;

/// PSCI_VERSION.
pub fn psci_version() -> Verdict {
    smc::call0(PSCI_VERSION);
    let saw = marked!(PsciVersion, smc::call0(PSCI_VERSION));
    equal("the major version", saw >> 16, 1)
}

/// A function that there is not.
pub fn unknown_fid() -> Verdict {
    smc::call0(UNKNOWN);
    let saw = marked!(UnknownFid, smc::call0(UNKNOWN));
    status("an unknown function", saw, psci::NOT_SUPPORTED)
}

/// A function of the silicon provider that there is not.
pub fn unknown_sip_fid() -> Verdict {
    smc::call0(UNKNOWN_SIP);
    let saw = marked!(UnknownSipFid, smc::call0(UNKNOWN_SIP));
    // SMCCC's NOT_SUPPORTED; other firmware has an error of its own.
    holds("an unknown function of the silicon provider to fail", (saw as u32).cast_signed() < 0)
}

/// A standby that ends at once: a doorbell is pending.
pub fn standby() -> Verdict {
    gic::send(gic::DOORBELL, machine::this_core());
    let first = psci::cpu_suspend(psci::STANDBY, 0, 0);
    let second = marked!(CpuSuspendStandby, psci::cpu_suspend(psci::STANDBY, 0, 0));
    cores::serve_interrupts();
    status("standby", first, 0)?;
    status("standby", second, 0)
}

/// AFFINITY_INFO of a core that is off.
pub fn affinity_info() -> Verdict {
    psci::affinity_info(OTHER);
    let saw = marked!(AffinityInfo, psci::affinity_info(OTHER));
    equal("AFFINITY_INFO", saw, psci::OFF)
}

/// Starts the other core at an entry point by a call between marks, or by one without.
fn start(entry: u64, is_marked: bool) -> Verdict {
    let before = cores::prepare(OTHER);
    let mpidr = machine::mpidr(OTHER);
    let saw = if is_marked {
        marked!(CpuOnCaller, psci::cpu_on(mpidr, entry, 0))
    } else {
        psci::cpu_on(mpidr, entry, 0)
    };
    status("CPU_ON", saw, 0)?;
    wait::until("the core to start", || cores::boots(OTHER) > before)
}

/// Job: goes off behind the mark of a beginning.
extern "C" fn marked_power_off(_: u64) -> u64 {
    mark!(Operation::CpuOff.begin());
    psci::cpu_off()
}

fn turn_off(job: cores::Job) -> Verdict {
    cores::post(OTHER, job, 0);
    wait::until_off(OTHER..OTHER + 1)
}

/// CPU_ON and CPU_OFF. The mark that ends the CPU_OFF is at the entry point of the next life.
pub fn on_and_off() -> Verdict {
    start(cores::entry_point(), false)?;
    turn_off(cores::power_off)?;
    start(mark::cpu_on_target_entry(), true)?;
    turn_off(marked_power_off)?;
    start(mark::cpu_off_entry(), false)?;
    turn_off(cores::power_off)
}

/// Job: powers down, with nothing pending.
extern "C" fn power_down(is_marked: u64) -> u64 {
    wait::sleep(100);
    cores::serve_interrupts();
    if is_marked != 0 {
        mark!(Operation::CpuSuspendPowerdown.begin());
        psci::cpu_suspend(psci::CORE_POWER_DOWN, mark::powerdown_entry(), 0)
    } else {
        psci::cpu_suspend(psci::CORE_POWER_DOWN, cores::entry_point(), 0)
    }
}

/// CPU_SUSPEND to a power-down that a doorbell ends.
pub fn powerdown() -> Verdict {
    start(cores::entry_point(), false)?;
    for is_marked in [0, 1] {
        let (boots, finished) = (cores::boots(OTHER), cores::finished(OTHER));
        cores::post(OTHER, power_down, is_marked);
        wait::sleep(1_000);
        gic::send(gic::DOORBELL, OTHER);
        let returned = || cores::finished(OTHER) > finished;
        let is_back = || cores::boots(OTHER) > boots || returned();
        wait::at_most(AWAKE, "the core to come back from a power-down", is_back)?;
        if returned() {
            let saw = cores::result(OTHER, finished)?;
            let expected = format_args!("the core to power down");
            return Err(failed(expected, format_args!("its call return {saw:#x}")));
        }
    }
    turn_off(cores::power_off)
}

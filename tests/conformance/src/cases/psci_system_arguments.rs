// SPDX-License-Identifier: MIT OR Apache-2.0

//! SYSTEM_RESET2 and SYSTEM_OFF2 with arguments that mean nothing: the machine goes on, and so do the other cores.

use smccc::psci::{PSCI_SYSTEM_RESET2_32, PSCI_SYSTEM_RESET2_64};

use crate::case::cases;
use crate::fixture::{needs, start, start_with_job};
use crate::psci::{self, INVALID_PARAMETERS, SYSTEM_OFF2_32, SYSTEM_OFF2_64};
use crate::section;
use crate::verdict::{Verdict, status};
use crate::{cores, machine, smc, wedge};

cases! {
    [section::SYSTEM_RESET2]
    /// Reserved architectural types are INVALID_PARAMETERS.
    "psci.system_reset2.reserved_type", 1, reserved_type;
    /// A vendor's type that there is not is INVALID_PARAMETERS.
    "psci.system_reset2.vendor_type", 1, vendor_type;
    /// The SMC32 form refuses the same.
    "psci.system_reset2.refused_by_smc32", 1, refused_by_smc32;
    /// A refused call leaves the other cores running.
    "psci.system_reset2.refused_leaves_others", 2, refused_leaves_others;

    [section::SYSTEM_OFF2]
    /// Types other than HIBERNATE_OFF are INVALID_PARAMETERS.
    "psci.system_off2.bad_type", 1, bad_type;
    /// A cookie that is not 0 is INVALID_PARAMETERS.
    "psci.system_off2.bad_cookie", 1, bad_cookie;
    /// The SMC32 form refuses the same.
    "psci.system_off2.refused_by_smc32", 1, off2_refused_by_smc32;
    /// A refused call leaves the other cores running.
    "psci.system_off2.refused_leaves_others", 2, off2_refused_leaves_others;
}

const HIBERNATE_OFF: u64 = 1;

fn refuses_reset(kind: u64) -> Verdict {
    needs(PSCI_SYSTEM_RESET2_64)?;
    status(format_args!("SYSTEM_RESET2({kind:#x})"), psci::system_reset2(kind, 0), INVALID_PARAMETERS)
}

fn reserved_type() -> Verdict {
    [1, 2, 0x7f, 0xff, 0x100, 0x7fff_ffff].into_iter().try_for_each(refuses_reset)
}

/// Bit 31 is for resets of the vendor: this machine has none.
fn vendor_type() -> Verdict {
    [0x8000_0000, 0x8000_0001, 0xffff_ffff].into_iter().try_for_each(refuses_reset)
}

fn refused_by_smc32() -> Verdict {
    needs(PSCI_SYSTEM_RESET2_32)?;
    for kind in [1, 0x8000_0000] {
        let saw = smc::call(PSCI_SYSTEM_RESET2_32, [kind, 0, 0, 0, 0, 0])[0];
        status(format_args!("SYSTEM_RESET2({kind:#x}) (SMC32)"), saw, INVALID_PARAMETERS)?;
    }
    Ok(())
}

/// Passes if the others go on after a call.
fn others_go_on(call: fn() -> Verdict) -> Verdict {
    start_with_job(1, wedge::listening)?;
    if machine::cores() > 2 {
        start(2)?;
    }
    call()?;
    let beats = cores::heartbeat(1);
    cores::wait_for_beat(1, beats)?;
    if machine::cores() > 2 {
        cores::call(2, double, 21)?;
    }
    Ok(())
}

/// Job: works.
extern "C" fn double(value: u64) -> u64 {
    value * 2
}

fn refused_leaves_others() -> Verdict {
    needs(PSCI_SYSTEM_RESET2_64)?;
    others_go_on(|| refuses_reset(1))
}

fn refuses_off(kind: u64, cookie: u64) -> Verdict {
    needs(SYSTEM_OFF2_64)?;
    let saw = psci::system_off2(kind, cookie);
    status(format_args!("SYSTEM_OFF2({kind:#x}, {cookie:#x})"), saw, INVALID_PARAMETERS)
}

fn bad_type() -> Verdict {
    [2, 3, 0xff, 0x8000_0000, 0x8000_0001, 0xffff_ffff].into_iter().try_for_each(|kind| refuses_off(kind, 0))
}

fn bad_cookie() -> Verdict {
    for kind in [0, HIBERNATE_OFF] {
        [1, 1 << 31, 1 << 32, u64::MAX].into_iter().try_for_each(|cookie| refuses_off(kind, cookie))?;
    }
    Ok(())
}

fn off2_refused_by_smc32() -> Verdict {
    needs(SYSTEM_OFF2_32)?;
    for (kind, cookie) in [(2, 0), (HIBERNATE_OFF, 1), (0, 0x8000_0000)] {
        let saw = smc::call(SYSTEM_OFF2_32, [kind, cookie, 0, 0, 0, 0])[0];
        status(format_args!("SYSTEM_OFF2({kind:#x}, {cookie:#x}) (SMC32)"), saw, INVALID_PARAMETERS)?;
    }
    Ok(())
}

fn off2_refused_leaves_others() -> Verdict {
    needs(SYSTEM_OFF2_64)?;
    others_go_on(|| refuses_off(2, 0))
}

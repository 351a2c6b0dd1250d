// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is the firmware's in the interrupt controller, the non-secure world does not change: what it writes is ignored and what
//! it reads is 0. The proof is that the secure interrupt still stops a core that masks everything.

use quell_abi::{Kind, Why};

use crate::case::cases;
use crate::fixture::start_with_job;
use crate::gic::Private;
use crate::section;
use crate::session::stop_all;
use crate::stopped::{come_back, is_stopped};
use crate::verdict::{Verdict, equal};
use crate::{cores, gic, machine, registers, stop, wedge, write_register};

cases! {
    [section::GIC_GROUPS]
    /// GICD_CTLR.DS can not be set, and the secure interrupt still comes.
    "isolation.gic.distributor", 2, distributor;
    /// Groups and secure interrupts of a redistributor can be neither read nor changed.
    "isolation.gic.redistributor", 2, redistributor;
    /// SGIs of the firmware's numbers, sent by the non-secure world, reach nobody.
    "isolation.gic.sgis", 2, sgis;
}

/// GICD_CTLR.DS: there is one security state.
const DISABLE_SECURITY: u32 = 1 << 6;

/// The firmware's private interrupts: SGI 8 to 15 and PPI 29.
const SECURE_PRIVATE: u32 = 0xff << 8 | 1 << 29;

/// Lets core 1 be deaf, does something, and passes if the core is stopped by the secure interrupt after it.
fn still_stops(meanwhile: impl FnOnce() -> Verdict) -> Verdict {
    // Where nothing stops a deaf core, it must listen.
    start_with_job(1, if stop::is_there() { wedge::deaf } else { wedge::listening })?;
    let verdict = meanwhile();
    if !stop::is_there() {
        return verdict;
    }
    stop_all(Kind::Crash)?;
    verdict?;
    is_stopped(1, &[Why::Nmi])
}

/// Starts core 1 again, if it was stopped.
fn goes_on() -> Verdict {
    if stop::is_there() { come_back(1..2) } else { Ok(()) }
}

fn distributor() -> Verdict {
    let before = gic::distributor_control();
    let verdict = still_stops(|| {
        gic::set_distributor_control(before | DISABLE_SECURITY);
        let after = gic::distributor_control();
        // The non-secure world has a switch for its own group, and none for Group 0.
        gic::set_distributor_control(0);
        equal("GICD_CTLR.DS, set by the non-secure world", (after & DISABLE_SECURITY).into(), 0)
    });
    gic::set_distributor_control(before);
    verdict?;
    goes_on()
}

fn redistributor() -> Verdict {
    still_stops(|| {
        for index in [0, 1] {
            for register in [Private::Group, Private::GroupModifier, Private::NonSecureAccess] {
                gic::write_private(index, register, u32::MAX);
                let saw = gic::read_private(index, register);
                equal(format_args!("{register:?} of core {index}"), saw.into(), 0)?;
            }
            for register in [Private::Pending, Private::Disable, Private::NotPending, Private::Active] {
                gic::write_private(index, register, SECURE_PRIVATE);
            }
            for register in [Private::Enable, Private::Pending] {
                let saw = gic::read_private(index, register) & SECURE_PRIVATE;
                equal(format_args!("secure interrupts in {register:?} of core {index}"), saw.into(), 0)?;
            }
        }
        Ok(())
    })?;
    goes_on()
}

/// SGIs of the firmware's numbers, by every register that sends one: the core that they are for goes on.
fn sgis() -> Verdict {
    start_with_job(1, wedge::listening)?;
    let target = machine::mpidr(1);
    for number in 8..16 {
        let value = number << 24 | (target >> 8 & 0xff) << 16 | 1 << (target & 0xf);
        write_register!("S3_0_C12_C11_5", value); // ICC_SGI1R_EL1
        write_register!("S3_0_C12_C11_6", value); // ICC_ASGI1R_EL1
        write_register!("S3_0_C12_C11_7", value); // ICC_SGI0R_EL1
        registers::isb();
    }
    Ok(cores::wait_for_beat(1, cores::heartbeat(1))?)
}

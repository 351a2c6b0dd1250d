// SPDX-License-Identifier: MIT OR Apache-2.0

//! The architecture calls and the TRNG on this core: what the services see of it. Off the path of every other call.

use aarch64_cpu::registers::{ID_AA64MMFR1_EL1, ID_AA64PFR0_EL1, ID_AA64PFR1_EL1, MIDR_EL1};
use quell_arch::{Control, FunctionId, Soc, mitigation::CoreId, trng};
use quell_plat::Platform;
use tock_registers::interfaces::Readable;

use crate::{enables, entropy::Rndrrs, frame::Caller, platform::Machine, sysreg::ID_AA64ISAR2_EL1};

/// Serves a call of the architecture's.
#[inline(never)]
pub(crate) fn handle(caller: Caller, function: FunctionId) {
    caller.with_registers(|registers| quell_arch::handle(function, registers, &Core));
}

/// Serves a call of the TRNG's, and those of the standard owner that are nobody's.
#[inline(never)]
pub(crate) fn trng(caller: Caller, function: FunctionId) {
    caller.with_registers(|registers| trng::handle(function, registers, &Rndrrs));
}

/// The calling core.
pub(crate) struct Core;

impl quell_arch::Hardware for Core {
    const SOC: Soc = Soc {
        version: Machine::SOC_VERSION,
        revision: Machine::SOC_REVISION,
        name: Soc::name(Machine::SOC_NAME),
    };

    fn core(&self) -> CoreId {
        CoreId {
            midr: MIDR_EL1.get(),
            pfr0: ID_AA64PFR0_EL1.get(),
            pfr1: ID_AA64PFR1_EL1.get(),
            isar2: ID_AA64ISAR2_EL1.get(),
            mmfr1: ID_AA64MMFR1_EL1.get(),
        }
    }

    fn availability(&self, control: Control) -> u64 {
        enables::availability(control)
    }
}

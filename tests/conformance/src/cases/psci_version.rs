// SPDX-License-Identifier: MIT OR Apache-2.0

//! PSCI_VERSION: the version is the machine's, not the core's.

use smccc::psci::PSCI_VERSION;

use crate::case::cases;
use crate::fixture::{others, start};
use crate::verdict::{Verdict, equal};
use crate::{cores, section, smc};

cases! {
    [section::PSCI_VERSION]
    /// Every core is told the same version.
    "psci.version.every_core", 2, every_core;
}

extern "C" fn version(_: u64) -> u64 {
    smc::call0(PSCI_VERSION)
}

fn every_core() -> Verdict {
    others().try_for_each(|index| {
        start(index)?;
        equal(format_args!("PSCI_VERSION on core {index}"), cores::call(index, version, 0)?, version(0))
    })
}

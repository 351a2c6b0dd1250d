// SPDX-License-Identifier: MIT OR Apache-2.0

//! QEMU's sbsa-ref.

mod calls;
mod embedded_controller;
mod facts;
#[cfg(test)]
mod testing;
mod tree;

use core::ops::Range;

use embedded_controller::EmbeddedController;
use facts::Facts;

use crate::{BadTree, CallError, Description, Platform, Registers};

/// QEMU's sbsa-ref machine.
pub struct SbsaRef;

/// Distributor, redistributors of 512 cores, ITS.
const GIC: Range<u64> = 0x4000_0000..0x4420_0000;
const EMBEDDED_CONTROLLER: u64 = 0x5000_0000;
const SECURE_RAM: u64 = 0x2000_0000;
const SECURE_UART: u64 = 0x6003_0000;
const DRAM: u64 = 0x100_0000_0000;
/// Second flash bank: the one that the non-secure world may run in.
const FLASH1: Range<u64> = 0x1000_0000..0x2000_0000;

/// What the calls answer. In secure RAM: the tree is the operating system's after the hand-over.
static FACTS: Facts = Facts::new();

/// The size of a second-level block of the translation tables.
const BLOCK: u64 = 0x20_0000;

// SAFETY: these are the addresses in hw/arm/sbsa-ref.c of QEMU; the tree lies at the base of DRAM, and `describe` refuses
// memory that does not begin there.
unsafe impl Platform for SbsaRef {
    const MAX_CORES: usize = 512;
    const CLUSTER_SHIFT: u32 = 3;
    const SECURE_RAM: u64 = SECURE_RAM;
    const DEVICES: &'static [Range<u64>] = &[
        GIC,
        EMBEDDED_CONTROLLER..EMBEDDED_CONTROLLER + BLOCK,
        SECURE_UART & !(BLOCK - 1)..(SECURE_UART & !(BLOCK - 1)) + BLOCK,
    ];
    const SECURE_UART: u64 = SECURE_UART;
    const DEVICE_TREE: u64 = DRAM;
    const DEVICE_TREE_SIZE: usize = 0x10_0000;
    const BL33: u64 = FLASH1.start;
    /// 0, which is nobody's JEP-106 code: the machine has no maker.
    const SOC_VERSION: u32 = 0;
    const SOC_REVISION: u32 = 0;
    const SOC_NAME: &'static str = "QEMU SBSA Reference Platform";

    fn describe(tree: &[u8]) -> Result<Description, BadTree> {
        tree::describe(tree, &FACTS)
    }

    fn call(function: u32, registers: &mut Registers) -> Result<(), CallError> {
        calls::serve(function, registers, &FACTS)
    }

    fn is_executable(address: u64) -> bool {
        FLASH1.contains(&address)
    }

    fn system_off() {
        // SAFETY: `Platform` makes the monitor map this device.
        unsafe { EmbeddedController::at(EMBEDDED_CONTROLLER) }.power_off();
    }

    fn system_reset() {
        // SAFETY: `Platform` makes the monitor map this device.
        unsafe { EmbeddedController::at(EMBEDDED_CONTROLLER) }.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_cores_make_a_cluster() {
        for (index, affinity) in [(0, 0), (7, 7), (8, 0x100), (511, 0x3f07)] {
            assert_eq!(SbsaRef::affinity_of(index), affinity);
            assert_eq!(SbsaRef::index_of(affinity), Some(index));
        }
        for affinity in [8, 0x108, 0x1_0000, 1 << 31, 1 << 32, u64::MAX] {
            assert_eq!(SbsaRef::index_of(affinity), None, "{affinity:#x}");
        }
    }
}

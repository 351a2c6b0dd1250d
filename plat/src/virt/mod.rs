// SPDX-License-Identifier: MIT OR Apache-2.0

//! QEMU's virt with `secure=on` and `gic-version=3`: the machine has an EL3, and leaves it to this firmware.
//!
//! There are no calls of the machine's own: whoever runs here takes the hardware from the device tree.

mod power_pins;
mod tree;

use core::ops::Range;

use power_pins::PowerPins;

use crate::{BadTree, Description, Platform};

/// QEMU's virt machine.
pub struct Virt;

/// Distributor, ITS, and the first region of redistributors.
const GIC: Range<u64> = 0x0800_0000..0x0900_0000;
const SECURE_UART: u64 = 0x0904_0000;
const POWER_PINS: u64 = 0x090b_0000;
const SECURE_RAM: u64 = 0x0e00_0000;
const DRAM: u64 = 0x4000_0000;
/// Second flash bank: the one that the non-secure world may run in.
const FLASH1: Range<u64> = 0x0400_0000..0x0800_0000;

/// The size of a second-level block of the translation tables.
const BLOCK: u64 = 0x20_0000;

/// The block that both other devices are in.
const DEVICES: Range<u64> = SECURE_UART & !(BLOCK - 1)..(SECURE_UART & !(BLOCK - 1)) + BLOCK;
const _: () = assert!(DEVICES.start <= POWER_PINS && POWER_PINS < DEVICES.end);

// SAFETY: these are the addresses in hw/arm/virt.c of QEMU, where nothing but this firmware uses secure RAM; the tree lies at
// the base of DRAM, and `describe` refuses memory that does not begin there.
unsafe impl Platform for Virt {
    /// Those whose redistributors are in the first region. The second one begins behind all RAM.
    const MAX_CORES: usize = 123;
    const CLUSTER_SHIFT: u32 = 4;
    const SECURE_RAM: u64 = SECURE_RAM;
    const DEVICES: &'static [Range<u64>] = &[GIC, DEVICES];
    const SECURE_UART: u64 = SECURE_UART;
    const DEVICE_TREE: u64 = DRAM;
    const DEVICE_TREE_SIZE: usize = 0x10_0000;
    const BL33: u64 = FLASH1.start;
    /// 0, which is nobody's JEP-106 code: the machine has no maker.
    const SOC_VERSION: u32 = 0;
    const SOC_REVISION: u32 = 0;
    const SOC_NAME: &'static str = "QEMU ARM Virtual Machine";

    fn describe(tree: &[u8]) -> Result<Description, BadTree> {
        tree::describe(tree)
    }

    fn is_executable(address: u64) -> bool {
        FLASH1.contains(&address)
    }

    fn system_off() {
        // SAFETY: `Platform` makes the monitor map this device.
        unsafe { PowerPins::at(POWER_PINS) }.power_off();
    }

    fn system_reset() {
        // SAFETY: `Platform` makes the monitor map this device.
        unsafe { PowerPins::at(POWER_PINS) }.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_cores_make_a_cluster() {
        for (index, affinity) in [(0, 0), (15, 15), (16, 0x100), (122, 0x70a)] {
            assert_eq!(Virt::affinity_of(index), affinity);
            assert_eq!(Virt::index_of(affinity), Some(index));
        }
    }

    #[test]
    fn only_the_second_bank_is_executable() {
        for (address, is_executable) in
            [(0, false), (0x03ff_fffc, false), (0x0400_0000, true), (0x07ff_fffc, true), (0x0800_0000, false)]
        {
            assert_eq!(Virt::is_executable(address), is_executable, "{address:#x}");
        }
    }
}

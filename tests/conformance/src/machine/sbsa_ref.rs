// SPDX-License-Identifier: MIT OR Apache-2.0

//! sbsa-ref. Numbers alone: the build script reads them too.

use core::ops::Range;

/// The flash bank that the firmware lies in: only the secure world's.
pub const SECURE_FLASH: Range<u64> = 0..0x1000_0000;

/// RAM that only the secure world has.
pub const SECURE_RAM: Range<u64> = 0x2000_0000..0x4000_0000;

/// What turns the machine off: only the secure world's.
pub const SECURE_POWER: &[u64] = &[0x5000_0000];

/// UARTs that only the secure world has.
pub const SECURE_UARTS: &[u64] = &[0x6003_0000, 0x6004_0000];

/// The flash bank that this program lies in.
pub const FLASH: Range<u64> = 0x1000_0000..0x2000_0000;

/// Where DRAM starts, and the device tree in it.
pub const DRAM_BASE: u64 = 0x100_0000_0000;

/// What DRAM is mapped up to.
pub const DRAM_MAPPED_END: u64 = 0x180_0000_0000;

/// The addresses that are mapped as devices.
pub const DEVICES: Range<u64> = 0x4000_0000..0x8000_0000;

/// The distributor of the GIC.
pub const GICD: usize = 0x4006_0000;

/// The first redistributor of the GIC.
pub const GICR: usize = 0x4008_0000;

/// The PL011 that the firmware leaves to the operating system.
pub const UART: usize = 0x6000_0000;

/// The PL031.
pub const RTC: usize = 0x6001_0000;

/// Devices and windows where no core can start: ITS, embedded controller, watchdog, a secure UART, AHCI, PCIe.
pub const NO_MEMORY: &[u64] = &[
    GICD as u64,
    GICR as u64,
    0x4408_1000,
    0x5000_0000,
    0x5001_0000,
    UART as u64,
    0x6003_0000,
    0x6010_0000,
    0x7fff_0000,
    0x8000_0000,
    0xf000_0000,
    0x1_0000_0000,
];

/// The most cores that it can have.
pub const MAX_CORES: usize = 512;

/// Aff1 of an MPIDR counts clusters of two to the power of this many cores.
pub const CLUSTER_SHIFT: usize = 3;

/// Whether its firmware tells UEFI what the machine is, by calls of the silicon provider.
pub const HAS_PLATFORM_CALLS: bool = true;

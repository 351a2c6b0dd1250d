// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machines of QEMU's that there is a platform for, and what differs in how they are built for and run.

use std::ops::Range;

use quell_plat::Platform;
use quell_plat::sbsa_ref::SbsaRef;
use quell_plat::virt::Virt;

/// A machine of QEMU's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Board {
    /// The reference machine of the Server Base System Architecture
    #[default]
    SbsaRef,
    /// The machine without a model in hardware, with an EL3
    Virt,
}

impl Board {
    /// Every machine.
    pub const ALL: [Self; 2] = [Self::SbsaRef, Self::Virt];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SbsaRef => "sbsa-ref",
            Self::Virt => "virt",
        }
    }

    /// Returns the cargo feature of firmware and payloads for it, if it takes one.
    pub fn feature(self) -> Option<&'static str> {
        match self {
            Self::SbsaRef => None,
            Self::Virt => Some("virt"),
        }
    }

    /// Returns what the file names of what is built for it end with.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::SbsaRef => "",
            Self::Virt => "-virt",
        }
    }

    /// Returns the file name of the firmware as a whole flash bank.
    pub fn flash0(self) -> &'static str {
        match self {
            Self::SbsaRef => "SBSA_FLASH0.fd",
            Self::Virt => "VIRT_FLASH0.fd",
        }
    }

    /// Returns the size that it demands of both flash banks.
    pub fn flash_size(self) -> u64 {
        match self {
            Self::SbsaRef => 256 << 20,
            Self::Virt => 64 << 20,
        }
    }

    /// Returns where the second flash bank lies, and the payload in it.
    pub fn flash1(self) -> u64 {
        match self {
            Self::SbsaRef => SbsaRef::BL33,
            Self::Virt => Virt::BL33,
        }
    }

    /// Returns the RAM that only the secure world has.
    pub fn secure_ram(self) -> Range<u64> {
        match self {
            Self::SbsaRef => SbsaRef::SECURE_RAM..SbsaRef::SECURE_RAM + (512 << 20),
            Self::Virt => Virt::SECURE_RAM..Virt::SECURE_RAM + (16 << 20),
        }
    }

    /// Returns where DRAM starts, with the device tree in it.
    pub fn dram(self) -> u64 {
        match self {
            Self::SbsaRef => SbsaRef::DEVICE_TREE,
            Self::Virt => Virt::DEVICE_TREE,
        }
    }

    /// Returns the size of DRAM that a run gets unless it is told otherwise, where QEMU's own default is not enough.
    pub fn memory_mib(self) -> Option<u32> {
        match self {
            Self::SbsaRef => None,
            Self::Virt => Some(1024),
        }
    }

    /// Returns the most cores that it can have.
    pub fn max_cores(self) -> usize {
        match self {
            Self::SbsaRef => SbsaRef::MAX_CORES,
            Self::Virt => Virt::MAX_CORES,
        }
    }

    /// Returns the affinity fields of a core.
    pub fn affinity_of(self, index: u32) -> u64 {
        match self {
            Self::SbsaRef => SbsaRef::affinity_of(index as usize),
            Self::Virt => Virt::affinity_of(index as usize),
        }
    }

    /// Returns the arguments that make QEMU this machine.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            // It has a graphics card, and Debian keeps the card's option ROM in a package that nothing here needs.
            Self::SbsaRef => &["-machine", "sbsa-ref", "-global", "bochs-display.romfile="],
            Self::Virt => &["-machine", "virt,secure=on,virtualization=on,gic-version=3"],
        }
    }
}

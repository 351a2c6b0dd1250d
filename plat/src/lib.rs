// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a machine is: addresses, core numbering, the device tree, power.
//!
//! One module per machine. The monitor is built for one of them and knows it only through [`Platform`].

#![cfg_attr(not(test), no_std)]

pub mod sbsa_ref;
mod tree;
pub mod virt;

use core::ops::Range;

pub use quell_arch::Registers;
use quell_arch::{INVALID_PARAMETER, NOT_SUPPORTED};

/// What the monitor asks of a machine.
///
/// # Safety
///
/// The monitor reads and writes at the addresses given here. An implementation promises that
///
/// - [`DEVICES`](Self::DEVICES) holds device registers only, and every device address given here and in the
///   [`Description`] lies in it;
/// - [`DEVICE_TREE`](Self::DEVICE_TREE) is the start of readable memory of at least
///   [`DEVICE_TREE_SIZE`](Self::DEVICE_TREE_SIZE) bytes, inside the memory of the [`Description`];
/// - [`SECURE_RAM`](Self::SECURE_RAM) is the start of at least 2 MiB of RAM that only the secure world has, and that nobody
///   else in it uses;
/// - the memory of a [`Description`] is non-secure RAM of whole 4 KiB pages, and overlaps neither the firmware nor a device.
pub unsafe trait Platform {
    /// The most cores that the machine can have.
    const MAX_CORES: usize;

    /// Aff1 of an MPIDR counts clusters of two to the power of this many cores.
    const CLUSTER_SHIFT: u32;

    /// Where the monitor runs: secure RAM, aligned to 2 MiB.
    const SECURE_RAM: u64;

    /// Device registers that the monitor uses, each range aligned to 2 MiB, all in one GiB.
    const DEVICES: &'static [Range<u64>];

    /// Where the secure world's PL011 is.
    const SECURE_UART: u64;

    /// Where the device tree is when the machine leaves reset.
    const DEVICE_TREE: u64;

    /// The most bytes that a device tree has.
    const DEVICE_TREE_SIZE: usize;

    /// Where the non-secure world begins.
    const BL33: u64;

    /// Who made the machine, as SMCCC_ARCH_SOC_ID has it: JEP-106 bank and code, and the maker's number for the machine.
    const SOC_VERSION: u32;

    /// The machine's revision, as SMCCC_ARCH_SOC_ID has it.
    const SOC_REVISION: u32;

    /// What the machine is called, in at most 135 bytes.
    const SOC_NAME: &'static str;

    /// Reads what the machine has from its device tree, and keeps what [`call`](Self::call) answers from it. Called once,
    /// by the first core, before any other core runs.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the tree.
    fn describe(tree: &[u8]) -> Result<Description, BadTree>;

    /// Returns whether the non-secure world may begin at this physical address, beside its RAM.
    fn is_executable(address: u64) -> bool;

    /// Serves a call of the silicon provider's (SMCCC owner 2): these are the machine's own, and the monitor knows nothing of
    /// them. A machine without such calls leaves this as it is.
    ///
    /// `function` is the identifier of a fast call, without the SVE hint. Arguments are in the registers from x1 on, and
    /// results go there; x0 is the monitor's to write.
    ///
    /// # Errors
    ///
    /// Returns why there is no result. The registers are as they were then.
    fn call(_function: u32, _registers: &mut Registers) -> Result<(), CallError> {
        Err(CallError::NotSupported)
    }

    /// Asks the machine to switch off. It does so some time after the call.
    fn system_off();

    /// Asks the machine to reset. It does so some time after the call.
    fn system_reset();

    /// Returns the index that a core with exactly these affinity fields has, if there is such a core; `None` if there can be
    /// none.
    #[inline]
    fn index_of(affinity: u64) -> Option<usize> {
        let aff0 = affinity & ((1 << Self::CLUSTER_SHIFT) - 1);
        let aff1 = affinity & 0xff00;
        (affinity == aff1 | aff0).then_some((aff1 >> (8 - Self::CLUSTER_SHIFT) | aff0) as usize)
    }

    /// Returns the affinity fields of the core with this index.
    fn affinity_of(index: usize) -> u64 {
        let aff1 = (index >> Self::CLUSTER_SHIFT) as u64;
        let aff0 = (index & ((1 << Self::CLUSTER_SHIFT) - 1)) as u64;
        aff1 << 8 | aff0
    }
}

/// What one machine has, as its device tree says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Description {
    /// Number of cores, from index 0 on.
    pub cores: usize,
    /// Address of the GIC's distributor.
    pub gicd: u64,
    /// Address of the GIC's first redistributor.
    pub gicr: u64,
    /// Non-secure RAM.
    pub memory: Range<u64>,
}

/// Why a call of the machine's has no result. SMCCC has no codes for owner 2: those of its architecture calls are used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CallError {
    /// There is no such call, or no answer to it on this machine.
    NotSupported,
    /// An argument is out of its range.
    InvalidParameter,
}

impl CallError {
    /// Returns the code that the caller gets in x0 (SMCCC 1.5 section 7.1).
    pub const fn code(self) -> i32 {
        match self {
            Self::NotSupported => NOT_SUPPORTED,
            Self::InvalidParameter => INVALID_PARAMETER,
        }
    }
}

/// Why a device tree can not be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BadTree {
    /// It is no flattened device tree, or a damaged one.
    Malformed,
    /// A node lacks a property, or the property has another form.
    Property(&'static str),
    /// It has no `cpu` node, or more of them than the machine can have.
    CoreCount(usize),
    /// The `cpu` node with this number has an MPIDR that this machine does not give it.
    CoreNumbering {
        /// The core's place in the tree.
        index: usize,
        /// Its `reg` property.
        mpidr: u64,
    },
    /// The memory nodes are not one range of RAM from the machine's base on.
    Memory,
    /// It has more memory nodes than the machine can have.
    MemoryNodeCount(usize),
    /// A core or memory is of a NUMA node that the machine can not have.
    NumaNode(u32),
    /// The GIC is where the machine has no GIC.
    Gic(u64),
}

/// What is wrong in particular.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Detail {
    /// No more than the text says.
    None,
    /// This property.
    Name(&'static str),
    /// This value.
    Value(u64),
}

impl BadTree {
    /// Says what is wrong, in words that the detail follows.
    pub const fn describe(&self) -> (&'static str, Detail) {
        match *self {
            Self::Malformed => ("no valid device tree at the base of RAM", Detail::None),
            Self::Property(name) => ("missing or malformed property: ", Detail::Name(name)),
            Self::CoreCount(count) => ("no cpu nodes or too many: ", Detail::Value(count as u64)),
            Self::CoreNumbering { mpidr, .. } => {
                ("cpu node with the MPIDR of another: ", Detail::Value(mpidr))
            }
            Self::Memory => ("memory nodes are not one range from the base of RAM", Detail::None),
            Self::MemoryNodeCount(count) => ("number of memory nodes: ", Detail::Value(count as u64)),
            Self::NumaNode(node) => ("NUMA node ", Detail::Value(node as u64)),
            Self::Gic(address) => ("GIC at ", Detail::Value(address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that has nothing of its own.
    struct Plain;

    // SAFETY: nobody touches what it claims to have.
    unsafe impl Platform for Plain {
        const MAX_CORES: usize = 1;
        const CLUSTER_SHIFT: u32 = 0;
        const SECURE_RAM: u64 = 0;
        const DEVICES: &'static [Range<u64>] = &[];
        const SECURE_UART: u64 = 0;
        const DEVICE_TREE: u64 = 0;
        const DEVICE_TREE_SIZE: usize = 0;
        const BL33: u64 = 0;
        const SOC_VERSION: u32 = 0;
        const SOC_REVISION: u32 = 0;
        const SOC_NAME: &'static str = "";

        fn describe(_tree: &[u8]) -> Result<Description, BadTree> {
            Err(BadTree::Malformed)
        }

        fn is_executable(_address: u64) -> bool {
            false
        }

        fn system_off() {}

        fn system_reset() {}
    }

    #[test]
    fn a_machine_without_calls_says_so() {
        let mut registers = [7; 18];
        assert_eq!(Plain::call(0xc200_0001, &mut registers), Err(CallError::NotSupported));
        assert_eq!(registers, [7; 18]);
    }

    #[test]
    fn errors_are_those_of_the_convention() {
        assert_eq!(CallError::NotSupported.code(), smccc::arch::error::NOT_SUPPORTED);
        assert_eq!(CallError::InvalidParameter.code(), smccc::arch::error::INVALID_PARAMETER);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! All that a boot of Linux needs, and where it lies in memory.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::debian::Debian;
use super::tree::Variable;
use super::{initramfs, kernel, loader, modules};
use crate::board::Board;
use crate::paths;
use crate::qemu::Machine;

/// The size of DRAM.
const MEMORY_MIB: u32 = 2048;

/// Where the kernel lies in DRAM: behind QEMU's own device tree, at a multiple of 2 MiB, as it demands.
const KERNEL: u64 = 0x20_0000;

/// Where the kernel's device tree lies in DRAM.
const TREE: u64 = 0xfe0_0000;

/// Where the initramfs lies in DRAM.
const INITRAMFS: u64 = 0x1000_0000;

/// What the guest does once it is up (`tests/linux/initramfs/init`).
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// A shell on the console.
    Shell,
    /// Power off.
    Boot,
    /// Turn every CPU but 0 off and on, and power off.
    Hotplug {
        /// How often.
        rounds: u32,
    },
    /// Suspend to RAM until the clock's alarm, and power off.
    Suspend {
        /// How often.
        rounds: u32,
    },
    /// Wedge a CPU and panic.
    Wedge {
        /// Which one.
        cpu: u32,
        /// Whether the times of the stop are printed.
        timeline: bool,
    },
}

impl Mode {
    fn bootargs(self) -> String {
        let mode = match self {
            Self::Shell => "shell".to_owned(),
            Self::Boot => "boot".to_owned(),
            Self::Hotplug { rounds } => format!("hotplug quell.rounds={rounds}"),
            Self::Suspend { rounds } => format!("suspend quell.rounds={rounds}"),
            Self::Wedge { cpu, timeline } => {
                format!("wedge quell.wedge={cpu} quell.timeline={}", u32::from(timeline))
            }
        };
        format!("console=ttyAMA0 panic=1 quell.mode={mode}")
    }
}

/// A guest that is ready to be put into a machine.
pub struct Guest {
    board: Board,
    kernel: PathBuf,
    initramfs: PathBuf,
    loader: PathBuf,
}

impl Guest {
    /// Debian's own kernel, with our modules. Fetches and builds what is missing or out of date.
    pub fn debian(board: Board) -> Result<Self> {
        let debian = Debian::fetch()?;
        Ok(Self {
            board,
            kernel: debian.kernel(),
            initramfs: initramfs::pack(&debian.busybox(), &modules::build(&debian)?)?,
            loader: loader::assemble(board.dram() + KERNEL, board.dram() + TREE)?,
        })
    }

    /// A kernel that checks PSCI while it starts. Fetches and builds what is missing or out of date.
    pub fn checker(board: Board) -> Result<Self> {
        let debian = Debian::fetch()?;
        Ok(Self {
            board,
            kernel: kernel::build(&paths::root().join("tests/linux/psci_checker.config"))?,
            initramfs: initramfs::pack(&debian.busybox(), &[])?,
            loader: loader::assemble(board.dram() + KERNEL, board.dram() + TREE)?,
        })
    }

    /// Puts the guest into a machine with `smp` cores that have `idle_states`, labels of the device tree.
    pub fn start_on(&self, machine: Machine, smp: u32, idle_states: &[&str], mode: Mode) -> Result<Machine> {
        let memory = self.board.dram();
        let initramfs = memory + INITRAMFS;
        let tree = Variable {
            board: self.board,
            smp,
            memory: memory..memory + (u64::from(MEMORY_MIB) << 20),
            initramfs: initramfs..initramfs + fs::metadata(&self.initramfs)?.len(),
            bootargs: &mode.bootargs(),
            idle_states,
        };
        let tree = tree.compile(&paths::target().join("linux"))?;
        Ok(machine
            .memory_mib(MEMORY_MIB)
            .flash1(&self.loader)
            .load(&self.kernel, memory + KERNEL)
            .load(&tree, memory + TREE)
            .load(&self.initramfs, initramfs))
    }
}

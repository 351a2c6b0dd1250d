// SPDX-License-Identifier: MIT OR Apache-2.0

//! All that a boot of Linux needs, and where it lies in memory.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::chosen::{Chosen, Kernel};
use super::debian::{self, Userspace};
use super::mode::Mode;
use super::tree::Variable;
use super::{initramfs, kernel, kexec, loader, modules};
use crate::board::Board;
use crate::paths;
use crate::qemu::Machine;

/// The size of DRAM.
const MEMORY_MIB: u32 = 2048;

/// Where the kernel lies in DRAM, or Xen: behind QEMU's own device tree, at a multiple of 2 MiB, as both demand.
const KERNEL: u64 = 0x20_0000;

/// Where the kernel lies in DRAM that Xen copies into its first domain.
const DOM0_KERNEL: u64 = 0x400_0000;

/// The memory of that domain.
const DOM0_MIB: u32 = 512;

/// Where the kernel's device tree lies in DRAM.
const TREE: u64 = 0xfe0_0000;

/// Where the initramfs lies in DRAM.
const INITRAMFS: u64 = 0x1000_0000;

/// The patch that lets the kernel call the firmware's stop.
const FW_STOP: &str = "include/linux/patches/0001-arm64-smp-stop-the-CPUs-that-do-not-listen-by-EL3-fi.patch";

/// A guest that is ready to be put into a machine.
pub struct Guest {
    board: Board,
    xen: Option<PathBuf>,
    kernel: PathBuf,
    modules: Vec<PathBuf>,
    initramfs: PathBuf,
    loader: PathBuf,
}

impl Guest {
    /// Debian's own kernel, with our modules. Fetches and builds what is missing or out of date.
    pub fn debian(board: Board) -> Result<Self> {
        Self::of(board, &debian::Kernel::stable()?)
    }

    /// The newest kernel that Debian has, in the same userspace. Fetches and builds what is missing or out of date.
    pub fn newest(board: Board) -> Result<Self> {
        Self::of(board, &debian::Kernel::newest()?)
    }

    /// Debian's Xen, with Debian's own kernel in its first domain. Fetches what is missing.
    pub fn xen(board: Board) -> Result<Self> {
        let kernel = debian::Kernel::stable()?.image().to_owned();
        Ok(Self { xen: Some(debian::xen()?), ..Self::with(board, kernel, Vec::new())? })
    }

    /// A kernel that checks PSCI while it starts. Fetches and builds what is missing or out of date.
    pub fn checker(board: Board) -> Result<Self> {
        Self::with(board, kernel::build("tests/linux/psci_checker.config", &[])?, Vec::new())
    }

    /// A kernel that calls the firmware's stop by itself. Fetches and builds what is missing or out of date.
    pub fn patched(board: Board) -> Result<Self> {
        Self::with(board, kernel::build("tests/linux/fw_stop.config", &[FW_STOP])?, Vec::new())
    }

    fn of(board: Board, kernel: &debian::Kernel) -> Result<Self> {
        Self::with(board, kernel.image().to_owned(), modules::build(kernel)?)
    }

    fn with(board: Board, kernel: PathBuf, modules: Vec<PathBuf>) -> Result<Self> {
        let initramfs = initramfs::pack("initramfs", &Userspace::fetch()?.busybox(), &modules, &[])?;
        let loader = loader::assemble(board.dram() + KERNEL, board.dram() + TREE)?;
        Ok(Self { board, xen: None, kernel, modules, initramfs, loader })
    }

    /// Adds what it takes to start the same kernel again from its userspace.
    pub fn with_kexec(self) -> Result<Self> {
        let files = kexec::files(&debian::kexec_tools()?, &self.kernel, &self.initramfs)?;
        let initramfs = initramfs::pack("kexec", &Userspace::fetch()?.busybox(), &self.modules, &files)?;
        Ok(Self { initramfs, ..self })
    }

    /// Puts the guest into a machine with `smp` cores that have `idle_states`, labels of the device tree.
    pub fn start_on(&self, machine: Machine, smp: u32, idle_states: &[&str], mode: Mode) -> Result<Machine> {
        let dram = self.board.dram();
        let initramfs = dram + INITRAMFS;
        let kernel = Kernel {
            bootargs: &mode.bootargs(if self.xen.is_some() { "hvc0" } else { "ttyAMA0" }),
            initramfs: initramfs..initramfs + fs::metadata(&self.initramfs)?.len(),
        };
        let xen_bootargs = format!("dom0_mem={DOM0_MIB}M dom0_max_vcpus={smp}");
        let (machine, chosen) = match &self.xen {
            None => (machine.load(&self.kernel, dram + KERNEL), Chosen::Linux(kernel)),
            Some(xen) => {
                let image = dram + DOM0_KERNEL;
                let chosen = Chosen::Xen {
                    bootargs: &xen_bootargs,
                    image: image..image + fs::metadata(&self.kernel)?.len(),
                    dom0: kernel,
                };
                (machine.load(xen, dram + KERNEL).load(&self.kernel, image), chosen)
            }
        };
        let memory = dram..dram + (u64::from(MEMORY_MIB) << 20);
        let tree = Variable { board: self.board, smp, memory, chosen, idle_states };
        let tree = tree.compile(&paths::target().join("linux"))?;
        Ok(machine
            .memory_mib(MEMORY_MIB)
            .flash1(&self.loader)
            .load(&tree, dram + TREE)
            .load(&self.initramfs, initramfs))
    }
}

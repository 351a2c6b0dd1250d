// SPDX-License-Identifier: MIT OR Apache-2.0

//! The device tree that the guest gets: the machine's in `tests/linux/` and what varies from run to run.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::chosen::Chosen;
use crate::board::Board;
use crate::{paths, process};

const COMPILE_TIMEOUT: Duration = Duration::from_secs(60);

/// What varies.
pub struct Variable<'a> {
    /// The machine.
    pub board: Board,
    /// The number of cores.
    pub smp: u32,
    /// The addresses of DRAM.
    pub memory: Range<u64>,
    /// What is booted.
    pub chosen: Chosen<'a>,
    /// The labels of the idle states that the cores have.
    pub idle_states: &'a [&'a str],
}

impl Variable<'_> {
    /// Compiles the tree into `folder` and returns its file.
    pub fn compile(&self, folder: &Path) -> Result<PathBuf> {
        fs::write(folder.join("variable.dtsi"), self.source())?;
        let tree = folder.join(self.board.name()).with_extension("dtb");
        let mut command = Command::new("dtc");
        command.args(["-I", "dts", "-O", "dtb", "-i"]).arg(folder).arg("-o").arg(&tree);
        command.arg(paths::root().join("tests/linux").join(self.board.name()).with_extension("dts"));
        process::output(command, COMPILE_TIMEOUT)?;
        Ok(tree)
    }

    fn source(&self) -> String {
        let Self { board, smp, memory, chosen, idle_states } = self;
        let cpus: String = (0..*smp).map(|index| cpu(*board, index, idle_states)).collect();
        let topology = topology(*smp);
        format!(
            "/ {{\n\
             cpus {{\n#address-cells = <2>;\n#size-cells = <0>;\n{cpus}{topology}}};\n\
             memory@{:x} {{ device_type = \"memory\"; reg = <{} {}>; }};\n\
             chosen {{\nstdout-path = &uart0;\n{}}};\n\
             }};\n",
            memory.start,
            cells(memory.start),
            cells(memory.end - memory.start),
            chosen.source(),
        )
    }
}

fn cpu(board: Board, index: u32, idle_states: &[&str]) -> String {
    let mpidr = board.affinity_of(index);
    let idle_states: Vec<_> = idle_states.iter().map(|label| format!("&{label}")).collect();
    format!(
        "cpu{index}: cpu@{mpidr:x} {{ device_type = \"cpu\"; compatible = \"arm,armv8\"; \
         reg = <{}>; enable-method = \"psci\"; cpu-idle-states = <{}>; }};\n",
        cells(mpidr),
        idle_states.join(" ")
    )
}

/// Writes the cpu-map: two sockets, each with half of the cores. The kernel's PSCI checker turns off one socket after
/// the other, and with a single one the last core would always stay on.
fn topology(smp: u32) -> String {
    let half = smp.div_ceil(2);
    let socket = |(number, cores): (usize, Range<u32>)| {
        let core = |(number, index): (usize, u32)| format!("core{number} {{ cpu = <&cpu{index}>; }}; ");
        let cores: String = cores.enumerate().map(core).collect();
        format!("socket{number} {{ cluster0 {{ {cores}}}; }};\n")
    };
    let sockets = [0..half, half..smp].into_iter().filter(|cores| !cores.is_empty());
    format!("cpu-map {{\n{}}};\n", sockets.enumerate().map(socket).collect::<String>())
}

/// Writes a 64-bit value as the two cells that it takes.
pub fn cells(value: u64) -> String {
    format!("{:#x} {:#x}", value >> 32, value & u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::chosen::Kernel;
    use super::*;

    #[test]
    fn cores_are_counted_as_the_machine_does() {
        assert!(cpu(Board::SbsaRef, 7, &["a"]).starts_with("cpu7: cpu@7 {"));
        assert!(cpu(Board::SbsaRef, 8, &["a"]).starts_with("cpu8: cpu@100 {"));
        assert!(cpu(Board::SbsaRef, 511, &["a", "b"]).contains("reg = <0x0 0x3f07>;"));
        assert!(cpu(Board::SbsaRef, 511, &["a", "b"]).contains("cpu-idle-states = <&a &b>;"));
        assert!(cpu(Board::Virt, 15, &["a"]).starts_with("cpu15: cpu@f {"));
        assert!(cpu(Board::Virt, 16, &["a"]).starts_with("cpu16: cpu@100 {"));
    }

    #[test]
    fn every_core_has_a_socket_that_another_outlives() {
        assert_eq!(topology(1), "cpu-map {\nsocket0 { cluster0 { core0 { cpu = <&cpu0>; }; }; };\n};\n");
        let four = topology(4);
        assert!(
            four.contains("socket1 { cluster0 { core0 { cpu = <&cpu2>; }; core1 { cpu = <&cpu3>; }; }; };")
        );
    }

    #[test]
    fn addresses_take_two_cells() {
        let initramfs = 0x100_1000_0000..0x100_1000_0010;
        let memory = 0x100_0000_0000..0x100_8000_0000;
        let board = Board::SbsaRef;
        let chosen = Chosen::Linux(Kernel { bootargs: "panic=1", initramfs });
        let source = Variable { board, smp: 1, memory, chosen, idle_states: &["a"] }.source();
        assert!(
            source.contains(
                "memory@10000000000 { device_type = \"memory\"; reg = <0x100 0x0 0x0 0x80000000>; };"
            )
        );
        assert!(source.contains("linux,initrd-end = <0x100 0x10000010>;"));
        assert!(source.contains("bootargs = \"panic=1\";"));
    }
}

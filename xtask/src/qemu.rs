// SPDX-License-Identifier: MIT OR Apache-2.0

//! One run of a machine of QEMU's.
//!
//! The console that the operating system sees (the first UART) is QEMU's standard output. The secure UART, where the
//! firmware reports its own faults, goes to a file of the run; the firmware is quiet, so a good run leaves it
//! empty. Each run has a scratch folder under `target/run/`, which is gone afterwards.

mod program;

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::board::Board;
use crate::paths;
use crate::process as child;
pub use program::{Program, RELEASES};

/// How long a run may take unless told otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a shell may stay open when there is no person at it.
const UNATTENDED_TIMEOUT: Duration = Duration::from_secs(600);

/// What a run left.
#[derive(Debug)]
pub struct Outcome {
    /// QEMU's exit code, 0 if the guest powered off; `None` if QEMU was killed.
    pub exit: Option<i32>,
    /// Whether QEMU was killed because its time was over.
    pub timed_out: bool,
    /// Everything that the console printed, and QEMU's own messages.
    pub console: String,
    /// Everything that the firmware printed on the secure UART.
    pub secure: String,
}

impl Outcome {
    /// Fails unless the guest powered off by itself and the firmware had nothing to report.
    pub fn check(&self) -> Result<()> {
        self.check_power_off()?;
        ensure!(self.secure.is_empty(), "the firmware was not quiet{}", self.firmware_report());
        Ok(())
    }

    /// Fails unless the guest powered off by itself.
    pub fn check_power_off(&self) -> Result<()> {
        let end = match self.exit {
            Some(0) => return Ok(()),
            _ if self.timed_out => "did not end in time".to_owned(),
            Some(code) => format!("ended with code {code}"),
            None => "was killed".to_owned(),
        };
        let last = self.console.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing");
        bail!("QEMU {end}; the last line was: {last}{}", self.firmware_report())
    }

    /// Returns what the firmware printed on the secure UART, as the end of an error's text.
    pub fn firmware_report(&self) -> String {
        if self.secure.is_empty() {
            return String::new();
        }
        format!("\nthe secure UART says:\n{}", self.secure.trim_end())
    }
}

/// A machine to run, described step by step.
pub struct Machine {
    board: Board,
    name: String,
    program: Program,
    flash0: PathBuf,
    flash1: Option<PathBuf>,
    flash1_patches: Vec<(u64, Vec<u8>)>,
    smp: u32,
    cpu: String,
    memory_mib: Option<u32>,
    loads: Vec<(PathBuf, u64)>,
    extra: Vec<String>,
    secure_log: Option<PathBuf>,
    timeout: Duration,
}

impl Machine {
    /// Describes a machine with `flash0`, a whole bank, as its secure flash; 4 cores of kind `max`.
    pub fn new(board: Board, flash0: &Path) -> Self {
        Self {
            board,
            name: board.name().to_owned(),
            program: Program::chosen(),
            flash0: flash0.to_path_buf(),
            flash1: None,
            flash1_patches: Vec::new(),
            smp: 4,
            cpu: "max".to_owned(),
            memory_mib: board.memory_mib(),
            loads: Vec::new(),
            extra: Vec::new(),
            secure_log: None,
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Names the run, for its scratch folder.
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Chooses another QEMU for this run.
    pub fn program(mut self, program: Program) -> Self {
        self.program = program;
        self
    }

    /// Puts a raw image that fits into the second flash bank, where BL33 starts.
    pub fn flash1(mut self, image: &Path) -> Self {
        self.flash1 = Some(image.to_path_buf());
        self
    }

    /// Puts bytes at `offset` into the second flash bank, behind its image.
    pub fn flash1_bytes(mut self, offset: u64, bytes: &[u8]) -> Self {
        self.flash1_patches.push((offset, bytes.to_vec()));
        self
    }

    /// Sets the number of cores.
    pub fn smp(mut self, cores: u32) -> Self {
        self.smp = cores;
        self
    }

    /// Sets the kind of core.
    pub fn cpu(mut self, cpu: &str) -> Self {
        cpu.clone_into(&mut self.cpu);
        self
    }

    /// Sets the size of DRAM.
    pub fn memory_mib(mut self, mib: u32) -> Self {
        self.memory_mib = Some(mib);
        self
    }

    /// Puts a file into memory at `address` at every reset.
    pub fn load(mut self, file: &Path, address: u64) -> Self {
        self.loads.push((file.to_path_buf(), address));
        self
    }

    /// Adds an argument of QEMU as it is.
    pub fn arg(mut self, arg: &str) -> Self {
        self.extra.push(arg.to_owned());
        self
    }

    /// Keeps what the firmware prints on the secure UART in a file of the caller's, who can read it while the machine runs.
    pub fn secure_log(mut self, file: &Path) -> Self {
        self.secure_log = Some(file.to_path_buf());
        self
    }

    /// Limits how long the run may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs the machine without input. Each line of the console goes to `on_line` when it is complete; one
    /// that is not when the run ends, such as a prompt, goes there then.
    pub fn run(self, on_line: impl FnMut(&str)) -> Result<Outcome> {
        let deadline = Cell::new(Instant::now() + self.timeout);
        self.run_until(&deadline, on_line)
    }

    /// Does so until a point in time that `on_line` may put off, or bring forward.
    pub fn run_until(self, deadline: &Cell<Instant>, mut on_line: impl FnMut(&str)) -> Result<Outcome> {
        let scratch = self.scratch()?;
        let mut lines = Lines::default();
        let mut command = self.command(scratch.path())?;
        command.args(["-serial", "stdio"]);
        self.secure_uart(&mut command, scratch.path());
        let ended = child::stream_until(command, deadline, |chunk| lines.push(chunk, &mut on_line))?;
        lines.finish(&mut on_line);
        Ok(Outcome {
            exit: ended.code,
            timed_out: ended.timed_out,
            console: lines.all,
            secure: self.read_secure(scratch.path()),
        })
    }

    /// Runs the machine with its console on our terminal (Ctrl-A X ends it); returns QEMU's exit code. Where
    /// there is no terminal, it ends after 10 minutes.
    pub fn interactive(self) -> Result<i32> {
        let scratch = self.scratch()?;
        let mut command = self.command(scratch.path())?;
        // The multiplexer leaves Ctrl-C to the guest and still offers a way out.
        command.args(["-serial", "mon:stdio"]);
        self.secure_uart(&mut command, scratch.path());
        let timeout = (!io::stdin().is_terminal()).then_some(UNATTENDED_TIMEOUT);
        let code = child::interactive(command, timeout)?;
        let secure = self.read_secure(scratch.path());
        if !secure.is_empty() {
            eprintln!("the secure UART says:\n{}", secure.trim_end());
        }
        Ok(code)
    }

    fn scratch(&self) -> Result<TempDir> {
        let parent = paths::target().join("run");
        fs::create_dir_all(&parent)?;
        let name = format!("{}-{}-", self.name, process::id());
        tempfile::Builder::new().prefix(&name).tempdir_in(&parent).context("cannot make a scratch folder")
    }

    fn secure_uart(&self, command: &mut Command, scratch: &Path) {
        command.arg("-serial").arg(format!("file:{}", self.secure_path(scratch).display())).args(&self.extra);
    }

    fn secure_path(&self, scratch: &Path) -> PathBuf {
        self.secure_log.clone().unwrap_or_else(|| scratch.join("secure.log"))
    }

    fn read_secure(&self, scratch: &Path) -> String {
        fs::read(self.secure_path(scratch))
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .unwrap_or_default()
    }

    fn command(&self, scratch: &Path) -> Result<Command> {
        let mut command = Command::new(self.program.path());
        command.args(self.board.arguments());
        command.args(["-display", "none", "-nic", "none", "-monitor", "none"]);
        command.args(["-smp", &self.smp.to_string(), "-cpu", &self.cpu]);
        if let Some(mib) = self.memory_mib {
            command.arg("-m").arg(mib.to_string());
        }
        let size = self.board.flash_size();
        command.arg("-drive").arg(flash_drive(0, &self.flash0, size)?);
        if let Some(image) = &self.flash1 {
            let padded = scratch.join("flash1.fd");
            pad(image, &padded, size)?;
            patch(&padded, fs::metadata(image)?.len(), &self.flash1_patches)?;
            command.arg("-drive").arg(flash_drive(1, &padded, size)?);
        }
        for (file, address) in &self.loads {
            let file = file.display();
            command.arg("-device").arg(format!("loader,file={file},addr={address:#x},force-raw=on"));
        }
        Ok(command)
    }
}

fn flash_drive(unit: u32, file: &Path, bank: u64) -> Result<String> {
    let size = fs::metadata(file).with_context(|| format!("no flash image {}", file.display()))?.len();
    ensure!(size == bank, "{} has {size} bytes, a flash bank {bank}", file.display());
    Ok(format!("if=pflash,unit={unit},format=raw,readonly=on,file={}", file.display()))
}

/// Copies `image` into the sparse flash bank `padded` of `bank` bytes.
pub fn pad(image: &Path, padded: &Path, bank: u64) -> Result<()> {
    let size = fs::copy(image, padded).with_context(|| format!("no flash image {}", image.display()))?;
    ensure!(size <= bank, "{} has {size} bytes, more than a flash bank", image.display());
    File::options().write(true).open(padded)?.set_len(bank)?;
    Ok(())
}

/// Writes pieces of (offset, bytes) into the flash bank `bank`, whose first `used` bytes are taken.
fn patch(bank: &Path, used: u64, pieces: &[(u64, Vec<u8>)]) -> Result<()> {
    let file = File::options().write(true).open(bank)?;
    let size = file.metadata()?.len();
    for (offset, bytes) in pieces {
        let fits = *offset >= used && offset + bytes.len() as u64 <= size;
        ensure!(fits, "{} bytes at {offset:#x} do not fit behind a flash image of {used} bytes", bytes.len());
        file.write_all_at(bytes, *offset)?;
    }
    Ok(())
}

/// Cuts the console's bytes into lines.
#[derive(Default)]
struct Lines {
    all: String,
    partial: Vec<u8>,
}

impl Lines {
    fn push(&mut self, chunk: &[u8], on_line: &mut impl FnMut(&str)) {
        for part in chunk.split_inclusive(|&byte| byte == b'\n') {
            self.partial.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.finish(on_line);
            }
        }
    }

    /// Hands out what there is of the current line.
    fn finish(&mut self, on_line: &mut impl FnMut(&str)) {
        if self.partial.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&self.partial);
        let line = text.trim_end_matches(['\r', '\n']);
        on_line(line);
        self.all.push_str(line);
        self.all.push('\n');
        self.partial.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_whatever_the_chunks() {
        let mut seen = Vec::new();
        let mut lines = Lines::default();
        for chunk in [&b"fir"[..], b"st\r", b"\n\nthird\nfour", b"th"] {
            lines.push(chunk, &mut |line: &str| seen.push(line.to_owned()));
        }
        assert_eq!(seen, ["first", "", "third"]);
        lines.finish(&mut |line: &str| seen.push(line.to_owned()));
        assert_eq!(seen, ["first", "", "third", "fourth"]);
        assert_eq!(lines.all, "first\n\nthird\nfourth\n");
    }

    fn outcome(exit: Option<i32>, timed_out: bool, secure: &str) -> Outcome {
        Outcome { exit, timed_out, console: "one\ntwo\n\n".to_owned(), secure: secure.to_owned() }
    }

    #[test]
    fn only_a_quiet_power_off_is_good() {
        outcome(Some(0), false, "").check().unwrap();
        let message = |outcome: Outcome| outcome.check().unwrap_err().to_string();
        assert!(message(outcome(None, true, "")).contains("in time; the last line was: two"));
        assert!(message(outcome(Some(1), false, "")).contains("code 1"));
        assert!(message(outcome(None, false, "")).contains("killed"));
        assert!(message(outcome(Some(0), false, "crash at 0x20")).contains("crash at 0x20"));
    }

    #[test]
    fn padding_makes_a_whole_sparse_bank() {
        const BANK: u64 = 256 << 20;
        let folder = tempfile::tempdir().unwrap();
        let (image, padded) = (folder.path().join("image"), folder.path().join("padded"));
        fs::write(&image, b"payload").unwrap();
        assert!(flash_drive(1, &image, BANK).unwrap_err().to_string().contains("has 7 bytes"));
        pad(&image, &padded, BANK).unwrap();
        assert!(flash_drive(1, &padded, BANK).unwrap().contains("unit=1"));
        let tail = BANK - 4;
        patch(&padded, 7, &[(tail, b"tail".to_vec())]).unwrap();
        let mut last = [0; 5];
        File::open(&padded).unwrap().read_exact_at(&mut last, tail - 1).unwrap();
        assert_eq!(&last, b"\0tail");
        assert!(patch(&padded, tail + 1, &[(tail, b"tail".to_vec())]).is_err());
        assert!(patch(&padded, 7, &[(tail, b"tails".to_vec())]).is_err());
        let blocks = std::os::unix::fs::MetadataExt::blocks(&fs::metadata(&padded).unwrap());
        assert!(blocks < 2048, "{blocks} blocks of a sparse file");
    }
}

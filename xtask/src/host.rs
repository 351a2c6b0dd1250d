// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tools that the host must have: looked for, installed where possible, and otherwise named together with
//! the command that installs them.

pub mod mirror;
mod packages;
mod release;

use std::env;
use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Error, Result};

use crate::image::{TARGET, cargo};
use crate::process;
use crate::qemu::Program;
pub use release::{Release, Version};

/// How long a tool may take to say its version.
const ASK_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a download of a Rust component may take.
const RUSTUP_TIMEOUT: Duration = Duration::from_secs(600);

/// One of OpenSSL's headers, where Debian has them.
const OPENSSL_HEADER: &str = "/usr/include/openssl/sha.h";

/// A tool that we can look for and install.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// The Rust standard library of the target that firmware is built for.
    RustTarget,
    /// `cargo clippy`.
    Clippy,
    /// `cargo fmt`.
    Rustfmt,
    /// QEMU with the sbsa-ref machine.
    Qemu,
    /// The C cross compiler and its binutils.
    Gcc,
    /// The device tree compiler.
    Dtc,
    /// cpio, which packs initramfs archives.
    Cpio,
    /// make, which the kernel builds itself and its modules with.
    Make,
    /// bc, which computes a header of the kernel.
    Bc,
    /// bison, which makes the parsers of the kernel's build tools.
    Bison,
    /// flex, which makes their scanners.
    Flex,
    /// xz, which the kernel's source is packed with.
    Xz,
    /// patch, for a kernel that is not as Debian has it.
    Patch,
    /// dpkg-source, which unpacks Debian's source packages.
    DpkgSource,
    /// The headers of OpenSSL, which TF-A's packing tool is built with.
    Openssl,
}

impl Tool {
    /// What it takes to run the demonstration and the conformance suite.
    pub const PAYLOADS: &[Self] = &[Self::RustTarget, Self::Qemu];

    /// What it takes to run an operating system.
    pub const GUESTS: &[Self] = &[Self::RustTarget, Self::Qemu, Self::Gcc, Self::Dtc, Self::Cpio, Self::Make];

    /// What it takes to build a kernel. The host's own C compiler is there: cargo links with it.
    pub const KERNEL: &[Self] =
        &[Self::Gcc, Self::Make, Self::Bc, Self::Bison, Self::Flex, Self::Xz, Self::Patch];

    /// What it takes to build TF-A from Debian's source. The host's own C compiler is there: cargo links with it.
    pub const PEER: &[Self] = &[Self::Gcc, Self::Make, Self::DpkgSource, Self::Openssl];

    /// Everything that the tests need, but for a kernel of our own: the case that builds it asks for more.
    pub const ALL: &[Self] = &[
        Self::RustTarget,
        Self::Clippy,
        Self::Rustfmt,
        Self::Qemu,
        Self::Gcc,
        Self::Dtc,
        Self::Cpio,
        Self::Make,
    ];
}

/// Tools that are missing and could not be installed.
#[derive(Debug)]
pub struct Missing(Vec<String>);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Missing {}

/// Makes sure that the tools are there. The error says for each that is not how to install it.
pub fn ensure(needs: &[Tool]) -> Result<()> {
    let mut missing = Vec::new();
    for need in needs {
        if let Some(args) = rustup_args(*need)
            && let Err(error) = rustup(&args)
        {
            let (what, reason) = (&args[2], brief(&error));
            missing.push(format!("missing: {what} ({reason}); install with: rustup {}", args.join(" ")));
        }
    }

    let release = Release::of_host();
    let mut wanted = packages::Packages::default();
    for need in needs {
        match need {
            Tool::Qemu => want_qemu(&release, &mut wanted, &mut missing),
            Tool::Gcc if !answers("aarch64-linux-gnu-gcc") => wanted.add("gcc-aarch64-linux-gnu"),
            Tool::Dtc if !answers("dtc") => wanted.add("device-tree-compiler"),
            Tool::Cpio if !answers("cpio") => wanted.add("cpio"),
            Tool::Make if !answers("make") => wanted.add("make"),
            Tool::Bc if !answers("bc") => wanted.add("bc"),
            Tool::Bison if !answers("bison") => wanted.add("bison"),
            Tool::Flex if !answers("flex") => wanted.add("flex"),
            Tool::Xz if !answers("xz") => wanted.add("xz-utils"),
            Tool::Patch if !answers("patch") => wanted.add("patch"),
            Tool::DpkgSource if !answers("dpkg-source") => wanted.add("dpkg-dev"),
            Tool::Openssl if !Path::new(OPENSSL_HEADER).exists() => wanted.add("libssl-dev"),
            _ => {}
        }
    }
    if let Err(error) = packages::install(&wanted, &release) {
        missing.push(format!("{error:#}"));
    }
    if !missing.is_empty() {
        return Err(Missing(missing).into());
    }
    if needs.contains(&Tool::Qemu) { Program::chosen().ensure() } else { Ok(()) }
}

fn want_qemu(release: &Release, wanted: &mut packages::Packages, missing: &mut Vec<String>) {
    let program = Program::chosen();
    let installed = match &program {
        // It is fetched when it is asked for its machine.
        Program::Of(_) => return,
        Program::At(_) | Program::OnPath => program.version(),
    };
    match (&installed, program) {
        (Err(error), Program::At(_)) => {
            missing.push(format!("{error:#}; it is what --qemu or QUELL_QEMU says"));
        }
        (_, Program::OnPath) if release.wants_qemu_of_backports(installed.as_ref().ok()) => {
            wanted.add_from_backports("qemu-system-arm");
        }
        (Err(_), Program::OnPath) => wanted.add("qemu-system-arm"),
        _ => {}
    }
}

/// Tells whether a tool is there and starts.
fn answers(tool: &str) -> bool {
    let mut command = Command::new(tool);
    command.arg("--version");
    process::output(command, ASK_TIMEOUT).is_ok()
}

/// Returns what rustup has to do for a tool that is missing and that is a part of the Rust toolchain.
fn rustup_args(tool: Tool) -> Option<Vec<String>> {
    let action = match tool {
        Tool::RustTarget if !has_target_library() => ["target", "add", TARGET],
        Tool::Clippy if !cargo_offers("clippy") => ["component", "add", "clippy"],
        Tool::Rustfmt if !cargo_offers("fmt") => ["component", "add", "rustfmt"],
        _ => return None,
    };
    let mut args = action.map(str::to_owned).to_vec();
    // What runs us may have another name than the pinned one, and then it is the one that builds.
    args.extend(env::var("RUSTUP_TOOLCHAIN").into_iter().flat_map(|name| ["--toolchain".to_owned(), name]));
    Some(args)
}

fn has_target_library() -> bool {
    let mut command = Command::new("rustc");
    command.args(["--print", "target-libdir", "--target", TARGET]);
    process::output(command, ASK_TIMEOUT).is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

fn cargo_offers(subcommand: &str) -> bool {
    process::output(cargo(&[subcommand, "--version"]), ASK_TIMEOUT).is_ok()
}

fn rustup(args: &[String]) -> Result<()> {
    let what = format!("installing {} with rustup", args[2]);
    eprintln!("{what}");
    let mut command = Command::new("rustup");
    command.args(args);
    process::step(&what, command, RUSTUP_TIMEOUT).map(drop)
}

/// Shortens an error that carries a command's output to one line: what failed, and the last word on why.
fn brief(error: &Error) -> String {
    let text = format!("{error:#}");
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.next().into_iter().chain(lines.next_back()).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_not_there_does_not_answer() {
        assert!(answers("sh") || answers("cargo"));
        assert!(!answers("quell-no-such-tool"));
    }

    #[test]
    fn a_long_error_becomes_one_line() {
        let error = Error::msg("`apt-get`: exit code 100\nReading lists\nE: no network\n").context("apt");
        assert_eq!(brief(&error), "apt: `apt-get`: exit code 100: E: no network");
        assert_eq!(brief(&Error::msg("no apt-get")), "no apt-get");
    }

    #[test]
    fn tools_that_are_no_part_of_rust_are_not_for_rustup() {
        for tool in [Tool::Qemu, Tool::Gcc, Tool::Dtc, Tool::Cpio, Tool::Make] {
            assert_eq!(rustup_args(tool), None);
        }
    }
}

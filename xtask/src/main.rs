// SPDX-License-Identifier: MIT OR Apache-2.0

//! Builds, runs and tests Quell. Start with `cargo xtask run`.

mod cases;
mod conformance;
mod crash;
mod demo;
mod flatten;
mod gdb;
mod host;
mod image;
mod linux;
mod no_fp;
mod paths;
mod probe;
mod process;
mod progress;
mod qemu;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use host::Tool;
use test::Selection;

/// Build, run and test Quell
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    /// The qemu-system-aarch64 to use
    #[arg(long, global = true, env = "QUELL_QEMU", value_name = "PATH")]
    qemu: Option<PathBuf>,
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the firmware: target/quell.bin and target/SBSA_FLASH0.fd
    Image,
    /// Run the demonstration, or an operating system, on the firmware
    Run {
        #[command(subcommand)]
        guest: Option<Guest>,
    },
    /// Run the conformance suite and print its cases
    Conformance {
        #[command(flatten)]
        options: conformance::Options,
        /// How the cases are printed
        #[arg(long, value_enum, default_value_t)]
        format: conformance::Format,
    },
    /// Run everything that a change must pass
    Test {
        /// Run only the cases with this word in their name
        #[arg(long, value_name = "WORD")]
        filter: Option<String>,
        /// Run the long cases, too
        #[arg(long)]
        full: bool,
        /// List the cases and run none
        #[arg(long)]
        list: bool,
    },
}

#[derive(Subcommand)]
enum Guest {
    /// Boot Debian's kernel to a shell, or wedge a CPU and watch it being stopped
    Linux(linux::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(path) = arguments.qemu {
        qemu::select(path);
    }
    match perform(arguments.task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(if error.is::<host::Missing>() { 2 } else { 1 })
        }
    }
}

/// Does what was asked for; false if it came to its end and has already said what failed.
fn perform(task: Task) -> Result<bool> {
    match task {
        Task::Image => {
            host::ensure(&[Tool::RustTarget])?;
            let image = image::build()?;
            println!("{}: {} bytes", paths::shown(&image.bin), image.size);
            println!("{}: a whole flash bank", paths::shown(&image.flash0));
            Ok(true)
        }
        Task::Run { guest: None } => {
            host::ensure(Tool::PAYLOADS)?;
            demo::run(|line| println!("{line}"))?;
            Ok(true)
        }
        Task::Run { guest: Some(Guest::Linux(options)) } => {
            host::ensure(Tool::GUESTS)?;
            linux::run(&options)?;
            Ok(true)
        }
        Task::Conformance { options, format } => conformance::print(&options, format),
        Task::Test { list: true, filter, full } => {
            let cases = Selection { filter, full }.apply(cases::all())?;
            cases.iter().for_each(|case| println!("{}", case.name));
            Ok(true)
        }
        Task::Test { list: false, filter, full } => {
            let cases = Selection { filter, full }.apply(cases::all())?;
            host::ensure(Tool::ALL)?;
            println!("QEMU {}", host::qemu_version()?);
            test::run(&cases)
        }
    }
}

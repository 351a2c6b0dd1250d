// SPDX-License-Identifier: MIT OR Apache-2.0

//! Builds, runs and tests Quell. Start with `cargo xtask run`.

mod apt;
mod bench;
mod board;
mod cases;
mod code;
mod conformance;
mod crash;
mod demo;
mod destination;
mod flatten;
mod gdb;
mod host;
mod image;
mod linux;
mod many_cores;
mod no_fp;
mod paths;
mod peer;
mod platform;
mod probe;
mod process;
mod progress;
mod qemu;
mod scale;
mod stack;
mod test;
mod timeline;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use board::Board;
use destination::Destination;
use host::Tool;
use qemu::Program;
use test::Selection;

/// Build, run and test Quell
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    /// The qemu-system-aarch64 to use: its path, or 7.2, 10 or 11 for one of Debian's, which is fetched
    #[arg(long, global = true, env = "QUELL_QEMU", value_name = "7.2|10|11|PATH")]
    qemu: Option<Program>,
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the firmware: target/quell.bin and target/SBSA_FLASH0.fd, or their likes for another machine
    Image {
        /// The machine
        #[arg(long, value_enum, default_value_t)]
        machine: Board,
    },
    /// Run the demonstration, or an operating system, on the firmware
    Run {
        /// The machine
        #[arg(long, global = true, value_enum, default_value_t)]
        machine: Board,
        /// Draw the stop into this file, as an SVG: when each core was asked, signalled and stopped
        #[arg(long, global = true, value_name = "FILE")]
        timeline: Option<PathBuf>,
        #[command(subcommand)]
        guest: Option<Guest>,
    },
    /// Run the conformance suite on Quell or on other firmware, and report what it found
    Conformance {
        #[command(flatten)]
        options: conformance::Options,
        #[command(flatten)]
        reporting: conformance::Reporting,
    },
    /// Count the instructions that the firmware takes for each operation
    Bench(bench::Options),
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
    /// Boot Debian's Xen, with Debian's kernel in its first domain, to a shell
    Xen(linux::xen::Options),
}

impl Guest {
    /// Tells whether the guest stops its other cores and says when.
    fn stops(&self) -> bool {
        matches!(self, Self::Linux(options) if options.draws_stop())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(program) = arguments.qemu {
        program.choose();
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
        Task::Image { machine } => {
            host::ensure(&[Tool::RustTarget])?;
            let image = image::build(machine)?;
            println!("{}: {} bytes", paths::shown(&image.bin), image.size);
            println!("{}: a whole flash bank", paths::shown(&image.flash0));
            Ok(true)
        }
        Task::Run { machine, timeline, guest } => {
            if timeline.is_some() && guest.as_ref().is_some_and(|guest| !guest.stops()) {
                let message = "`--timeline` draws a stop, and only Linux with `--wedge` alone tells of one";
                Arguments::command().error(ErrorKind::MissingRequiredArgument, message).exit();
            }
            run(machine, guest, timeline.as_deref())?;
            Ok(true)
        }
        Task::Conformance { options, reporting } => conformance::perform(&options, &reporting),
        Task::Bench(options) => {
            bench::print(&options)?;
            Ok(true)
        }
        Task::Test { list: true, filter, full } => {
            let cases = Selection { filter, full }.apply(cases::all())?;
            print_list(cases.into_iter().map(|case| case.name))?;
            Ok(true)
        }
        Task::Test { list: false, filter, full } => {
            let cases = Selection { filter, full }.apply(cases::all())?;
            host::ensure(Tool::ALL)?;
            println!("QEMU {}", Program::chosen().version()?);
            test::run(&cases)
        }
    }
}

/// Runs the demonstration or an operating system, and draws its stop into a file.
fn run(machine: Board, guest: Option<Guest>, timeline: Option<&Path>) -> Result<()> {
    let destination = timeline.map(Destination::of).transpose()?;
    let drawing = match guest {
        None => {
            host::ensure(Tool::PAYLOADS)?;
            demo::run(machine, destination.is_some(), show)?
        }
        Some(Guest::Linux(options)) => {
            host::ensure(Tool::GUESTS)?;
            linux::run(&linux::Options { board: machine, ..options }, destination.is_some(), show)?
        }
        Some(Guest::Xen(options)) => {
            host::ensure(Tool::GUESTS)?;
            linux::xen::run(machine, &options)?;
            None
        }
    };
    if let (Some(destination), Some(drawing)) = (destination, drawing) {
        destination.write(&drawing)?;
        println!("{}: the stop as a picture", destination.shown());
    }
    Ok(())
}

/// Shows a line of the console, unless it is one that only we need.
fn show(line: &str) {
    if !timeline::is_line(line) {
        println!("{line}");
    }
}

/// Prints lines, as many as the reader wants: `head` has enough at some time.
fn print_list(lines: impl Iterator<Item = String>) -> Result<()> {
    let mut output = io::stdout().lock();
    for line in lines {
        match writeln!(output, "{line}") {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            result => result?,
        }
    }
    Ok(())
}

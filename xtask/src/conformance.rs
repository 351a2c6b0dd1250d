// SPDX-License-Identifier: MIT OR Apache-2.0

//! The conformance suite: a payload that runs its cases on a machine with any EL3 firmware, and the reports of what it found
//! (`docs/conformance.md`).

mod html;
mod junit;
mod list;
mod markdown;
mod report;
mod run;
pub mod selftest;
mod session;
mod tap;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::board::Board;
use crate::host::{self, Tool};
use crate::peer::Firmware;
use crate::progress::Bar;
use crate::qemu::{Machine, Outcome, Program};
use crate::test::Tally;
use crate::{image, paths};
use report::Report;
use run::News;
use session::{End, Session, Verdict};

/// The size of the payload's parameters.
const PARAMETERS_SIZE: usize = 256;

/// Returns where in the second flash bank a payload looks for its parameters: its last 4 KiB. Not in DRAM, which firmware
/// may clear before it starts the payload.
pub fn parameters_offset(board: Board) -> u64 {
    board.flash_size() - 4096
}

/// The rounds of each race, unless told otherwise.
const ROUNDS: u32 = 200;

/// The most seconds that the rounds of one race take together, unless told otherwise.
const SECONDS: u32 = 15;

/// What to run the suite on, and what of it.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The machine
    #[arg(long = "machine", value_enum, default_value_t)]
    pub board: Board,
    /// The number of cores
    #[arg(long, default_value_t = 4)]
    pub smp: u32,
    /// The kind of core
    #[arg(long, default_value = "max")]
    pub cpu: String,
    /// Run only the cases with this word in their id, or, behind `^`, at its beginning
    #[arg(long, default_value = "")]
    pub filter: String,
    /// Rounds of each race
    #[arg(long, default_value_t = ROUNDS)]
    pub rounds: u32,
    /// The most seconds that the rounds of one race take together
    #[arg(long, default_value_t = SECONDS)]
    pub seconds: u32,
    /// The seed of what is drawn by chance
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Other firmware to judge: an image of the whole first flash bank, or tf-a, which is built from Debian's source
    #[arg(long, value_name = "FLASH0.fd|tf-a")]
    pub firmware: Option<Firmware>,
    /// Another QEMU than the one that was chosen for all runs.
    #[arg(skip)]
    pub qemu: Option<Program>,
    /// More arguments of QEMU
    #[arg(last = true, value_name = "ARGUMENT OF QEMU")]
    pub arguments: Vec<String>,
}

impl Options {
    /// The whole suite on `smp` cores of kind `cpu`.
    pub fn on(smp: u32, cpu: &str) -> Self {
        Self {
            board: Board::default(),
            smp,
            cpu: cpu.to_owned(),
            filter: String::new(),
            rounds: ROUNDS,
            seconds: SECONDS,
            seed: 1,
            firmware: None,
            qemu: None,
            arguments: Vec::new(),
        }
    }

    /// Returns the QEMU that runs the suite.
    pub fn program(&self) -> Program {
        self.qemu.clone().unwrap_or_else(Program::chosen)
    }

    /// Builds the payload and returns its flash image.
    fn payload(&self) -> Result<PathBuf> {
        image::payload(self.board, "conformance")
    }

    /// Returns the machine that runs the suite, without anybody who looks after it.
    pub fn machine(&self) -> Result<Machine> {
        self.machine_with("")
    }

    /// Returns the machine with more words among the payload's parameters.
    fn machine_with(&self, words: &str) -> Result<Machine> {
        let flash0 = match &self.firmware {
            Some(firmware) => firmware.flash0()?,
            None => image::build(self.board)?.flash0,
        };
        let machine = Machine::new(self.board, &flash0)
            .name("conformance")
            .program(self.program())
            .flash1(&self.payload()?)
            .flash1_bytes(parameters_offset(self.board), &self.parameters(words)?)
            .smp(self.smp)
            .cpu(&self.cpu);
        Ok(self.arguments.iter().fold(machine, |machine, argument| machine.arg(argument)))
    }

    fn firmware_name(&self) -> String {
        self.firmware.as_ref().map_or_else(|| "Quell".to_owned(), Firmware::name)
    }

    /// Says what is run, and on what.
    fn facts(&self) -> Result<Vec<(&'static str, String)>> {
        let Self { board, smp, cpu, filter, rounds, seconds, seed, .. } = self;
        let mut facts = vec![
            ("Firmware", self.firmware_name()),
            ("Machine", format!("{} of QEMU {}", board.name(), self.program().version()?)),
            ("Cores", format!("{smp} of {cpu}")),
            ("Rounds of each race", format!("{rounds}, or what fits into {seconds} s")),
            ("Seed", seed.to_string()),
        ];
        if !filter.is_empty() {
            facts.push(("Cases with", filter.clone()));
        }
        Ok(facts)
    }

    /// Writes the parameters as the payload reads them.
    fn parameters(&self, words: &str) -> Result<Vec<u8>> {
        let Self { filter, rounds, seconds, seed, .. } = self;
        ensure!(!filter.contains(char::is_whitespace), "the filter `{filter}` is more than one word");
        let mut text =
            format!("{words}filter={filter} rounds={rounds} seconds={seconds} seed={seed}\n").into_bytes();
        ensure!(text.len() <= PARAMETERS_SIZE, "the filter is too long");
        text.resize(PARAMETERS_SIZE, 0);
        Ok(text)
    }
}

/// How a run is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: a line for each case as it ends, and a summary
    #[default]
    Text,
    /// A stream of the Test Anything Protocol
    Tap,
    /// JUnit's XML
    Junit,
    /// A page for a browser, in one file
    Html,
}

/// What to do with a run.
#[derive(Clone, Debug, clap::Args)]
pub struct Reporting {
    /// How the run is reported
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Write the report to this file, and a summary to the terminal
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Run the suite on this firmware, too, and report where the two differ, as Markdown
    #[arg(long, value_name = "FLASH0.fd|tf-a", conflicts_with = "format")]
    pub compare: Option<Firmware>,
    /// List the cases and run none: id, section of the specification, what it shows
    #[arg(long, conflicts_with_all = ["compare", "format", "out"])]
    pub list: bool,
}

/// Does what was asked for; returns whether no case failed.
pub fn perform(options: &Options, reporting: &Reporting) -> Result<bool> {
    host::ensure(Tool::PAYLOADS)?;
    if reporting.list {
        let cases = run::wanted(options)?;
        crate::print_list(cases.iter().map(|case| format!("{}\t{}\t{}", case.id, case.section, case.shows)))?;
        return Ok(true);
    }
    if let Some(peer) = &reporting.compare {
        return compare(options, peer, reporting.out.as_deref());
    }
    let mut output: Box<dyn Write> = match &reporting.out {
        Some(path) => {
            Box::new(fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?)
        }
        None => Box::new(io::stdout()),
    };
    let report = match reporting.format {
        Format::Text => print(options, &mut output, "", |_, row| row.line() + "\n"),
        Format::Tap => print(options, &mut output, &tap::head(run::wanted(options)?.len()), tap::point),
        Format::Junit | Format::Html => print(options, &mut io::sink(), "", |_, _| String::new()),
    };
    let report = match report {
        Err(error) if reporting.format == Format::Tap => {
            writeln!(output, "{}", tap::bail_out(&error))?;
            return Err(error);
        }
        report => report?,
    };
    match reporting.format {
        Format::Text => write!(output, "\n{}", report.summary())?,
        Format::Tap => {}
        Format::Junit => write!(output, "{}", junit::write(&report)?)?,
        Format::Html => write!(output, "{}", html::write(&report)?)?,
    }
    if let Some(path) = &reporting.out {
        print!("{}", report.summary());
        println!("{}: the report", paths::shown(path));
    }
    if !report.secure.is_empty() && options.firmware.is_none() {
        eprintln!("the secure UART says:\n{}", report.secure.trim_end());
    }
    Ok(report.tally().failed == 0 && (report.secure.is_empty() || options.firmware.is_some()))
}

/// Runs the suite with a bar that shows how far it is; writes a head, and a text for each case as it ends.
fn print(
    options: &Options,
    output: &mut dyn Write,
    head: &str,
    text: impl Fn(usize, &report::Row) -> String,
) -> Result<Report> {
    let bar = Bar::start(run::wanted(options)?.len());
    let mut number = 0;
    let mut written = output.write_all(head.as_bytes());
    let report = run::run(options, |news| match news {
        News::Line(_) => {}
        News::Begins(id) => bar.note(id),
        News::Ended(row) => {
            number += 1;
            if written.is_ok() {
                written = bar.suspend(|| output.write_all(text(number, row).as_bytes()));
            }
            bar.advance();
        }
    })?;
    written?;
    Ok(report)
}

/// What a comparison is written behind, in a file that has it: what stands before it is written by hand.
const COMPARISON: &str = "<!-- What follows is written by `cargo xtask conformance --compare`. -->\n";

/// Runs the suite on two firmwares and reports where they differ; returns whether no case failed on the first.
fn compare(options: &Options, peer: &Firmware, out: Option<&Path>) -> Result<bool> {
    let peer = Options { firmware: Some(peer.clone()), ..options.clone() };
    let run = |options| print(options, &mut io::sink(), "", |_, _| String::new());
    let (ours, theirs) = (run(options)?, run(&peer)?);
    let text = markdown::compare((&options.firmware_name(), &ours), (&peer.firmware_name(), &theirs))?;
    match out {
        Some(path) => {
            let old = fs::read_to_string(path).unwrap_or_default();
            let by_hand = old.split_once(COMPARISON).map_or("", |(by_hand, _)| by_hand);
            fs::write(path, format!("{by_hand}{COMPARISON}\n{text}"))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        None => print!("{text}"),
    }
    Ok(ours.tally().failed == 0)
}

/// Runs the suite with each line of the console given to `on_line`, and then the cases that failed; returns the numbers of its
/// cases. Our own firmware has nothing to say on the secure UART.
pub fn run(options: &Options, mut on_line: impl FnMut(&str)) -> Result<Tally> {
    let report = run::run(options, |news| {
        if let News::Line(line) = news {
            on_line(line);
        }
    })?;
    report.failures().for_each(|row| on_line(&row.line()));
    ensure!(
        report.secure.is_empty() || options.firmware.is_some(),
        "the firmware was not quiet: the secure UART says:\n{}",
        report.secure.trim_end()
    );
    Ok(report.tally())
}

/// Judges a run of [`Options::machine`] by somebody who looked after it: every case must have passed.
pub fn judge(outcome: &Outcome) -> Result<()> {
    outcome.check()?;
    let now = Instant::now();
    let mut session = Session::new(now, Duration::ZERO);
    outcome.console.lines().for_each(|line| session.line(line, now));
    session.end(End::Off, now);
    let ran = session.take();
    if let Some(case) = ran.iter().find(|case| case.verdict != Verdict::Passed) {
        bail!("{} has not passed: {:?}", case.id, case.verdict);
    }
    // The machine goes off in the last one.
    ensure!(ran.len() > 1, "no case ran");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn parameters_fill_their_place() {
        let mut options = Options::on(4, "max");
        options.filter = "cpu_on".to_owned();
        options.rounds = 17;
        let parameters = options.parameters("").unwrap();
        assert_eq!(parameters.len(), 256);
        assert!(parameters.starts_with(b"filter=cpu_on rounds=17 seconds=15 seed=1\n\0"));
        let parameters = options.parameters("after=psci.version ").unwrap();
        assert!(parameters.starts_with(b"after=psci.version filter=cpu_on rounds=17 "));
        options.filter = "two words".to_owned();
        assert!(options.parameters("").is_err());
        options.filter = "x".repeat(300);
        assert!(options.parameters("").is_err());
    }

    /// What the documentation shows as a whole case is one that is built.
    #[test]
    fn the_documented_case_is_there() {
        let read = |path| fs::read_to_string(paths::root().join(path)).unwrap();
        let source = read("tests/conformance/src/cases/psci_version.rs");
        let code = &source[source.find("\nuse ").unwrap() + 1..];
        assert!(read("docs/conformance.md").contains(&format!("```rust\n{code}```\n")));
    }

    #[test]
    fn the_documented_events_are_some() {
        let text = fs::read_to_string(paths::root().join("docs/conformance.md")).unwrap();
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with("    @@ ")).collect();
        assert!(lines.len() >= 4);
        for line in lines {
            assert!(conformance_events::Frame::parse(line).is_some(), "{line}");
        }
    }

    #[test]
    fn firmware_is_called_by_its_file() {
        let mut options = Options::on(4, "max");
        assert_eq!(options.firmware_name(), "Quell");
        options.firmware = Some(OsString::from("/tmp/TF-A 2.12.fd").into());
        assert_eq!(options.firmware_name(), "TF-A 2.12");
    }
}

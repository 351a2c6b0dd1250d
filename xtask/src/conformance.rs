// SPDX-License-Identifier: MIT OR Apache-2.0

//! The conformance suite: a payload that runs its cases on the machine and prints one line for each.

mod tap;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::board::Board;
use crate::host::{self, Tool};
use crate::image;
use crate::qemu::{Machine, Program};
use crate::test::Tally;

/// The size of the payload's parameters.
const PARAMETERS_SIZE: usize = 256;

/// Returns where in the second flash bank a payload looks for its parameters: its last 4 KiB. Not in DRAM, which firmware
/// may clear before it starts the payload.
pub fn parameters_offset(board: Board) -> u64 {
    board.flash_size() - 4096
}

/// What the suite's last line starts with.
const DONE: &str = "done ";

/// The rounds of each race, unless told otherwise.
const ROUNDS: u32 = 200;

/// The most seconds that the rounds of one race take together, unless told otherwise.
const SECONDS: u32 = 15;

/// How long the suite may take, its races apart.
const TIMEOUT: Duration = Duration::from_secs(300);

/// How long one round of all races may take, on a host with fewer cores than the machine.
const ROUND_TIMEOUT: Duration = Duration::from_millis(15);

/// How much longer each core may make it: all cores take part in most cases, and the host has few processors for them.
const CORE_TIMEOUT: Duration = Duration::from_secs(5);

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
    /// Run only the cases with this word in their name, or, behind `^`, at its beginning
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
    /// Other firmware to judge: an image of the whole first flash bank
    #[arg(long, value_name = "IMAGE")]
    pub flash0: Option<PathBuf>,
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
            flash0: None,
            qemu: None,
            arguments: Vec::new(),
        }
    }

    /// Returns the QEMU that runs the suite.
    pub fn program(&self) -> Program {
        self.qemu.clone().unwrap_or_else(Program::chosen)
    }

    /// Returns the machine that runs the suite.
    pub fn machine(&self) -> Result<Machine> {
        let flash0 = match &self.flash0 {
            Some(image) => image.clone(),
            None => image::build(self.board)?.flash0,
        };
        let machine = Machine::new(self.board, &flash0)
            .name("conformance")
            .program(self.program())
            .flash1(&image::payload(self.board, "conformance")?)
            .flash1_bytes(parameters_offset(self.board), &self.parameters()?)
            .smp(self.smp)
            .cpu(&self.cpu)
            .timeout(TIMEOUT + ROUND_TIMEOUT * self.rounds + CORE_TIMEOUT * self.smp);
        Ok(self.arguments.iter().fold(machine, |machine, argument| machine.arg(argument)))
    }

    /// Writes the parameters as the payload reads them.
    fn parameters(&self) -> Result<Vec<u8>> {
        let Self { filter, rounds, seconds, seed, .. } = self;
        ensure!(!filter.contains(char::is_whitespace), "the filter `{filter}` is more than one word");
        let mut text =
            format!("filter={filter} rounds={rounds} seconds={seconds} seed={seed}\n").into_bytes();
        ensure!(text.len() <= PARAMETERS_SIZE, "the filter is too long");
        text.resize(PARAMETERS_SIZE, 0);
        Ok(text)
    }
}

/// How the cases are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// As the payload prints them
    #[default]
    Text,
    /// As a stream of the Test Anything Protocol
    Tap,
}

/// Runs the suite and prints it; returns whether no case failed.
pub fn print(options: &Options, format: Format) -> Result<bool> {
    let result = match format {
        Format::Text => {
            host::ensure(Tool::PAYLOADS)?;
            run(options, |line| println!("{line}"))
        }
        Format::Tap => print_tap(options),
    };
    result.map(|tally| tally.failed == 0)
}

fn print_tap(options: &Options) -> Result<Tally> {
    println!("{}", tap::VERSION);
    let mut translator = tap::Translator::default();
    let on_line = |line: &str| match translator.line(line) {
        Some(line) => println!("{line}"),
        // QEMU's messages and what belongs to no case must not get lost.
        None if line.is_empty() || line.starts_with(DONE) => {}
        None => eprintln!("{line}"),
    };
    let result = host::ensure(Tool::PAYLOADS).and_then(|()| run(options, on_line));
    match &result {
        Ok(_) => println!("{}", translator.plan()),
        Err(error) => println!("{}", tap::bail_out(error)),
    }
    result
}

/// Runs the suite with each line of the console given to `on_line`; returns the numbers of its cases. A suite
/// that does not come to its end, or a machine that does not, is an error.
pub fn run(options: &Options, mut on_line: impl FnMut(&str)) -> Result<Tally> {
    let mut report = Report::default();
    let outcome = options.machine()?.run(|line| {
        report.line(line);
        on_line(line);
    })?;
    // What other firmware prints on its own UART is its own affair.
    if options.flash0.is_some() { outcome.check_power_off() } else { outcome.check() }?;
    report.finish().map_err(|error| anyhow!("{error}{}", outcome.firmware_report()))
}

/// The suite's lines as they come.
#[derive(Default)]
struct Report {
    tally: Tally,
    done: Option<String>,
    last: Option<String>,
}

impl Report {
    fn line(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        self.last = Some(line.to_owned());
        match line.split_once(' ') {
            Some(("ok", _)) => self.tally.passed += 1,
            Some(("not", rest)) if rest.starts_with("ok ") => self.tally.failed += 1,
            Some(("skip", _)) => self.tally.skipped += 1,
            Some(("done", numbers)) => self.done = Some(numbers.to_owned()),
            _ => {}
        }
    }

    /// Returns the numbers, if the suite came to its end and counted as we did.
    fn finish(self) -> Result<Tally> {
        let Self { tally, done, last } = self;
        let done = done.with_context(|| match &last {
            Some(last) => format!("the suite did not end; its last line was: {last}"),
            None => "the suite printed nothing".to_owned(),
        })?;
        let counted = format!("passed {} failed {} skipped {}", tally.passed, tally.failed, tally.skipped);
        if done.trim() != counted {
            bail!("the suite says `{}`, its lines say `{counted}`", done.trim());
        }
        ensure!(tally.passed + tally.failed > 0, "the suite ran no case");
        // The machine goes off behind that line. If it does not, the payload says so.
        if let Some(last) = last.filter(|last| !last.starts_with(DONE)) {
            bail!("the suite has ended, and then: {last}");
        }
        Ok(tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> Result<Tally> {
        let mut report = Report::default();
        text.lines().for_each(|line| report.line(line));
        report.finish()
    }

    #[test]
    fn cases_are_counted() {
        let text = "# 4 cores\nok psci_version\nnot ok cpu_on: expected 0, saw -2\nskip off: one core\n\
                    ok two words\nokay is no verdict\ndone passed 2 failed 1 skipped 1\n";
        let tally = report(text).unwrap();
        assert_eq!(tally, Tally { passed: 2, failed: 1, skipped: 1, reason: None });
    }

    #[test]
    fn a_suite_that_does_not_end_names_its_last_line() {
        let error = report("ok a\n# race round 17\n\n").unwrap_err().to_string();
        assert!(error.ends_with("its last line was: # race round 17"), "{error}");
        assert!(report("").unwrap_err().to_string().contains("nothing"));
        let error = report("ok a\ndone passed 1 failed 0 skipped 0\n# still on\n").unwrap_err().to_string();
        assert!(error.ends_with("and then: # still on"), "{error}");
    }

    #[test]
    fn a_lost_line_is_noticed() {
        assert!(report("ok a\ndone passed 2 failed 0 skipped 0").is_err());
        assert!(report("done passed 0 failed 0 skipped 0").is_err());
    }

    #[test]
    fn parameters_fill_their_place() {
        let mut options = Options::on(4, "max");
        options.filter = "cpu_on".to_owned();
        options.rounds = 17;
        let parameters = options.parameters().unwrap();
        assert_eq!(parameters.len(), 256);
        assert!(parameters.starts_with(b"filter=cpu_on rounds=17 seconds=15 seed=1\n\0"));
        options.filter = "two words".to_owned();
        assert!(options.parameters().is_err());
        options.filter = "x".repeat(300);
        assert!(options.parameters().is_err());
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask test`: named cases, run one after the other, each reported on one line with its time; the end
//! is one line `N passed, N failed, N skipped`.
//!
//! A case that stands for many tests (a cargo test run, the conformance suite) returns their numbers, so that
//! the last line counts what a person would call a test.

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::ops::AddAssign;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::paths;
use crate::process::{self, Ended};
use crate::progress::Spinner;

/// How many lines of a failed case's log are shown.
const SHOWN_LINES: usize = 60;

/// What a case does: it writes to its log and returns how many tests it stands for. An error is one failed test.
type Body = Box<dyn Fn(&mut Log) -> Result<Tally>>;

/// A named case.
pub struct Case {
    /// The name; `--filter` looks for a word in it.
    pub name: String,
    /// Whether only `--full` runs it.
    pub full_only: bool,
    /// What it does.
    pub run: Body,
}

impl Case {
    /// Makes a case that runs always.
    pub fn new(name: impl Into<String>, run: impl Fn(&mut Log) -> Result<Tally> + 'static) -> Self {
        Self { name: name.into(), full_only: false, run: Box::new(run) }
    }

    /// Leaves the case to `--full`.
    pub fn only_full(self) -> Self {
        Self { full_only: true, ..self }
    }
}

/// How many tests passed, failed and were skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests that passed.
    pub passed: u32,
    /// Tests that failed.
    pub failed: u32,
    /// Tests that could not run.
    pub skipped: u32,
    /// Why tests were skipped or failed, if it takes a word.
    pub reason: Option<String>,
}

impl Tally {
    /// One test that passed.
    pub fn pass() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// One test that could not run, and why.
    pub fn skip(reason: impl Into<String>) -> Self {
        Self { skipped: 1, reason: Some(reason.into()), ..Self::default() }
    }
}

impl AddAssign<&Tally> for Tally {
    fn add_assign(&mut self, other: &Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The log of one case, kept as `target/test/<name>.log`.
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    fn create(case: &str) -> Result<Self> {
        let folder = paths::target().join("test");
        fs::create_dir_all(&folder)?;
        let name: String = case.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path = folder.join(name).with_extension("log");
        Ok(Self { file: File::create(&path)?, path })
    }

    /// Writes a line.
    pub fn line(&mut self, line: &str) {
        self.write(format!("{line}\n").as_bytes());
    }

    fn write(&mut self, bytes: &[u8]) {
        // A full disk must not hide what the case has to say.
        let _ = self.file.write_all(bytes);
    }

    /// Runs a command with its output in the log; returns how it ended and its output.
    pub fn capture(&mut self, command: Command, timeout: Duration) -> Result<(Ended, String)> {
        self.line(&format!("$ {}", process::describe(&command)));
        let mut output = Vec::new();
        let ended = process::stream(command, timeout, |chunk| {
            self.write(chunk);
            output.extend_from_slice(chunk);
        })?;
        Ok((ended, String::from_utf8_lossy(&output).into_owned()))
    }

    /// Runs a command that must succeed, with its output in the log; returns the output.
    pub fn run(&mut self, command: Command, timeout: Duration) -> Result<String> {
        let name = process::describe(&command);
        let (ended, output) = self.capture(command, timeout)?;
        ensure!(ended.success(), "`{name}`: {}", ended.describe());
        Ok(output)
    }
}

/// Which cases to run.
#[derive(Default)]
pub struct Selection {
    /// Only those with this word in their name.
    pub filter: Option<String>,
    /// The long ones too.
    pub full: bool,
}

impl Selection {
    /// Keeps the cases to run.
    pub fn apply(&self, cases: Vec<Case>) -> Result<Vec<Case>> {
        let word = self.filter.as_deref().unwrap_or_default();
        let kept: Vec<_> = cases
            .into_iter()
            .filter(|case| case.name.contains(word) && (self.full || !case.full_only))
            .collect();
        ensure!(!kept.is_empty(), "no case has `{word}` in its name (see --list)");
        Ok(kept)
    }
}

/// Runs the cases; returns whether none failed.
pub fn run(cases: &[Case]) -> Result<bool> {
    let width = cases.iter().map(|case| case.name.len()).max().unwrap_or_default();
    let mut total = Tally::default();
    for case in cases {
        let mut log = Log::create(&case.name)?;
        let start = Instant::now();
        let spinner = Spinner::start(&case.name);
        let result = (case.run)(&mut log);
        drop(spinner);
        let seconds = start.elapsed().as_secs_f32();
        let (tally, error) = match result {
            Ok(tally) => (tally, None),
            Err(error) => (Tally { failed: 1, ..Tally::default() }, Some(error)),
        };
        if let Some(error) = &error {
            log.line(&format!("error: {error:#}"));
        }
        let verdict = verdict(&tally);
        println!("{:width$}  {verdict:7}  {seconds:6.1} s{}", case.name, remark(&tally));
        if tally.failed > 0 {
            let text = fs::read(&log.path)?;
            println!("{}", process::tail(&String::from_utf8_lossy(&text), SHOWN_LINES));
            println!("(all of it: {})", paths::shown(&log.path));
        }
        total += &tally;
    }
    println!("{total}");
    Ok(total.failed == 0)
}

fn verdict(tally: &Tally) -> &'static str {
    match tally {
        Tally { failed: 1.., .. } => "FAILED",
        Tally { passed: 0, .. } => "skipped",
        _ => "ok",
    }
}

/// Says what the verdict leaves open: the numbers of a case that is many tests, and the reason.
fn remark(tally: &Tally) -> String {
    let many = tally.passed + tally.failed + tally.skipped > 1;
    let numbers = many.then(|| tally.to_string());
    numbers.iter().chain(&tally.reason).map(|part| format!("  {part}")).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    fn cases() -> Vec<Case> {
        let long = Case::new("demo long", |_| Ok(Tally::pass())).only_full();
        vec![Case::new("demo", |_| Ok(Tally::pass())), long, Case::new("fmt", |_| bail!("no"))]
    }

    fn selected(filter: Option<&str>, full: bool) -> Vec<String> {
        let selection = Selection { filter: filter.map(str::to_owned), full };
        selection.apply(cases()).unwrap().into_iter().map(|case| case.name).collect()
    }

    #[test]
    fn selection_by_word_and_length() {
        assert_eq!(selected(None, false), ["demo", "fmt"]);
        assert_eq!(selected(Some("demo"), true), ["demo", "demo long"]);
        let nothing = Selection { filter: Some("long".to_owned()), full: false };
        assert!(nothing.apply(cases()).is_err());
    }

    #[test]
    fn one_failed_test_fails_the_case() {
        let tally = Tally { passed: 9, failed: 1, skipped: 2, reason: None };
        assert_eq!(verdict(&tally), "FAILED");
        assert_eq!(remark(&tally), "  9 passed, 1 failed, 2 skipped");
        assert_eq!(verdict(&Tally { passed: 9, skipped: 2, ..Tally::default() }), "ok");
        assert_eq!(verdict(&Tally::skip("no network")), "skipped");
        assert_eq!(remark(&Tally::skip("no network")), "  no network");
        assert_eq!(remark(&Tally::pass()), "");
    }

    #[test]
    fn totals_add_up() {
        let mut total = Tally::pass();
        total += &Tally { passed: 3, failed: 2, skipped: 1, reason: Some("why".to_owned()) };
        assert_eq!(total.to_string(), "4 passed, 2 failed, 1 skipped");
    }
}

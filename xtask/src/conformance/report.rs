// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a run of the suite found, and how it is summed up for people.

use std::fmt::Write;
use std::time::Duration;

use super::list::Listed;
use super::session::Verdict;
use crate::test::Tally;

/// The areas: what ids begin with, and what is meant.
const AREAS: [(&str, &str); 9] = [
    ("smccc", "Calling convention"),
    ("trng", "TRNG"),
    ("features", "Features of the core"),
    ("isolation", "Isolation"),
    ("platform", "Platform calls"),
    ("psci", "PSCI"),
    ("scale", "Scale"),
    ("stop", "Stop service"),
    ("sdei", "SDEI"),
];

/// Returns what an area is called.
pub fn title(area: &str) -> &str {
    AREAS.iter().find(|(name, _)| *name == area).map_or(area, |(_, title)| title)
}

/// A case and what became of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The case.
    pub case: Listed,
    /// What became of it.
    pub verdict: Verdict,
    /// How long it took.
    pub time: Duration,
    /// What was printed meanwhile.
    pub transcript: Vec<String>,
}

impl Row {
    /// Returns the verdict in a word.
    pub fn word(&self) -> &'static str {
        match self.verdict {
            Verdict::Passed => "pass",
            Verdict::Failed { .. } => "fail",
            Verdict::Skipped(_) => "skip",
        }
    }

    /// Returns what there is to say of the verdict.
    pub fn remark(&self) -> String {
        match &self.verdict {
            Verdict::Passed => String::new(),
            Verdict::Failed { expected, saw } => format!("expected {expected}, saw {saw}"),
            Verdict::Skipped(reason) => reason.clone(),
        }
    }

    /// Returns the case as one line.
    pub fn line(&self) -> String {
        let (word, id, remark) = (self.word(), &self.case.id, self.remark());
        if remark.is_empty() { format!("{word} {id}") } else { format!("{word} {id}: {remark}") }
    }
}

/// A run of the suite.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was run, on what: a name and a value each.
    pub facts: Vec<(&'static str, String)>,
    /// The cases, in the order in which they ran.
    pub rows: Vec<Row>,
    /// What the firmware printed on the secure UART.
    pub secure: String,
}

impl Report {
    /// Returns the numbers of all cases.
    pub fn tally(&self) -> Tally {
        tally(self.rows.iter())
    }

    /// Returns the areas in their order, each with its cases.
    pub fn areas(&self) -> Vec<(&str, Vec<&Row>)> {
        let mut areas: Vec<(&str, Vec<&Row>)> = Vec::new();
        for row in &self.rows {
            let area = row.case.area();
            match areas.iter_mut().find(|(name, _)| *name == area) {
                Some((_, rows)) => rows.push(row),
                None => areas.push((area, vec![row])),
            }
        }
        areas
    }

    /// Returns the cases that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| matches!(row.verdict, Verdict::Failed { .. }))
    }

    /// Sums it up: a line for each area, the failed cases, and a line for all.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, tally: &Tally| {
            let Tally { passed, failed, skipped, .. } = tally;
            // Writing to a string never fails.
            let _ = writeln!(text, "{name:20}  {passed:4} passed  {failed:4} failed  {skipped:4} skipped");
        };
        for (area, rows) in self.areas() {
            line(title(area), &tally(rows.into_iter()));
        }
        line("All", &self.tally());
        for row in self.failures() {
            let _ = writeln!(text, "{}", row.line());
        }
        text
    }
}

/// Counts cases.
pub fn tally<'a>(rows: impl Iterator<Item = &'a Row>) -> Tally {
    let mut tally = Tally::default();
    for row in rows {
        match row.verdict {
            Verdict::Passed => tally.passed += 1,
            Verdict::Failed { .. } => tally.failed += 1,
            Verdict::Skipped(_) => tally.skipped += 1,
        }
    }
    tally
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A report of one case of each kind.
    pub fn example() -> Report {
        let row = |id: &str, verdict, transcript: &[&str]| Row {
            case: Listed {
                id: id.to_owned(),
                section: "PSCI 5.3, PSCI_VERSION".to_owned(),
                shows: "It's <right> & proper.".to_owned(),
            },
            verdict,
            time: Duration::from_millis(1500),
            transcript: transcript.iter().map(|&line| line.to_owned()).collect(),
        };
        let failed = Verdict::Failed { expected: "A = 0x1".to_owned(), saw: "it's <0x2> #3".to_owned() };
        Report {
            facts: vec![("Firmware", "Quell".to_owned()), ("Cores", "4".to_owned())],
            rows: vec![
                row("psci.version", Verdict::Passed, &["# a remark"]),
                row("psci.cpu_on.twice", failed, &["# one", "\u{1b}[1m<two>"]),
                row("stop.uid", Verdict::Skipped("no stop service".to_owned()), &[]),
            ],
            secure: String::new(),
        }
    }

    #[test]
    fn a_summary_has_areas_and_failures() {
        let summary = example().summary();
        let lines: Vec<_> = summary.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(
            lines[0].starts_with("PSCI  ") && lines[0].contains("   1 passed     1 failed     0 skipped")
        );
        assert!(lines[1].starts_with("Stop service "));
        assert!(lines[2].starts_with("All ") && lines[2].ends_with("   1 passed     1 failed     1 skipped"));
        assert_eq!(lines[3], "fail psci.cpu_on.twice: expected A = 0x1, saw it's <0x2> #3");
    }
}

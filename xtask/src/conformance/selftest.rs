// SPDX-License-Identifier: MIT OR Apache-2.0

//! The suite on firmware that hangs, resets, powers off and prints what it likes: the payload's self-tests do so in its place.
//! Each costs one case, with the verdict that it deserves, and the case behind it runs.

use anyhow::{Result, ensure};

use super::run::{self, News};
use super::{Options, html, junit};
use crate::test::{Log, Tally};

/// What must be reported of each case, in this order.
const EXPECTED: [&str; 19] = [
    "pass selftest.passes",
    "fail selftest.fails: expected one and one = 0x3, saw 0x2",
    "skip selftest.skips: nothing to see",
    "fail selftest.hangs: expected a verdict, saw a hang: nothing happened for 1 s",
    "pass selftest.hangs.next",
    "fail selftest.chatters: expected a verdict, saw a hang: nothing happened for 1 s",
    "pass selftest.chatters.next",
    "fail selftest.resets: expected the machine to go on, saw that it began again",
    "pass selftest.resets.next",
    "fail selftest.powers_off: expected a verdict, saw the machine go off",
    "pass selftest.powers_off.next",
    "fail selftest.faults: expected no exception, saw ",
    "pass selftest.faults.next",
    "fail selftest.panics: expected a verdict, saw the machine go off",
    "pass selftest.panics.next",
    "pass selftest.prints_lies",
    "pass selftest.prints_no_end",
    "pass selftest.ends",
    "pass psci.system_off.ends_the_run",
];

/// What must be in the transcripts of cases.
const PRINTED: [(&str, &str); 5] = [
    ("selftest.hangs", "a last word"),
    ("selftest.chatters", "I am alive"),
    ("selftest.panics", "payload panic: "),
    ("selftest.prints_lies", "saw an old line"),
    ("selftest.prints_no_end", "NOTICE:  a line without an end: "),
];

/// Runs the self-tests and demands exactly that.
pub fn run(log: &mut Log) -> Result<Tally> {
    let options = Options { filter: conformance_events::SELF_TEST.to_owned(), ..Options::on(2, "max") };
    let report = run::run(&options, |news| match news {
        News::Ended(row) => log.line(&row.line()),
        News::Line(line) if line != "I am alive" => log.line(line),
        _ => {}
    })?;
    let lines: Vec<_> = report.rows.iter().map(|row| row.line()).collect();
    ensure!(lines.len() == EXPECTED.len(), "{} cases ran, not {}", lines.len(), EXPECTED.len());
    for (line, expected) in lines.iter().zip(EXPECTED) {
        let is_same = if expected.ends_with("saw ") { line.starts_with(expected) } else { line == expected };
        ensure!(is_same, "`{line}` was reported, not `{expected}`");
    }
    for (id, text) in PRINTED {
        let row = report.rows.iter().find(|row| row.case.id == id);
        let has = row.is_some_and(|row| row.transcript.iter().any(|line| line.contains(text)));
        ensure!(has, "`{text}` is not in the transcript of {id}");
    }
    for (format, text) in [("JUnit", junit::write(&report)?), ("HTML", html::write(&report)?)] {
        ensure!(text.contains("selftest.hangs"), "the report as {format} lacks a case");
    }
    Ok(Tally { passed: lines.len() as u32, ..Tally::default() })
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs the suite to its end. A case that takes the machine with it is one failed case: the machine is turned on again, and
//! the suite goes on behind it.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::Options;
use super::list::{self, Listed};
use super::report::{Report, Row};
use super::session::{End, Session, Verdict};
use crate::paths;
use crate::qemu::Outcome;

/// How long the firmware may take until the payload's first event, and how much longer for each core.
const BOOT: Duration = Duration::from_secs(120);
const CORE_BOOT: Duration = Duration::from_secs(1);

/// What is heard of a run.
pub enum News<'a> {
    /// A line of the console.
    Line(&'a str),
    /// A case begins.
    Begins(&'a str),
    /// A case has ended.
    Ended(&'a Row),
}

/// Returns the cases that the options ask for. The last one of the list always runs: it turns the machine off.
pub fn wanted(options: &Options) -> Result<Vec<Listed>> {
    let cases = list::read(&options.payload()?.with_extension("elf"))?;
    let last = cases.len() - 1;
    let is_wanted = |id: &str| conformance_events::is_wanted(&options.filter, id);
    let cases: Vec<_> = cases
        .into_iter()
        .enumerate()
        .filter(|(number, case)| *number == last || is_wanted(&case.id))
        .map(|(_, case)| case)
        .collect();
    ensure!(cases.len() > 1 || is_wanted(&cases[0].id), "no case has `{}` in its id", options.filter);
    Ok(cases)
}

/// Runs the suite.
pub fn run(options: &Options, mut on_news: impl FnMut(News)) -> Result<Report> {
    let cases = wanted(options)?;
    let last = &cases[cases.len() - 1].id;
    let mut report = Report { facts: options.facts()?, ..Report::default() };
    // What the payload is to be told of earlier runs of the machine.
    let (mut after, mut told) = (String::new(), String::new());
    while report.rows.last().is_none_or(|row| row.case.id != *last) {
        let done = report.rows.len();
        let (outcome, tells) =
            turn_on(options, &cases, &format!("{after}{told}"), &mut report, &mut on_news)?;
        let Some(row) = report.rows.get(done..).and_then(<[_]>::last) else {
            outcome.check_power_off()?;
            bail!("the machine went off before a case began{}", outcome.firmware_report());
        };
        after = format!("after={} ", row.case.id);
        if !tells.is_empty() {
            told = tells + " ";
        }
    }
    for case in cases {
        if !report.rows.iter().any(|row| row.case.id == case.id) {
            let verdict = Verdict::failed("a verdict", "nothing: lines were lost or damaged");
            let row = Row { case, verdict, time: Duration::ZERO, transcript: Vec::new() };
            on_news(News::Ended(&row));
            report.rows.push(row);
        }
    }
    Ok(report)
}

/// Runs the machine until it goes off or a case has to be given up; returns what the payload wants to be told by the next run.
fn turn_on(
    options: &Options,
    cases: &[Listed],
    words: &str,
    report: &mut Report,
    on_news: &mut impl FnMut(News),
) -> Result<(Outcome, String)> {
    let folder = tempfile::tempdir_in(paths::target())?;
    let secure = folder.path().join("secure.log");
    let mut seen = 0;
    let mut session = Session::new(Instant::now(), BOOT + CORE_BOOT * options.smp);
    let deadline = Cell::new(session.deadline());
    let last = &cases[cases.len() - 1].id;
    let mut is_over = false;
    let is_open = |case: &&Listed| !report.rows.iter().any(|row| row.case.id == case.id);
    let open = cases.iter().filter(is_open).map(|case| (case.id.as_str(), case));
    let mut rest: HashMap<_, _> = open.collect();
    let mut collect = |session: &mut Session, on_news: &mut dyn FnMut(News)| {
        for ran in session.take() {
            // A case that has a verdict already keeps it.
            let Some(case) = rest.remove(ran.id.as_str()) else { continue };
            is_over |= ran.id == *last;
            let mut transcript = ran.transcript;
            let text = fs::read(&secure).unwrap_or_default();
            let new = String::from_utf8_lossy(&text[seen..]);
            transcript.extend(new.lines().map(|line| format!("secure UART: {line}")));
            seen = text.len();
            let row = Row { case: case.clone(), verdict: ran.verdict, time: ran.time, transcript };
            on_news(News::Ended(&row));
            report.rows.push(row);
        }
        is_over
    };
    let outcome = options.machine_with(words)?.secure_log(&secure).run_until(&deadline, |line| {
        let now = Instant::now();
        on_news(News::Line(line));
        let before = session.running().map(str::to_owned);
        session.line(line, now);
        let is_over = collect(&mut session, on_news);
        if let Some(id) = session.running().filter(|id| Some(*id) != before.as_deref()) {
            on_news(News::Begins(id));
        }
        // Nothing is to be learned from a machine that should have gone off and did not.
        deadline.set(if is_over { now } else { session.deadline() });
    })?;
    let end = match outcome.exit {
        _ if outcome.timed_out => End::Silence,
        Some(0) => End::Off,
        exit => End::Exit(exit),
    };
    session.end(end, Instant::now());
    collect(&mut session, on_news);
    report.secure.push_str(&outcome.secure);
    Ok((outcome, session.renewed_with().to_owned()))
}

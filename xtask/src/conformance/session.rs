// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a run of the machine tells: its console's lines become verdicts.
//!
//! A case ends by its verdict, or when the machine ends, when nothing is heard of it for as long as it said it would take, or
//! when another case begins although this one has no verdict: then a line was damaged on its way.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use conformance_events::{Event, Frame};

/// How many lines of what a case prints are kept, the last ones.
const KEPT_LINES: usize = 100;

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The firmware did what it should.
    Passed,
    /// It did something else.
    Failed {
        /// What it should do.
        expected: String,
        /// What it did.
        saw: String,
    },
    /// The case does not apply, and why.
    Skipped(String),
}

impl Verdict {
    /// Something else than a case expects.
    pub fn failed(expected: &str, saw: impl Into<String>) -> Self {
        Self::Failed { expected: expected.to_owned(), saw: saw.into() }
    }
}

/// A case that has run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its id.
    pub id: String,
    /// What became of it.
    pub verdict: Verdict,
    /// How long it took.
    pub time: Duration,
    /// What was printed meanwhile.
    pub transcript: Vec<String>,
}

/// How a run of the machine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The machine turned itself off.
    Off,
    /// The emulator ended with this code, or was killed by a signal.
    Exit(Option<i32>),
    /// It was ended, because nothing was heard of it for too long.
    Silence,
}

/// A case that runs.
struct Open {
    id: String,
    since: Instant,
    transcript: VecDeque<String>,
    /// Whether the machine going off is what it wants.
    wants_off: bool,
}

/// One run of the machine, from when it is turned on.
pub struct Session {
    open: Option<Open>,
    /// The number that the next event has, if none was lost.
    number: u32,
    heard: Instant,
    bound: Duration,
    has_started: bool,
    /// Whether this run is of no more use.
    is_over: bool,
    /// What the payload wants to be told by the next one.
    renewed_with: String,
    ran: Vec<Ran>,
}

impl Session {
    /// A machine that is turned on at `now`, whose first event comes within `bound`.
    pub fn new(now: Instant, bound: Duration) -> Self {
        Self {
            open: None,
            number: 0,
            heard: now,
            bound,
            has_started: false,
            is_over: false,
            renewed_with: String::new(),
            ran: Vec::new(),
        }
    }

    /// Returns when the machine is to be given up, if nothing is heard of it until then.
    pub fn deadline(&self) -> Instant {
        if self.is_over { self.heard } else { self.heard + self.bound }
    }

    /// Returns the case that runs.
    pub fn running(&self) -> Option<&str> {
        self.open.as_ref().map(|open| open.id.as_str())
    }

    /// Returns the words that the next run's parameters shall hold.
    pub fn renewed_with(&self) -> &str {
        &self.renewed_with
    }

    /// Takes the cases that have ended since it was asked last.
    pub fn take(&mut self) -> Vec<Ran> {
        std::mem::take(&mut self.ran)
    }

    /// Takes a line of the console.
    pub fn line(&mut self, line: &str, now: Instant) {
        let event = Frame::parse(line).filter(|(_, frame)| self.is_next(frame));
        let Some((before, Frame { number, event })) = event else { return self.text(line) };
        if !before.trim().is_empty() {
            self.text(before);
        }
        self.number = number + 1;
        self.heard = now;
        match event {
            Event::Start { .. } if self.has_started => {
                self.close(Verdict::failed("the machine to go on", "that it began again as if new"), now);
                self.is_over = true;
            }
            Event::Start { .. } => self.has_started = true,
            Event::Again(_) => {
                if let Some(open) = &mut self.open {
                    open.wants_off = false;
                }
            }
            Event::Begin(id) => {
                self.close(
                    Verdict::failed("a verdict", "the next case begin: a line was lost or damaged"),
                    now,
                );
                let (id, transcript) = (id.to_owned(), VecDeque::new());
                self.open = Some(Open { id, since: now, transcript, wants_off: false });
            }
            Event::Within(seconds) => self.bound = Duration::from_secs(seconds.into()),
            Event::Pass(id) => self.verdict(id, Verdict::Passed, now),
            Event::Fail(id, expected, saw) => self.verdict(id, Verdict::failed(expected, saw), now),
            Event::Skip(id, reason) => self.verdict(id, Verdict::Skipped(reason.to_owned()), now),
            Event::Off => {
                if let Some(open) = &mut self.open {
                    open.wants_off = true;
                }
            }
            Event::Renew(words) => {
                self.is_over = true;
                self.renewed_with = words.to_owned();
            }
        }
    }

    /// Ends the run.
    pub fn end(&mut self, end: End, now: Instant) {
        let wants_off = self.open.as_ref().is_some_and(|open| open.wants_off);
        let expected = if wants_off { "the machine to go off" } else { "a verdict" };
        let verdict = match end {
            End::Off if wants_off => Verdict::Passed,
            End::Off => Verdict::failed(expected, "the machine go off"),
            End::Exit(Some(code)) => Verdict::failed(expected, format!("QEMU end with code {code}")),
            End::Exit(None) => Verdict::failed(expected, "QEMU being killed"),
            End::Silence => {
                Verdict::failed(expected, format!("a hang: nothing happened for {} s", self.bound.as_secs()))
            }
        };
        self.close(verdict, now);
    }

    /// Tells whether an event comes when it may: the machine's first one has number 0, and no number comes twice.
    fn is_next(&self, frame: &Frame) -> bool {
        match frame.event {
            Event::Start { .. } | Event::Again(_) => frame.number == 0,
            _ => frame.number >= self.number,
        }
    }

    fn text(&mut self, line: &str) {
        let Some(open) = &mut self.open else { return };
        if open.transcript.len() == KEPT_LINES {
            open.transcript.pop_front();
        }
        open.transcript.push_back(line.to_owned());
    }

    /// Ends the case that runs, if it is this one; a verdict on another one has lost its beginning.
    fn verdict(&mut self, id: &str, verdict: Verdict, now: Instant) {
        if self.running() == Some(id) {
            return self.close(verdict, now);
        }
        self.close(Verdict::failed("a verdict", "one on another case: lines were lost or damaged"), now);
        self.ran.push(Ran { id: id.to_owned(), verdict, time: Duration::ZERO, transcript: Vec::new() });
    }

    fn close(&mut self, verdict: Verdict, now: Instant) {
        if let Some(Open { id, since, transcript, .. }) = self.open.take() {
            self.ran.push(Ran { id, verdict, time: now - since, transcript: transcript.into() });
        }
    }
}

#[cfg(test)]
mod tests;

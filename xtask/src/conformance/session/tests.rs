// SPDX-License-Identifier: MIT OR Apache-2.0

//! Consoles as firmware of every kind leaves them.

use super::*;

/// Numbers events as the payload does, from a machine's beginning on.
fn frames(events: &[Event]) -> Vec<String> {
    (0..).zip(events).map(|(number, &event)| Frame { number, event }.to_string()).collect()
}

const BOOT: Duration = Duration::from_secs(60);

const START: Event = Event::Start { cores: 4, seed: 1, rounds: 50 };

/// Runs lines, one in a second, and ends the machine.
fn session(lines: &[String], end: End) -> Vec<Ran> {
    let start = Instant::now();
    let mut session = Session::new(start, BOOT);
    let mut now = start;
    for line in lines {
        now += Duration::from_secs(1);
        session.line(line, now);
    }
    session.end(end, now + Duration::from_secs(1));
    session.take()
}

fn verdicts(ran: &[Ran]) -> Vec<(&str, String)> {
    let text = |verdict: &Verdict| match verdict {
        Verdict::Passed => "pass".to_owned(),
        Verdict::Failed { expected, saw } => format!("{expected}; {saw}"),
        Verdict::Skipped(reason) => format!("skip: {reason}"),
    };
    ran.iter().map(|ran| (ran.id.as_str(), text(&ran.verdict))).collect()
}

#[test]
fn a_run_that_goes_well() {
    let mut lines = frames(&[
        START,
        Event::Begin("a.x"),
        Event::Within(60),
        Event::Pass("a.x"),
        Event::Begin("a.y"),
        Event::Fail("a.y", "1", "2"),
        Event::Begin("a.z"),
        Event::Skip("a.z", "no"),
        Event::Begin("a.off"),
        Event::Off,
    ]);
    lines.insert(3, "# seen in a.x".to_owned());
    lines.insert(0, "NOTICE: a firmware".to_owned());
    let ran = session(&lines, End::Off);
    let expected = [("a.x", "pass"), ("a.y", "1; 2"), ("a.z", "skip: no"), ("a.off", "pass")];
    assert_eq!(verdicts(&ran), expected.map(|(id, text)| (id, text.to_owned())));
    assert_eq!(ran[0].transcript, ["# seen in a.x"]);
    assert_eq!(ran[0].time, Duration::from_secs(3));
}

#[test]
fn a_case_that_ends_the_run_says_how() {
    let lines = frames(&[START, Event::Begin("a.x"), Event::Within(7)]);
    for (end, saw) in [
        (End::Off, "the machine go off"),
        (End::Exit(Some(1)), "QEMU end with code 1"),
        (End::Exit(None), "QEMU being killed"),
        (End::Silence, "a hang: nothing happened for 7 s"),
    ] {
        assert_eq!(verdicts(&session(&lines, end)), [("a.x", format!("a verdict; {saw}"))]);
    }
    let lines = frames(&[START, Event::Begin("a.off"), Event::Within(7), Event::Off]);
    let expected = "the machine to go off; a hang: nothing happened for 7 s".to_owned();
    assert_eq!(verdicts(&session(&lines, End::Silence)), [("a.off", expected)]);
}

#[test]
fn a_case_may_reset_the_machine() {
    let mut lines = frames(&[START, Event::Begin("a.x")]);
    lines.extend(frames(&[Event::Again("a.x"), Event::Pass("a.x"), Event::Begin("a.y"), Event::Pass("a.y")]));
    let ran = session(&lines, End::Exit(None));
    assert_eq!(verdicts(&ran), [("a.x", "pass".to_owned()), ("a.y", "pass".to_owned())]);
    // Going off is wanted by the life that has said so.
    let mut lines = frames(&[START, Event::Begin("a.off"), Event::Off]);
    lines.extend(frames(&[Event::Again("a.off")]));
    assert_eq!(verdicts(&session(&lines, End::Off)), [("a.off", "a verdict; the machine go off".to_owned())]);
}

#[test]
fn a_machine_that_forgets_everything_is_given_up() {
    let mut lines = frames(&[START, Event::Begin("a.x")]);
    lines.extend(frames(&[START]));
    let start = Instant::now();
    let mut session = Session::new(start, BOOT);
    lines.iter().for_each(|line| session.line(line, start));
    assert_eq!(session.deadline(), start);
    let expected = "the machine to go on; that it began again as if new".to_owned();
    assert_eq!(verdicts(&session.take()), [("a.x", expected)]);
}

#[test]
fn a_machine_with_a_core_that_stays_on_is_given_up() {
    let start = Instant::now();
    let mut session = Session::new(start, BOOT);
    for line in frames(&[START, Event::Begin("a.x"), Event::Pass("a.x"), Event::Renew("x=1")]) {
        session.line(&line, start);
    }
    assert_eq!(session.deadline(), start);
    assert_eq!(session.renewed_with(), "x=1");
    session.end(End::Silence, start);
    assert_eq!(verdicts(&session.take()), [("a.x", "pass".to_owned())]);
}

#[test]
fn a_damaged_verdict_costs_its_case() {
    let mut lines = frames(&[
        START,
        Event::Begin("a.x"),
        Event::Pass("a.x"),
        Event::Begin("a.y"),
        Event::Pass("a.y"),
        Event::Begin("a.z"),
        Event::Pass("a.z"),
    ]);
    lines[2].insert_str(5, "WARNING");
    lines[5].truncate(12);
    let ran = session(&lines, End::Exit(None));
    let ids: Vec<_> =
        verdicts(&ran).into_iter().map(|(id, verdict)| (id, verdict.starts_with("pass"))).collect();
    assert_eq!(ids, [("a.x", false), ("a.y", true), ("a.z", true)]);
    assert_eq!(ran[0].transcript.len(), 1);
}

#[test]
fn old_events_are_text() {
    let mut lines = frames(&[START, Event::Begin("a.x"), Event::Begin("a.y"), Event::Pass("a.y")]);
    lines.truncate(3);
    lines.insert(3, Frame { number: 2, event: Event::Fail("a.y", "1", "2") }.to_string());
    lines.push(Frame { number: 4, event: START }.to_string());
    lines.push(Frame { number: 3, event: Event::Pass("a.y") }.to_string());
    let ran = session(&lines, End::Exit(None));
    assert_eq!(ran.len(), 2);
    assert_eq!((ran[1].verdict.clone(), ran[1].transcript.len()), (Verdict::Passed, 2));
}

#[test]
fn only_events_put_the_deadline_off() {
    let start = Instant::now();
    let mut session = Session::new(start, BOOT);
    assert_eq!(session.deadline(), start + BOOT);
    let late = start + Duration::from_secs(9);
    for line in frames(&[START, Event::Begin("a.x"), Event::Within(5)]) {
        session.line(&line, late);
    }
    session.line("I am alive", late + Duration::from_secs(4));
    assert_eq!(session.deadline(), late + Duration::from_secs(5));
}

#[test]
fn the_last_lines_are_kept() {
    let mut lines = frames(&[START, Event::Begin("a.x")]);
    lines.extend((0..250).map(|number| format!("line {number}")));
    lines.push("NOTICE: no end: ".to_owned() + &Frame { number: 2, event: Event::Pass("a.x") }.to_string());
    let ran = session(&lines, End::Exit(None));
    assert_eq!(ran[0].transcript.len(), KEPT_LINES);
    assert_eq!(ran[0].transcript.last().map(String::as_str), Some("NOTICE: no end: "));
    assert_eq!(ran[0].verdict, Verdict::Passed);
}

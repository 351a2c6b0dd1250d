// SPDX-License-Identifier: MIT OR Apache-2.0

//! Draws a stop: a legend, a row for each core, and the axis.
//!
//! Marks have no text beside them, because some are next to each other: their times stand in columns at the right. In a
//! row, what is done to a core (IPI, NMI) stands above its bar, and how it ended below.

use quell_abi::Why;
use svg::Document;
use svg::node::element::{Group, Line, Path, Rectangle, Text, Title};

use super::axis::Axis;
use super::parse::{Core, Other, Stop};

const WIDTH: f64 = 1240.0;
/// Where bars start and end.
const BARS: std::ops::Range<f64> = 150.0..860.0;
/// The columns at the left: the right end of a core's index, and its MPIDR.
const INDEX: f64 = 52.0;
const MPIDR: f64 = 70.0;
/// The columns at the right: how a core ended, and the right ends of two times.
const WHY: f64 = 884.0;
const SIGNALLED: f64 = 1100.0;
const STOPPED: f64 = 1216.0;
const LEFT: f64 = 20.0;

const TITLE: f64 = 32.0;
const SUMMARY: f64 = 54.0;
const BAR_LEGEND: f64 = 84.0;
const MARK_LEGEND: f64 = 110.0;
const HEAD: f64 = 144.0;
const ROWS: f64 = 154.0;
const ROW: f64 = 40.0;
const BAR: f64 = 16.0;
/// How far a mark is from the middle of its bar.
const MARK: f64 = 13.0;
/// How far text is below the middle of what it belongs to.
const BASELINE: f64 = 4.5;

/// The width of a character, to place what comes behind a text.
const CHARACTER: f64 = 7.9;

const INK: &str = "#222222";
const PALE: &str = "#888888";

/// What a core does for a time. The colours differ for the colour-blind too (Okabe and Ito).
#[derive(Clone, Copy)]
enum Phase {
    Running,
    Asked,
    Signalled,
    Stopped,
    /// Off, or in CPU_SUSPEND: since when, STATUS does not tell.
    Away,
}

impl Phase {
    const ALL: [Self; 5] = [Self::Running, Self::Asked, Self::Signalled, Self::Stopped, Self::Away];

    fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Asked => "asked by the stop IPI",
            Self::Signalled => "signalled by the secure interrupt",
            Self::Stopped => "stopped",
            Self::Away => "off or asleep",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Running => "#56b4e9",
            Self::Asked => "#f0e442",
            Self::Signalled => "#d55e00",
            Self::Stopped => "#c4c4c4",
            Self::Away => "#ececec",
        }
    }
}

/// A moment in a row.
#[derive(Clone, Copy)]
enum Mark {
    Begin,
    Ipi,
    Nmi,
    Ack,
    Stopped,
    Done,
}

impl Mark {
    const ALL: [Self; 6] = [Self::Begin, Self::Ipi, Self::Nmi, Self::Ack, Self::Stopped, Self::Done];

    fn name(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Ipi => "IPI",
            Self::Nmi => "NMI",
            Self::Ack => "ack",
            Self::Stopped => "stopped",
            Self::Done => "done",
        }
    }

    /// Its outline and colour, around the moment and the middle of the bar.
    fn shape(self) -> (&'static str, &'static str) {
        match self {
            Self::Begin => ("M0,-8 L0,8 L-9,0 Z", INK),
            Self::Ipi => ("M-5,-5 L5,-5 L0,4 Z", "#0072b2"),
            Self::Nmi => ("M-5,-5 L5,-5 L0,4 Z", "#d55e00"),
            Self::Ack => ("M-5,5 L5,5 L0,-4 Z", "#009e73"),
            Self::Stopped => ("M-5,5 L5,5 L0,-4 Z", INK),
            Self::Done => ("M0,-8 L0,8 L9,0 Z", INK),
        }
    }

    /// How far below the middle of the bar it is.
    fn level(self) -> f64 {
        match self {
            Self::Begin | Self::Done => 0.0,
            Self::Ipi | Self::Nmi => -MARK,
            Self::Ack | Self::Stopped => MARK,
        }
    }

    fn draw(self, x: f64, y: f64) -> Path {
        let (outline, colour) = self.shape();
        Path::new().set("d", outline).set("fill", colour).set("transform", at(x, y))
    }
}

/// Returns the text of an SVG.
pub fn svg(stop: &Stop) -> String {
    let times = stop.others.iter().flat_map(|other| [other.signalled, other.stopped]).flatten();
    let events: Vec<_> = times.chain([0.0, stop.ipi, stop.done]).collect();
    let axis = Axis::of(&events, BARS);
    let rows = stop.others.len() + 1;
    let bottom = ROWS + rows as f64 * ROW;
    let height = bottom + 56.0;
    let paper = Rectangle::new().set("width", "100%").set("height", "100%").set("fill", "white");
    let mut document = Document::new()
        .set("viewBox", (0.0, 0.0, WIDTH, height))
        .set("width", WIDTH)
        .set("height", height)
        .set("font-family", "'DejaVu Sans Mono', Menlo, Consolas, monospace")
        .set("font-size", 13)
        .set("fill", INK)
        .add(Title::new("Timeline of a stop"))
        .add(paper)
        .add(head(stop, rows))
        .add(legend())
        .add(grid(stop, &axis, bottom));
    let mut others: Vec<_> = stop.others.iter().collect();
    let before = others.iter().take_while(|other| other.core.index < stop.owner.index).count();
    let after = others.split_off(before);
    let earlier = others.into_iter().map(|other| other_row(stop, other, &axis));
    let later = after.into_iter().map(|other| other_row(stop, other, &axis));
    let all = earlier.chain([owner_row(stop, &axis)]).chain(later);
    for (number, row) in all.enumerate() {
        document = document.add(row.set("transform", at(0.0, ROWS + (number as f64 + 0.5) * ROW)));
    }
    format!("{}\n", document.add(cuts(&axis, bottom)))
}

fn head(stop: &Stop, rows: usize) -> Group {
    let title = format!("Stop of {rows} cores: {} from begin to done", duration(stop.done));
    let mut ends: Vec<(Why, usize)> = Vec::new();
    for why in Why::ALL {
        let count = stop.others.iter().filter(|other| other.why == why).count();
        if count > 0 {
            ends.push((why, count));
        }
    }
    let ends: Vec<_> = ends.into_iter().map(|(why, count)| format!("{count} {}", name(why))).collect();
    let owner = stop.owner.index;
    let summary =
        format!("Core {owner} stops the others: {}. Times are microseconds from begin.", ends.join(", "));
    Group::new()
        .add(text(LEFT, TITLE, title).set("font-size", 18).set("font-weight", "bold"))
        .add(text(LEFT, SUMMARY, summary))
        .add(right(INDEX, HEAD, "core").set("fill", PALE))
        .add(text(MPIDR, HEAD, "MPIDR").set("fill", PALE))
        .add(text(WHY, HEAD, "ended by").set("fill", PALE))
        .add(right(SIGNALLED, HEAD, "signalled").set("fill", PALE))
        .add(right(STOPPED, HEAD, "stopped").set("fill", PALE))
}

fn legend() -> Group {
    let mut group = Group::new();
    let mut x = LEFT;
    for phase in Phase::ALL {
        group = group.add(block(phase, x, BAR_LEGEND, 26.0));
        group = group.add(text(x + 34.0, BAR_LEGEND + BASELINE, phase.name()));
        x += 34.0 + phase.name().len() as f64 * CHARACTER + 24.0;
    }
    let mut x = LEFT + 9.0;
    for mark in Mark::ALL {
        group = group.add(mark.draw(x, MARK_LEGEND));
        group = group.add(text(x + 14.0, MARK_LEGEND + BASELINE, mark.name()));
        x += 14.0 + mark.name().len() as f64 * CHARACTER + 32.0;
    }
    let cut = |x| line(x, MARK_LEGEND + 6.0, x + 8.0, MARK_LEGEND - 6.0).set("stroke", INK);
    let name = text(x + 18.0, MARK_LEGEND + BASELINE, "time left out of the axis");
    group.add(cut(x - 8.0)).add(cut(x)).add(name)
}

/// Draws the axis, and what happens to all cores at once as lines through all rows.
fn grid(stop: &Stop, axis: &Axis, bottom: f64) -> Group {
    let mut group = Group::new();
    for time in axis.ticks() {
        let x = axis.place(time);
        group = group.add(line(x, ROWS, x, bottom + 5.0).set("stroke", "#e4e4e4"));
        let label = text(x, bottom + 20.0, format!("{time}")).set("text-anchor", "middle");
        group = group.add(label.set("font-size", 12));
    }
    for time in [0.0, stop.ipi, stop.done] {
        let x = axis.place(time);
        let line = line(x, ROWS, x, bottom).set("stroke", PALE).set("stroke-dasharray", "3 3");
        group = group.add(line);
    }
    for piece in axis.pieces() {
        group = group.add(line(piece.place.start, bottom, piece.place.end, bottom).set("stroke", INK));
    }
    let middle = (BARS.start + BARS.end) / 2.0;
    let unit = text(middle, bottom + 42.0, "microseconds from begin").set("text-anchor", "middle");
    group.add(unit.set("font-size", 12).set("fill", PALE))
}

/// Draws where the axis leaves out time: on top of the bars, which go on behind.
fn cuts(axis: &Axis, bottom: f64) -> Group {
    let mut group = Group::new();
    for (place, time) in axis.cuts() {
        let middle = (place.start + place.end) / 2.0;
        for x in [middle - 4.0, middle + 4.0] {
            group = group.add(line(x, ROWS, x, bottom).set("stroke", PALE));
            group = group.add(line(x - 4.0, bottom + 6.0, x + 4.0, bottom - 6.0).set("stroke", INK));
        }
        let gap = Rectangle::new().set("x", middle - 4.0).set("y", ROWS).set("width", 8);
        group = group.add(gap.set("height", bottom - ROWS - 6.0).set("fill", "white"));
        let label = text(middle, HEAD, duration(time)).set("text-anchor", "middle").set("font-size", 11);
        group = group.add(label.set("fill", PALE));
    }
    group
}

fn owner_row(stop: &Stop, axis: &Axis) -> Group {
    let row = bar(row(stop.owner, "owner"), axis, Phase::Running, 0.0, stop.done);
    let row = mark(row, axis, Mark::Begin, 0.0);
    let row = mark(row, axis, Mark::Ipi, stop.ipi);
    let row = mark(row, axis, Mark::Done, stop.done);
    let times = format!("IPI {:.1}, done {:.1}", stop.ipi, stop.done);
    row.add(right(STOPPED, BASELINE, times))
}

fn other_row(stop: &Stop, other: &Other, axis: &Axis) -> Group {
    let Other { core, why, signalled, stopped } = *other;
    let mut row = row(core, name(why));
    let end = stopped.unwrap_or(stop.done);
    // A core that slept is taken to OFF in its sleep; one that calls CPU_OFF has run until then.
    let away = match why {
        Why::Suspended | Why::NeverRan => true,
        Why::None | Why::Off => stopped.is_none(),
        _ => false,
    };
    if away {
        row = bar(row, axis, Phase::Away, 0.0, end);
    } else {
        let hit = signalled.unwrap_or(end).min(end);
        let asked = stop.ipi.min(hit);
        row = bar(row, axis, Phase::Running, 0.0, asked);
        row = bar(row, axis, Phase::Asked, asked, hit);
        row = bar(row, axis, Phase::Signalled, hit, end);
    }
    row = bar(row, axis, Phase::Stopped, end, stop.done);
    if let Some(time) = signalled {
        row = mark(row, axis, Mark::Nmi, time).add(right(SIGNALLED, BASELINE, format!("{time:.1}")));
    }
    if let Some(time) = stopped {
        let ended = if why == Why::Ack { Mark::Ack } else { Mark::Stopped };
        row = mark(row, axis, ended, time).add(right(STOPPED, BASELINE, format!("{time:.1}")));
    }
    row
}

/// Begins the row of a core, around the middle of its bar.
fn row(core: Core, why: &str) -> Group {
    let Core { index, mpidr } = core;
    let row =
        Group::new().set("class", "row").set("data-core", index).set("data-mpidr", format!("{mpidr:#x}"));
    row.set("data-why", why)
        .add(right(INDEX, BASELINE, index.to_string()))
        .add(text(MPIDR, BASELINE, format!("{mpidr:#06x}")))
        .add(text(WHY, BASELINE, why))
}

fn bar(row: Group, axis: &Axis, phase: Phase, start: f64, end: f64) -> Group {
    if start >= end {
        return row;
    }
    let (x, width) = (axis.place(start), axis.place(end) - axis.place(start));
    let title = format!("{}: {start:.1} to {end:.1}", phase.name());
    row.add(block(phase, x, 0.0, width).add(Title::new(title)))
}

fn mark(row: Group, axis: &Axis, mark: Mark, time: f64) -> Group {
    let shape = mark.draw(axis.place(time), mark.level());
    let shape =
        shape.set("class", "mark").set("data-mark", mark.name()).set("data-time", format!("{time:.1}"));
    row.add(shape.add(Title::new(format!("{}: {time:.1}", mark.name()))))
}

fn block(phase: Phase, x: f64, middle: f64, width: f64) -> Rectangle {
    let block = Rectangle::new().set("x", round(x)).set("y", middle - BAR / 2.0).set("width", round(width));
    block.set("height", BAR).set("fill", phase.colour())
}

fn line(x1: f64, y1: f64, x2: f64, y2: f64) -> Line {
    Line::new().set("x1", round(x1)).set("y1", y1).set("x2", round(x2)).set("y2", y2)
}

fn text(x: f64, y: f64, content: impl Into<String>) -> Text {
    Text::new(content).set("x", round(x)).set("y", y)
}

fn right(x: f64, y: f64, content: impl Into<String>) -> Text {
    text(x, y, content).set("text-anchor", "end")
}

fn at(x: f64, y: f64) -> String {
    format!("translate({} {y})", round(x))
}

/// Leaves out what nobody can see.
fn round(place: f64) -> f64 {
    (place * 100.0).round() / 100.0
}

/// Writes how long something takes, for a reader.
fn duration(microseconds: f64) -> String {
    match microseconds {
        ..1e3 => format!("{microseconds:.0} µs"),
        ..1e6 => format!("{:.1} ms", microseconds / 1e3),
        _ => format!("{:.2} s", microseconds / 1e6),
    }
}

/// Returns the name of a reason, as in the ABI.
fn name(why: Why) -> &'static str {
    match why {
        Why::None => "nothing",
        Why::InEl3 => "left: IN_EL3",
        Why::NoAnswer => "left: NO_ANSWER",
        _ => why.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(index: u32, why: Why, signalled: Option<f64>, stopped: Option<f64>) -> Other {
        Other { core: Core { index, mpidr: index.into() }, why, signalled, stopped }
    }

    #[test]
    fn the_owner_has_its_place_among_the_rows() {
        let others = vec![
            other(0, Why::Suspended, None, None),
            other(2, Why::NoAnswer, Some(50.0), None),
            other(3, Why::Nmi, Some(50.0), Some(60.0)),
        ];
        let stop = Stop { owner: Core { index: 1, mpidr: 0x100 }, ipi: 10.0, done: 100.0, others };
        let svg = svg(&stop);
        let rows: Vec<_> =
            svg.match_indices("data-core=\"").map(|(at, start)| &svg[at + start.len()..][..1]).collect();
        assert_eq!(rows, ["0", "1", "2", "3"]);
        assert_eq!(svg.matches("data-mark=\"NMI\"").count(), 2);
        assert_eq!(svg.matches("data-mark=\"stopped\"").count(), 1);
        assert!(svg.contains("1 NMI, 1 SUSPENDED, 1 left: NO_ANSWER."));
        assert!(svg.contains("0x0100"));
        assert!(svg.contains("signalled by the secure interrupt: 50.0 to 100.0"));
        assert!(svg.contains("off or asleep: 0.0 to 100.0"));
    }

    #[test]
    fn durations_are_short() {
        assert_eq!(
            [0.0, 999.0, 97_930.0, 3_000_000.0].map(duration),
            ["0 µs", "999 µs", "97.9 ms", "3.00 s"]
        );
    }
}

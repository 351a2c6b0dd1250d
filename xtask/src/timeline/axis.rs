// SPDX-License-Identifier: MIT OR Apache-2.0

//! The time axis: linear, with one scale, but without the long times in which nothing happens.
//!
//! A stop of 100 ms has its events in its first and its last millisecond. The axis is cut where two events are far from
//! each other; a cut takes the same width however long it is.

use std::ops::Range;

/// A time without an event is cut if it is longer than this part of the whole.
const LONG: f64 = 1.0 / 6.0;

/// What is kept beside a cut, as a part of all that is kept, and as a part of the whole at least.
const MARGIN: f64 = 0.08;
const LEAST_MARGIN: f64 = 0.002;

/// The width of a cut.
pub const CUT_WIDTH: f64 = 64.0;

/// The least distance of two ticks.
const TICK_DISTANCE: f64 = 80.0;

/// A part of the axis that is drawn: a range of time, and where it starts.
#[derive(Debug)]
pub struct Piece {
    /// The time that it shows.
    pub time: Range<f64>,
    /// Its place.
    pub place: Range<f64>,
}

/// Where each time is drawn.
#[derive(Debug)]
pub struct Axis {
    pieces: Vec<Piece>,
    scale: f64,
}

impl Axis {
    /// Lays an axis over `place` that begins with the first of the events and ends with the last one.
    pub fn of(events: &[f64], place: Range<f64>) -> Self {
        let mut events = events.to_vec();
        events.sort_by(f64::total_cmp);
        let (first, last) = (events[0], events[events.len() - 1]);
        let whole = last - first;
        let long = |gap: &&[f64]| gap[1] - gap[0] > whole * LONG;
        let kept: f64 = whole - events.windows(2).filter(long).map(|gap| gap[1] - gap[0]).sum::<f64>();
        let margin = (kept * MARGIN).max(whole * LEAST_MARGIN);
        let mut times = Vec::new();
        let mut start = first;
        for gap in events.windows(2).filter(long) {
            times.push(start..gap[0] + margin);
            start = gap[1] - margin;
        }
        times.push(start..last);

        let shown: f64 = times.iter().map(|time| time.end - time.start).sum();
        let width = place.end - place.start - CUT_WIDTH * (times.len() - 1) as f64;
        // Two events at one time have any scale.
        let scale = if shown > 0.0 { width / shown } else { 1.0 };
        let mut left = place.start;
        let pieces = times.into_iter().map(|time| {
            let start = left;
            let end = start + (time.end - time.start) * scale;
            left = end + CUT_WIDTH;
            Piece { time, place: start..end }
        });
        Self { pieces: pieces.collect(), scale }
    }

    /// Returns where a time is drawn.
    pub fn place(&self, time: f64) -> f64 {
        let later = self.pieces.iter().find(|piece| time <= piece.time.end);
        let piece = later.unwrap_or(&self.pieces[self.pieces.len() - 1]);
        // Events are in pieces. What is in a cut would be drawn at its end.
        piece.place.start + (time - piece.time.start).max(0.0) * self.scale
    }

    /// Returns the parts that are drawn.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Returns the cuts: where each is, and how much time it leaves out.
    pub fn cuts(&self) -> impl Iterator<Item = (Range<f64>, f64)> {
        self.pieces
            .windows(2)
            .map(|pair| (pair[0].place.end..pair[1].place.start, pair[1].time.start - pair[0].time.end))
    }

    /// Returns the times to label: round ones, far enough from each other, and at least one of each part that has a
    /// round one.
    pub fn ticks(&self) -> Vec<f64> {
        let mut ticks: Vec<f64> = Vec::new();
        let step = round_up(TICK_DISTANCE / self.scale);
        for Piece { time, .. } in &self.pieces {
            let mut step = step;
            while multiples(step, time).next().is_none() && step > 1.0 {
                step = round_down(step);
            }
            ticks.extend(multiples(step, time));
        }
        ticks
    }
}

/// Returns the multiples of `step` in a range of time.
fn multiples(step: f64, time: &Range<f64>) -> impl Iterator<Item = f64> {
    let (first, last) = ((time.start / step).ceil() as u64, (time.end / step).floor() as u64);
    (first..=last).map(move |number| number as f64 * step)
}

/// Returns the least 1, 2 or 5 times a power of ten that is not below `step`, and not below 1.
fn round_up(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor()).max(1.0);
    [1.0, 2.0, 5.0]
        .map(|digit| digit * power)
        .into_iter()
        .find(|&round| round >= step)
        .unwrap_or(10.0 * power)
}

/// Returns the round number before a round one.
fn round_down(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    if step / power >= 4.0 {
        2.0 * power
    } else if step / power >= 2.0 {
        power
    } else {
        power / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_stop_is_not_cut() {
        let axis = Axis::of(&[0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0], 100.0..900.0);
        assert_eq!(axis.cuts().count(), 0);
        assert_eq!((axis.place(0.0), axis.place(40.0), axis.place(80.0)), (100.0, 500.0, 900.0));
        assert_eq!(axis.ticks(), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0]);
    }

    #[test]
    fn a_long_silence_is_cut() {
        let events = [0.0, 52.0, 1497.0, 2013.0, 100_052.0, 100_946.0, 101_138.0];
        let axis = Axis::of(&events, 0.0..700.0);
        let cuts: Vec<_> = axis.cuts().collect();
        assert_eq!(cuts.len(), 1);
        assert!(cuts[0].1 > 97_000.0 && cuts[0].1 < 98_039.0, "{cuts:?}");
        let places: Vec<_> = events.iter().map(|&time| axis.place(time)).collect();
        assert!(places.is_sorted(), "{places:?}");
        assert_eq!(places[0], 0.0);
        assert!((places[6] - 700.0).abs() < 1e-6);
        // One scale: a millisecond is as wide on both sides.
        let before = (places[3] - places[2]) / (2013.0 - 1497.0);
        let after = (places[5] - places[4]) / (100_946.0 - 100_052.0);
        assert!((before - after).abs() < 1e-6);
        assert!(before * 1000.0 > 100.0, "a millisecond takes {} pixels", before * 1000.0);
    }

    #[test]
    fn ticks_are_far_from_each_other_and_in_each_part() {
        let axis = Axis::of(&[0.0, 20.0, 50.0, 1_234_570.0, 1_234_571.0, 5_000_000.0], 0.0..700.0);
        assert_eq!(axis.cuts().count(), 2);
        let ticks = axis.ticks();
        for piece in axis.pieces() {
            assert!(
                ticks.iter().any(|tick| piece.time.contains(tick) || *tick == piece.time.end),
                "{piece:?}"
            );
        }
        let places: Vec<_> = ticks.iter().map(|&tick| axis.place(tick)).collect();
        assert!(
            places.windows(2).all(|pair| pair[1] - pair[0] >= CUT_WIDTH.min(TICK_DISTANCE)),
            "{places:?}"
        );
    }

    #[test]
    fn odd_events_have_an_axis_too() {
        let axis = Axis::of(&[0.0, 0.0], 10.0..20.0);
        assert_eq!(axis.place(0.0), 10.0);
        assert_eq!(axis.ticks(), [0.0]);
        let axis = Axis::of(&[0.0, 100_000.0], 0.0..700.0);
        assert_eq!((axis.place(0.0), axis.place(100_000.0)), (0.0, 700.0));
    }

    #[test]
    fn round_numbers() {
        assert_eq!([0.3, 1.0, 1.1, 3.0, 7.0, 450.0].map(round_up), [1.0, 1.0, 2.0, 5.0, 10.0, 500.0]);
        assert_eq!([500.0, 200.0, 100.0, 10.0].map(round_down), [200.0, 100.0, 50.0, 5.0]);
    }
}

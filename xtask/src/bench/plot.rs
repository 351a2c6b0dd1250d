// SPDX-License-Identifier: MIT OR Apache-2.0

//! The rows as a picture: bars of the machine with four cores beside those of other firmware, and what operations cost over the
//! number of cores. The scales are logarithmic.

mod bars;
mod curves;

use std::fmt::Display;
use std::ops::Range;

use anyhow::{Error, Result, ensure};
use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, IntoFont, TextStyle, WHITE};

use super::row::Row;
use super::table::grouped;

const WIDTH: u32 = 1000;
const FONT: &str = "sans-serif";
const TITLE_SIZE: i32 = 20;
const TEXT_SIZE: i32 = 13;

/// What an area of the picture is drawn on.
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What the rows were measured on, for the titles.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The machine.
    pub machine: &'a str,
    /// The kind of core.
    pub cpu: &'a str,
    /// What the other firmware is called, if there is one.
    pub peer: Option<&'a str>,
}

/// Draws rows.
pub fn svg(rows: &[Row], subject: Subject<'_>) -> Result<String> {
    let (bars, curves) = (bars::of(rows), curves::of(rows));
    ensure!(!bars.is_empty() || !curves.is_empty(), "there is nothing to draw");
    let bars_height = bars::height(&bars);
    let mut text = String::new();
    {
        let size = (WIDTH, bars_height + curves::height(&curves));
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        let (upper, lower) = root.split_vertically(bars_height);
        if !bars.is_empty() {
            bars::draw(&upper, &bars, subject)?;
        }
        if !curves.is_empty() {
            curves::draw(&lower, &curves, subject)?;
        }
        root.present().map_err(failed)?;
    }
    Ok(text)
}

/// Turns an error of the drawing library's, which borrows, into ours.
fn failed(error: impl Display) -> Error {
    Error::msg(error.to_string())
}

/// Returns the style of a text that begins, or ends, at its place.
fn text_style<'a>(horizontal: HPos) -> TextStyle<'a> {
    (FONT, TEXT_SIZE).into_font().color(&BLACK).pos(Pos::new(horizontal, VPos::Center))
}

/// Returns the powers of ten around these numbers.
fn decades(numbers: impl Iterator<Item = u64> + Clone) -> Range<f64> {
    let low = numbers.clone().min().unwrap_or(1).max(1) as f64;
    let high = numbers.max().unwrap_or(1).max(1) as f64;
    10_f64.powf(low.log10().floor())..10_f64.powf((high * 1.01).log10().ceil())
}

/// Writes a number at an axis.
fn axis_number(number: &f64) -> String {
    grouped(number.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(operation: &'static str, cores: u32, peer: Option<u64>) -> Row {
        Row { operation, cores, instructions: Some(u64::from(cores) * 100), budget: Some(700), peer }
    }

    #[test]
    fn bars_and_curves_are_named() {
        let subject = Subject { machine: "sbsa-ref", cpu: "max", peer: Some("other") };
        let rows = [row("boot", 4, Some(99_999)), row("boot", 64, None), row("mask", 4, None)];
        let text = svg(&rows, subject).unwrap();
        for word in ["boot", "mask", "99,999", "400", "Quell", "other", "budget", "over the number of cores"]
        {
            assert!(text.contains(word), "{word}");
        }
        assert!(text.trim_end().ends_with("</svg>"));
        // One number of cores is no curve, and no peer has no bar.
        let text = svg(&[row("mask", 4, None)], Subject { peer: None, ..subject }).unwrap();
        assert!(!text.contains("over the number of cores") && !text.contains("other"));
        assert!(svg(&[], subject).is_err());
    }

    #[test]
    fn a_scale_ends_at_powers_of_ten() {
        assert_eq!(decades([62, 7_000].into_iter()), 10.0..10_000.0);
        assert_eq!(decades([0, 1_000].into_iter()), 1.0..10_000.0);
    }
}

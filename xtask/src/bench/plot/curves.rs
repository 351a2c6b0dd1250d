// SPDX-License-Identifier: MIT OR Apache-2.0

//! Curves: what operations cost over the number of cores.

use anyhow::Result;
use plotters::chart::{ChartBuilder, LabelAreaPosition};
use plotters::coord::combinators::IntoLogRange;
use plotters::element::{Circle, PathElement};
use plotters::series::{DashedLineSeries, LineSeries};
use plotters::style::text_anchor::HPos;
use plotters::style::{BLACK, Color, RGBColor, WHITE};

use super::{Area, FONT, Subject, TEXT_SIZE, TITLE_SIZE, WIDTH, axis_number, decades, failed, text_style};
use crate::bench::row::Row;

const HEIGHT: u32 = 560;

/// How wide the legend is, to the right of the curves.
const LEGEND: u32 = 170;

/// The length of a dash and of what is between two.
const DASH: (i32, i32) = (6, 5);

const COLOURS: [RGBColor; 7] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xd6, 0x27, 0x28),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0xff, 0x7f, 0x0e),
    RGBColor(0x94, 0x67, 0xbd),
    RGBColor(0x8c, 0x56, 0x4b),
    RGBColor(0xe3, 0x77, 0xc2),
];

/// One operation: the numbers of cores, and the instructions.
pub struct Curve {
    operation: &'static str,
    colour: RGBColor,
    is_peer: bool,
    points: Vec<(f64, f64)>,
}

/// Returns the curves of what there is more than one number of cores for, from the highest end to the lowest. What costs
/// nothing has no place on a logarithmic scale.
pub fn of(rows: &[Row]) -> Vec<Curve> {
    let mut operations: Vec<_> = rows.iter().map(|row| row.operation).collect();
    operations.sort_unstable();
    operations.dedup();
    let points = |operation: &str, is_peer: bool| -> Vec<_> {
        let rows = rows.iter().filter(|row| row.operation == operation);
        let counts = rows.map(|row| (row.cores, if is_peer { row.peer } else { row.instructions }));
        let counts = counts.filter_map(|(cores, count)| Some((cores, count.filter(|&count| count > 0)?)));
        counts.map(|(cores, count)| (f64::from(cores), count as f64)).collect()
    };
    operations.retain(|operation| [false, true].iter().any(|&is_peer| points(operation, is_peer).len() > 1));
    let mut curves = Vec::new();
    for (operation, colour) in operations.into_iter().zip(COLOURS.into_iter().cycle()) {
        let both = [false, true].map(|is_peer| (is_peer, points(operation, is_peer)));
        let enough = both.into_iter().filter(|(_, points)| points.len() > 1);
        curves.extend(enough.map(|(is_peer, points)| Curve { operation, colour, is_peer, points }));
    }
    let end = |curve: &Curve| curve.points.last().map_or(0.0, |&(_, count)| count);
    curves.sort_by(|one, other| end(other).total_cmp(&end(one)));
    curves
}

/// Returns how high their part of the picture is.
pub fn height(curves: &[Curve]) -> u32 {
    if curves.is_empty() { 0 } else { HEIGHT }
}

/// Draws them.
pub fn draw(area: &Area<'_>, curves: &[Curve], subject: Subject<'_>) -> Result<()> {
    let Subject { machine, cpu, peer } = subject;
    let points: Vec<_> = curves.iter().flat_map(|curve| curve.points.iter().copied()).collect();
    let cores = points.iter().map(|&(cores, _)| cores).fold(1.0, f64::max);
    let scale = decades(points.iter().map(|&(_, count)| count as u64));
    let mut chart = ChartBuilder::on(area)
        .caption(format!("EL3 instructions over the number of cores: {machine}, {cpu}"), (FONT, TITLE_SIZE))
        .margin(12)
        .margin_right(LEGEND)
        .set_label_area_size(LabelAreaPosition::Left, 110)
        .set_label_area_size(LabelAreaPosition::Bottom, 45)
        .build_cartesian_2d((1.0..cores * 1.1).log_scale().base(2.0), scale.log_scale())
        .map_err(failed)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("cores (logarithmic)")
        .y_desc("instructions (logarithmic)")
        .x_label_formatter(&axis_number)
        .y_label_formatter(&axis_number)
        .label_style((FONT, TEXT_SIZE))
        .draw()
        .map_err(failed)?;
    for Curve { colour, is_peer, points, .. } in curves {
        let (style, line) = (colour.stroke_width(2), points.iter().copied());
        if *is_peer {
            chart.draw_series(DashedLineSeries::new(line, DASH.0, DASH.1, style)).map_err(failed)?;
        } else {
            chart.draw_series(LineSeries::new(line, style)).map_err(failed)?;
        }
        let dots = points.iter().map(|&point| Circle::new(point, 3, colour.filled()));
        chart.draw_series(dots).map_err(failed)?;
    }
    draw_legend(area, curves, peer)
}

/// Draws whose the curves are, in the order of their ends.
fn draw_legend(area: &Area<'_>, curves: &[Curve], peer: Option<&str>) -> Result<()> {
    const STEP: i32 = 20;
    let x = (WIDTH - LEGEND) as i32 + 14;
    let mut y = 60;
    for Curve { operation, colour, is_peer, .. } in curves {
        draw_line(area, (x, y), *colour, *is_peer)?;
        area.draw_text(operation, &text_style(HPos::Left), (x + 34, y)).map_err(failed)?;
        y += STEP;
    }
    if let Some(peer) = peer {
        for (name, is_peer) in [("Quell", false), (peer, true)] {
            y += STEP;
            draw_line(area, (x, y), BLACK, is_peer)?;
            area.draw_text(name, &text_style(HPos::Left), (x + 34, y)).map_err(failed)?;
        }
    }
    Ok(())
}

/// Draws a piece of a curve.
fn draw_line(area: &Area<'_>, (x, y): (i32, i32), colour: RGBColor, is_dashed: bool) -> Result<()> {
    let pieces = if is_dashed { vec![(0, 6), (11, 17), (22, 28)] } else { vec![(0, 28)] };
    for (from, to) in pieces {
        let piece = vec![(x + from, y), (x + to, y)];
        area.draw(&PathElement::new(piece, colour.stroke_width(2))).map_err(failed)?;
    }
    Ok(())
}

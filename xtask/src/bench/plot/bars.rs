// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bars: what each operation costs on a machine with few cores, beside its budget and the other firmware.

use anyhow::Result;
use plotters::chart::{ChartBuilder, LabelAreaPosition};
use plotters::coord::combinators::IntoLogRange;
use plotters::element::{EmptyElement, PathElement, Rectangle, Text};
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor, WHITE};

use super::{Area, FONT, Subject, TEXT_SIZE, TITLE_SIZE, WIDTH, axis_number, decades, failed, text_style};
use crate::bench::row::{FEW, Row};
use crate::bench::table::grouped;

/// The height of the two bars of an operation, and of all that is around them.
const BAR_HEIGHT: u32 = 34;
const FRAME_HEIGHT: u32 = 105;

/// How much higher than the bars the chart is, in pairs of bars: there is the legend.
const LEGEND: f64 = 1.0;

const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const THEIRS: RGBColor = RGBColor(0xb0, 0xb0, 0xb0);
const BUDGET: RGBColor = RGBColor(0xd6, 0x27, 0x28);

/// Returns the rows that have bars. What costs nothing has no place on a logarithmic scale.
pub fn of(rows: &[Row]) -> Vec<&Row> {
    rows.iter().filter(|row| row.cores == FEW && row.instructions > Some(0)).collect()
}

/// Returns how high their part of the picture is.
pub fn height(rows: &[&Row]) -> u32 {
    if rows.is_empty() { 0 } else { FRAME_HEIGHT + BAR_HEIGHT * (rows.len() as u32 + LEGEND as u32) }
}

/// Draws them.
pub fn draw(area: &Area<'_>, rows: &[&Row], subject: Subject<'_>) -> Result<()> {
    let Subject { machine, cpu, peer } = subject;
    let scale = decades(rows.iter().flat_map(|row| [row.instructions, row.budget, row.peer]).flatten());
    let left = scale.start;
    let mut chart = ChartBuilder::on(area)
        .caption(
            format!("EL3 instructions of one operation: {machine}, {FEW} cores, {cpu}"),
            (FONT, TITLE_SIZE),
        )
        .margin(12)
        .margin_right(90)
        .set_label_area_size(LabelAreaPosition::Left, 180)
        .set_label_area_size(LabelAreaPosition::Bottom, 45)
        .build_cartesian_2d(scale.log_scale(), 0.0..rows.len() as f64 + LEGEND)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_desc("instructions (logarithmic)")
        .x_label_formatter(&axis_number)
        .label_style((FONT, TEXT_SIZE))
        .draw()
        .map_err(failed)?;
    let origin = area.get_pixel_range().1.start;
    for (place, row) in rows.iter().enumerate() {
        // From the top down.
        let middle = (rows.len() - place) as f64 - 0.5;
        let halves = [(row.instructions, 0.38, 0.02, OURS), (row.peer, -0.02, -0.38, THEIRS)];
        for (count, top, bottom, colour) in halves {
            let Some(count) = count else { continue };
            let bar = [(left, middle + bottom), (count as f64, middle + top)];
            chart.draw_series([Rectangle::new(bar, colour.filled())]).map_err(failed)?;
            // Where the mark of the budget would go through the number, it is behind the mark.
            let budget = row.budget.filter(|budget| top > 0.0 && (count..2 * count).contains(budget));
            let end = EmptyElement::at((budget.unwrap_or(count) as f64, middle + (top + bottom) / 2.0));
            let label = end + Text::new(grouped(count), (6, 0), text_style(HPos::Left));
            chart.draw_series([label]).map_err(failed)?;
        }
        if let Some(budget) = row.budget {
            let line = [(budget as f64, middle), (budget as f64, middle + 0.42)];
            chart.draw_series([PathElement::new(line.to_vec(), BUDGET.stroke_width(2))]).map_err(failed)?;
        }
        let (x, y) = chart.plotting_area().map_coordinate(&(left, middle));
        area.draw_text(row.operation, &text_style(HPos::Right), (x - 8, y - origin)).map_err(failed)?;
    }
    let mut entries = vec![("Quell", OURS)];
    entries.extend(peer.map(|name| (name, THEIRS)));
    if rows.iter().any(|row| row.budget.is_some()) {
        entries.push(("budget", BUDGET));
    }
    let (_, y) = chart.plotting_area().map_coordinate(&(left, rows.len() as f64 + LEGEND / 2.0));
    draw_legend(area, y - origin, &entries)
}

/// Draws what the colours mean.
fn draw_legend(area: &Area<'_>, y: i32, entries: &[(&str, RGBColor)]) -> Result<()> {
    let mut x = WIDTH as i32 / 2 - 100;
    // The lines of the scale end here.
    let background = [(x - 10, y - 10), (WIDTH as i32 - 92, y + 10)];
    area.draw(&Rectangle::new(background, WHITE.filled())).map_err(failed)?;
    for (name, colour) in entries {
        area.draw(&Rectangle::new([(x, y - 6), (x + 12, y + 6)], colour.filled())).map_err(failed)?;
        area.draw_text(name, &text_style(HPos::Left), (x + 18, y)).map_err(failed)?;
        x += 40 + 8 * name.len() as i32;
    }
    Ok(())
}

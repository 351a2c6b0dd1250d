// SPDX-License-Identifier: MIT OR Apache-2.0

//! The result as text.

use std::fmt::Display;

use super::row::Row;
use super::size::Size;

/// Returns the rows as a table.
pub fn rows(rows: &[Row]) -> String {
    let mut lines =
        vec![["operation", "cores", "instructions", "budget", "margin", "peer", "ratio"].map(str::to_owned)];
    for row in rows {
        lines.push([
            row.operation.to_owned(),
            row.cores.to_string(),
            number(row.instructions),
            number(row.budget),
            number(row.margin()),
            number(row.peer),
            row.ratio().map_or_else(nothing, |ratio| format!("{ratio:.2}")),
        ]);
    }
    columns(&lines)
}

/// Returns the sizes as a table.
pub fn sizes(size: &Size) -> String {
    let mut lines = vec![["what".to_owned(), "bytes".to_owned()]];
    lines.push(["flash".to_owned(), grouped(size.flash)]);
    lines.push([format!("secure RAM for {} cores", size.cores), grouped(size.secure_ram())]);
    lines.extend(size.sections.iter().map(|(name, bytes)| [format!("  {name}"), grouped(*bytes)]));
    lines.push(["stack, at most".to_owned(), grouped(size.stack())]);
    lines.extend(size.depths.iter().map(|(name, bytes)| [format!("  from {name}"), grouped(*bytes)]));
    columns(&lines)
}

fn nothing() -> String {
    "-".to_owned()
}

fn number(number: Option<impl Display>) -> String {
    number.map_or_else(nothing, grouped)
}

/// Writes a number with a comma between thousands.
pub fn grouped(number: impl Display) -> String {
    let text = number.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", &text[..]), |digits| ("-", digits));
    let mut grouped = sign.to_owned();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Sets lines in columns, the first to the left and the others to the right; a rule is below the first line.
fn columns<const N: usize>(lines: &[[String; N]]) -> String {
    let widths: [usize; N] =
        std::array::from_fn(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or_default());
    let mut text = String::new();
    for (place, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:width$}"),
            _ => format!("{cell:>width$}"),
        });
        text += &cells.collect::<Vec<_>>().join("  ");
        text.push('\n');
        if place == 0 {
            text += &widths.map(|width| "-".repeat(width)).join("  ");
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        let shown = [grouped(0), grouped(999), grouped(1000), grouped(-1_234_567)];
        assert_eq!(shown, ["0", "999", "1,000", "-1,234,567"]);
    }

    #[test]
    fn what_is_not_there_is_a_dash() {
        let row =
            Row { operation: "mask", cores: 4, instructions: Some(1000), budget: Some(900), peer: None };
        let expected = "\
operation  cores  instructions  budget  margin  peer  ratio
---------  -----  ------------  ------  ------  ----  -----
mask           4         1,000     900    -100     -      -
";
        assert_eq!(rows(&[row]), expected);
    }
}

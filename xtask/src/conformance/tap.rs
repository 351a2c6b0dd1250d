// SPDX-License-Identifier: MIT OR Apache-2.0

//! A run as a stream of the Test Anything Protocol, version 13: the plan comes first, then each case as it ends. A stream that
//! ends with `Bail out!`, or before all cases of its plan, is a failed one.

use anyhow::Error;

use super::report::Row;
use super::session::Verdict;

/// Returns what a stream of so many cases begins with.
pub fn head(cases: usize) -> String {
    format!("TAP version 13\n1..{cases}\n")
}

/// Returns case number `number`, from 1 on.
pub fn point(number: usize, row: &Row) -> String {
    // What follows a bare `#` would be a directive.
    let name = format!("{number} - {}", row.case.id.replace('#', "\\#"));
    match &row.verdict {
        Verdict::Passed => format!("ok {name}\n"),
        Verdict::Skipped(reason) => format!("ok {name} # SKIP {reason}\n"),
        Verdict::Failed { expected, saw } => {
            let transcript: String = row.transcript.iter().map(|line| format!("# {line}\n")).collect();
            let (expected, saw) = (quoted(expected), quoted(saw));
            format!("not ok {name}\n  ---\n  expected: {expected}\n  saw: {saw}\n  ...\n{transcript}")
        }
    }
}

/// Returns the line that ends a stream whose suite did not come to its end.
pub fn bail_out(error: &Error) -> String {
    let text = format!("{error:#}");
    format!("Bail out! {}", text.lines().next().unwrap_or_default())
}

/// Writes a YAML string on one line.
fn quoted(text: &str) -> String {
    let printable: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("'{}'", printable.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::example;
    use super::*;

    #[test]
    fn a_whole_stream() {
        let rows = example().rows;
        let points: String = (1..).zip(&rows).map(|(number, row)| point(number, row)).collect();
        let expected = "TAP version 13\n1..3\nok 1 - psci.version\nnot ok 2 - psci.cpu_on.twice\n  ---\n  \
             expected: 'A = 0x1'\n  saw: 'it''s <0x2> #3'\n  ...\n# # one\n# \u{1b}[1m<two>\n\
             ok 3 - stop.uid # SKIP no stop service\n";
        assert_eq!(head(3) + &points, expected);
    }

    #[test]
    fn the_reason_to_bail_out_is_one_line() {
        let error = Error::msg("QEMU did not end in time\nthe secure UART says:\nx").context("conformance");
        assert_eq!(bail_out(&error), "Bail out! conformance: QEMU did not end in time");
    }
}

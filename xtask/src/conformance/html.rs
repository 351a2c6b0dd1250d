// SPDX-License-Identifier: MIT OR Apache-2.0

//! A run as a page for a browser: one file that needs nothing else. The page is `templates/conformance.html`.

use anyhow::Result;
use askama::Template;

use super::report::{Report, Row, tally, title};
use super::session::Verdict;
use crate::test::Tally;

#[derive(Template)]
#[template(path = "conformance.html")]
struct Page<'a> {
    facts: &'a [(&'static str, String)],
    total: Tally,
    areas: Vec<Area<'a>>,
    failures: Vec<&'a Row>,
}

struct Area<'a> {
    name: &'a str,
    title: &'a str,
    tally: Tally,
    rows: Vec<&'a Row>,
}

impl Area<'_> {
    /// Returns how much of the area's bar is for a number of its cases, in percent.
    fn share(&self, number: &u32) -> f64 {
        f64::from(*number) * 100.0 / self.rows.len() as f64
    }
}

impl Row {
    /// Returns how long the case took, if that is worth a word.
    fn seconds(&self) -> String {
        let seconds = self.time.as_secs_f64();
        if seconds < 0.05 { String::new() } else { format!("{seconds:.1} s") }
    }

    /// Returns what was printed, without what a browser does not show.
    fn printed(&self) -> String {
        let text = self.transcript.join("\n");
        text.chars().filter(|&c| c == '\n' || c == '\t' || !c.is_control()).collect()
    }
}

/// Writes a report.
pub fn write(report: &Report) -> Result<String> {
    let areas = report.areas().into_iter().map(|(name, rows)| Area {
        name,
        title: title(name),
        tally: tally(rows.iter().copied()),
        rows,
    });
    let page = Page {
        facts: &report.facts,
        total: report.tally(),
        areas: areas.collect(),
        failures: report.failures().collect(),
    };
    Ok(page.render()?)
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::example;
    use super::*;

    #[test]
    fn failures_are_open_with_what_was_printed() {
        let page = write(&example()).unwrap();
        assert!(page.contains("<details open class=\"failure\" id=\"psci.cpu_on.twice\">"), "{page}");
        assert!(page.contains("# one\n[1m&#60;two&#62;"), "{page}");
        assert!(page.contains("It&#39;s &#60;right&#62; &#38; proper."), "{page}");
        assert!(page.contains("no stop service"));
        assert!(!page.contains("<two>"));
    }

    #[test]
    fn it_needs_nothing_else() {
        let page = write(&example()).unwrap();
        for word in ["http:", "https:", "<script", "<link", "@import", "url(", "src="] {
            assert!(!page.contains(word), "{word}");
        }
    }
}

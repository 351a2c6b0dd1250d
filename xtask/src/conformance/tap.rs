// SPDX-License-Identifier: MIT OR Apache-2.0

//! The suite's report as a TAP stream (the Test Anything Protocol, version 13), for tools that read it.
//!
//! | the payload prints | the stream says |
//! |---|---|
//! | `ok NAME` | `ok N - NAME` |
//! | `not ok NAME: REASON` | `not ok N - NAME`, and the reason as a YAML block |
//! | `skip NAME: REASON` | `ok N - NAME # SKIP REASON` |
//! | `# TEXT` | the same |
//!
//! The plan `1..N` comes last, when all cases have run. Without it, or with `Bail out!`, the stream is a failed one.

use anyhow::Error;

/// The first line of a stream.
pub const VERSION: &str = "TAP version 13";

/// Numbers the cases of one stream.
#[derive(Default)]
pub struct Translator {
    cases: u32,
}

impl Translator {
    /// Translates a line of the payload; `None` if it is nothing that a stream has a place for.
    pub fn line(&mut self, line: &str) -> Option<String> {
        if line.starts_with("# ") {
            return Some(line.to_owned());
        }
        if let Some(name) = line.strip_prefix("ok ") {
            return Some(self.point("ok", name));
        }
        if let Some(case) = line.strip_prefix("not ok ") {
            let (name, reason) = split(case);
            let point = self.point("not ok", name);
            return Some(format!("{point}\n  ---\n  message: {}\n  ...", quoted(reason)));
        }
        if let Some(case) = line.strip_prefix("skip ") {
            let (name, reason) = split(case);
            return Some(format!("{} # SKIP {reason}", self.point("ok", name)));
        }
        None
    }

    /// Returns the plan: how many cases there were.
    pub fn plan(&self) -> String {
        format!("1..{}", self.cases)
    }

    fn point(&mut self, verdict: &str, name: &str) -> String {
        self.cases += 1;
        // What follows a bare `#` would be a directive.
        format!("{verdict} {} - {}", self.cases, name.replace('#', "\\#"))
    }
}

/// Returns the line that ends a stream whose suite did not come to its end.
pub fn bail_out(error: &Error) -> String {
    let text = format!("{error:#}");
    format!("Bail out! {}", text.lines().next().unwrap_or_default())
}

/// Splits `NAME: REASON`.
fn split(case: &str) -> (&str, &str) {
    case.split_once(": ").unwrap_or((case, ""))
}

/// Writes a YAML string on one line.
fn quoted(text: &str) -> String {
    let printable: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("'{}'", printable.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_suite() {
        let report = "# seed 1\n# cores 4\nok psci.version\nskip stop.begin: the firmware has no stop service\n\
                      \nqemu: warning\nokay\n\
                      not ok psci.cpu_on.twice: expected CPU_ON = ALREADY_ON, saw it's #0: x\n\
                      done passed 1 failed 1 skipped 1";
        let mut translator = Translator::default();
        let lines: Vec<_> = report.lines().filter_map(|line| translator.line(line)).collect();
        let expected = [
            "# seed 1",
            "# cores 4",
            "ok 1 - psci.version",
            "ok 2 - stop.begin # SKIP the firmware has no stop service",
            "not ok 3 - psci.cpu_on.twice\n  ---\n  message: 'expected CPU_ON = ALREADY_ON, saw it''s #0: x'\n  ...",
        ];
        assert_eq!(lines, expected);
        assert_eq!(translator.plan(), "1..3");
    }

    #[test]
    fn a_name_is_no_directive() {
        let line = Translator::default().line("ok name # SKIP no").unwrap();
        assert_eq!(line, "ok 1 - name \\# SKIP no");
        assert_eq!(
            Translator::default().line("not ok bare").unwrap().lines().next(),
            Some("not ok 1 - bare")
        );
    }

    #[test]
    fn the_reason_to_bail_out_is_one_line() {
        let error = Error::msg("QEMU did not end in time\nthe secure UART says:\nx").context("conformance");
        assert_eq!(bail_out(&error), "Bail out! conformance: QEMU did not end in time");
    }
}

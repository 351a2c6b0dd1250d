// SPDX-License-Identifier: MIT OR Apache-2.0

//! Two runs side by side, as Markdown: how many cases of each area passed, and each case on which the two firmwares differ or
//! that either fails. Cases of an area with the same outcome share a line.

use std::fmt::{self, Write};

use super::report::{Report, Row, tally, title};
use super::session::Verdict;
use crate::test::Tally;

/// Compares the runs of two firmwares, `ours` and `peers`, each with its name.
pub fn compare((name, ours): (&str, &Report), (peer, peers): (&str, &Report)) -> Result<String, fmt::Error> {
    let mut text = String::new();
    let other = |row: &Row| peers.rows.iter().find(|other| other.case.id == row.case.id);
    for (fact, value) in &ours.facts {
        if *fact != "Firmware" {
            writeln!(text, "- {fact}: {value}")?;
        }
    }
    writeln!(text, "\n| area | cases | {name}: pass, fail, skip | {peer}: pass, fail, skip |")?;
    writeln!(text, "|---|---|---|---|")?;
    for (area, rows) in ours.areas() {
        let theirs = rows.iter().filter_map(|row| other(row));
        let (our, their) = (tally(rows.iter().copied()), tally(theirs));
        writeln!(text, "| {} | {} | {} | {} |", title(area), rows.len(), numbers(&our), numbers(&their))?;
    }
    let total = ours.rows.len();
    writeln!(text, "| all | {total} | {} | {} |", numbers(&ours.tally()), numbers(&peers.tally()))?;
    for (area, rows) in ours.areas() {
        let pairs: Vec<_> = rows.iter().filter_map(|row| Some((*row, other(row)?))).collect();
        let differ = |&&(our, their): &&(&Row, &Row)| {
            our.word() != their.word() || matches!(our.verdict, Verdict::Failed { .. })
        };
        let alike = |word| pairs.iter().filter(|pair| !differ(pair) && pair.0.word() == word).count();
        writeln!(text, "\n## {}\n", title(area))?;
        writeln!(text, "Both pass {} of {} cases and skip {}.", alike("pass"), rows.len(), alike("skip"))?;
        let mut lines: Vec<(Vec<&str>, String)> = Vec::new();
        for (our, their) in pairs.iter().filter(differ) {
            let verdicts = format!("{} | {}", cell(our), cell(their));
            match lines.iter_mut().find(|(_, same)| *same == verdicts) {
                Some((ids, _)) => ids.push(&our.case.id),
                None => lines.push((vec![&our.case.id], verdicts)),
            }
        }
        if !lines.is_empty() {
            writeln!(text, "\n| case | {name} | {peer} |\n|---|---|---|")?;
        }
        for (ids, verdicts) in lines {
            let ids = if ids.len() == rows.len() { "all".to_owned() } else { ids.join(", ") };
            writeln!(text, "| {ids} | {verdicts} |")?;
        }
    }
    Ok(text)
}

fn numbers(tally: &Tally) -> String {
    format!("{}, {}, {}", tally.passed, tally.failed, tally.skipped)
}

/// Writes a verdict into a table's cell.
fn cell(row: &Row) -> String {
    let text = match row.verdict {
        Verdict::Passed => row.word().to_owned(),
        _ => format!("{}: {}", row.word(), row.remark()),
    };
    let escape = |c| if "|<>*_`[]\\".contains(c) { format!("\\{c}") } else { String::from(c) };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::example;
    use super::*;

    #[test]
    fn only_what_differs_is_listed() {
        let (ours, mut peers) = (example(), example());
        peers.rows[0].verdict = Verdict::Skipped("a|b".to_owned());
        let text = compare(("Quell", &ours), ("Peer", &peers)).unwrap();
        assert!(text.starts_with(
            "- Cores: 4\n\n| area | cases | Quell: pass, fail, skip | Peer: pass, fail, skip |\n"
        ));
        assert!(text.contains("\n| PSCI | 2 | 1, 1, 0 | 0, 1, 1 |\n"), "{text}");
        assert!(text.contains("\n| all | 3 | 1, 1, 1 | 0, 1, 2 |\n"), "{text}");
        assert!(text.contains("\n| psci.version | pass | skip: a\\|b |\n"), "{text}");
        // It fails on both.
        assert!(text.contains("\n| psci.cpu_on.twice | "), "{text}");
        assert!(!text.contains("| stop.uid |"), "{text}");
        assert!(text.contains("\n## Stop service\n\nBoth pass 0 of 1 cases and skip 1.\n"), "{text}");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What docs/performance.md says: its numbers are those of the budgets, and the last of its sizes is that of the image.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::budgets::Budgets;
use super::operation::Operation;
use super::row::{CORES, FEW};
use super::size::Size;
use super::table::grouped;
use crate::paths;

const FILE: &str = "docs/performance.md";

/// How the tables begin: of the machine with few cores, of all numbers of cores, and of the size after some commits.
const FEW_CORES: &str = "4 cores, max";
const MANY_CORES: &str = "cores";
const HISTORY: &str = "commit";

/// How far the last row of that table may be from what is built now, in bytes of flash, secure RAM and stack: not every commit
/// has a row.
const TOLERANCE: [u64; 3] = [1024, 4096, 128];

/// Fails if the last row of the table of sizes is about another image.
pub fn judge_sizes(size: &Size) -> Result<()> {
    judge_history(&read()?, size)
}

fn judge_history(text: &str, size: &Size) -> Result<()> {
    let table = tables(text).into_iter().find(|table| table[0][0] == HISTORY);
    let table = table.with_context(|| format!("{FILE} has no table of sizes by commit"))?;
    let last = table.last().filter(|row| row.len() == 4).context("the last row has another length")?;
    let now = [size.flash, size.secure_ram(), size.stack()];
    let near =
        last[1..].iter().zip(now).zip(TOLERANCE).all(|((cell, bytes), tolerance)| {
            number(cell).is_some_and(|said| said.abs_diff(bytes) <= tolerance)
        });
    ensure!(
        near,
        "{FILE}: the last row of the table of sizes is of another image. Add one: | {} | {} |",
        "the commit's subject",
        now.map(grouped).join(" | ")
    );
    Ok(())
}

/// Writes what the budgets say into the document: they are what was measured.
pub fn update(budgets: &Budgets) -> Result<()> {
    fs::write(paths::root().join(FILE), with_numbers(&read()?, budgets))?;
    Ok(())
}

/// Puts the numbers of the budgets into the tables: into the column of our firmware, and into the one of each number of cores.
fn with_numbers(text: &str, budgets: &Budgets) -> String {
    let mut header = Vec::new();
    let mut result = String::new();
    for line in text.lines() {
        let mut row = cells(line).unwrap_or_default();
        if header.is_empty() || row.is_empty() {
            header.clone_from(&row);
        }
        let operation = Operation::ALL
            .into_iter()
            .find(|operation| row.first().is_some_and(|cell| cell == operation.name()));
        if let Some(operation) = operation {
            let shown = |cores| budgets.of(operation, cores).map_or("-".to_owned(), grouped);
            match header[0].as_str() {
                FEW_CORES => row[1] = shown(FEW),
                MANY_CORES => row = [vec![row[0].clone()], CORES.map(shown).to_vec()].concat(),
                _ => {}
            }
            result += &format!("| {} |", row.join(" | "));
        } else {
            result += line;
        }
        result.push('\n');
    }
    result
}

fn read() -> Result<String> {
    fs::read_to_string(paths::root().join(FILE)).with_context(|| format!("no {FILE}"))
}

/// Reads a number with a comma between thousands.
fn number(cell: &str) -> Option<u64> {
    cell.replace(',', "").parse().ok()
}

/// Returns the cells of a row of a table, if the line is one.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(|cell| cell.trim().to_owned()).collect())
}

/// Returns the tables of a text: rows of cells, without the rule below the first row.
fn tables(text: &str) -> Vec<Vec<Vec<String>>> {
    let mut tables = vec![Vec::new()];
    for line in text.lines() {
        match (cells(line), tables.last_mut()) {
            (Some(row), Some(table)) if !row[0].starts_with("---") => table.push(row),
            (None, Some(table)) if !table.is_empty() => tables.push(Vec::new()),
            _ => {}
        }
    }
    tables.retain(|table| !table.is_empty());
    tables
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::row::has_row;

    #[test]
    fn the_last_row_is_about_this_image() {
        let text = "| commit | flash | RAM | stack |\n|---|---|---|---|\n| a | 1 | 2 | 3 |\n| b | 64,000 | 1,600,000 | 1,500 |\n";
        let size = |flash| Size {
            flash,
            cores: 1,
            sections: vec![(".bss".to_owned(), 1_600_000)],
            depths: vec![("root", 1_500)],
        };
        judge_history(text, &size(64_000)).unwrap();
        judge_history(text, &size(64_000 - TOLERANCE[0])).unwrap();
        let error = judge_history(text, &size(64_001 + TOLERANCE[0])).unwrap_err().to_string();
        assert!(error.ends_with("| the commit's subject | 65,025 | 1,600,000 | 1,500 |"), "{error}");
        assert!(judge_history("| commit |\n|---|\n| a |\n", &size(1)).is_err());
        assert!(judge_history("", &size(1)).is_err());
    }

    #[test]
    fn tables_are_found_in_a_text() {
        let text = "text\n| a | b |\n|---|---|\n| 1,000 | - |\ntext\n\n| c |\n|---|\n";
        let tables = tables(text);
        assert_eq!(tables, [vec![vec!["a", "b"], vec!["1,000", "-"]], vec![vec!["c"]]]);
        assert_eq!((number("1,000"), number("-")), (Some(1000), None));
    }

    #[test]
    fn the_document_has_the_numbers_of_the_budgets() {
        let (text, budgets) = (read().unwrap(), Budgets::read().unwrap());
        let expected = with_numbers(&text, &budgets);
        for (line, expected) in text.lines().zip(expected.lines()) {
            assert_eq!(line, expected, "`cargo xtask bench --update` writes what the budgets say");
        }
        // Every row is there, and a wrong number would be found.
        let rows = |table: &[Vec<String>]| table.iter().map(|row| row[0].clone()).collect::<Vec<_>>();
        let named = |operations: &[Operation], table: &str| {
            let tables = tables(&text);
            let table = tables.iter().find(|rows| rows[0][0] == table).unwrap();
            operations.iter().all(|operation| rows(table).contains(&operation.name().to_owned()))
        };
        let many: Vec<_> = Operation::ALL.into_iter().filter(|&it| has_row(it, CORES[5])).collect();
        assert!(named(&Operation::ALL, FEW_CORES) && named(&many, MANY_CORES));
        let shown = grouped(budgets.of(Operation::PsciVersion, FEW).unwrap());
        let wrong = text.replace(&format!("psci_version | {shown} |"), "psci_version | 1 |");
        assert!(wrong != text && with_numbers(&wrong, &budgets) == text);
    }
}

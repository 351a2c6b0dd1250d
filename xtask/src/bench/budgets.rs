// SPDX-License-Identifier: MIT OR Apache-2.0

//! The most that each row may cost: `tests/bench/budgets.toml`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::operation::Operation;
use super::row::{CORES, Row, has_row};
use super::size::Size;
use crate::paths;

const FILE: &str = "tests/bench/budgets.toml";

/// The kind of core that the budgets are for.
pub const CPU: &str = "max";

/// The budgets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    /// By the operation's name, and by the number of cores.
    instructions: BTreeMap<String, BTreeMap<String, u64>>,
    bytes: Bytes,
}

/// The budgets of what the firmware takes of the machine.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bytes {
    flash: u64,
    secure_ram: u64,
    stack: u64,
}

impl Budgets {
    /// Reads the file.
    pub fn read() -> Result<Self> {
        let text = fs::read_to_string(paths::root().join(FILE)).with_context(|| format!("no {FILE}"))?;
        Self::parse(&text).context(FILE)
    }

    /// Reads the text. A row that is missing is an error, and so is one that there is not.
    fn parse(text: &str) -> Result<Self> {
        let budgets: Self = toml::from_str(text)?;
        for (name, by_cores) in &budgets.instructions {
            let operation = Operation::ALL.into_iter().find(|operation| operation.name() == name);
            let operation = operation.with_context(|| format!("there is no operation {name}"))?;
            for cores in by_cores.keys() {
                let is_row = |number: &u32| number.to_string() == *cores && has_row(operation, *number);
                ensure!(CORES.iter().any(is_row), "{name} has no row for {cores} cores");
            }
        }
        for operation in Operation::ALL {
            for cores in CORES.into_iter().filter(|&cores| has_row(operation, cores)) {
                let (name, budget) = (operation.name(), budgets.of(operation, cores));
                ensure!(budget.is_some(), "{name} has no budget for {cores} cores");
            }
        }
        Ok(budgets)
    }

    /// Lowers the budgets to what rows took, in the file too; a row that takes more keeps its budget.
    pub fn lower(rows: &[Row]) -> Result<Self> {
        let text = fs::read_to_string(paths::root().join(FILE)).with_context(|| format!("no {FILE}"))?;
        let lowered = lowered(&text, &Self::parse(&text).context(FILE)?, rows);
        fs::write(paths::root().join(FILE), &lowered)?;
        Self::parse(&lowered).context(FILE)
    }

    /// Returns the most instructions of an operation.
    pub fn of(&self, operation: Operation, cores: u32) -> Option<u64> {
        self.instructions.get(operation.name())?.get(&cores.to_string()).copied()
    }

    /// Fails if a row or a size is over its budget, and says which and by how much.
    pub fn judge(&self, rows: &[Row], size: &Size) -> Result<()> {
        let mut wrong: Vec<_> = rows.iter().filter_map(complaint).collect();
        let Bytes { flash, secure_ram, stack } = self.bytes;
        for (what, bytes, budget) in [
            ("the flash image", size.flash, flash),
            ("secure RAM", size.secure_ram(), secure_ram),
            ("the deepest stack", size.stack(), stack),
        ] {
            if bytes > budget {
                wrong.push(format!(
                    "{what} takes {bytes} bytes, {} over its budget of {budget}",
                    bytes - budget
                ));
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        bail!("{}", wrong.join("\n"))
    }
}

/// Returns the text of the file with lower budgets.
fn lowered(text: &str, budgets: &Budgets, rows: &[Row]) -> String {
    let line = |line: &str| {
        let operation = Operation::ALL
            .into_iter()
            .find(|operation| line.starts_with(&format!("{} = {{", operation.name())));
        let Some(operation) = operation else { return format!("{line}\n") };
        let took = |cores| {
            let row = rows.iter().find(|row| row.operation == operation.name() && row.cores == cores);
            row.and_then(|row| row.instructions).map_or(u64::MAX, |count| budget_for(operation, count))
        };
        let lower = |cores| Some(format!("{cores} = {}", budgets.of(operation, cores)?.min(took(cores))));
        format!(
            "{} = {{ {} }}\n",
            operation.name(),
            CORES.into_iter().filter_map(lower).collect::<Vec<_>>().join(", ")
        )
    };
    text.lines().map(line).collect()
}

/// Returns the budget of an operation that takes so many instructions: just these, but for the boot, which copies the image
/// and grows a little with each change.
fn budget_for(operation: Operation, count: u64) -> u64 {
    if operation == Operation::Boot { count.next_multiple_of(1_000) } else { count }
}

/// Says what is wrong with a row, if something is.
fn complaint(row: &Row) -> Option<String> {
    let Row { operation, cores, instructions, budget, .. } = row;
    let on = format!("{operation} on {cores} cores");
    let Some(count) = instructions else { return Some(format!("{on} could not be measured")) };
    let Some(budget) = budget else { return Some(format!("{on} has no budget")) };
    let over = count.checked_sub(*budget).filter(|&over| over > 0)?;
    Some(format!("{on} takes {count} instructions, {over} over its budget of {budget}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> String {
        fs::read_to_string(paths::root().join(FILE)).unwrap()
    }

    fn error(text: &str) -> String {
        format!("{:#}", Budgets::parse(text).unwrap_err())
    }

    #[test]
    fn the_file_has_every_row_and_no_other() {
        let text = file();
        Budgets::parse(&text).unwrap();
        let without = |start: &str| -> String {
            text.lines().filter(|line| !line.starts_with(start)).map(|line| format!("{line}\n")).collect()
        };
        assert_eq!(error(&without("cpu_off")), "cpu_off has no budget for 4 cores");
        assert!(error(&without("flash")).contains("missing field `flash`"));
        let with = |line: &str| text.replace("[instructions]", &format!("[instructions]\n{line}"));
        assert_eq!(error(&with("cpu_of = { 4 = 1 }")), "there is no operation cpu_of");
        assert!(error(&with("cpu_off = { 4 = 1 }")).contains("duplicate key"));
        let more = text.replace("cpu_off = { ", "cpu_off = { 16 = 1, ");
        assert_eq!(error(&more), "cpu_off has no row for 16 cores");
        let odd = text.replace("cpu_off = { ", "cpu_off = { 04 = 1, ");
        assert_eq!(error(&odd), "cpu_off has no row for 04 cores");
        assert!(error(&text.replace("[bytes]", "[bytes]\nheap = 0")).contains("heap"));
    }

    #[test]
    fn budgets_only_get_lower() {
        let text = file();
        let budgets = Budgets::parse(&text).unwrap();
        assert_eq!(lowered(&text, &budgets, &[]), text);
        let (now, operation) = (budgets.of(Operation::Mask, 4).unwrap(), "mask");
        let row = |count| Row { operation, cores: 4, instructions: Some(count), budget: None, peer: None };
        assert_eq!(lowered(&text, &budgets, &[row(now + 1)]), text);
        let lower = lowered(&text, &budgets, &[row(now - 1)]);
        assert_eq!(Budgets::parse(&lower).unwrap().of(Operation::Mask, 4), Some(now - 1));
        assert_eq!(lower.lines().zip(text.lines()).filter(|(one, other)| one != other).count(), 1);
        assert_eq!(budget_for(Operation::Boot, 90_001), 91_000);
    }

    #[test]
    fn what_is_over_its_budget_is_named() {
        let budgets = Budgets::parse(&file()).unwrap();
        let row = |count, budget| Row {
            operation: "mask",
            cores: 4,
            instructions: Some(count),
            budget: Some(budget),
            peer: None,
        };
        let size =
            Size { flash: 1, cores: 1, sections: vec![(".text".to_owned(), 1)], depths: vec![("root", 1)] };
        budgets.judge(&[row(40, 40), row(39, 40)], &size).unwrap();
        let error = |rows: &[Row], size: &Size| budgets.judge(rows, size).unwrap_err().to_string();
        assert_eq!(
            error(&[row(40, 40), row(50, 40)], &size),
            "mask on 4 cores takes 50 instructions, 10 over its budget of 40"
        );
        let not_measured = Row { instructions: None, ..row(0, 40) };
        assert_eq!(error(&[not_measured], &size), "mask on 4 cores could not be measured");
        assert_eq!(error(&[Row { budget: None, ..row(1, 1) }], &size), "mask on 4 cores has no budget");
        let flash = budgets.bytes.flash;
        let large = Size { flash: flash + 7, ..size };
        let expected = format!("the flash image takes {} bytes, 7 over its budget of {flash}", flash + 7);
        assert_eq!(error(&[], &large), expected);
    }
}

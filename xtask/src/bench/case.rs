// SPDX-License-Identifier: MIT OR Apache-2.0

//! The cases of `cargo xtask test`.

use anyhow::{Result, ensure};

use super::budgets::{self, Budgets};
use super::plugin::{self, Blocks};
use super::row::{self, Row};
use super::size::Size;
use super::{BOARD, document, measure, table};
use crate::image;
use crate::test::{Case, Log, Tally};

/// Returns the cases.
pub fn cases() -> Vec<Case> {
    vec![counted("budgets", within_budgets), counted("bench twice", twice)]
}

/// Makes a case that needs a QEMU that can count.
fn counted(name: &str, run: impl Fn(&mut Log) -> Result<Tally> + 'static) -> Case {
    Case::new(name, move |log| match plugin::ensure_qemu() {
        Ok(()) => run(log),
        Err(error) => Ok(Tally::skip(error.to_string())),
    })
}

/// Every row is within its budget, and so is the size, which is the one that the document has last.
fn within_budgets(log: &mut Log) -> Result<Tally> {
    let firmware = image::build(BOARD)?;
    let budgets = Budgets::read()?;
    let mut rows = Vec::new();
    for cores in row::CORES {
        let measured = measure::run(BOARD, &firmware.flash0, cores, budgets::CPU)?;
        rows.extend(Row::all_of(cores, &measured, None, Some(&budgets)));
    }
    let size = Size::of(&firmware, BOARD)?;
    log.line(&table::rows(&rows));
    log.line(&table::sizes(&size));
    budgets.judge(&rows, &size)?;
    document::judge_sizes(&size)?;
    Ok(Tally { reason: Some(format!("{} rows", rows.len())), ..Tally::pass() })
}

/// Two runs count the same, to the instruction, and so does one in which QEMU translates each instruction by itself.
fn twice(_: &mut Log) -> Result<Tally> {
    let firmware = image::build(BOARD)?;
    let run = |blocks| measure::run_in(BOARD, &firmware.flash0, row::FEW, budgets::CPU, blocks);
    let first = run(Blocks::Long)?;
    for (what, blocks) in [("two runs", Blocks::Long), ("blocks of one instruction", Blocks::OfOne)] {
        let other = run(blocks)?;
        ensure!(other == first, "{what} differ: {first:?} and {other:?}");
    }
    Ok(Tally::pass())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the firmware costs: the instructions that it takes for each operation, counted by a plugin of QEMU's, and its size.

mod budgets;
mod case;
mod document;
mod marks;
mod measure;
mod plot;
mod plugin;
mod row;
mod size;
mod table;

// Names and numbers alone, as the payload has them.
#[path = "../../tests/conformance/src/bin/bench/operation.rs"]
mod operation;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::board::Board;
use crate::destination::Destination;
use crate::host::{self, Tool};
use crate::image;
use crate::peer::Firmware;
use crate::progress::Spinner;
use budgets::Budgets;
use plot::Subject;
use row::Row;
use size::Size;

pub use case::cases;

/// The machine: the one that there is other firmware for.
const BOARD: Board = Board::SbsaRef;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Other firmware to compare with: an image of the whole first flash bank, or tf-a, which is built from Debian's source
    #[arg(long, value_name = "FLASH0.fd|tf-a")]
    against: Option<Firmware>,
    /// Numbers of cores
    #[arg(long, value_delimiter = ',', default_values_t = row::CORES, value_parser = clap::value_parser!(u32).range(1..=512))]
    cores: Vec<u32>,
    /// The kind of core
    #[arg(long, default_value = budgets::CPU)]
    cpu: String,
    /// Write the rows into this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the rows into this file, as an SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Lower the budgets to what was measured, and write them into docs/performance.md
    #[arg(long)]
    update: bool,
}

/// Measures and prints.
pub fn print(options: &Options) -> Result<()> {
    let open = |file: &Option<PathBuf>| file.as_deref().map(Destination::of).transpose();
    let (json, plot) = (open(&options.json)?, open(&options.plot)?);
    let is_budgeted = options.cpu == budgets::CPU;
    ensure!(is_budgeted || !options.update, "the budgets are for cores of kind {}", budgets::CPU);
    host::ensure(Tool::PAYLOADS)?;
    plugin::ensure_qemu()?;
    let firmware = image::build(BOARD)?;
    let budgets = if is_budgeted { Some(Budgets::read()?) } else { None };
    let rows = rows(options, &firmware.flash0, budgets.as_ref())?;
    if options.update {
        document::update(&Budgets::lower(&rows)?)?;
    }
    println!("EL3 instructions on {}, {}\n\n{}", BOARD.name(), options.cpu, table::rows(&rows));
    print!("{}", table::sizes(&Size::of(&firmware, BOARD)?));
    if let Some(json) = json {
        json.write(&row::json(&rows)?)?;
    }
    if let Some(plot) = plot {
        let peer = options.against.as_ref().map(Firmware::name);
        let subject = Subject { machine: BOARD.name(), cpu: &options.cpu, peer: peer.as_deref() };
        plot.write(&plot::svg(&rows, subject)?)?;
    }
    Ok(())
}

/// Measures, and says which rows stay empty. Other firmware may fail as it likes.
fn rows(options: &Options, flash0: &Path, budgets: Option<&Budgets>) -> Result<Vec<Row>> {
    let peer = options.against.as_ref().map(Firmware::flash0).transpose()?;
    let mut rows = Vec::new();
    let mut missing = BTreeSet::new();
    for &cores in &options.cores {
        let spinner = Spinner::start(&format!("measuring {cores} cores"));
        let own = measure::run(BOARD, flash0, cores, &options.cpu)?;
        let other = peer.as_deref().map(|peer| measure::run(BOARD, peer, cores, &options.cpu)).transpose();
        drop(spinner);
        missing.extend(own.missing("Quell", cores));
        if let Err(error) = &other {
            let reason = format!("{error:#}");
            missing.insert(format!("peer on {cores} cores: {}", reason.lines().next().unwrap_or_default()));
        }
        let other = other.unwrap_or_default();
        missing.extend(other.iter().flat_map(|measured| measured.missing("peer", cores)));
        rows.extend(Row::all_of(cores, &own, other.as_ref(), budgets));
    }
    missing.iter().for_each(|line| eprintln!("{line}"));
    Ok(rows)
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the firmware costs: the instructions that it takes for each operation, counted by a plugin of QEMU's.

mod marks;
mod measure;
mod plugin;

// Names and numbers alone, as the payload has them.
#[path = "../../tests/conformance/src/bin/bench/operation.rs"]
mod operation;

use anyhow::Result;

use crate::board::Board;
use crate::host::{self, Tool};
use crate::image;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Numbers of cores
    #[arg(long, value_delimiter = ',', default_value = "4")]
    cores: Vec<u32>,
    /// The kind of core
    #[arg(long, default_value = "max")]
    cpu: String,
}

/// Measures and prints.
pub fn print(options: &Options) -> Result<()> {
    host::ensure(Tool::PAYLOADS)?;
    let board = Board::default();
    let firmware = image::build(board)?;
    for &cores in &options.cores {
        let measured = measure::run(board, &firmware.flash0, cores, &options.cpu)?;
        for operation in operation::Operation::ALL {
            if let Some(count) = measured.of(operation) {
                println!("{:24} {cores:5} {count:12}", operation.name());
            }
        }
        measured.left_out.iter().for_each(|line| println!("no {line}"));
    }
    Ok(())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The BL33 that starts a kernel which lies in memory.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::{paths, process};

const BUILD_TIMEOUT: Duration = Duration::from_secs(60);

/// Assembles the loader for a kernel and a device tree at these addresses; returns its flash image.
pub fn assemble(kernel: u64, tree: u64) -> Result<PathBuf> {
    let object = paths::target().join("linux/loader.o");
    let image = object.with_extension("bin");

    let mut command = Command::new("aarch64-linux-gnu-gcc");
    command.arg(format!("-DKERNEL={kernel:#x}")).arg(format!("-DTREE={tree:#x}"));
    command.arg("-c").arg(paths::root().join("tests/linux/loader/loader.S")).arg("-o").arg(&object);
    process::output(command, BUILD_TIMEOUT)?;

    let mut command = Command::new("aarch64-linux-gnu-objcopy");
    command.args(["-O", "binary"]).arg(&object).arg(&image);
    process::output(command, BUILD_TIMEOUT)?;
    Ok(image)
}

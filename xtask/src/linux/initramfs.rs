// SPDX-License-Identifier: MIT OR Apache-2.0

//! The guest's root: busybox, the init script and the modules, as a cpio archive.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{paths, process};

const PACK_TIMEOUT: Duration = Duration::from_secs(60);

/// Packs the archive and returns its file.
pub fn pack(busybox: &Path, modules: &[PathBuf]) -> Result<PathBuf> {
    let folder = paths::target().join("linux");
    let root = tempfile::tempdir_in(&folder)?;
    for sub in ["bin", "dev", "lib", "proc", "sys"] {
        fs::create_dir(root.path().join(sub))?;
    }
    fs::copy(busybox, root.path().join("bin/busybox"))?;
    symlink("busybox", root.path().join("bin/sh"))?;
    fs::copy(paths::root().join("tests/linux/initramfs/init"), root.path().join("init"))?;
    for module in modules {
        let name = module.file_name().context("a module has a file name")?;
        fs::copy(module, root.path().join("lib").join(name))?;
    }

    let archive = folder.join("initramfs.cpio");
    let mut command = Command::new("sh");
    command.args(["-c", "find . | sort | cpio --create --format=newc --owner=0:0 --quiet --file=\"$0\""]);
    command.arg(&archive).current_dir(root.path());
    process::output(command, PACK_TIMEOUT)?;
    Ok(archive)
}

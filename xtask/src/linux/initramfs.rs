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

/// Packs the archive `name` with some more files, each with its path in the guest; returns its file.
pub fn pack(name: &str, busybox: &Path, modules: &[PathBuf], more: &[(PathBuf, String)]) -> Result<PathBuf> {
    let folder = paths::target().join("linux");
    let root = tempfile::tempdir_in(&folder)?;
    for sub in ["bin", "dev", "proc", "sys"] {
        fs::create_dir(root.path().join(sub))?;
    }
    let put = |file: &Path, place: &str| -> Result<()> {
        let to = root.path().join(place);
        fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
        fs::copy(file, to).with_context(|| format!("no {}", file.display()))?;
        Ok(())
    };
    put(busybox, "bin/busybox")?;
    symlink("busybox", root.path().join("bin/sh"))?;
    let scripts = paths::root().join("tests/linux/initramfs");
    put(&scripts.join("init"), "init")?;
    for mode in fs::read_dir(scripts.join("mode"))? {
        let mode = mode?;
        put(&mode.path(), &format!("mode/{}", mode.file_name().display()))?;
    }
    for module in modules {
        let name = module.file_name().context("a module has a file name")?;
        put(module, &format!("lib/{}", name.display()))?;
    }
    for (file, place) in more {
        put(file, place)?;
    }

    let archive = folder.join(name).with_extension("cpio");
    let mut command = Command::new("sh");
    command.args(["-c", "find . | sort | cpio --create --format=newc --owner=0:0 --quiet --file=\"$0\""]);
    command.arg(&archive).current_dir(root.path());
    process::output(command, PACK_TIMEOUT)?;
    Ok(archive)
}

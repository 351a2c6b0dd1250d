// SPDX-License-Identifier: MIT OR Apache-2.0

//! Programs for the host from a release that is newer than the host's: started with the C library that came with them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What the program itself is called once a script stands in its place.
const PROGRAM: &str = "program";

/// Where Debian has the dynamic linker and, beside it, the C library; the folder between is the host's architecture.
const LIBRARIES: &str = "usr/lib";

/// Puts a script in the place of a program unless one is there; its C library is unpacked under `root`.
pub fn make(program: &Path, root: &Path) -> Result<()> {
    let real = program.with_added_extension(PROGRAM);
    if real.exists() {
        return Ok(());
    }
    let linker = linker(root)?;
    let libraries = linker.parent().context("the linker is in a folder")?;
    let script = format!(
        "#!/bin/sh\nexec \"{}\" --library-path \"{}\" \"{}\" \"$@\"\n",
        linker.display(),
        libraries.display(),
        real.display()
    );
    // In this order, so that where a program is called real a script stands or comes.
    let partial = program.with_added_extension("partial");
    fs::write(&partial, script)?;
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o755))?;
    fs::hard_link(program, &real).with_context(|| format!("no {}", program.display()))?;
    fs::rename(&partial, program)?;
    Ok(())
}

fn linker(root: &Path) -> Result<PathBuf> {
    for folder in fs::read_dir(root.join(LIBRARIES))? {
        let folder = folder?.path();
        if !folder.is_dir() {
            continue;
        }
        for file in fs::read_dir(folder)? {
            let file = file?;
            if file.file_name().to_string_lossy().starts_with("ld-linux") {
                return Ok(file.path());
            }
        }
    }
    anyhow::bail!("no dynamic linker among the packages in {}", root.display())
}

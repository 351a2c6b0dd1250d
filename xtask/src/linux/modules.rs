// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver in `include/linux/` and the test's own module, built against Debian's headers.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::debian::Debian;
use crate::{paths, process};

/// The modules, and where their sources are.
const MODULES: [(&str, &str); 2] = [("quell_stop", "include/linux"), ("quell_wedge", "tests/linux")];

const BUILD_TIMEOUT: Duration = Duration::from_secs(300);

/// Builds the modules and returns their files.
pub fn build(debian: &Debian) -> Result<Vec<PathBuf>> {
    let build = paths::target().join("linux/modules");
    fs::create_dir_all(&build)?;
    link(&paths::root().join("tests/linux/Kbuild"), &build)?;
    for (module, folder) in MODULES {
        link_all(&paths::root().join(folder).join(module), &build.join(module))?;
    }

    let mut command = Command::new("make");
    // By its path: the makefile beside the headers includes one that must be installed under /usr/src.
    command.arg("-f").arg(debian.common_headers().join("Makefile"));
    command.arg("-C").arg(debian.headers()).arg(format!("M={}", build.display())).args([
        "ARCH=arm64",
        "CROSS_COMPILE=aarch64-linux-gnu-",
        "CC=aarch64-linux-gnu-gcc",
    ]);
    command.arg(format!("QUELL_INCLUDE={}", paths::root().join("include").display())).arg("modules");
    process::step("building the kernel modules", command, BUILD_TIMEOUT)?;
    Ok(MODULES.map(|(module, _)| build.join(module).join(module).with_extension("ko")).into())
}

/// Links the files of a folder into another: kbuild writes its output beside the sources.
fn link_all(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    fs::read_dir(from)?.try_for_each(|entry| link(&entry?.path(), to))
}

fn link(file: &Path, folder: &Path) -> Result<()> {
    let name = file.file_name().expect("a file of a folder has a name");
    let link = folder.join(name);
    // One that points to where a source was is there and does not exist.
    if link.is_symlink() && !link.exists() {
        fs::remove_file(&link)?;
    }
    if !link.exists() {
        symlink(file, link)?;
    }
    Ok(())
}

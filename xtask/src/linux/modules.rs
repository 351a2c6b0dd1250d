// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver in `include/linux/` and the test's own module, built against Debian's headers.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::debian::Kernel;
use crate::{paths, process};

/// The modules, and where their sources are.
const MODULES: [(&str, &str); 2] = [("quell_stop", "include/linux"), ("quell_wedge", "tests/linux")];

const BUILD_TIMEOUT: Duration = Duration::from_secs(300);

/// Builds the modules and returns their files.
pub fn build(kernel: &Kernel) -> Result<Vec<PathBuf>> {
    let build = paths::target().join("linux/modules").join(kernel.release());
    fs::create_dir_all(&build)?;
    link(&paths::root().join("tests/linux/Kbuild"), &build)?;
    for (module, folder) in MODULES {
        link_all(&paths::root().join(folder).join(module), &build.join(module))?;
    }

    let mut command = Command::new("make");
    // By its path: the makefile beside the headers includes one that must be installed under /usr/src.
    command.arg("-f").arg(kernel.common_headers().join("Makefile")).arg("-C").arg(kernel.headers());
    command
        .arg(format!("KBUILD_OUTPUT={}", kernel.headers().display()))
        .arg(format!("M={}", build.display()));
    command.args([
        "ARCH=arm64",
        "CROSS_COMPILE=aarch64-linux-gnu-",
        "CC=aarch64-linux-gnu-gcc",
        // The newest kernel's compiler knows an option that the host's may not.
        "CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=",
        // Types for BPF programs, which take another tool.
        "CONFIG_DEBUG_INFO_BTF_MODULES=",
    ]);
    command.arg(format!("QUELL_INCLUDE={}", paths::root().join("include").display())).arg("modules");
    process::step("building the kernel modules", command, BUILD_TIMEOUT)?;
    Ok(MODULES.map(|(module, _)| build.join(module).join(module).with_extension("ko")).into())
}

/// Links the sources of a module into another folder: kbuild writes its output beside them.
fn link_all(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let file = entry?.path();
        if is_source(&file) {
            link(&file, to)?;
        }
    }
    Ok(())
}

/// Tells sources from what kbuild has left beside them, if somebody has built the module there.
fn is_source(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name == "Kbuild" || name.ends_with(".h") || (name.ends_with(".c") && !name.ends_with(".mod.c"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_are_linked() {
        for name in ["Kbuild", "main.c", "quell_stop.h"] {
            assert!(is_source(Path::new(name)), "{name}");
        }
        for name in
            ["Makefile", "main.o", "quell_stop.mod.c", "quell_stop.ko", ".main.o.cmd", "Module.symvers"]
        {
            assert!(!is_source(Path::new(name)), "{name}");
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where things are in the workspace.

use std::env;
use std::path::{Path, PathBuf};

/// Returns the workspace's root folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_path_buf()
}

/// Returns the folder of everything that is built: `target/`, or what `CARGO_TARGET_DIR` says, as for cargo.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// Returns the folder where downloads are kept from one run to the next.
pub fn cache() -> PathBuf {
    target().join("cache")
}

/// Returns how a path is shown: from the workspace's root on, where it lies in it.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a guest needs to start another kernel: kexec with the libraries that it is linked to, that kernel, and its root.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use object::LittleEndian;
use object::elf::{DT_NEEDED, FileHeader64};
use object::read::elf::FileHeader;

/// The program in Debian's package.
const PROGRAM: &str = "sbin/kexec";

/// Where Debian's packages have libraries.
const LIBRARY_FOLDERS: [&str; 2] = ["lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu"];

/// Returns the files and their places in the guest's root. `packages` is where kexec's packages are unpacked.
pub fn files(packages: &Path, kernel: &Path, initramfs: &Path) -> Result<Vec<(PathBuf, String)>> {
    let program = packages.join(PROGRAM);
    let mut files = vec![
        (kernel.to_owned(), "boot/Image".to_owned()),
        (initramfs.to_owned(), "boot/initramfs.cpio".to_owned()),
    ];
    files
        .extend(libraries(&program, packages)?.into_iter().map(|(name, file)| (file, format!("lib/{name}"))));
    files.push((program, "bin/kexec".to_owned()));
    Ok(files)
}

/// Finds what a program is linked to, and what that is linked to, by name.
fn libraries(program: &Path, packages: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut pending = needed(program)?;
    while let Some(name) = pending.pop() {
        if found.contains_key(&name) {
            continue;
        }
        let mut places = LIBRARY_FOLDERS.iter().map(|folder| packages.join(folder).join(&name));
        let file = places.find(|file| file.exists()).with_context(|| format!("no package has {name}"))?;
        pending.extend(needed(&file)?);
        found.insert(name, file);
    }
    Ok(found)
}

/// Returns the names of the libraries that an ELF file is linked to.
fn needed(file: &Path) -> Result<Vec<String>> {
    let bytes = fs::read(file).with_context(|| format!("no {}", file.display()))?;
    needed_by(&bytes).with_context(|| format!("{} is no program of Linux", file.display()))
}

fn needed_by(elf: &[u8]) -> Result<Vec<String>> {
    let header = FileHeader64::<LittleEndian>::parse(elf)?;
    let endian = header.endian()?;
    let table = header.sections(endian, elf)?.dynamic_table(endian, elf)?;
    let entries = table.iter().filter(|entry| entry.tag == DT_NEEDED);
    entries.map(|entry| Ok(String::from_utf8_lossy(table.string(entry)?).into_owned())).collect()
}

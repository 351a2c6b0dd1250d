// SPDX-License-Identifier: MIT OR Apache-2.0

//! The instructions in an ELF file of the firmware. The mapping symbols `$x` and `$d` tell code from data.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::read::elf::ElfFile64;
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol, SectionKind};

/// An ELF file of the machine.
pub type Elf<'data> = ElfFile64<'data, LittleEndian>;

/// A stretch of code: its first address and its instruction words.
pub struct Code {
    /// The address of the first word.
    pub address: u64,
    /// The instructions.
    pub words: Vec<u32>,
}

impl Code {
    /// Returns the instructions with their addresses.
    pub fn instructions(&self) -> impl Iterator<Item = (u64, u32)> {
        (self.address..).step_by(4).zip(self.words.iter().copied())
    }
}

/// Reads the ELF file at `path`.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Parses what [`read`] has read.
pub fn parse(data: &[u8]) -> Result<Elf<'_>> {
    Elf::parse(data).context("no 64-bit little-endian ELF file")
}

/// Returns a symbol's name as the source has it, without the `.0` that the compiler puts behind some.
pub fn demangled(mangled: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(mangled));
    match name.rsplit_once('.') {
        Some((name, number)) if number.parse::<u32>().is_ok() => name.to_owned(),
        _ => name,
    }
}

/// Returns where the static with this name is.
pub fn place_of(file: &Elf<'_>, name: &str) -> Result<Range<u64>> {
    let mut symbols = file.symbols();
    let symbol = symbols.find(|symbol| symbol.name().is_ok_and(|mangled| demangled(mangled) == name));
    let symbol = symbol.with_context(|| format!("there is no {name}"))?;
    Ok(symbol.address()..symbol.address() + symbol.size())
}

/// Collects what is code in the executable sections.
pub fn code_of(file: &Elf<'_>) -> Result<Vec<Code>> {
    let mut marks: Vec<(u64, bool)> = file
        .symbols()
        .filter_map(|symbol| {
            let name = symbol.name().ok()?;
            let kind = name.split('.').next()?;
            matches!(kind, "$x" | "$d").then_some((symbol.address(), kind == "$x"))
        })
        .collect();
    ensure!(!marks.is_empty(), "the ELF file has no mapping symbols to tell code from data");
    marks.sort_unstable();

    let mut code = Vec::new();
    for section in file.sections().filter(|section| section.kind() == SectionKind::Text) {
        let (start, bytes) = (section.address(), section.data()?);
        let end = start + bytes.len() as u64;
        let inside: Vec<_> = marks.iter().copied().filter(|(at, _)| (start..end).contains(at)).collect();
        // Before the first mark there is code, too, for all that we know.
        let parts = std::iter::once((start, true)).chain(inside.iter().copied());
        let ends = inside.iter().map(|&(at, _)| at).chain([end]);
        for ((from, is_code), to) in parts.zip(ends) {
            if is_code && from < to {
                let range = usize::try_from(from - start)?..usize::try_from(to - start)?;
                let words = bytes[range].as_chunks().0.iter().copied().map(u32::from_le_bytes).collect();
                code.push(Code { address: from, words });
            }
        }
    }
    Ok(code)
}

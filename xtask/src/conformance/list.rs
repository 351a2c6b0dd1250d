// SPDX-License-Identifier: MIT OR Apache-2.0

//! The list of all cases, as the payload's ELF file has it: for each case a line with its id, one with the section of the
//! specification, and one with what it shows.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::LittleEndian;
use object::read::elf::ElfFile64;
use object::{Object, ObjectSection};

/// What is known of a case before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What it is called: area, call, and what is special.
    pub id: String,
    /// Where it is specified.
    pub section: String,
    /// What it shows.
    pub shows: String,
}

impl Listed {
    /// Returns the area of the case: what its id begins with.
    pub fn area(&self) -> &str {
        self.id.split('.').next().unwrap_or_default()
    }
}

/// Reads the list of a payload: all cases in the order in which they run.
pub fn read(elf: &Path) -> Result<Vec<Listed>> {
    let data = fs::read(elf).with_context(|| format!("no payload {}", elf.display()))?;
    let file = ElfFile64::<LittleEndian>::parse(&*data)?;
    let section = file.section_by_name(".cases").context("the payload has no list of its cases")?;
    parse(std::str::from_utf8(section.data()?)?)
}

fn parse(text: &str) -> Result<Vec<Listed>> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let (cases, rest) = lines.as_chunks();
    ensure!(rest.is_empty(), "the list of cases is cut off");
    let list: Vec<_> = cases
        .iter()
        .map(|&[id, section, shows]| Listed { id: id.into(), section: section.into(), shows: shows.into() })
        .collect();
    let mut ids = HashSet::new();
    for Listed { id, section, shows } in &list {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_good = id.split('.').count() >= 2 && id.split('.').all(|part| !part.is_empty());
        ensure!(is_good && id.chars().all(|c| is_plain(c) || c == '.'), "`{id}` is no id");
        ensure!(ids.insert(id), "two cases are called {id}");
        ensure!(!section.is_empty() && !shows.is_empty(), "{id} does not say what it shows");
    }
    ensure!(!list.is_empty(), "the payload has no cases");
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read() {
        let list =
            parse("psci.version\nPSCI 5.3\n It answers.\nstop.uid\nstop 2\n It is its own.\n").unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!(list[0].shows, "It answers.");
        assert_eq!(list[1].area(), "stop");
    }

    #[test]
    fn a_bad_list_is_refused() {
        for (text, complaint) in [
            ("", "no cases"),
            ("psci.version\nPSCI 5.3\n", "cut off"),
            ("psci.version\nPSCI 5.3\n\n", "does not say"),
            ("version\nPSCI 5.3\nIt answers.\n", "no id"),
            ("psci.\nPSCI 5.3\nIt answers.\n", "no id"),
            ("psci.a b\nPSCI 5.3\nIt answers.\n", "no id"),
            ("a.b\nc\nd\na.b\nc\nd\n", "two cases"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(complaint), "{text}: {error}");
        }
    }
}

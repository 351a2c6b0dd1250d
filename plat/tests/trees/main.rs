// SPDX-License-Identifier: MIT OR Apache-2.0

//! The seeds of the fuzz target, and each of them damaged in many places.

mod check;

use std::{fs, path::Path};

/// Returns name and bytes of each seed.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus/describe");
    let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    files
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect()
}

/// One test, since there is one machine to describe.
#[test]
fn seeds_and_what_becomes_of_them() {
    let seeds = seeds();
    let good = seeds.iter().filter(|(name, bytes)| {
        // QEMU has made those that are not called bad.
        let outcome = check::describe(bytes);
        assert_eq!(outcome.is_err(), name.starts_with("bad-"), "{name}: {outcome:?}");
        outcome.is_ok()
    });
    assert!(good.count() >= 5);
    let mut refused = 0;
    for (_, bytes) in &seeds {
        // A prime stride meets every byte of a cell, and a few thousand places in all.
        for place in (0..bytes.len()).step_by(7) {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[place] = value;
                refused += usize::from(check::describe(&bytes).is_err());
            }
        }
    }
    assert!(refused > 0);
}

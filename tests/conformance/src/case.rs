// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a case is, and the list of all of them that whoever runs the suite reads in the ELF file.

use crate::cases::ALL;
use crate::verdict::Verdict;

/// One case.
pub struct Case {
    /// Area, call, and what is special: unique, and without blanks.
    pub id: &'static str,
    /// Where it is specified (`section`).
    pub section: &'static str,
    /// What it shows, as one sentence.
    pub shows: &'static str,
    /// The number of cores that it needs.
    pub cores: usize,
    /// The case itself, on the boot core.
    pub run: fn() -> Verdict,
}

/// Makes `CASES`, the cases of a file: under each section what a case shows, its id, how many cores it needs, and its
/// function.
macro_rules! cases {
    ($([$section:expr] $(#[doc = $shows:literal] $id:literal, $cores:expr, $run:expr;)+)+) => {
        /// The cases of this file.
        pub const CASES: &[$crate::case::Case] = &[$($(
            $crate::case::Case { id: $id, section: $section, shows: $shows, cores: $cores, run: $run },
        )+)+];
    };
}

pub(crate) use cases;

/// What a case is called in the list: three texts, each on a line of its own.
const fn texts(case: &Case) -> [&[u8]; 3] {
    [case.id.as_bytes(), case.section.as_bytes(), case.shows.as_bytes()]
}

/// Writes the list of all cases to `list`, as far as it fits; returns how long it is.
const fn write(list: &mut [u8]) -> usize {
    let (mut length, mut file) = (0, 0);
    while file < ALL.len() {
        let mut number = 0;
        while number < ALL[file].len() {
            let texts = texts(&ALL[file][number]);
            let mut text = 0;
            while text < texts.len() {
                let mut place = 0;
                while place <= texts[text].len() {
                    if length < list.len() {
                        list[length] = if place < texts[text].len() { texts[text][place] } else { b'\n' };
                    }
                    (length, place) = (length + 1, place + 1);
                }
                text += 1;
            }
            number += 1;
        }
        file += 1;
    }
    length
}

const LENGTH: usize = write(&mut []);

/// The list: for each case a line with its id, one with its section and one with what it shows. It is in the ELF file, and not
/// in flash.
#[used]
#[unsafe(link_section = ".cases")]
static LIST: [u8; LENGTH] = {
    let mut list = [0; LENGTH];
    write(&mut list);
    list
};

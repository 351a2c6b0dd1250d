// SPDX-License-Identifier: MIT OR Apache-2.0

//! What to run: text that whoever starts the machine puts into memory, `filter=WORD rounds=N seed=N`, padded with
//! NUL. Memory without it means the defaults.

use core::str::FromStr;

const ADDRESS: usize = 0x100_1000_0000;
const SIZE: usize = 256;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    /// Only cases with this in their name run.
    pub filter: &'static str,
    /// Rounds of each race.
    pub rounds: u64,
    /// Where random numbers start.
    pub seed: u64,
}

impl Parameters {
    /// Reads the parameters.
    pub fn read() -> Self {
        // SAFETY: The address is in DRAM, clear of this program, and nobody writes there while it runs.
        let bytes: &'static [u8; SIZE] = unsafe { &*(ADDRESS as *const [u8; SIZE]) };
        let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(SIZE);
        Self::parse(core::str::from_utf8(&bytes[..length]).unwrap_or_default())
    }

    fn parse(text: &'static str) -> Self {
        Self {
            filter: value(text, "filter").unwrap_or_default(),
            rounds: number(text, "rounds").unwrap_or(50),
            seed: number(text, "seed").unwrap_or(1),
        }
    }
}

fn value(text: &'static str, name: &str) -> Option<&'static str> {
    text.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn number<T: FromStr>(text: &'static str, name: &str) -> Option<T> {
    value(text, name)?.parse().ok()
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What to run: text that whoever starts the machine puts into the last 4 KiB of the second flash bank,
//! `filter=WORD after=ID rounds=N seed=N seconds=N loses_cores=1 timeline=1`, padded with NUL. Flash without it, erased or zero, means the
//! defaults.
//!
//! It is in flash because firmware may clear DRAM before it starts us (PSCI's MEM_PROTECT).

use core::str::FromStr;

use crate::machine::FLASH;

const ADDRESS: u64 = FLASH.end - 0x1000;
const SIZE: usize = 256;

/// The parameter that says that this firmware is known to lose cores in power-downs.
pub const LOSES_CORES: &str = "loses_cores=1";

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    /// Only cases with this in their name run, or, behind a `^`, whose name begins with it.
    pub filter: &'static str,
    /// The case behind which the suite begins.
    pub after: Option<&'static str>,
    /// Whether this firmware is known to lose cores in power-downs.
    pub loses_cores: bool,
    /// Rounds of each race.
    pub rounds: u64,
    /// Where random numbers start.
    pub seed: u64,
    /// The most seconds that the rounds of one case take together.
    pub seconds: u64,
    /// Whether the demonstration prints the times of its stop.
    pub timeline: bool,
}

impl Parameters {
    /// Reads the parameters.
    pub fn read() -> Self {
        // SAFETY: The address is in the flash bank, which is mapped, behind this program's image. Nobody writes there.
        let bytes: &'static [u8; SIZE] = unsafe { &*(ADDRESS as *const [u8; SIZE]) };
        let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(SIZE);
        Self::parse(core::str::from_utf8(&bytes[..length]).unwrap_or_default())
    }

    fn parse(text: &'static str) -> Self {
        Self {
            filter: value(text, "filter").unwrap_or_default(),
            after: value(text, "after"),
            loses_cores: text.split_whitespace().any(|word| word == LOSES_CORES),
            rounds: number(text, "rounds").unwrap_or(50),
            seed: number(text, "seed").unwrap_or(1),
            seconds: number(text, "seconds").unwrap_or(15),
            timeline: value(text, "timeline") == Some("1"),
        }
    }
}

fn value(text: &'static str, name: &str) -> Option<&'static str> {
    text.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn number<T: FromStr>(text: &'static str, name: &str) -> Option<T> {
    value(text, name)?.parse().ok()
}

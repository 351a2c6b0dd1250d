// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the suite is, in 32 bits that survive a reset of the machine and a clearing of all its memory: the match
//! register of the real-time clock. It has no reset, is 0 when the machine is turned on, and nobody lets it interrupt.

use crate::machine::RTC;

const MATCH: *mut u32 = (RTC + 4) as *mut u32;

/// The most resets of one case.
pub const MAX_STEPS: u32 = 15;

/// The most cases; their number one more is where the suite has ended.
pub const MAX_CASES: usize = 1022;

/// What is to survive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Progress {
    /// Whether the running case said that it would reset the machine.
    pub expected: bool,
    /// The number of the running case.
    pub case: usize,
    /// How often the running case has reset the machine.
    pub step: u32,
    /// Whether a core that was powered down by CPU_SUSPEND did not come back: this firmware's cores must not try again.
    pub loses_cores: bool,
    /// Cases that failed so far.
    pub failed: usize,
    /// Cases that were skipped so far.
    pub skipped: usize,
}

// valid 31 | expected 30 | case 29:20 | step 19:16 | loses_cores 15 | failed 14:9 | skipped 8:0
const VALID: u32 = 1 << 31;
const EXPECTED: u32 = 1 << 30;
const CASE: (u32, u32) = (20, 0x3ff);
const STEP: (u32, u32) = (16, 0xf);
const LOSES_CORES: u32 = 1 << 15;
const FAILED: (u32, u32) = (9, 0x3f);
const SKIPPED: (u32, u32) = (0, 0x1ff);

fn pack(value: usize, (shift, mask): (u32, u32)) -> u32 {
    // What does not fit stays at the most: the suite's end would notice that the numbers do not add up.
    u32::try_from(value).unwrap_or(mask).min(mask) << shift
}

fn unpack(word: u32, (shift, mask): (u32, u32)) -> u32 {
    word >> shift & mask
}

impl Progress {
    /// Where every run begins.
    pub const BEGIN: Self =
        Self { expected: false, case: 0, step: 0, loses_cores: false, failed: 0, skipped: 0 };

    /// Reads what an earlier life of the machine left.
    pub fn load() -> Option<Self> {
        // SAFETY: The register is mapped as device memory, and reading it has no effect.
        let word = unsafe { MATCH.read_volatile() };
        (word & VALID != 0).then(|| Self {
            expected: word & EXPECTED != 0,
            case: unpack(word, CASE) as usize,
            step: unpack(word, STEP),
            loses_cores: word & LOSES_CORES != 0,
            failed: unpack(word, FAILED) as usize,
            skipped: unpack(word, SKIPPED) as usize,
        })
    }

    /// Keeps it.
    pub fn store(self) {
        let Self { expected, case, step, loses_cores, failed, skipped } = self;
        let word = VALID
            | if expected { EXPECTED } else { 0 }
            | if loses_cores { LOSES_CORES } else { 0 }
            | pack(case, CASE)
            | pack(step as usize, STEP)
            | pack(failed, FAILED)
            | pack(skipped, SKIPPED);
        // SAFETY: The register is mapped as device memory; its interrupt is masked in the clock, and nothing else
        // depends on it.
        unsafe { MATCH.write_volatile(word) }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the suite is, in 32 bits that survive a reset of the machine and a clearing of all its memory: the match
//! register of the real-time clock. It has no reset, is 0 when the machine is turned on, and nobody lets it interrupt.

use crate::machine::RTC;

const MATCH: *mut u32 = (RTC + 4) as *mut u32;

/// The most resets of one case.
pub const MAX_STEPS: u32 = 15;

/// The most cases.
pub const MAX_CASES: usize = 0xffff;

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
}

// valid 31 | expected 30 | loses_cores 29 | step 19:16 | case 15:0
const VALID: u32 = 1 << 31;
const EXPECTED: u32 = 1 << 30;
const LOSES_CORES: u32 = 1 << 29;
const STEP_SHIFT: u32 = 16;

impl Progress {
    /// Where every run begins.
    pub const BEGIN: Self = Self { expected: false, case: 0, step: 0, loses_cores: false };

    /// Reads what an earlier life of the machine left.
    pub fn load() -> Option<Self> {
        // SAFETY: The register is mapped as device memory, and reading it has no effect.
        let word = unsafe { MATCH.read_volatile() };
        (word & VALID != 0).then_some(Self {
            expected: word & EXPECTED != 0,
            case: word as usize & MAX_CASES,
            step: word >> STEP_SHIFT & MAX_STEPS,
            loses_cores: word & LOSES_CORES != 0,
        })
    }

    /// Keeps it.
    pub fn store(self) {
        let Self { expected, case, step, loses_cores } = self;
        let word = VALID
            | if expected { EXPECTED } else { 0 }
            | if loses_cores { LOSES_CORES } else { 0 }
            | step << STEP_SHIFT
            | case as u32;
        // SAFETY: The register is mapped as device memory; its interrupt is masked in the clock, and nothing else
        // depends on it.
        unsafe { MATCH.write_volatile(word) }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The True Random Number Generator interface, 1.0 (Arm DEN 0098).
//!
//! | call | answer |
//! |---|---|
//! | TRNG_VERSION | 1.0 |
//! | TRNG_FEATURES | SUCCESS for the calls of this table, else NOT_SUPPORTED |
//! | TRNG_GET_UUID | the source's UUID in w0 to w3, its first byte in the lowest bits of w0 |
//! | TRNG_RND (32, 64) | SUCCESS and N bits, from bit 0 of x3 over x2 to x1; all other bits of x1 to x3 are 0. INVALID_PARAMETERS unless N is 1 to 96 (192). NO_ENTROPY if the source runs dry; x1 to x3 are 0 then |
//! | every other, and all of them on a core without a source | NOT_SUPPORTED |

use crate::{FunctionId, NOT_SUPPORTED, Registers, register};

const SUCCESS: i32 = 0;
const INVALID_PARAMETERS: i32 = -2;
const NO_ENTROPY: i32 = -3;

/// 1.0: major in bits 31:16, minor in bits 15:0.
const VERSION: i32 = 0x0001_0000;

const TRNG_VERSION: u32 = 0x8400_0050;
const TRNG_FEATURES: u32 = 0x8400_0051;
const TRNG_GET_UUID: u32 = 0x8400_0052;
const TRNG_RND_32: u32 = 0x8400_0053;
const TRNG_RND_64: u32 = 0xc400_0053;

/// Registers that random bits are returned in: x1 to x3.
const RESULTS: usize = 3;

/// A source of random bits on the calling core.
pub trait Entropy {
    /// What the source is; its first four bytes are not all 0xff, which would be NOT_SUPPORTED.
    const UUID: [u8; 16];

    /// Returns whether the calling core has it.
    fn is_present(&self) -> bool;

    /// Returns 64 bits of full entropy, or `None` if there are none within a reasonable time.
    fn draw(&self) -> Option<u64>;
}

#[derive(Clone, Copy)]
enum Call {
    Version,
    Features,
    GetUuid,
    Random,
}

impl Call {
    const fn from_id(function: u32) -> Option<Self> {
        match function {
            TRNG_VERSION => Some(Self::Version),
            TRNG_FEATURES => Some(Self::Features),
            TRNG_GET_UUID => Some(Self::GetUuid),
            TRNG_RND_32 | TRNG_RND_64 => Some(Self::Random),
            _ => None,
        }
    }
}

/// Serves a call of the TRNG's, or one that is nobody's.
pub fn handle<E: Entropy>(function: FunctionId, registers: &mut Registers, entropy: &E) {
    let x1 = function.argument(registers[1]);
    let code = match Call::from_id(function.bits()) {
        Some(call) if entropy.is_present() => match call {
            Call::Version => VERSION,
            Call::Features if Call::from_id(x1 as u32).is_some() => SUCCESS,
            Call::Features => NOT_SUPPORTED,
            Call::GetUuid => return uuid::<E>(registers),
            Call::Random => random(x1, function.is_smc64(), registers, entropy),
        },
        _ => NOT_SUPPORTED,
    };
    registers[0] = register(code);
}

fn uuid<E: Entropy>(registers: &mut Registers) {
    const { assert!(u32::from_le_bytes([E::UUID[0], E::UUID[1], E::UUID[2], E::UUID[3]]) != u32::MAX) };
    for (register, bytes) in registers.iter_mut().zip(E::UUID.as_chunks().0) {
        *register = u32::from_le_bytes(*bytes).into();
    }
}

/// Fills x3, x2 and x1 in this order with `count` bits; no result is left behind if the source runs dry on the way.
fn random(count: u64, is_smc64: bool, registers: &mut Registers, entropy: &impl Entropy) -> i32 {
    let width = if is_smc64 { u64::BITS } else { u32::BITS };
    let results = &mut registers[1..=RESULTS];
    results.fill(0);
    if count == 0 || count > u64::from(width) * RESULTS as u64 {
        return INVALID_PARAMETERS;
    }
    let mut left = count as u32;
    for index in (0..RESULTS).rev() {
        if left == 0 {
            break;
        }
        let Some(word) = entropy.draw() else {
            results.fill(0);
            return NO_ENTROPY;
        };
        let taken = left.min(width);
        results[index] = word & u64::MAX >> (u64::BITS - taken);
        left -= taken;
    }
    SUCCESS
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    /// A source that gives all ones, a few times.
    struct Script {
        is_present: bool,
        left: Cell<usize>,
    }

    impl Entropy for Script {
        const UUID: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

        fn is_present(&self) -> bool {
            self.is_present
        }

        fn draw(&self) -> Option<u64> {
            let left = self.left.get().checked_sub(1)?;
            self.left.set(left);
            Some(u64::MAX)
        }
    }

    const PATTERN: u64 = 0x5a5a_0000_1111_2222;

    fn call_with(script: &Script, function: u64, x1: u64) -> Registers {
        let mut registers = [PATTERN; 18];
        (registers[0], registers[1]) = (function, x1);
        handle(FunctionId::from_register(function).unwrap(), &mut registers, script);
        assert!(registers[4..].iter().all(|&x| x == PATTERN));
        registers
    }

    fn call(function: u64, x1: u64) -> Registers {
        call_with(&Script { is_present: true, left: Cell::new(3) }, function, x1)
    }

    #[test]
    fn version_is_1_0() {
        assert_eq!(call(0x8400_0050, 0)[..4], [0x1_0000, 0, PATTERN, PATTERN]);
    }

    #[test]
    fn features_agree_with_the_calls() {
        for number in 0x50..0x60 {
            for function in [0x8400_0000 | number, 0xc400_0000 | number] {
                let answer = call(0x8400_0051, 0xdead_beef_0000_0000 | function)[0];
                // FEATURES itself knows its own identifier, so its answer tells too.
                let there = call(function, 0x8400_0051)[0] != register(NOT_SUPPORTED);
                assert_eq!(answer, register(if there { SUCCESS } else { NOT_SUPPORTED }), "{function:#x}");
            }
        }
    }

    #[test]
    fn without_a_source_nothing_is_there() {
        let absent = Script { is_present: false, left: Cell::new(3) };
        for number in 0x50..0x60 {
            for function in [0x8400_0000 | number, 0xc400_0000 | number] {
                let after = call_with(&absent, function, 8);
                assert_eq!(after[..4], [u64::MAX, 8, PATTERN, PATTERN], "{function:#x}");
            }
        }
        assert_eq!(absent.left.get(), 3);
    }

    #[test]
    fn uuid_is_little_endian() {
        assert_eq!(call(0x8400_0052, 0)[..4], [0x0302_0100, 0x0706_0504, 0x0b0a_0908, 0x0f0e_0d0c]);
    }

    #[test]
    fn as_many_bits_as_asked_for_and_no_more() {
        for (function, width) in [(0x8400_0053, 32), (0xc400_0053, 64)] {
            for count in 1..=3 * width {
                let after = call(function, count);
                let expected = |lower: u64| match count.saturating_sub(lower).min(width) {
                    0 => 0,
                    taken => u64::MAX >> (64 - taken),
                };
                assert_eq!(
                    after[..4],
                    [0, expected(2 * width), expected(width), expected(0)],
                    "{function:#x} {count}"
                );
            }
            for count in [0, 3 * width + 1, 1 << 31, u64::MAX] {
                assert_eq!(call(function, count)[..4], [register(INVALID_PARAMETERS), 0, 0, 0], "{count}");
            }
        }
    }

    #[test]
    fn only_smc64_has_a_64_bit_count() {
        assert_eq!(call(0x8400_0053, 0xdead_beef_0000_0001)[..4], [0, 0, 0, 1]);
        assert_eq!(call(0xc400_0053, 1 << 32 | 1)[0], register(INVALID_PARAMETERS));
    }

    #[test]
    fn a_dry_source_leaves_no_part_of_a_result() {
        for (function, width) in [(0x8400_0053, 32), (0xc400_0053, 64)] {
            for draws in 0..3 {
                let dry = Script { is_present: true, left: Cell::new(draws) };
                let after = call_with(&dry, function, draws as u64 * width + 1);
                assert_eq!(after[..4], [register(NO_ENTROPY), 0, 0, 0], "{draws}");
            }
        }
    }
}

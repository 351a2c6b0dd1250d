// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a call returns.

/// Result registers of a call, x0 first; registers beyond them keep the caller's values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Answer {
    registers: [u64; Self::MOST],
    count: usize,
}

impl Answer {
    /// The most registers that any call here returns: x0 to x4.
    pub const MOST: usize = 5;

    /// Returns one signed code in x0, sign-extended to 64 bits.
    pub const fn code(code: i32) -> Self {
        Self { registers: [(code as i64).cast_unsigned(), 0, 0, 0, 0], count: 1 }
    }

    /// Returns x0 and those that follow.
    pub fn registers<const N: usize>(values: [u64; N]) -> Self {
        const { assert!(N <= Self::MOST) };
        let mut registers = [0; Self::MOST];
        registers[..N].copy_from_slice(&values);
        Self { registers, count: N }
    }

    /// Returns the result registers.
    pub fn as_slice(&self) -> &[u64] {
        &self.registers[..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sign_extended() {
        assert_eq!(Answer::code(-1).as_slice(), [u64::MAX]);
        assert_eq!(Answer::code(0x10005).as_slice(), [0x10005]);
    }

    #[test]
    fn only_results_are_returned() {
        assert_eq!(Answer::registers([1, 2, 3]).as_slice(), [1, 2, 3]);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Hashes that are quick and good enough for numbers.

use std::hash::{BuildHasher, Hasher};

/// Builds [`Mixer`]s.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Quick;

/// Hashes numbers by multiplication.
#[derive(Debug)]
pub(crate) struct Mixer(u64);

impl BuildHasher for Quick {
    type Hasher = Mixer;

    fn build_hasher(&self) -> Mixer {
        Mixer(0)
    }
}

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = scatter(self.0.rotate_left(5) ^ value);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}

/// Makes every bit of the result depend on every bit of the value (the end of SplitMix64).
pub(crate) const fn scatter(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

/// Returns the part of a state's fingerprint that says that place `place` holds `value`.
///
/// The parts are put together by exclusive or, so that a step changes just those of what it changes.
pub(crate) const fn print_of(place: u32, value: u32) -> u128 {
    let both = (place as u64) << 32 | value as u64;
    let low = scatter(both);
    (scatter(low ^ 0x5851_f42d_4c95_7f2d) as u128) << 64 | low as u128
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn prints_differ_in_both_halves() {
        let prints = || (0..100).flat_map(|place| (0..1_000).map(move |value| print_of(place, value)));
        assert_eq!(prints().map(|print| print as u64).collect::<HashSet<_>>().len(), 100_000);
        assert_eq!(prints().map(|print| (print >> 64) as u64).collect::<HashSet<_>>().len(), 100_000);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What SMCCC_ARCH_SOC_ID tells about the machine (SMCCC 1.5 section 7.4).

/// Registers of a name: x1 to x17.
const NAME_REGISTERS: usize = 17;

/// The identity of a machine.
#[derive(Clone, Copy, Debug)]
pub struct Soc {
    /// JEP-106 bank in bits 30:24, JEP-106 code in bits 23:16, the maker's number for the machine in bits 15:0.
    pub version: u32,
    /// The maker's number for the revision, in bits 30:0.
    pub revision: u32,
    /// The name in x1 to x17: see [`Soc::name`].
    pub name: [u64; NAME_REGISTERS],
}

impl Soc {
    /// Packs a name as the call returns it: UTF-8, eight bytes to a register, the first in the lowest bits; a NUL ends it.
    ///
    /// # Panics
    ///
    /// Panics if there is no room for the name and its NUL.
    pub const fn name(text: &str) -> [u64; NAME_REGISTERS] {
        let bytes = text.as_bytes();
        assert!(
            bytes.len() < NAME_REGISTERS * size_of::<u64>(),
            "the name and its NUL are at most 136 bytes"
        );
        let mut registers = [0; NAME_REGISTERS];
        let mut index = 0;
        while index < bytes.len() {
            let shift = index % size_of::<u64>() * 8;
            registers[index / size_of::<u64>()] |= (bytes[index] as u64) << shift;
            index += 1;
        }
        registers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_little_endian_and_end_in_nul() {
        assert_eq!(Soc::name("AB"), {
            let mut expected = [0; 17];
            expected[0] = 0x4241;
            expected
        });
        let longest = [b'x'; 135];
        let packed = Soc::name(core::str::from_utf8(&longest).unwrap());
        assert_eq!(packed[15], u64::from_le_bytes([b'x'; 8]));
        assert_eq!(packed[16].to_le_bytes(), *b"xxxxxxx\0");
    }

    #[test]
    #[should_panic(expected = "136 bytes")]
    fn a_name_without_room_for_its_nul_is_refused() {
        let _ = Soc::name(core::str::from_utf8(&[b'x'; 136]).unwrap());
    }
}

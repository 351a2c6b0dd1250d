// SPDX-License-Identifier: MIT OR Apache-2.0

//! The function identifier in w0 (SMCCC 1.5 section 2.5).

/// Bit 31: a fast call.
const FAST: u32 = 1 << 31;
/// Bit 30: the 64-bit convention.
const SMC64: u32 = 1 << 30;
/// Bits 23:17 must be zero.
const RESERVED: u32 = 0x7f << 17;
/// The first function number of the standard owner that is not PSCI's.
const PSCI_END: u32 = 0x20;
/// The first function number of the standard owner that is nobody's here, nor is any after it: PSCI, SDEI and the TRNG come
/// before (SMCCC 1.5 section 6.3).
const STANDARD_END: u32 = 0x60;
/// The standard owner, in bits 29:24.
const STANDARD: u32 = 4 << 24;
/// Bit 16: the caller holds no live SVE state. A hint, and no part of the identifier.
const SVE_HINT: u32 = 1 << 16;

/// The function identifier of a fast call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FunctionId(u32);

impl FunctionId {
    /// Takes the identifier from x0, whose upper half means nothing.
    ///
    /// Returns `None` for a yielding call and for one with a reserved bit set: nobody serves those.
    pub const fn from_register(x0: u64) -> Option<Self> {
        let bits = x0 as u32;
        if bits & FAST == 0 || bits & RESERVED != 0 { None } else { Some(Self(bits & !SVE_HINT)) }
    }

    /// Returns the identifier without the SVE hint.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Returns whether arguments and results are 64 bits wide.
    pub const fn is_smc64(self) -> bool {
        self.0 & SMC64 != 0
    }

    /// Returns the bits that a register of this call's convention has.
    const fn width(self) -> u64 {
        if self.is_smc64() { u64::MAX } else { u32::MAX as u64 }
    }

    /// Returns the argument as this call's convention has it: SMC32 callers own only the lower half.
    pub const fn argument(self, register: u64) -> u64 {
        register & self.width()
    }

    /// Returns whether a call of the standard owner is in PSCI's range (SMCCC 1.5 section 6.3).
    pub const fn is_psci(self) -> bool {
        self.0 & 0xffff < PSCI_END
    }

    /// Returns whether the identifier in x0 is one of the standard owner that no call has here. There are others.
    #[inline]
    pub const fn is_unknown_standard(x0: u64) -> bool {
        let bits = x0 as u32;
        bits & !(SMC64 | 0xffff) == FAST | STANDARD && bits & 0xffff >= STANDARD_END
    }

    /// Returns whose call it is, or `None` if that owner has no calls here.
    pub const fn owner(self) -> Option<Owner> {
        match self.0 >> 24 & 0x3f {
            0 => Some(Owner::Arch),
            2 => Some(Owner::Sip),
            4 => Some(Owner::Standard),
            7 => Some(Owner::Monitor),
            _ => None,
        }
    }
}

/// The owning entities whose calls exist in this firmware (SMCCC 1.5 section 6.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Owner {
    /// 0: Arm architecture.
    Arch,
    /// 2: silicon provider: the machine.
    Sip,
    /// 4: standard secure services: PSCI and the TRNG.
    Standard,
    /// 7: vendor-specific EL3 monitor: the stop service.
    Monitor,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yielding_and_reserved_are_nobodys() {
        assert_eq!(FunctionId::from_register(0x0400_0000), None);
        for bit in 17..24 {
            assert_eq!(FunctionId::from_register(0x8400_0000 | 1 << bit), None, "bit {bit}");
        }
    }

    #[test]
    fn upper_half_and_sve_hint_mean_nothing() {
        let plain = FunctionId::from_register(0x8400_0000);
        assert!(plain.is_some());
        assert_eq!(FunctionId::from_register(0xdead_beef_8400_0000), plain);
        assert_eq!(FunctionId::from_register(0x8401_0000), plain);
    }

    #[test]
    fn owners_are_told_apart() {
        let owner = |bits| FunctionId::from_register(bits).unwrap().owner();
        assert_eq!(owner(0x8000_0000), Some(Owner::Arch));
        assert_eq!(owner(0xc200_0001), Some(Owner::Sip));
        assert_eq!(owner(0xc400_0003), Some(Owner::Standard));
        assert_eq!(owner(0xc700_0100), Some(Owner::Monitor));
        for other in [1, 3, 5, 6, 8, 48, 63] {
            assert_eq!(owner(0x8000_0000 | other << 24), None);
        }
    }

    #[test]
    fn unknown_numbers_of_the_standard_owner_are_told_at_once() {
        for known in
            [0x8400_0000, 0xc400_005f, 0x8400_0053, 0x8500_0060, 0x0400_0060, 0x8402_0060, 0x8000_0060]
        {
            assert!(!FunctionId::is_unknown_standard(known), "{known:#x}");
        }
        for unknown in [0x8400_0060, 0xc400_ffff, 0xffff_ffff_8400_0fff] {
            assert!(FunctionId::is_unknown_standard(unknown), "{unknown:#x}");
            let function = FunctionId::from_register(unknown).unwrap();
            assert!(function.owner() == Some(Owner::Standard) && !function.is_psci());
        }
    }

    #[test]
    fn psci_has_32_numbers() {
        let is_psci = |bits| FunctionId::from_register(bits).unwrap().is_psci();
        assert!(is_psci(0x8400_0000) && is_psci(0xc400_001f) && is_psci(0xc401_0003));
        assert!(!is_psci(0x8400_0020) && !is_psci(0xc400_0053) && !is_psci(0x8400_ffff));
    }

    #[test]
    fn smc32_arguments_are_32_bits() {
        let id = |bits| FunctionId::from_register(bits).unwrap();
        assert_eq!(id(0x8400_0003).argument(0xffff_ffff_8000_0001), 0x8000_0001);
        assert_eq!(id(0xc400_0003).argument(0xffff_ffff_8000_0001), 0xffff_ffff_8000_0001);
    }
}

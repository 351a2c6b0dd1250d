// SPDX-License-Identifier: MIT OR Apache-2.0

//! The calls of owner 0 (SMCCC 1.5 section 7).
//!
//! | call | answer |
//! |---|---|
//! | SMCCC_VERSION | [`SMCCC_VERSION`] |
//! | SMCCC_ARCH_FEATURES | what this table says of the other call: negative if it is not there |
//! | SMCCC_ARCH_SOC_ID (32, 64) | type 0: version; 1: revision; 2, SMC64 only: SUCCESS and the name in x1 to x17; else INVALID_PARAMETER |
//! | SMCCC_ARCH_WORKAROUND_1, 3 | nothing: every register keeps its value. FEATURES: 0 if the calling core needs the call, 1 if it does not, NOT_SUPPORTED if that is not known |
//! | SMCCC_ARCH_WORKAROUND_2 | NOT_SUPPORTED. FEATURES: NOT_REQUIRED if the core needs no call, else NOT_SUPPORTED |
//! | SMCCC_ARCH_FEATURE_AVAILABILITY (64) | SUCCESS and a bitmap in x1, or INVALID_PARAMETER and 0 |
//! | SMCCC_ARCH_WORKAROUND_4 | NOT_SUPPORTED: no core of this list has CVE-2024-7881 |
//! | every other | NOT_SUPPORTED |

use smccc::arch::{
    SMCCC_ARCH_FEATURES, SMCCC_ARCH_SOC_ID, SMCCC_ARCH_WORKAROUND_1, SMCCC_ARCH_WORKAROUND_2,
    SMCCC_ARCH_WORKAROUND_3, SMCCC_VERSION as SMCCC_VERSION_FID,
};

use crate::{
    FunctionId, INVALID_PARAMETER, NOT_SUPPORTED, Registers, Soc,
    mitigation::{CoreId, Mitigation},
    register,
};

/// SMCCC 1.5: major in bits 31:16, minor in bits 15:0.
pub const SMCCC_VERSION: i32 = 0x0001_0005;

const SUCCESS: i32 = 0;
/// A workaround that can be called, and need not be.
const NOT_NEEDED: i32 = 1;

/// Bit 30 of a function identifier: SMC64.
const SMC64: u32 = 1 << 30;
const SMCCC_ARCH_SOC_ID_64: u32 = SMCCC_ARCH_SOC_ID | SMC64;
const SMCCC_ARCH_FEATURE_AVAILABILITY: u32 = 0x8000_0003 | SMC64;

/// The types of SMCCC_ARCH_SOC_ID.
const SOC_VERSION: u32 = 0;
const SOC_REVISION: u32 = 1;
const SOC_NAME: u32 = 2;

/// What these calls need of the monitor.
pub trait Hardware {
    /// The machine.
    const SOC: Soc;

    /// Returns what the calling core is. If it [is guarded](CoreId::is_guarded), the monitor has mitigated on the way to this
    /// call, as on every other to EL3: that is the workarounds' work.
    fn core(&self) -> CoreId;

    /// Returns the bits of a register that stand for a feature which the calling core has and the lower exception levels
    /// may use, whichever value of the bit it is that lets them.
    fn availability(&self, control: Control) -> u64;
}

/// A register of EL3 that says what lower exception levels may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Control {
    /// SCR_EL3.
    Scr,
    /// CPTR_EL3.
    Cptr,
    /// MDCR_EL3.
    Mdcr,
    /// MPAM3_EL3.
    Mpam3,
}

impl Control {
    /// Returns the register that a selector names: op0, op1, CRn, CRm and op2 where the MRS instruction has them (SMCCC 1.5
    /// section 7.8).
    const fn from_selector(selector: u64) -> Option<Self> {
        match selector {
            0x1e_1100 => Some(Self::Scr),
            0x1e_1140 => Some(Self::Cptr),
            0x1e_1320 => Some(Self::Mdcr),
            0x1e_a500 => Some(Self::Mpam3),
            _ => None,
        }
    }
}

/// Returns whether x0 names a call whose work the monitor has done on the way to it if the core
/// [is guarded](CoreId::is_guarded). Then it returns at once, with every register as it is.
#[inline]
pub const fn is_done_by_entry(x0: u64) -> bool {
    matches!(x0 as u32, SMCCC_ARCH_WORKAROUND_1 | SMCCC_ARCH_WORKAROUND_3)
}

/// The calls that there can be.
#[derive(Clone, Copy)]
enum Call {
    Version,
    Features,
    SocId,
    FeatureAvailability,
    Workaround1,
    Workaround2,
    Workaround3,
}

impl Call {
    const fn from_id(function: u32) -> Option<Self> {
        match function {
            SMCCC_VERSION_FID => Some(Self::Version),
            SMCCC_ARCH_FEATURES => Some(Self::Features),
            SMCCC_ARCH_SOC_ID | SMCCC_ARCH_SOC_ID_64 => Some(Self::SocId),
            SMCCC_ARCH_FEATURE_AVAILABILITY => Some(Self::FeatureAvailability),
            SMCCC_ARCH_WORKAROUND_1 => Some(Self::Workaround1),
            SMCCC_ARCH_WORKAROUND_2 => Some(Self::Workaround2),
            SMCCC_ARCH_WORKAROUND_3 => Some(Self::Workaround3),
            _ => None,
        }
    }
}

/// Serves a call of owner 0.
pub fn handle<H: Hardware>(function: FunctionId, registers: &mut Registers, hardware: &H) {
    let x1 = function.argument(registers[1]);
    let code = match Call::from_id(function.bits()) {
        Some(Call::Version) => SMCCC_VERSION,
        Some(Call::Features) => features(x1 as u32, hardware),
        Some(Call::SocId) => soc_id::<H>(x1 as u32, function.is_smc64(), registers),
        Some(Call::FeatureAvailability) => availability(x1, registers, hardware),
        Some(Call::Workaround1) => return workaround(hardware.core().branch_targets(), registers),
        Some(Call::Workaround3) => return workaround(hardware.core().branch_history(), registers),
        Some(Call::Workaround2) | None => NOT_SUPPORTED,
    };
    registers[0] = register(code);
}

/// Tells whether a call is there, and for a workaround whether the calling core needs it (SMCCC 1.5 section 7.3).
fn features(function: u32, hardware: &impl Hardware) -> i32 {
    match Call::from_id(function) {
        Some(Call::Version | Call::Features | Call::SocId | Call::FeatureAvailability) => SUCCESS,
        Some(Call::Workaround1) => need(hardware.core().branch_targets()),
        Some(Call::Workaround2) => hardware.core().store_bypass(),
        Some(Call::Workaround3) => need(hardware.core().branch_history()),
        None => NOT_SUPPORTED,
    }
}

/// Returns what discovery says of a workaround.
const fn need(mitigation: Option<Mitigation>) -> i32 {
    match mitigation {
        None => NOT_SUPPORTED,
        Some(Mitigation::Nothing) => NOT_NEEDED,
        Some(_) => SUCCESS,
    }
}

/// Returns from a workaround, which returns nothing; a caller whom discovery has told that it is not there gets that again.
const fn workaround(mitigation: Option<Mitigation>, registers: &mut Registers) {
    if mitigation.is_none() {
        registers[0] = register(NOT_SUPPORTED);
    }
}

/// Returns who made the machine (SMCCC 1.5 section 7.4).
fn soc_id<H: Hardware>(kind: u32, is_smc64: bool, registers: &mut Registers) -> i32 {
    match kind {
        SOC_VERSION => H::SOC.version.cast_signed(),
        SOC_REVISION => H::SOC.revision.cast_signed(),
        SOC_NAME if is_smc64 => {
            registers[1..].copy_from_slice(&H::SOC.name);
            SUCCESS
        }
        _ => INVALID_PARAMETER,
    }
}

/// Tells which features EL3 lets its callers use (SMCCC 1.5 section 7.8).
fn availability(selector: u64, registers: &mut Registers, hardware: &impl Hardware) -> i32 {
    let Some(control) = Control::from_selector(selector) else {
        registers[1] = 0;
        return INVALID_PARAMETER;
    };
    registers[1] = hardware.availability(control);
    SUCCESS
}

#[cfg(test)]
mod tests;

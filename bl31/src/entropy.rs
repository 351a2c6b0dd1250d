// SPDX-License-Identifier: MIT OR Apache-2.0

//! Random numbers of the core's own: RNDRRS, which is reseeded for every read.

use aarch64_cpu::registers::ID_AA64ISAR0_EL1;
use quell_arch::trng::Entropy;
use tock_registers::interfaces::Readable;

/// ID_AA64ISAR0_EL1.RNDR.
const RNDR_SHIFT: u32 = 60;

/// How often a read is tried. One that fails has already waited for as long as the core finds reasonable.
const TRIES: usize = 10;

/// FEAT_RNG.
pub(crate) struct Rndrrs;

impl Entropy for Rndrrs {
    /// 41d4e5fa-65d0-4b91-9bc8-aa6a4fae95d1, which stands for this way to get entropy.
    const UUID: [u8; 16] = 0x41d4_e5fa_65d0_4b91_9bc8_aa6a_4fae_95d1_u128.to_be_bytes();

    fn is_present(&self) -> bool {
        ID_AA64ISAR0_EL1.get() >> RNDR_SHIFT != 0
    }

    fn draw(&self) -> Option<u64> {
        (0..TRIES).find_map(|_| read())
    }
}

/// Reads RNDRRS, which the core must have; `None` if there is no number now.
fn read() -> Option<u64> {
    let (number, is_genuine): (u64, u64);
    // SAFETY: `trng::handle` asks for numbers only if `is_present`. The read changes no state but the condition flags, which
    // say whether the number is genuine: Z is set if not (Arm ARM, RNDRRS).
    unsafe {
        core::arch::asm!(
            "mrs {number}, S3_3_C2_C4_1",
            "cset {is_genuine}, ne",
            number = out(reg) number,
            is_genuine = out(reg) is_genuine,
            options(nomem, nostack),
        );
    }
    (is_genuine != 0).then_some(number)
}

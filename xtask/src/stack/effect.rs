// SPDX-License-Identifier: MIT OR Apache-2.0

//! What single instructions do to the stack pointer and to the path of calls.

/// What one instruction does to the stack or to the path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Takes this many bytes.
    Push(u64),
    /// Takes bytes whose number is in a register.
    PushUnknown,
    /// Goes to another stack, and takes this many bytes of it.
    Switch(u64),
    /// Calls the function at this address.
    Call(u64),
    /// Goes to this address, perhaps.
    Jump(u64),
    /// Calls, or goes to, an address in a register.
    Indirect,
    /// None of these.
    None,
}

/// Returns the low `bits` bits of `value` as a signed number.
fn signed(value: u32, bits: u32) -> i64 {
    i64::from((value << (32 - bits)).cast_signed() >> (32 - bits))
}

/// How many instructions there may be from a jump table's sum to the branch.
const WINDOW: usize = 4;

/// Tells whether a branch to an address in register `rn` is one by a jump table of the same function: what last wrote
/// the register is an ADD of two registers. A function's address is loaded instead.
fn is_by_table(rn: u32, before: &[u32]) -> bool {
    let near = before.iter().rev().take(WINDOW);
    near.copied().find(|word| word & 0x1f == rn).is_some_and(|word| word & 0xff20_0000 == 0x8b00_0000)
}

/// Returns what an instruction does (Arm ARM, C4.1), given those before it.
pub fn effect(address: u64, word: u32, before: &[u32]) -> Effect {
    const SP: u32 = 31;
    const FRAME_POINTER: u32 = 29;
    let (rd, rn) = (word & 0x1f, word >> 5 & 0x1f);
    let to = |words: i64| address.wrapping_add_signed(words * 4);
    let push = |offset: i64| if offset < 0 { Effect::Push(offset.unsigned_abs()) } else { Effect::None };
    // ADD and SUB of an immediate: `mov sp, x1` is one of them.
    if word & 0xbf80_0000 == 0x9100_0000 && rd == SP {
        let bytes = u64::from(word >> 10 & 0xfff) << if word & 1 << 22 != 0 { 12 } else { 0 };
        return match (rn, word & 1 << 30 != 0) {
            (SP, true) => Effect::Push(bytes),
            (SP, false) => Effect::None,
            (FRAME_POINTER, _) => Effect::PushUnknown,
            (_, true) => Effect::Switch(bytes),
            (_, false) => Effect::Switch(0),
        };
    }
    // ADD and SUB of an extended register; AND, ORR and EOR of an immediate, but not ANDS.
    let extended = word & 0xbfe0_0000 == 0x8b20_0000;
    let logical = word & 0x1f80_0000 == 0x1200_0000 && word >> 29 & 0b11 != 0b11;
    if (extended || logical) && rd == SP {
        return Effect::PushUnknown;
    }
    // STP and STR that move the stack pointer first, of 64 bits and of 32.
    if word & 0x7fc0_0000 == 0x2980_0000 && rn == SP {
        let size = if word >> 31 != 0 { 8 } else { 4 };
        return push(signed(word >> 15 & 0x7f, 7) * size);
    }
    if word & 0xbfe0_0c00 == 0xb800_0c00 && rn == SP {
        return push(signed(word >> 12 & 0x1ff, 9));
    }
    match word {
        _ if word & 0xfc00_0000 == 0x9400_0000 => Effect::Call(to(signed(word & 0x3ff_ffff, 26))),
        _ if word & 0xfc00_0000 == 0x1400_0000 => Effect::Jump(to(signed(word & 0x3ff_ffff, 26))),
        // B.cond; CBZ and CBNZ; TBZ and TBNZ.
        _ if word & 0xff00_0000 == 0x5400_0000 => Effect::Jump(to(signed(word >> 5 & 0x7_ffff, 19))),
        _ if word & 0x7e00_0000 == 0x3400_0000 => Effect::Jump(to(signed(word >> 5 & 0x7_ffff, 19))),
        _ if word & 0x7e00_0000 == 0x3600_0000 => Effect::Jump(to(signed(word >> 5 & 0x3fff, 14))),
        // BLR.
        _ if word & 0xffff_fc1f == 0xd63f_0000 => Effect::Indirect,
        // BR.
        _ if word & 0xffff_fc1f == 0xd61f_0000 && !is_by_table(rn, before) => Effect::Indirect,
        _ => Effect::None,
    }
}

/// Tells whether what follows the instruction may be executed after it. A call that ends a function does not return.
pub fn falls_through(word: u32) -> bool {
    let branch = word & 0x7c00_0000 == 0x1400_0000;
    // BR, BLR, RET, ERET.
    let register = word & 0xfe00_0000 == 0xd600_0000;
    // UDF; BRK.
    !branch && !register && word >> 16 != 0 && word & 0xffe0_001f != 0xd420_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_have_their_effects() {
        use Effect::{Call, Indirect, Jump, Push, PushUnknown, Switch};
        let words = [
            (0xd101_03ff, "sub sp, sp, #64", Push(64)),
            (0xd140_07ff, "sub sp, sp, #1, lsl #12", Push(4096)),
            (0xa9bf_7bfd, "stp x29, x30, [sp, #-16]!", Push(16)),
            (0xf81f_0ffe, "str x30, [sp, #-16]!", Push(16)),
            (0x9101_03ff, "add sp, sp, #64", Effect::None),
            (0xa8c1_7bfd, "ldp x29, x30, [sp], #16", Effect::None),
            (0xa900_7bfd, "stp x29, x30, [sp]", Effect::None),
            (0xf100_041f, "cmp x0, #1", Effect::None),
            (0xf240_0c1f, "tst x0, #15", Effect::None),
            (0xcb20_63ff, "sub sp, sp, x0", PushUnknown),
            (0x927a_e53f, "and sp, x9, #~63", PushUnknown),
            (0x9100_03bf, "mov sp, x29", PushUnknown),
            (0x9100_003f, "mov sp, x1", Switch(0)),
            (0x9118_003f, "add sp, x1, #0x600", Switch(0)),
            (0xd104_803f, "sub sp, x1, #288", Switch(288)),
            (0x9400_0002, "bl .+8", Call(0x1008)),
            (0x17ff_ffff, "b .-4", Jump(0xffc)),
            (0x5400_0040, "b.eq .+8", Jump(0x1008)),
            (0xb5ff_ffe0, "cbnz x0, .-4", Jump(0xffc)),
            (0x3707_ffe0, "tbnz w0, #0, .-4", Jump(0xffc)),
            (0xd63f_0100, "blr x8", Indirect),
            (0xd61f_0060, "br x3", Indirect),
            (0xd69f_03e0, "eret", Effect::None),
        ];
        for (word, text, expected) in words {
            assert_eq!(effect(0x1000, word, &[]), expected, "{text}");
        }
    }

    #[test]
    fn jump_tables_stay_in_their_function() {
        let (add, load, mov, br) = (0x8b0b_014a, 0xf940_0d4a, 0x5280_0029, 0xd61f_0140);
        assert_eq!(effect(0, br, &[add, mov]), Effect::None);
        assert_eq!(effect(0, br, &[add, load]), Effect::Indirect);
        assert_eq!(effect(0, br, &[add, mov, mov, mov, mov]), Effect::Indirect);
    }
}

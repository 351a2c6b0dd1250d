// SPDX-License-Identifier: MIT OR Apache-2.0

//! Proof that the firmware touches no FP or SIMD register: the operating system's values live there, and the
//! firmware neither saves nor restores them.
//!
//! A64 says in its fixed top-level bits what an instruction is (Arm ARM, C4.1), so that looking at each word of
//! the executable sections is enough.

use std::path::Path;

use anyhow::{Result, bail, ensure};
use object::{Object, ObjectSymbol};

use crate::code::{self, Code, Elf};

/// Tells whether an instruction uses the FP and SIMD registers, in any of the ways that A64 has.
fn uses_fp(word: u32) -> bool {
    // Bits 28:25 are op0: x110 loads and stores of FP and SIMD registers, x111 the arithmetic.
    let simd = word & 0x0c00_0000 == 0x0c00_0000;
    let sve = word & 0x1e00_0000 == 0x0400_0000;
    let sme = word & 0x9e00_0000 == 0x8000_0000;
    // MRS and MSR of S3_3_C4_C4_x: FPCR and FPSR.
    let control = word & 0xffdf_ff00 == 0xd51b_4400;
    simd || sve || sme || control
}

/// Checks all code in the ELF file at `path`; returns the number of instructions.
pub fn check(path: &Path) -> Result<usize> {
    let data = code::read(path)?;
    let file = code::parse(&data)?;
    let code = code::code_of(&file)?;
    let found: Vec<_> = offenders(&code).map(|address| place(&file, address)).collect();
    if !found.is_empty() {
        bail!("{} instructions use FP or SIMD registers:\n{}", found.len(), found.join("\n"));
    }
    let count = code.iter().map(|part| part.words.len()).sum();
    ensure!(count > 0, "{} has no code", path.display());
    Ok(count)
}

fn offenders(code: &[Code]) -> impl Iterator<Item = u64> {
    let instructions = code.iter().flat_map(Code::instructions);
    instructions.filter(|(_, word)| uses_fp(*word)).map(|(address, _)| address)
}

/// Names an address by the function that it lies in.
fn place(file: &Elf<'_>, address: u64) -> String {
    let named = file.symbols().filter_map(|symbol| Some((symbol.address(), symbol.name().ok()?)));
    let before = named.filter(|&(at, name)| at <= address && !name.is_empty() && !name.starts_with('$'));
    let function = before.max_by_key(|&(at, _)| at).map_or("?", |(_, name)| name);
    format!("{address:#x} in {function}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fp_simd_sve_and_sme_are_found() {
        let words = [
            (0x1e60_2820, "fadd d0, d1, d0"),
            (0x3dc0_0000, "ldr q0, [x0]"),
            (0x6dbf_27e8, "stp d8, d9, [sp, #-16]!"),
            (0x4e08_0c20, "dup v0.2d, x1"),
            (0x1e26_0000, "fmov w0, s0"),
            (0x2518_e3e0, "ptrue p0.b"),
            (0xc008_0000, "zero {}"),
            (0xd51b_4400, "msr fpcr, x0"),
            (0xd53b_4420, "mrs x0, fpsr"),
            (0x4c00_7000, "st1 {v0.16b}, [x0]"),
        ];
        for (word, text) in words {
            assert!(uses_fp(word), "{text}");
        }
    }

    #[test]
    fn integer_and_system_instructions_pass() {
        let words = [
            (0xf940_0000, "ldr x0, [x0]"),
            (0xa9bf_7bfd, "stp x29, x30, [sp, #-16]!"),
            (0x9b02_7c20, "mul x0, x1, x2"),
            (0x9400_0001, "bl .+4"),
            (0xd69f_03e0, "eret"),
            (0xd51e_1100, "msr scr_el3, x0"),
            (0xc8df_fc20, "ldar x0, [x1]"),
            (0x1ac0_0c20, "sdiv w0, w1, w0"),
            (0x0000_0000, "udf #0"),
        ];
        for (word, text) in words {
            assert!(!uses_fp(word), "{text}");
        }
    }

    #[test]
    fn offenders_have_their_addresses() {
        let code = [Code { address: 0x100, words: vec![0xd503_201f, 0x1e60_2820, 0xd65f_03c0, 0x3dc0_0000] }];
        assert_eq!(offenders(&code).collect::<Vec<_>>(), [0x104, 0x10c]);
    }
}

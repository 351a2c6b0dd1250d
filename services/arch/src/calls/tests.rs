// SPDX-License-Identifier: MIT OR Apache-2.0

//! The calls of owner 0 on a modelled core.

use super::*;
use crate::mitigation::{CORTEX_A57, tests::core};

struct Model {
    core: CoreId,
}

impl Model {
    const fn of(core: CoreId) -> Self {
        Self { core }
    }
}

impl Hardware for Model {
    const SOC: Soc = Soc { version: 0x7b_0001, revision: 7, name: Soc::name("a machine") };

    fn core(&self) -> CoreId {
        self.core
    }

    fn availability(&self, control: Control) -> u64 {
        0x100 + control as u64
    }
}

const PATTERN: u64 = 0x5a5a_0000_1111_2222;
const NEOVERSE_N1: CoreId = core(0xd0c, 1);

fn call_on(model: &Model, function: u64, x1: u64) -> Registers {
    let mut registers = [PATTERN; 18];
    (registers[0], registers[1]) = (function, x1);
    handle(FunctionId::from_register(function).unwrap(), &mut registers, model);
    registers
}

fn call(function: u64, x1: u64) -> Registers {
    call_on(&Model::of(NEOVERSE_N1), function, x1)
}

/// Returns x0 as a code, if it is one.
fn code(registers: &Registers) -> i32 {
    let code = registers[0] as i32;
    assert_eq!(registers[0], register(code), "not sign-extended");
    code
}

#[test]
fn version_is_1_5() {
    assert_eq!(code(&call(0x8000_0000, 0)), 0x10005);
}

#[test]
fn features_agree_with_the_calls() {
    for core in [NEOVERSE_N1, core(CORTEX_A57, 0), core(0xfff, 0), core(0xfff, 3)] {
        for number in (0..0x20).chain([0x3fff, 0x7fff, 0x8000, 0xffff]) {
            for function in [0x8000_0000_u64 | number, 0xc000_0000 | number] {
                let model = Model::of(core);
                let answer = code(&call_on(&model, 0x8000_0001, 0xffff_ffff_0000_0000 | function));
                let there = call_on(&model, function, 0x8000_0000)[0] != register(NOT_SUPPORTED);
                assert_eq!(answer >= 0, there, "{function:#x}");
            }
        }
    }
}

#[test]
fn features_takes_identifiers_as_they_are() {
    for function in [0, 0x8001_0000, 0x8002_0000, 0x8400_0000, u64::from(u32::MAX)] {
        assert_eq!(code(&call(0x8000_0001, function)), NOT_SUPPORTED, "{function:#x}");
    }
}

#[test]
fn workarounds_return_nothing() {
    for (core, function, expected) in [
        (NEOVERSE_N1, 0x8000_8000, NOT_NEEDED),
        (NEOVERSE_N1, 0x8000_3fff, SUCCESS),
        (core(CORTEX_A57, 0), 0x8000_8000, SUCCESS),
        (core(CORTEX_A57, 0), 0x8000_3fff, SUCCESS),
    ] {
        let model = Model::of(core);
        let after = call_on(&model, function, PATTERN);
        assert_eq!(after[0], function);
        assert!(after[1..].iter().all(|&x| x == PATTERN));
        assert_eq!(code(&call_on(&model, 0x8000_0001, function)), expected, "{function:#x}");
    }
}

/// Discovery promises no workaround that the entry to EL3 does not perform.
#[test]
fn who_is_told_to_call_is_guarded() {
    for part in 0..0x1000 {
        for csv2 in 0..4 {
            let core = core(part, csv2);
            let told = [0x8000_8000, 0x8000_3fff]
                .map(|function| code(&call_on(&Model::of(core), 0x8000_0001, function)) == SUCCESS);
            assert_eq!(told.contains(&true), core.is_guarded(), "{part:#x} {csv2}");
        }
    }
}

#[test]
fn an_unknown_core_gets_no_promise() {
    let model = Model::of(core(0xfff, 0));
    for function in [0x8000_8000, 0x8000_7fff, 0x8000_3fff, 0x8000_0004] {
        assert_eq!(code(&call_on(&model, 0x8000_0001, function)), NOT_SUPPORTED);
        assert_eq!(code(&call_on(&model, function, 0)), NOT_SUPPORTED);
    }
}

#[test]
fn store_bypass_needs_no_call() {
    let a57 = Model::of(core(CORTEX_A57, 0));
    assert_eq!(code(&call_on(&a57, 0x8000_0001, 0x8000_7fff)), smccc::arch::error::NOT_REQUIRED);
    assert_eq!(code(&call_on(&a57, 0x8000_7fff, 1)), NOT_SUPPORTED);
}

#[test]
fn soc_id_has_three_types() {
    for function in [0x8000_0002, 0xc000_0002] {
        // The type is a 32-bit argument in both conventions.
        for high in [0, 0xdead_beef_0000_0000] {
            assert_eq!(code(&call(function, high)), 0x7b_0001);
            assert_eq!(code(&call(function, high | 1)), 7);
            assert_eq!(code(&call(function, high | 3)), INVALID_PARAMETER);
            assert_eq!(code(&call(function, high | 0xffff_ffff)), INVALID_PARAMETER);
        }
    }
    assert_eq!(code(&call(0x8000_0002, 2)), INVALID_PARAMETER);
    let answer = call(0xc000_0002, 2);
    assert_eq!(code(&answer), SUCCESS);
    assert_eq!(answer[1].to_le_bytes(), *b"a machin");
    assert_eq!(answer[2].to_le_bytes(), *b"e\0\0\0\0\0\0\0");
    assert!(answer[3..].iter().all(|&x| x == 0));
}

#[test]
fn availability_takes_a_whole_selector() {
    for (index, selector) in [0x1e_1100, 0x1e_1140, 0x1e_1320, 0x1e_a500].into_iter().enumerate() {
        let answer = call(0xc000_0003, selector);
        assert_eq!(code(&answer), SUCCESS);
        assert_eq!(answer[1], 0x100 + index as u64);
        assert!(answer[2..].iter().all(|&x| x == PATTERN));
        for wrong in [selector | 1 << 32, selector | 1 << 63, selector + 1] {
            let answer = call(0xc000_0003, wrong);
            assert_eq!((code(&answer), answer[1]), (INVALID_PARAMETER, 0), "{wrong:#x}");
        }
    }
    assert_eq!(code(&call(0x8000_0003, 0x1e_1100)), NOT_SUPPORTED);
}

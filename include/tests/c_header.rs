// SPDX-License-Identifier: MIT OR Apache-2.0

//! Compiles `quell_abi.h` with the host's C compiler and compares what it says with the Rust types.

use std::{collections::BTreeMap, env, fs, mem::offset_of, path::PathBuf, process::Command};

use quell_abi::{
    ALL_CORES, CALL_UID, Call, CoreRecord, FEATURE_FLAGS_SHIFT, FEATURE_KIND_SHIFT, Flags, Kind,
    PAUSE_LEASE_MAX, RECORD_MAGIC, RECORD_SIZE, RECORD_VERSION, REVISION_FID, Release, STATE_QUARANTINED,
    State, Status, TIMEOUT_MAX, UID_FID, VERSION, VERSION_FID32, Why, World,
};

/// Expected values by the C expression that must have them.
#[derive(Default)]
struct Expected(BTreeMap<String, i128>);

impl Expected {
    fn add(&mut self, expression: impl Into<String>, value: impl Into<i128>) {
        self.0.insert(expression.into(), value.into());
    }
}

/// Turns `NotSupported` into `NOT_SUPPORTED`.
fn shouting(name: &str) -> String {
    let mut out = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}

macro_rules! fields {
    ($expected:ident: $($field:ident),* $(,)?) => {
        $(
            $expected.add(
                concat!("offsetof(struct quell_core_record, ", stringify!($field), ")"),
                offset_of!(CoreRecord, $field) as i128,
            );
            $expected.add(
                concat!("sizeof(((struct quell_core_record *)0)->", stringify!($field), ")"),
                size_of_val(&CoreRecord::EMPTY.$field) as i128,
            );
        )*
        // Destructuring without `..` fails to compile when a field is missing above.
        let CoreRecord { $($field: _),* } = CoreRecord::EMPTY;
    };
}

fn constants(expected: &mut Expected) {
    expected.add("QUELL_VERSION", VERSION);
    expected.add("QUELL_FID_VERSION32", VERSION_FID32);
    expected.add("QUELL_FID_UID", UID_FID);
    expected.add("QUELL_FID_REVISION", REVISION_FID);
    for call in Call::ALL {
        expected.add(format!("QUELL_FID_{}", shouting(&format!("{call:?}"))), call.fid());
    }
    for (number, word) in CALL_UID.into_iter().enumerate() {
        expected.add(format!("QUELL_UID_{number}"), word);
    }
    expected.add("QUELL_FEATURE_KIND_SHIFT", FEATURE_KIND_SHIFT);
    expected.add("QUELL_FEATURE_FLAGS_SHIFT", FEATURE_FLAGS_SHIFT);
    for kind in Kind::ALL {
        expected.add(format!("QUELL_KIND_{}", shouting(&format!("{kind:?}"))), kind as u8);
    }
    expected.add("QUELL_FLAG_TRY", Flags::TRY.bits());
    expected.add("QUELL_FLAG_ORPHAN_RESET", Flags::ORPHAN_RESET.bits());
    expected.add("QUELL_PAUSE_LEASE_MAX", PAUSE_LEASE_MAX);
    for release in Release::ALL {
        expected.add(format!("QUELL_RELEASE_{}", shouting(&format!("{release:?}"))), release as u64);
    }
    // Printed as a signed number.
    expected.add("QUELL_ALL_CORES", ALL_CORES.cast_signed());
    expected.add("QUELL_TIMEOUT_MAX", TIMEOUT_MAX);
    for status in Status::ALL {
        expected.add(format!("QUELL_{}", shouting(&format!("{status:?}"))), status as i32);
    }
    for state in State::ALL {
        expected.add(format!("QUELL_STATE_{}", shouting(&format!("{state:?}"))), state as u8);
    }
    expected.add("QUELL_STATE_QUARANTINED", STATE_QUARANTINED);
    for why in Why::ALL {
        let name = match why {
            Why::InEl3 => "IN_EL3".to_owned(),
            other => shouting(&format!("{other:?}")),
        };
        expected.add(format!("QUELL_WHY_{name}"), why as u8);
    }
    expected.add("QUELL_WORLD_NON_SECURE", World::NonSecure as u8);
    expected.add("QUELL_RECORD_MAGIC", RECORD_MAGIC);
    expected.add("QUELL_RECORD_VERSION", RECORD_VERSION);
    expected.add("QUELL_RECORD_SIZE", RECORD_SIZE as i128);
    expected.add("sizeof(struct quell_core_record)", RECORD_SIZE as i128);
}

fn layout(expected: &mut Expected) {
    fields!(expected:
        magic, version, size, index, mpidr, generation, state, why, world, valid, cookie, signalled, stopped,
        saved_registers, pc, pstate, x, sp_el0, sp_el1, sp_el2, esr_el1, far_el1, elr_el1, spsr_el1, esr_el2,
        far_el2, elr_el2, spsr_el2, sctlr_el1, ttbr0_el1, ttbr1_el1, tcr_el1, mair_el1, vbar_el1,
        contextidr_el1, sctlr_el2, ttbr0_el2, ttbr1_el2, tcr_el2, mair_el2, vbar_el2, contextidr_el2,
        tpidr_el0, tpidrro_el0, tpidr_el1, tpidr_el2, hcr_el2, vttbr_el2, icc_pmr_el1, icc_rpr_el1,
        icc_hppir1_el1, icc_igrpen1_el1, isr_el1, reserved,
    );
}

#[test]
fn the_header_says_what_the_types_say() {
    let mut expected = Expected::default();
    constants(&mut expected);
    layout(&mut expected);

    let header = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("quell_abi.h");
    let text = fs::read_to_string(&header).unwrap();
    for line in text.lines().filter_map(|line| line.strip_prefix("#define QUELL_")) {
        let name = format!("QUELL_{}", line.split_whitespace().next().unwrap());
        assert!(name == "QUELL_ABI_H" || expected.0.contains_key(&name), "{name} has no counterpart in Rust");
    }

    let work = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (source, program) = (work.join("header.c"), work.join("header"));
    let mut code = format!("#include <stddef.h>\n#include <stdio.h>\n#include \"{}\"\n", header.display());
    code.push_str("int main(void)\n{\n");
    for expression in expected.0.keys() {
        code.push_str(&format!("\tprintf(\"%lld\\n\", (long long)({expression}));\n"));
    }
    code.push_str("\treturn 0;\n}\n");
    fs::write(&source, code).unwrap();

    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let status = Command::new(&compiler)
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .arg(&source)
        .status()
        .unwrap();
    assert!(status.success());
    let output = String::from_utf8(Command::new(&program).output().unwrap().stdout).unwrap();
    let seen: Vec<i128> = output.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(seen.len(), expected.0.len());
    for ((expression, value), seen) in expected.0.iter().zip(seen) {
        assert_eq!(seen, *value, "{expression}");
    }
}

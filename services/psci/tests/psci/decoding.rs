// SPDX-License-Identifier: MIT OR Apache-2.0

//! How calls are decoded, compared with the `arm-psci` crate: it decodes the registers and encodes what it has understood
//! anew. The service must answer to both alike, and refuse what the crate refuses.

use std::{cell::RefCell, sync::atomic::Ordering::Relaxed};

use arm_psci::{Error, ErrorCode, Function, FunctionId};
use proptest::{
    collection::vec,
    prelude::Strategy,
    prop_oneof,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use quell_power::Depth;

use crate::{
    arguments::registers,
    machine::{AFFINITIES, MICROSECOND, Machine},
    reference::Answer,
};

/// Calls at random.
const CASES: u32 = 100_000;

const SVE_HINT: u64 = 1 << 16;

const NOT_SUPPORTED: Answer = Answer::Code(-1);
const INVALID_PARAMETERS: Answer = Answer::Code(-2);

/// A call that the service decodes otherwise, on purpose.
struct Difference {
    reason: &'static str,
    /// Whether these registers, without the SVE hint, are such a call.
    is_it: fn(&[u64; 4]) -> bool,
    /// What the service answers.
    answer: fn(&[u64; 4]) -> Answer,
}

/// The crate knows the extended format of power_state and the service the original one, as PSCI_FEATURES says. That is no
/// row: what the crate refuses has a bit set that is reserved in the original format too.
const DIFFERENCES: [Difference; 5] = [
    Difference {
        reason: "MIGRATE and MIGRATE_INFO_UP_CPU: there is no trusted OS to migrate, so they are not there",
        is_it: |x| matches!(x[0] as u32, 0x8400_0005 | 0xc400_0005 | 0x8400_0007 | 0xc400_0007),
        answer: |_| NOT_SUPPORTED,
    },
    Difference {
        reason: "AFFINITY_INFO of an SMC32 caller: level 3 is that of cores whose Aff3 is 0, and not refused",
        is_it: |x| x[0] as u32 == 0x8400_0004 && x[2] as u32 == 3,
        // As it is for an SMC64 caller who says the same.
        answer: |x| answer([0xc400_0004, x[1] & 0xffff_ffff, 3, 0]).0,
    },
    Difference {
        reason: "SYSTEM_OFF2: type 0 is HIBERNATE_OFF too, as clients of the first drafts have it",
        is_it: |x| matches!(x[0] as u32, 0x8400_0015 | 0xc400_0015) && x[1] as u32 == 0,
        answer: |x| answer([x[0], 1, x[2], 0]).0,
    },
    Difference {
        reason: "MEM_PROTECT: its argument is 32 bits wide, and neither 0 nor 1 is INVALID_PARAMETERS",
        is_it: |x| x[0] as u32 == 0x8400_0013 && x[1] > 1,
        answer: |x| if x[1] as u32 > 1 { INVALID_PARAMETERS } else { Answer::Code(0) },
    },
    Difference {
        reason: "PSCI_STAT_RESIDENCY and PSCI_STAT_COUNT: the answer to arguments that are not valid is 0",
        is_it: |x| matches!(x[0] as u32 & !(1 << 30), 0x8400_0010 | 0x8400_0011),
        answer: |_| Answer::Value(0),
    },
];

/// Makes a call on a machine whose core 0 is on; returns the answer, the function that was counted, and what a core that
/// was started reads in its mailbox.
fn answer(registers: [u64; 4]) -> (Answer, Option<&'static str>, Vec<(u64, u64)>) {
    let machine = Machine::new(AFFINITIES.len());
    let local = machine.table().local(0);
    for (depth, microseconds) in [(Depth::Standby, 3), (Depth::Core, 5), (Depth::System, 1 << 33)] {
        // PSCI_STAT has something to tell.
        let asleep = machine.psci().suspend(&local, depth).expect("it is on");
        machine.now.fetch_add(microseconds * MICROSECOND, Relaxed);
        assert!(machine.psci().wake(&local, asleep));
    }
    let answer = Answer::from(machine.call(0, registers));
    let function = machine.psci().counters(0).nonzero().map(|(name, _)| name).find(|name| {
        let others = ["INVALID_PARAMETERS", "NOT_SUPPORTED", "DENIED", "ALREADY_ON", "INVALID_ADDRESS"];
        !others.contains(name)
    });
    let entries = (0..AFFINITIES.len()).filter_map(|core| machine.table().local(core).boot());
    (answer, function, entries.map(|entry| (entry.address(), entry.context())).collect())
}

fn name(function: FunctionId) -> &'static str {
    match function {
        FunctionId::PsciVersion => "PSCI_VERSION",
        FunctionId::CpuSuspend32 | FunctionId::CpuSuspend64 => "CPU_SUSPEND",
        FunctionId::CpuOff => "CPU_OFF",
        FunctionId::CpuOn32 | FunctionId::CpuOn64 => "CPU_ON",
        FunctionId::AffinityInfo32 | FunctionId::AffinityInfo64 => "AFFINITY_INFO",
        FunctionId::Migrate32 | FunctionId::Migrate64 => "MIGRATE",
        FunctionId::MigrateInfoType => "MIGRATE_INFO_TYPE",
        FunctionId::MigrateInfoUpCpu32 | FunctionId::MigrateInfoUpCpu64 => "MIGRATE_INFO_UP_CPU",
        FunctionId::SystemOff => "SYSTEM_OFF",
        FunctionId::SystemOff232 | FunctionId::SystemOff264 => "SYSTEM_OFF2",
        FunctionId::SystemReset => "SYSTEM_RESET",
        FunctionId::SystemReset232 | FunctionId::SystemReset264 => "SYSTEM_RESET2",
        FunctionId::MemProtect => "MEM_PROTECT",
        FunctionId::MemProtectCheckRange32 | FunctionId::MemProtectCheckRange64 => "MEM_PROTECT_CHECK_RANGE",
        FunctionId::PsciFeatures => "PSCI_FEATURES",
        FunctionId::CpuFreeze => "CPU_FREEZE",
        FunctionId::CpuDefaultSuspend32 | FunctionId::CpuDefaultSuspend64 => "CPU_DEFAULT_SUSPEND",
        FunctionId::NodeHwState32 | FunctionId::NodeHwState64 => "NODE_HW_STATE",
        FunctionId::SystemSuspend32 | FunctionId::SystemSuspend64 => "SYSTEM_SUSPEND",
        FunctionId::PsciSetSuspendMode => "PSCI_SET_SUSPEND_MODE",
        FunctionId::PsciStatResidency32 | FunctionId::PsciStatResidency64 => "PSCI_STAT_RESIDENCY",
        FunctionId::PsciStatCount32 | FunctionId::PsciStatCount64 => "PSCI_STAT_COUNT",
    }
}

/// Compares how both decode a call; returns the place of the difference, if there is one of those above.
fn compare(registers: [u64; 4]) -> Option<usize> {
    let ours = answer(registers);
    // The crate has the identifier without the hint: whoever calls it has masked it.
    let mut masked = registers;
    masked[0] &= !SVE_HINT;
    let theirs = Function::try_from(&masked);
    let (expected, known) = match &theirs {
        Ok(function) => {
            let mut encoded = [0; 4];
            function.copy_to_array(&mut encoded);
            (answer(encoded), Some(name(function.function_id())))
        }
        Err(error) => {
            let function = FunctionId::try_from(masked[0] as u32).ok().map(name);
            let code = match error {
                Error::UnrecognisedFunctionId(_) => ErrorCode::NotSupported,
                _ => ErrorCode::InvalidParameters,
            };
            ((Answer::Code(code.into()), function, Vec::new()), function)
        }
    };
    if ours == expected && ours.1 == known {
        return None;
    }
    let difference = DIFFERENCES.iter().position(|difference| (difference.is_it)(&masked));
    let Some(difference) = difference else {
        panic!("{registers:x?} is {theirs:?}: {expected:x?}, and here {ours:x?}");
    };
    let row = &DIFFERENCES[difference];
    assert_eq!(ours.0, (row.answer)(&masked), "{registers:x?}: {}", row.reason);
    Some(difference)
}

/// Every identifier around those of PSCI, with every bit that a caller may add, or may not.
#[test]
fn every_identifier_is_the_same_function() {
    let mut extras: Vec<_> = (16..24).map(|bit| 1 << bit).collect();
    extras.extend([0, SVE_HINT | 1 << 20, 0xffff_ffff_0000_0000, 0x1_0000_0000 | SVE_HINT]);
    for number in 0..0x40 {
        for base in [0x8400_0000, 0xc400_0000] {
            for extra in &extras {
                for arguments in [[0, 0, 0], [1, 1, 1], [u64::MAX, u64::MAX, u64::MAX], [1, 0x1000_0000, 5]] {
                    let [x1, x2, x3] = arguments;
                    compare([base | number | extra, x1, x2, x3]);
                }
            }
        }
    }
}

/// The same calls in every run.
#[test]
fn arguments_mean_the_same() {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let any = vec(proptest::num::u64::ANY, 3);
    let wild = (registers(), any).prop_map(|([x0, ..], any)| [x0, any[0], any[1], any[2]]);
    let seen = RefCell::new([0_u32; DIFFERENCES.len()]);
    TestRunner::new_with_rng(config, rng)
        .run(&prop_oneof![4 => registers(), 1 => wild], |registers| {
            if let Some(difference) = compare(registers) {
                seen.borrow_mut()[difference] += 1;
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    for (difference, times) in DIFFERENCES.iter().zip(*seen.borrow()) {
        assert!(times > 0, "it is no difference any more: {}", difference.reason);
    }
}

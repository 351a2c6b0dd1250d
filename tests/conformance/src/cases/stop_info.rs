// SPDX-License-Identifier: MIT OR Apache-2.0

//! The stop service introduces itself: identity, features, and calls that ask about cores.

use quell_abi::{
    CALL_UID, Call, FEATURE_KIND_SHIFT, Flags, Kind, RECORD_SIZE, REVISION_FID, REVISION_MAJOR,
    REVISION_MINOR, State, Status, UID_FID, VERSION, VERSION_FID32,
};

use crate::case::cases;
use crate::cases::psci_cpu_on::not_mpidrs;
use crate::fixture::{others, start, turn_off};
use crate::machine::{self, mpidr};
use crate::psci::NOT_SUPPORTED;
use crate::section;
use crate::smc;
use crate::stop::{self, Request};
use crate::verdict::{Verdict, equal, holds, status};

cases! {
    [section::STOP_CALLS]
    /// The call UID is the service's.
    "stop.uid", 1, uid;
    /// The revision is 1.0.
    "stop.revision", 1, revision;
    /// VERSION is 1.0, by both conventions.
    "stop.version", 1, version;
    /// FEATURES names features, cores and the size of a record.
    "stop.features", 1, features;
    /// Calls without a feature bit answer NOT_SUPPORTED.
    "stop.features.calls_not_there", 1, calls_not_there;
    /// Kinds without a feature bit answer INVALID_PARAMETERS.
    "stop.features.kinds_not_there", 1, kinds_not_there;
    /// Registers that are no results are left as they were.
    "stop.registers", 1, registers;
    /// CORE_ID returns every core's affinity.
    "stop.core_id.all", 1, core_id;
    /// CORE_ID of an index that there is not is INVALID_PARAMETERS.
    "stop.core_id.out_of_range", 1, core_id_out_of_range;
    /// STATUS tells every core's state.
    "stop.status.every_core", 1, status_of_every_core;
    /// STATUS of a core that there is not is INVALID_PARAMETERS.
    "stop.status.absent_core", 1, status_of_absent_core;
    /// MASK is the set of cores that are on, pending and stopped.
    "stop.mask", 1, mask;
    /// MASK of a word beyond the last core is INVALID_PARAMETERS.
    "stop.mask.out_of_range", 1, mask_out_of_range;
}

const INVALID: i32 = Status::InvalidParameters as i32;

fn uid() -> Verdict {
    let reply = smc::call(UID_FID, [0; 6]);
    for (register, word) in CALL_UID.into_iter().enumerate() {
        equal(format_args!("x{register} of the call UID"), reply[register], word.into())?;
    }
    Ok(())
}

fn revision() -> Verdict {
    let reply = smc::call(REVISION_FID, [0; 6]);
    equal("major revision", reply[0], REVISION_MAJOR.into())?;
    equal("minor revision", reply[1], REVISION_MINOR.into())
}

fn version() -> Verdict {
    equal("VERSION (SMC64)", smc::call0(Call::Version.fid()), VERSION.into())?;
    equal("VERSION (SMC32)", smc::call0(VERSION_FID32), VERSION.into())?;
    equal("VERSION with the SVE hint", smc::call0(Call::Version.fid() | 1 << 16), VERSION.into())
}

fn features() -> Verdict {
    let reply = stop::features();
    status("FEATURES", reply.status, 0)?;
    let known = Call::ALL.iter().fold(0, |bits, call| bits | call.feature())
        | Kind::ALL.iter().fold(0, |bits, kind| bits | kind.feature())
        | Flags::TRY.feature()
        | Flags::ORPHAN_RESET.feature();
    equal("feature bits without meaning", reply.x[0] & !known, 0)?;
    for call in [Call::Version, Call::Features, Call::Begin, Call::Poll, Call::Ack, Call::Status] {
        holds(format_args!("{call:?} is there"), stop::has(call))?;
    }
    holds("a kind is there", reply.x[0] >> FEATURE_KIND_SHIFT != 0)?;
    equal("number of cores", reply.x[1], machine::cores() as u64)?;
    equal("bytes of a record", reply.x[2], RECORD_SIZE as u64)
}

fn calls_not_there() -> Verdict {
    for call in Call::ALL.into_iter().filter(|&call| !stop::has(call)) {
        status(format_args!("{call:?}, no feature"), stop::call(call, [0; 6]).status, NOT_SUPPORTED)?;
    }
    for number in [13, 14, 0x20, 0x7f, 0xff] {
        let function = Call::Version.fid() + number;
        status(format_args!("call {function:#x}"), smc::call0(function), NOT_SUPPORTED)?;
    }
    // Only VERSION is there as SMC32.
    for call in Call::ALL.into_iter().skip(1) {
        let function = call.fid() & !(1 << 30);
        status(format_args!("call {function:#x}"), smc::call0(function), NOT_SUPPORTED)?;
    }
    Ok(())
}

fn kinds_not_there() -> Verdict {
    for kind in Kind::ALL.into_iter().filter(|&kind| !stop::has_kind(kind)) {
        // A lease that PAUSE would accept.
        let request = Request { lease: 1_000, ..Request::at_once(kind) };
        status(format_args!("BEGIN of {kind:?}, no feature"), request.begin().status, NOT_SUPPORTED)?;
    }
    Ok(())
}

/// Calls that change nothing, with the number of registers that are results.
fn registers() -> Verdict {
    for (call, results) in [
        (Call::Version, 0),
        (Call::Features, 3),
        (Call::Poll, 3),
        (Call::Ack, 0),
        (Call::Status, 3),
        (Call::Mask, 4),
        (Call::CoreId, 1),
    ] {
        let mut before: [u64; 31] = core::array::from_fn(|register| register as u64 * 0x0101_0101_0101_0101);
        before[0] = call.fid().into();
        before[1] = 0;
        let after = smc::call_with_all_registers(&before);
        for register in results + 1..31 {
            equal(format_args!("x{register} after {call:?}"), after[register], before[register])?;
        }
    }
    Ok(())
}

fn core_id() -> Verdict {
    for index in 0..machine::cores() {
        let reply = stop::call(Call::CoreId, [index as u64, 0, 0, 0, 0, 0]);
        status(format_args!("CORE_ID of {index}"), reply.status, 0)?;
        equal(format_args!("x1 of CORE_ID of {index}"), reply.x[0], mpidr(index))?;
    }
    Ok(())
}

fn core_id_out_of_range() -> Verdict {
    for index in [machine::cores() as u64, 512, 0xffff, 1 << 32, u64::MAX] {
        let reply = stop::call(Call::CoreId, [index, 0, 0, 0, 0, 0]);
        status(format_args!("CORE_ID of {index:#x}"), reply.status, INVALID)?;
    }
    Ok(())
}

fn status_of_every_core() -> Verdict {
    equal("state of the caller", stop::status(0).state, State::On as u64)?;
    for index in others() {
        equal(format_args!("state of core {index}, off"), stop::status(index).state, State::Off as u64)?;
        start(index)?;
        equal(format_args!("state of core {index}, on"), stop::status(index).state, State::On as u64)?;
        turn_off(index)?;
        equal(format_args!("state of core {index}, off"), stop::status(index).state, State::Off as u64)?;
    }
    Ok(())
}

fn status_of_absent_core() -> Verdict {
    for target in not_mpidrs() {
        status(format_args!("STATUS of {target:#x}"), stop::status_of(target).status, INVALID)?;
    }
    Ok(())
}

/// The number of words that MASK has.
fn words() -> u64 {
    (machine::cores() as u64).div_ceil(64)
}

fn mask() -> Verdict {
    let expect = |what: &str, on: &dyn Fn(u64) -> bool| -> Verdict {
        for word in 0..words() {
            let reply = stop::call(Call::Mask, [word, 0, 0, 0, 0, 0]);
            status(format_args!("MASK of word {word}"), reply.status, 0)?;
            let indices = (0..64).filter(|bit| word * 64 + bit < machine::cores() as u64);
            let expected = indices.filter(|bit| on(word * 64 + bit)).fold(0, |mask, bit| mask | 1 << bit);
            equal(format_args!("cores on, {what}"), reply.x[0], expected)?;
            equal(format_args!("cores pending, {what}"), reply.x[1], 0)?;
        }
        Ok(())
    };
    expect("only the caller", &|index| index == 0)?;
    for index in others() {
        start(index)?;
        expect("one more", &|other| other <= index as u64)?;
    }
    Ok(())
}

fn mask_out_of_range() -> Verdict {
    for word in [words(), words() + 1, 1 << 32, u64::MAX] {
        let reply = stop::call(Call::Mask, [word, 0, 0, 0, 0, 0]);
        status(format_args!("MASK of word {word:#x}"), reply.status, INVALID)?;
    }
    Ok(())
}

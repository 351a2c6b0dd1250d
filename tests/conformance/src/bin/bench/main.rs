// SPDX-License-Identifier: MIT OR Apache-2.0

//! The bench: every operation of the firmware once, between marks that a plugin of QEMU's sees (`tests/bench/count.c`).
//!
//! Each operation is done once before it is done between its marks: what only the first call costs is not what is measured.
//! What can not be measured, on this firmware or with so few cores, is left out, and a line says why.

#![no_std]
#![allow(clippy::result_large_err, reason = "a finding holds its text: there is no allocator to box it with")]
#![no_main]

mod mark;
mod one;
#[allow(dead_code, reason = "what a plugin sees needs no name here")]
mod operation;
mod several;
mod stops;
mod wait;

use conformance::verdict::Verdict;
use conformance::{machine, println, stop};

use operation::Operation;

conformance::entry!(main);

/// A measurement: what it measures, the number of cores that it needs, and whether it needs the stop service.
type Measurement = (&'static [Operation], usize, bool, fn() -> Verdict);

/// Every measurement. The last one may lose a core.
const MEASUREMENTS: &[Measurement] = &[
    (&[Operation::PsciVersion], 1, false, one::psci_version),
    (&[Operation::UnknownFid], 1, false, one::unknown_fid),
    (&[Operation::UnknownSipFid], 1, false, one::unknown_sip_fid),
    (&[Operation::CpuSuspendStandby], 1, false, one::standby),
    (&[Operation::AffinityInfo], 2, false, one::affinity_info),
    (&[Operation::CpuOnCaller, Operation::CpuOnTarget, Operation::CpuOff], 2, false, one::on_and_off),
    (&[Operation::StartAll, Operation::Parked], 2, false, several::start_all_and_park),
    (&[Operation::Mask], 1, true, several::mask),
    (&[Operation::StopAcked], 1, true, stops::acked),
    (&[Operation::StopWedged], 1, true, stops::wedged),
    (&[Operation::Resume], 2, true, stops::resume),
    (&[Operation::CpuSuspendPowerdown], 2, false, one::powerdown),
];

fn main() {
    let has_stop = stop::is_there();
    for (operations, cores, needs_stop, measure) in MEASUREMENTS {
        if *needs_stop && !has_stop {
            leave_out(operations, format_args!("the firmware has no stop service"));
        } else if machine::cores() < *cores {
            leave_out(operations, format_args!("needs {cores} cores"));
        } else if let Err(finding) = measure() {
            leave_out(operations, format_args!("{finding}"));
        }
    }
    println!("bench: done");
}

/// Says why operations are not measured.
fn leave_out(operations: &[Operation], why: core::fmt::Arguments) {
    for operation in operations {
        println!("bench: no {}: {why}", operation.name());
    }
}

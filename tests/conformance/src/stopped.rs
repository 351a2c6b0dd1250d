// SPDX-License-Identifier: MIT OR Apache-2.0

//! What must be true of cores that were stopped, however it was done.

use quell_abi::{CoreRecord, RECORD_MAGIC, State, Why};

use crate::cores;
use crate::fixture::start;
use crate::machine::mpidr;
use crate::psci::{self, OFF};
use crate::stop;
use crate::verdict::{Finding, Verdict, equal, failed, holds, status};

/// Passes if a core is off in every sense and ended for one of the reasons.
pub fn is_stopped(index: usize, reasons: &[Why]) -> Verdict {
    let saw = stop::status(index);
    equal(format_args!("state of core {index}"), saw.state, State::Off as u64)?;
    equal(format_args!("AFFINITY_INFO of core {index}"), psci::affinity_info(index), OFF)?;
    if saw.why().is_some_and(|why| reasons.contains(&why)) {
        return Ok(());
    }
    let expected = format_args!("core {index} to end by {reasons:?}");
    match saw.why() {
        Some(why) => Err(failed(expected, format_args!("{why:?}"))),
        None => Err(failed(expected, format_args!("why {}", saw.why))),
    }
}

/// Passes if none of the cores runs.
pub fn are_still(indices: impl Iterator<Item = usize> + Clone) -> Verdict {
    cores::all_are_still(indices).map_err(|index| {
        failed(format_args!("core {index} to stand still after DONE"), format_args!("its heartbeat"))
    })
}

/// Job: proves that the core runs new code.
extern "C" fn double(value: u64) -> u64 {
    value * 2
}

/// Passes if each core can be started and works.
pub fn come_back(mut indices: impl Iterator<Item = usize>) -> Verdict {
    indices.try_for_each(|index| {
        start(index)?;
        equal(
            format_args!("answer of core {index}"),
            cores::call(index, double, index as u64)?,
            2 * index as u64,
        )
    })
}

/// Returns the record of a core that was captured while it ran; what says which core it is must be right.
pub fn record_of(index: usize) -> Result<CoreRecord, Finding> {
    let record = match stop::read(index) {
        Ok(record) => record,
        Err(saw) => {
            status(format_args!("READ of core {index}"), saw, 0)?;
            CoreRecord::EMPTY
        }
    };
    equal("magic of the record", record.magic.into(), RECORD_MAGIC.into())?;
    equal("version of the record", record.version.into(), quell_abi::RECORD_VERSION.into())?;
    equal("size of the record", record.size.into(), quell_abi::RECORD_SIZE as u64)?;
    equal("index in the record", record.index.into(), index as u64)?;
    equal("MPIDR in the record", record.mpidr, mpidr(index))?;
    holds("reserved words of the record are 0", record.reserved.iter().all(|&word| word == 0))?;
    Ok(record)
}

/// Returns the record of a core that was stopped; its header must be right.
pub fn record(index: usize) -> Result<CoreRecord, Finding> {
    let record = record_of(index)?;
    let saw = stop::status(index);
    equal("generation in the record", record.generation.into(), saw.generation)?;
    equal("why in the record", record.why.into(), saw.why)?;
    equal("CNTPCT stopped in the record", record.stopped, saw.stopped)?;
    Ok(record)
}

/// Passes if a core is held by a PAUSE: in the pen, and ON for everybody who asks.
pub fn is_parked(index: usize) -> Verdict {
    let saw = stop::status(index);
    equal(format_args!("state of core {index}"), saw.state, State::Parked as u64)?;
    equal(format_args!("AFFINITY_INFO of core {index}"), psci::affinity_info(index), psci::ON)
}

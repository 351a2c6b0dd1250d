// SPDX-License-Identifier: MIT OR Apache-2.0

//! Machines of every size, and what they cost their host while everything sleeps.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::conformance::{self, Options};
use crate::process;
use crate::test::{Case, Log, Tally};

/// Numbers of cores.
const SIZES: [u32; 9] = [1, 2, 4, 8, 16, 64, 128, 256, 512];

/// The most of one host processor that a machine may take while all of its cores sleep.
const MOST: f64 = 0.1;

/// The lines of the payload between which everything sleeps.
const ASLEEP: &str = "# asleep";
const AWAKE: &str = "# awake";

/// Returns a case for each size.
pub fn cases() -> Vec<Case> {
    SIZES.map(|cores| Case::new(format!("scale cores={cores}"), move |log| run(log, cores))).into()
}

fn run(log: &mut Log, cores: u32) -> Result<Tally> {
    let options = Options { filter: "^scale.".to_owned(), ..Options::on(cores, "max") };
    let mut fell_asleep = None;
    let mut share = None;
    let tally = conformance::run(&options, |line| {
        log.line(line);
        let now = || (Instant::now(), process::processor_time_of_children());
        match line {
            ASLEEP => fell_asleep = Some(now()),
            AWAKE => share = fell_asleep.take().map(|asleep| share_of_a_processor(asleep, now())),
            _ => {}
        }
    })?;
    let share = share.context("the suite did not say when everything sleeps")?;
    ensure!(share <= MOST, "while everything sleeps QEMU takes {share:.2} of a processor");
    Ok(Tally { reason: Some(format!("{share:.3} of a processor while everything sleeps")), ..tally })
}

/// Returns which part of a processor was used between two moments, each with the processor time that had been used by then.
fn share_of_a_processor(from: (Instant, Duration), to: (Instant, Duration)) -> f64 {
    (to.1 - from.1).as_secs_f64() / (to.0 - from.0).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_time_used_by_time_passed() {
        let begin = Instant::now();
        let (two, five) = (Duration::from_secs(2), Duration::from_secs(5));
        assert_eq!(share_of_a_processor((begin, two), (begin + two, five)), 1.5);
        assert_eq!(share_of_a_processor((begin, two), (begin + two, two)), 0.0);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The stop in a loop: every core in a state drawn by chance, every session with arguments drawn by chance.

use quell_abi::{Kind, Why};

use crate::case::cases;
use crate::clock;
use crate::cores::Job;
use crate::fixture::{others, start_with_job};
use crate::random::Random;
use crate::runner::{rounds, seed};
use crate::section;
use crate::stop::{Counts, NO_SGI, Request};
use crate::stopped::{are_still, is_stopped};
use crate::verdict::{Verdict, equal, status};
use crate::{gic, machine, wedge};

cases! {
    [section::STOP_SESSION]
    /// Cores in random states and sessions with random arguments: nobody is left.
    "stop.random", 2, random;
}

/// What a core may do, and how it may end: without an SGI, and with one and time for it.
struct Activity {
    job: Option<Job>,
    without_sgi: &'static [Why],
    with_sgi: &'static [Why],
}

const NMI: &[Why] = &[Why::Nmi];
const OFF_BEFORE: &[Why] =
    &[Why::None, Why::Ack, Why::Nmi, Why::Off, Why::Suspended, Why::Lost, Why::NeverRan];

const ACTIVITIES: [Activity; 9] = [
    Activity { job: None, without_sgi: OFF_BEFORE, with_sgi: OFF_BEFORE },
    Activity { job: Some(wedge::deaf), without_sgi: NMI, with_sgi: NMI },
    Activity { job: Some(wedge::deaf_at_el1), without_sgi: NMI, with_sgi: NMI },
    Activity { job: Some(wedge::priority_masked), without_sgi: NMI, with_sgi: NMI },
    Activity { job: Some(wedge::in_calls), without_sgi: NMI, with_sgi: NMI },
    Activity { job: Some(wedge::asleep), without_sgi: NMI, with_sgi: NMI },
    Activity {
        job: Some(wedge::in_standby),
        without_sgi: &[Why::Nmi, Why::Suspended],
        with_sgi: &[Why::Nmi, Why::Suspended],
    },
    Activity { job: Some(wedge::listening), without_sgi: NMI, with_sgi: &[Why::Ack, Why::Nmi] },
    Activity { job: Some(wedge::leaving), without_sgi: NMI, with_sgi: &[Why::Off, Why::Nmi] },
];

fn random() -> Verdict {
    let mut random = Random::new(seed());
    let mut total = Counts::default();
    let mut sessions = 0;
    for round in rounds() {
        sessions += 1;
        let mut drawn = [0_usize; machine::MAX_CORES];
        let mut running = 0;
        for index in others() {
            drawn[index] = random.below(ACTIVITIES.len() as u64) as usize;
            if let Some(job) = ACTIVITIES[drawn[index]].job {
                start_with_job(index, job)?;
                running += 1;
            }
        }
        let request = Request {
            grace: random.one_of(&[0, 100, 2_000, 20_000, 100_000]),
            sgi: random.one_of(&[NO_SGI, gic::STOP.into()]),
            ..Request::at_once(random.one_of(&[Kind::Halt, Kind::Kexec, Kind::Crash]))
        };
        clock::pause(random.below(200));
        let reply = request.sync();
        status(format_args!("SYNC (round {round})"), reply.status, 0)?;
        let counts = Counts::of(&reply);
        let ended = counts.acked + counts.nmi + counts.off;
        equal(format_args!("cores that ended (round {round})"), ended, running)?;
        equal(format_args!("cores left (round {round})"), counts.left, 0)?;
        for index in others() {
            let activity = &ACTIVITIES[drawn[index]];
            let reasons = if request.sgi == NO_SGI { activity.without_sgi } else { activity.with_sgi };
            is_stopped(index, reasons).inspect_err(|_| {
                crate::println!("# round {round}: activity {} of core {index}", drawn[index])
            })?;
        }
        // Looking for heartbeats takes time: now and then is enough.
        if round % 10 == 0 {
            are_still(others())?;
        }
        total.acked += counts.acked;
        total.nmi += counts.nmi;
        total.off += counts.off;
    }
    let Counts { acked, nmi, off, .. } = total;
    crate::println!("# {sessions} sessions: acked {acked}, nmi {nmi}, off {off}");
    Ok(())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! A storm: cores that turn each other on and off, sleep, call, listen and wedge, all by chance, against stops of every kind,
//! by the boot core or by two at once. After each stop nobody runs, and at the beginning of each round everybody starts.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use quell_abi::{Call, Kind, State, Status};
use smccc::psci::PSCI_VERSION;

use crate::anchor::{self, Ending};
use crate::case::cases;
use crate::clock;
use crate::fixture::{StartLine, others};
use crate::machine::{mpidr, this_core};
use crate::psci::{self, ALREADY_ON, DENIED, OFF, ON_PENDING, SUCCESS};
use crate::random::Random;
use crate::registers::{mask_all, unmask_irq};
use crate::runner::{rounds_up_to, rounds_wanted, seed};
use crate::section;
use crate::session::{LONGEST_PAUSE, is_over, pause};
use crate::stop::{self, EVERYBODY, Fate, Request};
use crate::stopped::come_back;
use crate::verdict::{Finding, Verdict, equal, failed, holds, register, status};
use crate::{cores, gic, sleep, smc, wedge};

cases! {
    [section::STOP_SESSION]
    /// Sessions of every kind end cores that do everything.
    "stop.storm.one_stopper", 2, one_stopper;
    /// Two cores that stop the others and each other do.
    "stop.storm.two_stoppers", 3, two_stoppers;
}

/// The most cores in the storm.
const MEMBERS: usize = 7;

/// A round of the storm is short: there are this many for each round of another race.
const MANY: u64 = 50;

/// Calls of the storm that returned what they must not.
static UNEXPECTED: AtomicU64 = AtomicU64::new(0);

fn members() -> Range<usize> {
    1..others().end.min(MEMBERS + 1)
}

fn expect(saw: u64, allowed: &[i32]) {
    if !allowed.iter().any(|&status| saw == register(status)) {
        UNEXPECTED.store(saw, Ordering::Relaxed);
    }
}

/// Job: what a core in the storm does until something stops it.
extern "C" fn member(seed: u64) -> u64 {
    const STATES: [u64; 3] = [psci::STANDBY, psci::CORE_POWER_DOWN, psci::CLUSTER_POWER_DOWN];
    const WEDGES: [cores::Job; 4] = [wedge::deaf, wedge::deaf_at_el1, wedge::priority_masked, wedge::asleep];
    mask_all();
    let mut random = Random::new(seed);
    while !cores::dismissed() {
        cores::beat();
        match random.below(16) {
            0..=3 => {
                let target = random.below(members().len() as u64) as usize + 1;
                let saw = psci::cpu_on(mpidr(target), cores::entry_point(), 0);
                expect(saw, &[SUCCESS, ALREADY_ON, ON_PENDING, DENIED]);
            }
            4..=5 => {
                if let Ending::Returned(saw) = anchor::run(cores::power_off, 0) {
                    expect(saw, &[DENIED]);
                }
            }
            6..=8 => {
                let state = sleep::Kind::State(random.one_of(&STATES));
                if let Ending::Returned(saw) = sleep::here(state, random.below(100)) {
                    expect(saw, &[SUCCESS]);
                }
            }
            9..=10 => {
                smc::call0(PSCI_VERSION);
                stop::status(random.below(members().len() as u64) as usize);
                stop::call(Call::Mask, [0; 6]);
            }
            11 => {
                unmask_irq();
                clock::pause(random.below(10));
                mask_all();
            }
            12 => {
                random.one_of(&WEDGES)(0);
            }
            // With more cores that work than the host has, a round would take long: most of the time they rest.
            _ => {
                sleep::here(sleep::Kind::State(psci::STANDBY), random.below(400));
            }
        }
    }
    0
}

/// Starts members, now and then all of them: with more cores that work than the host has, a round takes long. They start each
/// other too. Every other time waits for them.
fn begin(random: &mut Random, first_job: Option<cores::Job>) -> Verdict {
    let all = random.below(8) == 0;
    let mut started = [false; MEMBERS + 1];
    let mut boots = [0; MEMBERS + 1];
    for index in members() {
        started[index] = all || index == 1 || random.below(3) == 0;
        boots[index] = cores::prepare(index);
        // It finds its job whoever starts it.
        cores::leave(index, first_job.filter(|_| index == 1).unwrap_or(member), random.bits());
    }
    for index in members().filter(|&index| started[index]) {
        let saw = psci::cpu_on(mpidr(index), cores::entry_point(), 0);
        let is_on = [SUCCESS, ALREADY_ON, ON_PENDING].into_iter().any(|status| saw == register(status));
        holds(format_args!("CPU_ON of core {index} = 0 or ALREADY_ON, saw {saw:#x}"), is_on)?;
    }
    if random.below(2) == 0 {
        for index in members().filter(|&index| started[index]) {
            holds(format_args!("core {index} starts"), cores::wait_for_boot(index, boots[index]))?;
        }
    }
    clock::pause(random.below(60));
    Ok(())
}

/// Passes if all of these are off, and nothing of them runs.
fn are_off(indices: impl Iterator<Item = usize> + Clone) -> Verdict {
    let life = || indices.clone().map(cores::signs_of_life).fold(0_u64, u64::wrapping_add);
    let before = life();
    for index in indices.clone() {
        equal(format_args!("state of core {index}"), stop::status(index).state, State::Off as u64)?;
        equal(format_args!("AFFINITY_INFO of core {index}"), psci::affinity_info(index), OFF)?;
    }
    clock::pause(20);
    holds("nobody runs after DONE", life() == before)
}

/// What the boot core does before it stops the others.
fn meddle(random: &mut Random) -> Verdict {
    let target = mpidr(random.below(members().len() as u64) as usize + 1);
    match random.below(16) {
        0 if stop::has(Call::Snapshot) => {
            stop::snapshot(random.one_of(&[target, EVERYBODY]), random.below(200));
        }
        1..=2 if stop::has(Call::Evict) => {
            stop::evict(target, random.below(200));
        }
        3..=5 if stop::has_kind(Kind::Pause) => {
            let grace = random.one_of(&[0, 0, 50]);
            let sgi = gic::STOP.into();
            let request = Request { grace, sgi, ..Request::pause(random.one_of(&[300, LONGEST_PAUSE])) };
            let Some(paused) = pause(&request)? else { return Ok(()) };
            let life = || members().map(cores::signs_of_life).fold(0_u64, u64::wrapping_add);
            let before = life();
            clock::pause(20);
            let is_still = life() == before;
            // Else the stop that follows takes it over.
            if random.below(2) == 0 {
                let fate = if random.below(4) == 0 { Fate::Off } else { Fate::Resume };
                let released = stop::release(paused.handle, fate);
                if !is_over(&released) {
                    status(format_args!("RELEASE({fate:?})"), released.status, 0)?;
                    holds("nobody runs in a PAUSE", is_still)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn request(random: &mut Random) -> Request {
    Request {
        grace: random.one_of(&[0, 0, 0, 30, 200]),
        sgi: random.one_of(&[stop::NO_SGI, gic::STOP.into()]),
        ..Request::at_once(random.one_of(&[Kind::Halt, Kind::Kexec, Kind::Crash]))
    }
}

fn end(count: u64) -> Verdict {
    crate::println!("# {count} rounds of the storm");
    let unexpected = UNEXPECTED.swap(0, Ordering::Relaxed);
    equal("a result that a call in the storm must not have", unexpected, 0)?;
    come_back(members())
}

fn one_stopper() -> Verdict {
    let mut random = Random::new(seed());
    let mut count = 0;
    for round in rounds_up_to(rounds_wanted() * MANY) {
        let in_round = |finding: Finding| {
            crate::println!("# in round {round}");
            finding
        };
        begin(&mut random, None).map_err(in_round)?;
        meddle(&mut random).map_err(in_round)?;
        let reply = request(&mut random).sync();
        status("SYNC", reply.status, 0).map_err(in_round)?;
        are_off(members()).map_err(in_round)?;
        members().for_each(anchor::forget);
        count += 1;
    }
    end(count)
}

/// What the other stopper saw: 0 if it did not win, 1 if all were off, else 2.
static OTHERS: AtomicU64 = AtomicU64::new(0);

static LINE: StartLine = StartLine::new();

/// Opens a session of a kind drawn by chance; who wins sees all others off. Who loses does not return.
fn contend(random: &mut Random) -> Result<(), Finding> {
    LINE.wait();
    clock::pause(random.below(60));
    let reply = request(random).sync();
    if reply.status == Status::StaleHandle.to_register() {
        // A higher kind has taken the session over.
        stop::ack(0);
    }
    status("SYNC of one of two", reply.status, 0)?;
    let me = this_core();
    are_off((0..members().end).filter(move |&index| index != me))
}

/// Job: the other stopper. If it wins, it starts the boot core again.
extern "C" fn other_stopper(seed: u64) -> u64 {
    mask_all();
    let verdict = contend(&mut Random::new(seed));
    if let Err(finding) = verdict {
        crate::println!("# {finding:?}");
    }
    OTHERS.store(if verdict.is_ok() { 1 } else { 2 }, Ordering::Release);
    psci::cpu_on(mpidr(0), cores::entry_point(), 0)
}

/// The boot core's own part; returns 0 if it has won and all is well.
extern "C" fn first_stopper(seed: u64) -> u64 {
    match contend(&mut Random::new(seed)) {
        Ok(()) => 0,
        Err(finding) => {
            crate::println!("# {finding:?}");
            1
        }
    }
}

fn two_stoppers() -> Verdict {
    let mut random = Random::new(seed());
    let (mut count, mut lost) = (0, 0);
    for round in rounds_up_to(rounds_wanted() * MANY) {
        OTHERS.store(0, Ordering::Release);
        LINE.expect(2);
        begin(&mut random, Some(other_stopper))?;
        match anchor::run(first_stopper, random.bits()) {
            Ending::Returned(saw) => equal(format_args!("the boot core wins round {round}"), saw, 0)?,
            Ending::Restarted => {
                lost += 1;
                equal(format_args!("core 1 wins round {round}"), OTHERS.load(Ordering::Acquire), 1)?;
                // It is still on.
                status("SYNC after all", Request::at_once(Kind::Crash).sync().status, 0)?;
                are_off(members())?;
            }
            Ending::Faulted(fault) => {
                return Err(failed(format_args!("no exception"), format_args!("{fault}")));
            }
        }
        members().for_each(anchor::forget);
        count += 1;
    }
    crate::println!("# core 1 won {lost} of them");
    end(count)
}

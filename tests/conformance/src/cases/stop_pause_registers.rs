// SPDX-License-Identifier: MIT OR Apache-2.0

//! PAUSE and RESUME change nothing: not a register, and not an interrupt more or less.

use quell_abi::Kind;

use crate::case::cases;
use crate::clock::{self, PATIENCE, wait_until};
use crate::fixture::{start, start_with_job};
use crate::random::Random;
use crate::runner::{rounds_up_to, seed};
use crate::section;
use crate::session::{LONGEST_PAUSE, is_over, pause};
use crate::stop::{self, Fate, Request};
use crate::ticker::{self, FIRST_SGI, SECOND_SGI};
use crate::verdict::{Verdict, equal, holds};
use crate::{chain, cores, gic};

cases! {
    [section::STOP_SESSION]
    /// A PAUSE changes no register of a core.
    "stop.pause.registers", 2, registers;
    /// A PAUSE loses no interrupt and makes none.
    "stop.pause.interrupts", 2, interrupts;
}

/// How often the core is paused, whatever the rounds of other cases.
const PAUSES: u64 = 1_000;

/// Pauses again and again, at moments and for times drawn by chance, with something done before each PAUSE, in it and after it.
fn pauses(mut before: impl FnMut(), mut inside: impl FnMut(), mut after: impl FnMut() -> Verdict) -> Verdict {
    let mut random = Random::new(seed());
    let (mut whole, mut cut_short) = (0, 0);
    for _ in rounds_up_to(PAUSES) {
        clock::pause(random.below(60));
        before();
        let paused = pause(&Request::pause(LONGEST_PAUSE))?;
        inside();
        clock::pause(random.below(20));
        match paused {
            Some(paused) if !is_over(&stop::release(paused.handle, Fate::Resume)) => {
                equal("targets", paused.targets, 1)?;
                whole += 1;
            }
            // It ended by its lease: that must change nothing either.
            _ => cut_short += 1,
        }
        after()?;
    }
    crate::println!("# {whole} PAUSEs, and {cut_short} that their lease ended");
    holds("a PAUSE", whole > 0)
}

fn registers() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    start(1)?;
    let finished = cores::finished(1);
    chain::begin(1)?;
    pauses(|| (), || (), || Ok(()))?;
    chain::end(1, finished)
}

fn interrupts() -> Verdict {
    stop::needs_kind(Kind::Pause)?;
    start_with_job(1, ticker::tick)?;
    let finished = cores::finished(1);
    let mut sent = 0;
    pauses(
        || gic::send(FIRST_SGI, 1),
        || gic::send(SECOND_SGI, 1),
        || {
            sent += 1;
            let taken = wait_until(PATIENCE, || ticker::count().sgis == [sent, sent]);
            let saw = ticker::count().sgis;
            holds(format_args!("each SGI is taken once: sent {sent}, taken {saw:?}"), taken)
        },
    )?;
    cores::dismiss(true);
    let periods = cores::result(1, finished);
    cores::dismiss(false);
    let periods = periods?;
    let count = ticker::count();
    crate::println!("# {} ticks, {sent} SGIs of each of two", count.ticks);
    equal("SGIs taken in the end", count.sgis[0], sent)?;
    equal("SGIs taken in the end", count.sgis[1], sent)?;
    equal("interrupts of a timer that had no reason", count.too_many, 0)?;
    holds("the timer ticks", periods > 2)?;
    equal("ticks of the timer", count.ticks, periods)
}

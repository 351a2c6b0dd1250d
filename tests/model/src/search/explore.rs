// SPDX-License-Identifier: MIT OR Apache-2.0

//! How the models are explored.

use interleave::{Report, Settings, explore};
use quell_power::Protection;

use super::world::World;

/// How often cores are cut short to find what a protection is for.
const MOST_PREEMPTIONS: u8 = 4;

/// The most steps that a core takes to the end of an operation while all others stand still: several times as many as the
/// longest one takes. There are no locks, so there is a bound.
const MOST_LONE_STEPS: usize = 400;

/// How a model is explored.
#[derive(Clone, Copy)]
pub(crate) struct Exploration<'a> {
    settings: Settings,
    world: &'a World,
}

impl<'a> Exploration<'a> {
    /// Returns the exploration of every state of a model.
    pub(crate) fn of(name: &'static str, world: &'a World) -> Self {
        Self { settings: Settings::new(name), world }
    }

    /// Cuts cores short at most so often.
    pub(crate) fn within(self, preemptions: u8) -> Self {
        Self { settings: self.settings.with_preemptions(preemptions), ..self }
    }

    /// Lets cores be cut short at relaxed accesses, too.
    pub(crate) fn in_relaxed_steps(self) -> Self {
        Self { settings: self.settings.with_relaxed_steps(), ..self }
    }

    /// Checks I10: that no core holds what another one needs.
    pub(crate) fn with_lone_cores(self) -> Self {
        Self { settings: self.settings.with_lone_cores("I10", MOST_LONE_STEPS), ..self }
    }

    /// Explores the model and prints what came of it.
    pub(crate) fn holds(self) -> Report {
        let report = explore(self.world, self.settings).unwrap_or_else(|violation| panic!("{violation}"));
        match self.settings.preemptions {
            Some(most) => println!("at most {most} preemptions: {report}"),
            None => println!("{report}"),
        }
        report
    }
}

/// Explores every state of a model.
pub(crate) fn holds(name: &'static str, world: &World) -> Report {
    Exploration::of(name, world).holds()
}

/// The same, with cores cut short at most so often.
pub(crate) fn holds_within(preemptions: u8, name: &'static str, world: &World) -> Report {
    Exploration::of(name, world).within(preemptions).holds()
}

/// Explores a model without a protection and expects that it breaks just this property. Cores are cut short as rarely as that
/// takes: the trace is the shorter.
pub(crate) fn fails_without(protection: Protection, world: fn() -> World, property: &'static str) {
    fails(protection, world, property, Settings::new("without"));
}

/// The same, where cores can be cut short at relaxed accesses, too.
pub(crate) fn fails_without_in_relaxed_steps(
    protection: Protection,
    world: fn() -> World,
    property: &'static str,
) {
    fails(protection, world, property, Settings::new("without").with_relaxed_steps());
}

fn fails(protection: Protection, world: fn() -> World, property: &'static str, settings: Settings) {
    // A thread of its own, because a protection is taken out for the rest of a thread.
    let result = std::thread::spawn(move || {
        quell_power::remove(protection);
        let explored = |most| explore(&world(), settings.with_preemptions(most));
        (0..=MOST_PREEMPTIONS).find_map(|most| explored(most).err())
    });
    let violation = result.join().unwrap();
    let violation = violation.unwrap_or_else(|| panic!("the model holds without {protection:?}"));
    println!("without {protection:?}:\n{violation}");
    assert!(
        violation.message.starts_with(&format!("{property}: ")),
        "without {protection:?} the model fails otherwise: {violation}"
    );
}

/// Explores a model without a protection that something else makes up for.
pub(crate) fn holds_without(protection: Protection, name: &'static str, world: fn() -> World) {
    let result = std::thread::spawn(move || {
        quell_power::remove(protection);
        holds(name, &world());
    });
    result.join().expect("the model holds");
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! How the models are run.

use std::{any::Any, thread};

use loom::model::Builder;
use quell_power::Protection;

/// How often cores are cut short in the larger models.
pub(crate) const MOST_PREEMPTIONS: usize = 3;

/// How often in the largest ones.
pub(crate) const FEW_PREEMPTIONS: usize = 2;

/// How often where cores sleep and wake again and again.
pub(crate) const ONE_PREEMPTION: usize = 1;

/// Accesses in one order of a model with long waits.
const LONG_WAIT: usize = 5_000;

/// Runs a model in every order.
pub(crate) fn check(model: fn()) {
    Builder::new().check(model);
}

/// Runs a model in every order in which cores are cut short at most `preemptions` times: the larger models have too many
/// orders otherwise. A violation that needs more is not found; those of the protections need three at most.
pub(crate) fn check_within(preemptions: usize, model: fn()) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Runs a model in so many of those orders, from the first on: for models with long waits, in which every look may see one of
/// several values.
pub(crate) fn check_some(preemptions: usize, orders: usize, model: fn()) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_permutations = Some(orders);
    builder.max_branches = LONG_WAIT;
    builder.check(model);
}

/// Runs a model without a protection and expects that it breaks just this property.
pub(crate) fn fails_without(protection: Protection, model: fn(), property: &str) {
    // A thread of its own, because a protection is taken out for the rest of a thread.
    let result = thread::spawn(move || {
        quell_power::remove(protection);
        // The short way to a violation is found soonest.
        (0..=MOST_PREEMPTIONS).for_each(|preemptions| check_within(preemptions, model));
    })
    .join();
    let violation =
        result.expect_err("the model holds without the protection: it shows nothing, or it is not needed");
    let violation = message(violation.as_ref());
    assert!(
        violation.contains(&format!("{property}: ")),
        "without {protection:?} the model fails otherwise: {violation}"
    );
}

fn message(panic: &dyn Any) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .expect("a panic of the model has a message")
}

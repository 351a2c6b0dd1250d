// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an exploration needs of a model, and how it is to be explored.

use std::{fmt::Debug, hash::Hash};

/// A machine: memory that it holds itself, made of [atomics](crate::sync) and [notes](crate::Note), and cores.
///
/// A core alternates between standing somewhere, which is a value of [`Core`](Self::Core), and an operation, which is code
/// that runs. The code must depend on nothing but the core it is given and on what its accesses return.
pub trait Model {
    /// Where a core stands between two operations, and all that it remembers.
    type Core: Clone + Debug + Eq + Hash;
    /// Something that a core can do.
    type Operation: Copy + Debug;

    /// Gives the memory names, with [`label`](crate::label), for traces.
    fn name_memory(&self) {}

    /// Returns the cores as they stand at the beginning.
    fn cores(&self) -> Vec<Self::Core>;

    /// Returns what the core can do where it stands; the search tries all of it. A core that can do nothing has finished.
    fn operations(&self, index: usize, core: &Self::Core) -> Vec<Self::Operation>;

    /// Does the operation, and returns where the core stands then.
    ///
    /// If it begins with [`wait`](crate::wait), the core can choose it only when there is nothing to wait for.
    fn run(&self, index: usize, core: &Self::Core, operation: Self::Operation) -> Self::Core;

    /// Returns whether an operation may happen, and need not: a machine in which cores can do nothing else has come to its
    /// end.
    fn is_idle(&self, _operation: Self::Operation) -> bool {
        false
    }

    /// Returns whether an operation comes to its end, or waits, in a number of its core's own steps that has a bound, whatever
    /// others do: see [`Settings::with_lone_cores`]. One that spins until time has passed does not.
    fn is_bounded(&self, _operation: Self::Operation) -> bool {
        true
    }

    /// Checks a state, by panic; loads see what the cells hold in it.
    fn check(&self, _cores: &dyn Cores<Self>) {}

    /// Checks a state in which no core has to take a step.
    fn end(&self, _cores: &dyn Cores<Self>) {}

    /// Describes the state in which a step has ended, for a trace.
    fn describe(&self) -> String {
        String::new()
    }
}

/// The cores in a state.
pub trait Cores<M: Model + ?Sized> {
    /// Returns where this core stands, or has stood when it began its operation.
    fn core(&self, index: usize) -> &M::Core;

    /// Returns the operation that this core is in, if it has begun one.
    fn operation(&self, index: usize) -> Option<M::Operation>;
}

/// How a model is explored.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The name of the model in what is printed.
    pub name: &'static str,
    /// Whether a core can be cut short at relaxed accesses, too.
    ///
    /// They order nothing, so code that is right guards what it accesses so by other accesses. Without steps of their own, loads
    /// go along with the access before them, and stores with the one after them: what comes before the acquire that guards
    /// it, or after the release that publishes it, is still found.
    pub relaxed_steps: bool,
    /// Whether to look for states from which no end can be reached, in which the cores run in circles. Takes memory for
    /// each transition.
    pub find_circles: bool,
    /// How often a core may be cut short in the middle of an operation that it could go on with; as often as can be if there is
    /// no bound. For models that are too large otherwise: a violation that needs more is not found.
    pub preemptions: Option<u8>,
    /// The name of the property that every core comes to the end of its operation, or waits, while all others stand still, and in
    /// how many steps, if that is to be checked.
    pub lone_cores: Option<(&'static str, usize)>,
    /// Whether cores that have read different values are different though they have forgotten them: see `stack`. Slow, and of
    /// use only for a look at whether that is true.
    pub whole_history: bool,
    /// An exploration that finds more states is given up.
    pub most_states: usize,
}

impl Settings {
    /// Returns the usual settings.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            relaxed_steps: false,
            find_circles: false,
            preemptions: None,
            lone_cores: None,
            whole_history: false,
            most_states: 100_000_000,
        }
    }

    /// Lets cores be cut short at relaxed accesses, too.
    pub const fn with_relaxed_steps(self) -> Self {
        Self { relaxed_steps: true, ..self }
    }

    /// Cuts cores short at most so often.
    pub const fn with_preemptions(self, most: u8) -> Self {
        Self { preemptions: Some(most), ..self }
    }

    /// Checks in every state that each core comes to the end of its operation, or waits, within so many steps while all others
    /// stand still: that none holds what another needs.
    pub const fn with_lone_cores(self, property: &'static str, most: usize) -> Self {
        Self { lone_cores: Some((property, most)), ..self }
    }

    /// Tells cores apart by all that they have read.
    pub const fn with_whole_history(self) -> Self {
        Self { whole_history: true, ..self }
    }

    /// Looks for states from which no end can be reached.
    pub const fn with_circles(self) -> Self {
        Self { find_circles: true, ..self }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an exploration tells.

use std::{collections::BTreeSet, fmt, time::Duration};

use crate::{
    Model, context,
    search::Search,
    step::{Event, Step},
    visited::Origin,
};

/// An exploration that came to its end without a violation.
#[derive(Clone, Debug)]
pub struct Report {
    /// The model's name.
    pub name: &'static str,
    /// How many states the cores can reach.
    pub states: usize,
    /// How many steps lead from one to another.
    pub transitions: u64,
    /// How many states are the last ones: no core can take a step.
    pub ends: u64,
    /// How many steps the state is away that is farthest from the beginning.
    pub depth: usize,
    /// How often the search began anew because more cells were shared than it had thought.
    pub passes: usize,
    /// How often an operation was run to learn what its code does.
    pub runs: u64,
    /// How long it took.
    pub time: Duration,
    /// What was checked, and what was [seen](crate::seen), at least once.
    pub seen: BTreeSet<&'static str>,
}

impl Report {
    pub(crate) fn new<M: Model>(search: &Search<'_, M>, depth: usize, passes: usize, time: Duration) -> Self {
        Self {
            name: search.settings.name,
            states: search.visited.len(),
            transitions: search.transitions,
            ends: search.ends,
            depth,
            passes,
            runs: search.program.runs,
            time,
            seen: context::with(|context| context.seen.clone()),
        }
    }

    /// Checks that all of this was checked or seen: a model that never comes to it says nothing of it.
    ///
    /// # Panics
    ///
    /// Panics if something was not.
    pub fn expect(&self, names: &[&str]) {
        for name in names {
            assert!(self.seen.contains(name), "{}: the model never comes to {name:?}", self.name);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.time.as_secs_f64();
        let Self { name, states, transitions, ends, depth, passes, runs, .. } = self;
        let rate = *transitions as f64 / seconds.max(1e-9);
        write!(
            f,
            "{name}: {states} states, {transitions} transitions ({rate:.0}/s), {ends} ends, depth {depth}, {seconds:.2} s, \
             {passes} passes, {runs} runs of operations; checked or seen: "
        )?;
        let names: Vec<_> = self.seen.iter().copied().collect();
        f.write_str(&names.join(", "))
    }
}

/// A property that does not hold, and the shortest way there.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The message of the panic: it begins with the property's name.
    pub message: String,
    /// Every step, one access a line.
    pub trace: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.message, self.trace)
    }
}

impl<M: Model> Search<'_, M> {
    /// Returns the violation that the code itself finds in this step.
    pub(crate) fn violation_in(&mut self, step: Origin, number: u32) -> Box<Violation> {
        let mut steps = self.way_to(step.from);
        steps.push(step);
        let message = self.program.violations[number as usize].clone();
        Box::new(Violation { message, trace: self.trace(&steps) })
    }

    /// Returns the violation that a check has found in this state.
    pub(crate) fn violation_at(&mut self, state: u32, message: String) -> Box<Violation> {
        let steps = self.way_to(state);
        Box::new(Violation { message, trace: self.trace(&steps) })
    }

    /// Finds a state from which no end can be reached.
    pub(crate) fn find_circles(&mut self) -> Result<(), Box<Violation>> {
        // The edges by where they lead.
        let mut edges = std::mem::take(&mut self.edges);
        edges.sort_unstable_by_key(|&(_, to)| to);
        let mut can_end = vec![false; self.visited.len()];
        let mut work = self.final_states.clone();
        work.iter().for_each(|&state| can_end[state as usize] = true);
        while let Some(state) = work.pop() {
            let first = edges.partition_point(|&(_, to)| to < state);
            for &(from, _) in edges[first..].iter().take_while(|&&(_, to)| to == state) {
                if !std::mem::replace(&mut can_end[from as usize], true) {
                    work.push(from);
                }
            }
        }
        match can_end.iter().position(|&can| !can) {
            None => Ok(()),
            Some(state) => Err(self
                .violation_at(state as u32, "CIRCLE: the cores run on and never come to an end".to_owned())),
        }
    }

    /// Returns the steps from the beginning to a state.
    fn way_to(&self, mut state: u32) -> Vec<Origin> {
        let mut steps = Vec::new();
        while state != 0 {
            let origin = self.visited.origin(state);
            steps.push(origin);
            state = origin.from;
        }
        steps.reverse();
        steps
    }

    /// Tells the steps, access by access.
    fn trace(&mut self, steps: &[Origin]) -> String {
        let mut trace = String::new();
        let mut described = self.begin_anew();
        trace += &format!("     beginning: {described}\n");
        for (number, step) in steps.iter().enumerate() {
            let core = usize::from(step.core);
            let start = self.start_of(core, step.operation.into());
            let (at, operation) = self.program.whereabouts(start);
            let operation = operation.map_or_else(|| format!("{at:?}"), |operation| format!("{operation:?}"));
            let mut events = Some(Vec::new());
            let made = self.step(core, start, &mut events);
            for event in events.into_iter().flatten() {
                trace += &format!("{:4} core {core} {operation}: {}\n", number + 1, line_of(&event));
            }
            if matches!(made, Step::Violation(_)) {
                trace += &format!("{:4} core {core} {operation}: here\n", number + 1);
                break;
            }
            let now = self.description();
            if now != described {
                trace += &format!("     {now}\n");
                described = now;
            }
        }
        trace
    }
}

fn line_of(event: &Event) -> String {
    let name = context::with(|context| context.cells.name(event.access.cell).to_owned());
    let change = if event.before == event.after {
        format!("{:#x}", event.before)
    } else {
        format!("{:#x} -> {:#x}", event.before, event.after)
    };
    format!("{} {name} {change}", event.access.request)
}

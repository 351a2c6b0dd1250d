// SPDX-License-Identifier: MIT OR Apache-2.0

//! A step of a core: the accesses up to the next one that matters to others.

use crate::{
    Model,
    context::{Access, Class},
    program::{Next, Point, Unknown},
    request::Request,
    search::{INITIAL, Search},
};

/// More accesses than a step needs. A core that spins on what no other core changes makes no end of them.
const LONGEST_STEP: usize = 256;

/// An access that was made in a step, for a trace.
pub(crate) struct Event {
    pub access: Access,
    pub before: u64,
    pub after: u64,
}

/// What came of a step.
pub(crate) enum Step {
    Made,
    /// The core has to wait.
    Waits,
    /// It is not known yet what the code does.
    Unknown(Unknown),
    Violation(u32),
}

/// What a step has made so far: anything, an access that matters to others, and one in the block that it is in.
#[derive(Clone, Copy, Debug, Default)]
struct Made {
    any: bool,
    shared: bool,
    block: bool,
}

impl<M: Model> Search<'_, M> {
    /// Lets a core take one step from `start`, on the state that is being built: the accesses up to the next one that matters
    /// to others.
    pub(crate) fn step(&mut self, core: usize, start: Point, events: &mut Option<Vec<Event>>) -> Step {
        let mut point = start;
        let mut made = Made::default();
        for length in 0.. {
            if self.program.points() != self.known_points {
                self.learn_cells();
            }
            let access = match self.program.next(point) {
                Next::Access(access) => access,
                Next::Stand(_) => {
                    self.arrive(core, point);
                    return Step::Made;
                }
                Next::Violation(number) => return Step::Violation(number),
            };
            let is_long = length > LONGEST_STEP && !matches!(access.class, Class::Joined | Class::Note);
            let Some(made_then) = self.place(access, made).filter(|_| !is_long) else {
                self.arrive(core, point);
                return Step::Made;
            };
            let cell = access.cell as usize;
            let number = self.state[self.cells() + cell];
            let number = if number == INITIAL { self.initial[cell] } else { number };
            let value = self.program.values.of(number);
            let Some((after, told)) = access.request.apply(value) else {
                if !made.any {
                    return Step::Waits;
                }
                self.arrive(core, point);
                return Step::Made;
            };
            made = made_then;
            if let Some(events) = events {
                events.push(Event { access, before: value, after });
            }
            if after != value {
                let new = self.program.values.number(after);
                self.print ^= self.print_of_cell(cell, number) ^ self.print_of_cell(cell, new);
                let place = self.cells() + cell;
                self.state[place] = new;
            }
            // Who is not told the value is told 0, which has the number 0.
            let told = if told == value { number } else { 0 };
            point = match self.program.follow(point, told) {
                Ok(point) => point,
                Err(unknown) => return Step::Unknown(unknown),
            };
        }
        unreachable!("a step has an end")
    }

    /// Decides about an access that is next: `None` if the step ends before it, else what the step has made with it.
    fn place(&self, access: Access, made: Made) -> Option<Made> {
        let is_shared = self.shared.get(access.cell as usize).copied().unwrap_or(false);
        let is_inside = access.class == Class::Joined;
        let matters = match access.class {
            Class::Note => false,
            // Of a block, the first access that matters to others stands for all.
            Class::Joined => is_shared && !made.block,
            Class::Step if matches!(access.request, Request::Wait(_)) => {
                // It goes along with the access after it.
                return (!made.shared).then_some(Made { any: true, ..made });
            }
            Class::Block | Class::Step => is_shared,
            Class::Relaxed if self.settings.relaxed_steps => is_shared,
            // A load goes along with the access before it, a store with the one after it.
            Class::Relaxed if made.shared && is_shared && access.request.writes() => return None,
            Class::Relaxed => false,
        };
        if made.shared && matters {
            return None;
        }
        let is_block = is_inside || matches!(access.class, Class::Block | Class::Note);
        Some(Made {
            any: true,
            shared: made.shared || matters,
            block: is_block && (matters || made.block && access.class != Class::Block),
        })
    }

    /// Makes the core stand at this point in the state that is being built.
    pub(crate) fn arrive(&mut self, core: usize, point: Point) {
        self.print ^= self.print_of_core(core, self.state[core]) ^ self.print_of_core(core, point);
        self.state[core] = point;
    }
}

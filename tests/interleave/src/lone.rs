// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether a core in the middle of an operation needs another one to come to its end: in every state each core is let go on while
//! all others stand still for ever. It must come to the end of the operation, or wait, in so many steps of its own. Where a
//! core holds something that another needs, the other spins, and fails this.

use std::ops::ControlFlow;

use crate::{
    Model,
    program::{Next, Unknown},
    report::Violation,
    search::Search,
    step::Step,
};

/// How far it is known what a lone core does.
type Outcome = ControlFlow<Option<Unknown>>;

impl<M: Model> Search<'_, M> {
    /// Lets each core go on alone in a state. Returns what has to be learnt of the code to know.
    pub(crate) fn look_at_lone_cores(
        &mut self,
        state: u32,
        words: &[u32],
    ) -> Result<Option<Unknown>, Box<Violation>> {
        let Some((property, most)) = self.settings.lone_cores else { return Ok(None) };
        for core in 0..self.cores {
            if !self.is_bounded(core, words) {
                continue;
            }
            self.state.clear();
            self.state.extend_from_slice(words);
            match self.go_on_alone(core, most) {
                ControlFlow::Break(None) => {}
                ControlFlow::Break(unknown) => return Ok(unknown),
                ControlFlow::Continue(()) => {
                    let (_, operation) = self.program.whereabouts(words[core]);
                    let message =
                        format!("{property}: core {core} does not come to the end of {operation:?} alone");
                    self.state.clear();
                    self.state.extend_from_slice(words);
                    return Err(self.violation_at(state, message));
                }
            }
        }
        Ok(None)
    }

    /// Returns whether a core is in the middle of an operation that must come to its end.
    fn is_bounded(&self, core: usize, words: &[u32]) -> bool {
        matches!(self.program.next(words[core]), Next::Access(_))
            && self
                .program
                .whereabouts(words[core])
                .1
                .is_some_and(|operation| self.model.is_bounded(operation))
    }

    fn go_on_alone(&mut self, core: usize, most: usize) -> Outcome {
        for _ in 0..most {
            match self.step(core, self.state[core], &mut None) {
                Step::Made if matches!(self.program.next(self.state[core]), Next::Access(_)) => {}
                Step::Unknown(unknown) => return ControlFlow::Break(Some(unknown)),
                // What breaks a property breaks it in a state to which the search comes, too.
                Step::Made | Step::Waits | Step::Violation(_) => return ControlFlow::Break(None),
            }
        }
        ControlFlow::Continue(())
    }
}

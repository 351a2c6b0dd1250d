// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether a history of concurrent operations is one of the reference model: each took effect at one moment between its
//! invocation and its response (Wing and Gong's search, with the positions remembered that lead nowhere).

use std::collections::HashSet;

use crate::{
    reference::Answer,
    states::{Core, Reference, Start},
};

/// What a core did.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    /// It made a call that ended so.
    Call { registers: [u64; 4], answer: Answer },
    /// It found that it was started, and how.
    Boot(Start),
    /// It went to sleep.
    Suspend(Core),
    /// It woke up.
    Wake,
    /// It left the operating system for good.
    Leave,
    /// It said that it is OFF.
    Publish,
}

/// One operation of a history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) core: usize,
    pub(crate) operation: Operation,
    /// When it began and when it was over: no two moments of a history are equal.
    pub(crate) invoked: u64,
    pub(crate) returned: u64,
}

impl Reference {
    /// Does what a core did; returns whether it ends as it did.
    fn follow(&mut self, event: &Event) -> bool {
        match event.operation {
            Operation::Call { registers, answer } => self.call(event.core, registers, false) == answer,
            Operation::Boot(start) => self.boot(event.core, 0) == Some(start),
            Operation::Suspend(how) => self.suspend(event.core, how, 0),
            Operation::Wake => self.wake(event.core, 0),
            Operation::Leave => self.leave(event.core),
            Operation::Publish => self.publish(event.core),
        }
    }
}

/// Returns whether the events, at most 128, are a history of the model that begins so.
pub(crate) fn is_linearisable(initial: &Reference, events: &[Event]) -> bool {
    assert!(events.len() <= 128);
    search(initial, events, 0, &mut HashSet::new())
}

fn search(
    reference: &Reference,
    events: &[Event],
    taken: u128,
    dead_ends: &mut HashSet<(u128, Reference)>,
) -> bool {
    let left = || events.iter().enumerate().filter(|(index, _)| taken >> index & 1 == 0);
    let Some(first_return) = left().map(|(_, event)| event.returned).min() else { return true };
    if dead_ends.contains(&(taken, reference.clone())) {
        return false;
    }
    // Only what began before anything that is left was over can come next.
    let found = left().filter(|(_, event)| event.invoked < first_return).any(|(index, event)| {
        let mut next = reference.clone();
        next.follow(event) && search(&next, events, taken | 1 << index, dead_ends)
    });
    if !found {
        dead_ends.insert((taken, reference.clone()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::ENTRY_POINTS;

    const CPU_ON: [u64; 4] = [0xc400_0003, 1, ENTRY_POINTS.start, 7];
    const AFFINITY_INFO: [u64; 4] = [0xc400_0004, 1, 0, 0];
    const OFF: Answer = Answer::Code(1);
    const ON_PENDING: Answer = Answer::Code(2);

    fn call(core: usize, registers: [u64; 4], answer: Answer, invoked: u64, returned: u64) -> Event {
        Event { core, operation: Operation::Call { registers, answer }, invoked, returned }
    }

    fn history(asked: [Answer; 2], asked_at: [u64; 4]) -> bool {
        let mut initial = Reference::new(3);
        initial.cores[2] = Core::On;
        let [first, second] = asked;
        is_linearisable(
            &initial,
            &[
                call(0, CPU_ON, Answer::Code(0), 10, 20),
                call(2, AFFINITY_INFO, first, asked_at[0], asked_at[1]),
                call(2, AFFINITY_INFO, second, asked_at[2], asked_at[3]),
            ],
        )
    }

    #[test]
    fn an_operation_takes_effect_between_its_invocation_and_its_response() {
        assert!(history([OFF, ON_PENDING], [11, 12, 13, 14]), "in the middle of the start");
        assert!(history([OFF, ON_PENDING], [1, 2, 21, 22]), "before and after it");
        assert!(!history([ON_PENDING, OFF], [11, 12, 13, 14]), "a core that is started does not go back");
        assert!(!history([OFF, OFF], [1, 2, 21, 22]), "a start that was accepted is seen");
        assert!(!history([ON_PENDING, ON_PENDING], [1, 2, 21, 22]), "a start is not seen before it is made");
        assert!(history([ON_PENDING, OFF], [11, 16, 12, 15]), "two that overlap come in either order");
    }
}

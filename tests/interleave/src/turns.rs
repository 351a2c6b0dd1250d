// SPDX-License-Identifier: MIT OR Apache-2.0

//! How often cores are cut short in the middle of an operation, where that is bounded. Each state says so, and whose step was the
//! last one.

use crate::{
    Model,
    hash::print_of,
    program::Next,
    search::{INITIAL, Search},
};

/// Where a state says whose step was the last one, if that core is in the middle of an operation and preemptions are counted:
/// nobody's.
pub(crate) const NOBODY: u32 = 0;

impl<M: Model> Search<'_, M> {
    /// Returns how often cores will have been cut short if this one takes the next step: `None` if that is too often.
    pub(crate) fn turns_after(&self, core: usize) -> Option<u32> {
        let Some(most) = self.settings.preemptions else { return Some(0) };
        let turns = self.state[self.cores];
        let (last, used) = ((turns >> 8) as usize, turns & 0xff);
        let is_cut = last != 0 && last - 1 != core && self.could_go_on(last - 1);
        let used = used + u32::from(is_cut);
        (used <= u32::from(most)).then_some(used)
    }

    /// Returns whether a core in the middle of an operation does not have to wait.
    fn could_go_on(&self, core: usize) -> bool {
        let Next::Access(access) = self.program.next(self.state[core]) else { return false };
        let number = self.state[self.cells() + access.cell as usize];
        let number = if number == INITIAL { self.initial[access.cell as usize] } else { number };
        access.request.apply(self.program.values.of(number)).is_some()
    }

    /// Takes down whose step it was.
    pub(crate) fn note_turns(&mut self, core: usize, used: u32) {
        if self.settings.preemptions.is_none() {
            return;
        }
        let is_inside = matches!(self.program.next(self.state[core]), Next::Access(_));
        let turns = used | if is_inside { (core as u32 + 1) << 8 } else { NOBODY };
        self.print ^= print_of_turns(self.state[self.cores]) ^ print_of_turns(turns);
        self.state[self.cores] = turns;
    }
}

fn print_of_turns(turns: u32) -> u128 {
    if turns == NOBODY { 0 } else { print_of(u32::MAX / 2, turns) }
}

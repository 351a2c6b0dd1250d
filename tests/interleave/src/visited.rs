// SPDX-License-Identifier: MIT OR Apache-2.0

//! The states that were found: a fingerprint each, and how the search came there.

/// How the search came to a state: from which one, and by which operation of which core.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub from: u32,
    pub core: u8,
    pub operation: u8,
}

/// An empty place of the table.
const EMPTY: u32 = u32::MAX;

/// All states, numbered in the order in which they were found.
pub(crate) struct Visited {
    /// Numbers of states, at the places that their fingerprints say or behind.
    table: Vec<u32>,
    prints: Vec<u128>,
    origins: Vec<Origin>,
}

impl Visited {
    pub(crate) fn new() -> Self {
        Self { table: vec![EMPTY; 1 << 12], prints: Vec::new(), origins: Vec::new() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.prints.len()
    }

    pub(crate) fn print(&self, state: u32) -> u128 {
        self.prints[state as usize]
    }

    pub(crate) fn origin(&self, state: u32) -> Origin {
        self.origins[state as usize]
    }

    /// Adds the state with this fingerprint. Returns its number, and whether it is new.
    pub(crate) fn insert(&mut self, print: u128, origin: Origin) -> (u32, bool) {
        if self.prints.len() * 4 > self.table.len() * 3 {
            self.grow();
        }
        let mask = self.table.len() - 1;
        let mut place = print as usize & mask;
        while self.table[place] != EMPTY {
            let state = self.table[place];
            if self.prints[state as usize] == print {
                return (state, false);
            }
            place = (place + 1) & mask;
        }
        let state = self.prints.len() as u32;
        assert!(state != EMPTY, "a model has fewer than 2^32 states");
        self.table[place] = state;
        self.prints.push(print);
        self.origins.push(origin);
        (state, true)
    }

    fn grow(&mut self) {
        let length = self.table.len() * 2;
        self.table.clear();
        self.table.resize(length, EMPTY);
        for (state, &print) in self.prints.iter().enumerate() {
            let mut place = print as usize & (length - 1);
            while self.table[place] != EMPTY {
                place = (place + 1) & (length - 1);
            }
            self.table[place] = state as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::print_of;

    #[test]
    fn a_state_is_found_again_however_many_there_are() {
        let mut visited = Visited::new();
        let origin = Origin { from: 0, core: 0, operation: 0 };
        for round in [true, false] {
            for number in 0..100_000 {
                assert_eq!(visited.insert(print_of(7, number), origin), (number, round));
            }
        }
        assert_eq!(visited.len(), 100_000);
        assert_eq!(visited.print(77), print_of(7, 77));
    }
}

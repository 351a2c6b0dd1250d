// SPDX-License-Identifier: MIT OR Apache-2.0

//! Small numbers for values, so that a state is small.

use std::collections::HashMap;

use crate::hash::Quick;

/// The values that cells have had or accesses have returned, numbered. Number 0 is the value 0.
#[derive(Debug)]
pub(crate) struct Values {
    numbers: HashMap<u64, u32, Quick>,
    values: Vec<u64>,
}

impl Values {
    pub(crate) fn new() -> Self {
        let mut values = Self { numbers: HashMap::with_hasher(Quick), values: Vec::new() };
        values.number(0);
        values
    }

    pub(crate) fn number(&mut self, value: u64) -> u32 {
        *self.numbers.entry(value).or_insert_with(|| {
            self.values.push(value);
            self.values.len() as u32 - 1
        })
    }

    #[inline]
    pub(crate) fn of(&self, number: u32) -> u64 {
        self.values[number as usize]
    }
}

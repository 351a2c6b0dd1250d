// SPDX-License-Identifier: MIT OR Apache-2.0

//! The cells of a model: the words that its cores have accessed, numbered in the order in which that was found.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::hash::Quick;

struct Cell {
    initial: u64,
    /// The cores that access it, and those that may change it: a bit each.
    users: u32,
    writers: u32,
}

/// A place with a name: its address, its size, and how a word of it is called.
struct Place {
    bytes: usize,
    name: String,
}

/// All cells that are known.
pub(crate) struct Cells {
    by_address: HashMap<usize, u32, Quick>,
    cells: Vec<Cell>,
    places: BTreeMap<usize, Place>,
    names: Vec<String>,
}

impl Cells {
    pub(crate) const fn new() -> Self {
        Self {
            by_address: HashMap::with_hasher(Quick),
            cells: Vec::new(),
            places: BTreeMap::new(),
            names: Vec::new(),
        }
    }

    /// Forgets the cells of another model.
    pub(crate) fn forget(&mut self) {
        *self = Self::new();
    }

    pub(crate) fn label(&mut self, address: usize, bytes: usize, name: &str) {
        self.places.insert(address, Place { bytes, name: name.to_owned() });
    }

    /// Returns the number of the cell at this place.
    pub(crate) fn at(&mut self, place: &AtomicU64) -> u32 {
        let address = std::ptr::from_ref(place).addr();
        if let Some(&cell) = self.by_address.get(&address) {
            return cell;
        }
        let cell = self.cells.len() as u32;
        self.by_address.insert(address, cell);
        self.cells.push(Cell { initial: place.load(Ordering::Relaxed), users: 0, writers: 0 });
        self.names.push(self.name_of(address));
        cell
    }

    fn name_of(&self, address: usize) -> String {
        match self.places.range(..=address).next_back() {
            Some((start, place)) if address - start < place.bytes => match address - start {
                0 => place.name.clone(),
                offset => format!("{}+{offset}", place.name),
            },
            _ => format!("cell {}", self.cells.len() - 1),
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.cells.len()
    }

    pub(crate) fn initial(&self, cell: u32) -> u64 {
        self.cells[cell as usize].initial
    }

    pub(crate) fn name(&self, cell: u32) -> &str {
        &self.names[cell as usize]
    }

    /// Notes that a core accesses a cell; returns true if that makes it one that matters to several.
    pub(crate) fn note_use(&mut self, cell: u32, core: usize, writes: bool) -> bool {
        let was_shared = self.is_shared(cell);
        let entry = &mut self.cells[cell as usize];
        entry.users |= 1 << core;
        entry.writers |= u32::from(writes) << core;
        !was_shared && self.is_shared(cell)
    }

    /// Returns whether several cores access a cell and one of them changes it: an access to any other cell has the same
    /// result whenever it is made.
    pub(crate) fn is_shared(&self, cell: u32) -> bool {
        let cell = &self.cells[cell as usize];
        cell.writers != 0 && cell.users.count_ones() > 1
    }
}

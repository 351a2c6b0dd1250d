// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the cores' code does next, learnt by running it.
//!
//! Code that depends on nothing but what its accesses return is a tree: a *point* is where a core stands, an edge is what the
//! access that comes next returns. A point is found by running the operation from its beginning with the results on the way to
//! it. It is done once for each edge; after that, a step of a core is a look into a table. Points are numbered, so that the
//! number says all of a core that there is.

use std::collections::HashMap;

use crate::{
    Model,
    context::{self, Access, Class},
    hash::Quick,
    numbers::Values,
};

/// The number of a point.
pub(crate) type Point = u32;

/// No point: a core's operations have no predecessor.
const NONE: Point = Point::MAX;

/// What a core does at a point.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    /// It is in an operation, and makes this access.
    Access(Access),
    /// It stands between two operations: the number of its stand.
    Stand(u32),
    /// It has found that a property does not hold: the number of the message.
    Violation(u32),
}

struct Entry {
    next: Next,
    /// The point before, and the value that its access has returned. For the first point of an operation: none, and the
    /// number of the operation.
    before: Point,
    told: u32,
    /// The edge that was taken last.
    edge: (u32, Point),
}

/// A core between two operations.
struct Stand<C, O> {
    index: usize,
    core: C,
    point: Point,
    /// What it can do, and where that begins; found when it is needed.
    operations: Option<Vec<(O, Point)>>,
}

/// The first point of an operation: which one, of which stand.
#[derive(Clone, Copy)]
struct Start {
    stand: u32,
    operation: u32,
}

pub(crate) struct Program<'a, M: Model> {
    model: &'a M,
    entries: Vec<Entry>,
    edges: HashMap<u64, Point, Quick>,
    stands: Vec<Stand<M::Core, M::Operation>>,
    stand_points: HashMap<(usize, M::Core), Point, Quick>,
    starts: Vec<Start>,
    pub(crate) violations: Vec<String>,
    pub(crate) values: Values,
    /// Whether a cell that seemed to matter to one core only has turned out to matter to several.
    pub(crate) found_shared: bool,
    /// How often an operation was run.
    pub(crate) runs: u64,
}

impl<'a, M: Model> Program<'a, M> {
    pub(crate) fn new(model: &'a M) -> Self {
        Self {
            model,
            entries: Vec::new(),
            edges: HashMap::with_hasher(Quick),
            stands: Vec::new(),
            stand_points: HashMap::with_hasher(Quick),
            starts: Vec::new(),
            violations: Vec::new(),
            values: Values::new(),
            found_shared: false,
            runs: 0,
        }
    }

    pub(crate) fn next(&self, point: Point) -> Next {
        self.entries[point as usize].next
    }

    pub(crate) fn points(&self) -> usize {
        self.entries.len()
    }

    fn add(&mut self, next: Next, before: Point, told: u32) -> Point {
        let point = Point::try_from(self.entries.len()).expect("a program has fewer than 2^32 points");
        self.entries.push(Entry { next, before, told, edge: (0, NONE) });
        point
    }

    /// Returns the point of a core that stands between two operations.
    pub(crate) fn stand(&mut self, index: usize, core: M::Core) -> Point {
        if let Some(&point) = self.stand_points.get(&(index, core.clone())) {
            return point;
        }
        let number = self.stands.len() as u32;
        let point = self.add(Next::Stand(number), NONE, 0);
        self.stands.push(Stand { index, core: core.clone(), point, operations: None });
        self.stand_points.insert((index, core), point);
        point
    }

    /// Returns where the operations of a stand begin: `None` for a number that there is not.
    pub(crate) fn begin(&mut self, stand: u32, operation: usize) -> Option<Point> {
        if self.stands[stand as usize].operations.is_none() {
            self.find_operations(stand);
        }
        let operations = self.stands[stand as usize].operations.as_ref()?;
        operations.get(operation).map(|&(_, point)| point)
    }

    fn find_operations(&mut self, stand: u32) {
        let Stand { index, core, .. } = &self.stands[stand as usize];
        let operations = self.model.operations(*index, core);
        let mut found = Vec::new();
        for (number, &operation) in operations.iter().enumerate() {
            let start = self.starts.len() as u32;
            self.starts.push(Start { stand, operation: number as u32 });
            self.stands[stand as usize].operations =
                Some(operations.iter().map(|&operation| (operation, NONE)).collect());
            let first = match self.find(start, &[]) {
                Next::Stand(number) => self.stands[number as usize].point,
                next => self.add(next, NONE, start),
            };
            found.push((operation, first));
        }
        self.stands[stand as usize].operations = Some(found);
    }

    /// Returns the point behind the edge `told` of a point that is an access.
    #[inline]
    pub(crate) fn follow(&mut self, point: Point, told: u32) -> Point {
        let entry = &self.entries[point as usize];
        if entry.edge.1 != NONE && entry.edge.0 == told {
            return entry.edge.1;
        }
        let key = u64::from(point) << 32 | u64::from(told);
        let after = match self.edges.get(&key) {
            Some(&after) => after,
            None => {
                let after = self.explore(point, told);
                self.edges.insert(key, after);
                after
            }
        };
        self.entries[point as usize].edge = (told, after);
        after
    }

    /// Finds the point behind an edge by running the code.
    fn explore(&mut self, point: Point, told: u32) -> Point {
        let mut log = Vec::new();
        let (mut at, mut value) = (point, told);
        let start = loop {
            let entry = &self.entries[at as usize];
            let Next::Access(access) = entry.next else { unreachable!("edges leave accesses") };
            log.push((access.cell, self.values.of(value)));
            (at, value) = (entry.before, entry.told);
            if at == NONE {
                break value;
            }
        };
        log.reverse();
        match self.find(start, &log) {
            Next::Stand(number) => self.stands[number as usize].point,
            next => self.add(next, point, told),
        }
    }

    /// Runs an operation up to the access that comes after those in the log.
    fn find(&mut self, start: u32, log: &[(u32, u64)]) -> Next {
        self.runs += 1;
        let Start { stand, operation } = self.starts[start as usize];
        let Stand { index, core, operations, .. } = &self.stands[stand as usize];
        let index = *index;
        let (operation, _) =
            operations.as_ref().expect("the stand's operations are known")[operation as usize];
        let result = context::replay(log, || self.model.run(index, core, operation));
        match result {
            Ok(core) => {
                let point = self.stand(index, core);
                self.next(point)
            }
            Err(Ok(access)) => {
                if access.class != Class::Note {
                    self.found_shared |= context::with(|context| {
                        context.cells.note_use(access.cell, index, access.request.writes())
                    });
                }
                Next::Access(access)
            }
            Err(Err(message)) => {
                self.violations.push(message);
                Next::Violation(self.violations.len() as u32 - 1)
            }
        }
    }

    /// Returns where the core at this point stands or has begun its operation, and the operation.
    pub(crate) fn whereabouts(&self, point: Point) -> (&M::Core, Option<M::Operation>) {
        let mut entry = &self.entries[point as usize];
        if let Next::Stand(number) = entry.next {
            return (&self.stands[number as usize].core, None);
        }
        while entry.before != NONE {
            entry = &self.entries[entry.before as usize];
        }
        let Start { stand, operation } = self.starts[entry.told as usize];
        let stand = &self.stands[stand as usize];
        let operations = stand.operations.as_ref().expect("the stand's operations are known");
        (&stand.core, Some(operations[operation as usize].0))
    }
}

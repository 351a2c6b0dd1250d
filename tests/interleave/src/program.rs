// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the cores' code does next, learnt by running it.
//!
//! Code that depends on nothing but what its accesses return is a tree: a *point* is where a core stands, an edge is what the
//! access that comes next returns. A point is found by running the operation from its beginning with the results on the way to
//! it. It is done once for each edge; after that, a step of a core is a look into a table. Two branches that know the same
//! are one point (see `stack`). Points are numbered, so that the number says all of a core that there is.

use std::collections::HashMap;

use crate::{
    Model,
    context::{self, Access, Class, Left},
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
    /// number of the start.
    before: Point,
    told: u32,
    /// The edge that was taken last.
    edge: (u32, Point),
}

/// An edge that leads to a point that is not known yet. For the first point of an operation: no point, and its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unknown {
    before: Point,
    told: u32,
}

/// A core between two operations.
struct Stand<C, O> {
    index: usize,
    core: C,
    /// What it can do, and where that begins: the number of the start, and the point once it is known.
    operations: Option<Vec<(O, u32, Point)>>,
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
    /// The points inside of operations by where these were left.
    known: HashMap<(u32, Left), Point, Quick>,
    /// Whether such points are told apart by what the core knows there, or by all that it has read.
    knows: bool,
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
    pub(crate) fn new(model: &'a M, knows: bool) -> Self {
        Self {
            model,
            entries: Vec::new(),
            edges: HashMap::with_hasher(Quick),
            known: HashMap::with_hasher(Quick),
            knows,
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
        self.stands.push(Stand { index, core: core.clone(), operations: None });
        self.stand_points.insert((index, core), point);
        point
    }

    /// Returns where this operation of a stand begins: `None` for a number that there is not.
    pub(crate) fn begin(&mut self, stand: u32, operation: usize) -> Option<Result<Point, Unknown>> {
        let Stand { index, core, operations, .. } = &mut self.stands[stand as usize];
        let operations = operations.get_or_insert_with(|| {
            let operations = self.model.operations(*index, core).into_iter().enumerate();
            operations
                .map(|(number, operation)| {
                    self.starts.push(Start { stand, operation: number as u32 });
                    (operation, self.starts.len() as u32 - 1, NONE)
                })
                .collect()
        });
        operations.get(operation).map(|&(_, start, point)| {
            if point == NONE { Err(Unknown { before: NONE, told: start }) } else { Ok(point) }
        })
    }

    /// Returns the point behind the edge `told` of a point that is an access.
    #[inline]
    pub(crate) fn follow(&mut self, point: Point, told: u32) -> Result<Point, Unknown> {
        let entry = &self.entries[point as usize];
        if entry.edge.1 != NONE && entry.edge.0 == told {
            return Ok(entry.edge.1);
        }
        let key = u64::from(point) << 32 | u64::from(told);
        let after = *self.edges.get(&key).ok_or(Unknown { before: point, told })?;
        self.entries[point as usize].edge = (told, after);
        Ok(after)
    }

    /// Finds the point behind an edge by running the code. To be called from one place only: see `stack`.
    pub(crate) fn learn(&mut self, unknown: Unknown) {
        let mut log = Vec::new();
        let Unknown { before, mut told } = unknown;
        let mut at = before;
        while at != NONE {
            let entry = &self.entries[at as usize];
            let Next::Access(access) = entry.next else { unreachable!("edges leave accesses") };
            log.push((access.cell, self.values.of(told)));
            (at, told) = (entry.before, entry.told);
        }
        log.reverse();
        let start = told;

        self.runs += 1;
        let Start { stand, operation } = self.starts[start as usize];
        let Stand { index, core, operations, .. } = &self.stands[stand as usize];
        // Copies, so that the code finds them at the same place each time.
        let (index, core) = (*index, core.clone());
        let (operation, ..) =
            operations.as_ref().expect("the stand's operations are known")[operation as usize];
        let model = self.model;
        let result = context::replay(&log, self.knows, || model.run(index, &core, operation));

        let point = match result {
            Ok(core) => self.stand(index, core),
            Err(Ok(left)) => self.suspended(index, start, left, unknown),
            Err(Err(message)) => {
                self.violations.push(message);
                let next = Next::Violation(self.violations.len() as u32 - 1);
                self.add(next, unknown.before, unknown.told)
            }
        };
        self.connect(unknown, point);
    }

    /// Returns the point where an operation was left.
    fn suspended(&mut self, index: usize, start: u32, left: Left, unknown: Unknown) -> Point {
        if let Some(&point) = self.known.get(&(start, left)) {
            return point;
        }
        let access = left.access;
        if access.class != Class::Note {
            self.found_shared |=
                context::with(|context| context.cells.note_use(access.cell, index, access.request.writes()));
        }
        let point = self.add(Next::Access(access), unknown.before, unknown.told);
        if left.known.is_some() {
            self.known.insert((start, left), point);
        }
        point
    }

    fn connect(&mut self, unknown: Unknown, point: Point) {
        if unknown.before != NONE {
            self.edges.insert(u64::from(unknown.before) << 32 | u64::from(unknown.told), point);
            return;
        }
        let Start { stand, operation } = self.starts[unknown.told as usize];
        let operations =
            self.stands[stand as usize].operations.as_mut().expect("the stand's operations are known");
        operations[operation as usize].2 = point;
    }

    /// Returns whether a core that goes on from `start` begins an idle operation there.
    pub(crate) fn begins_idle(&self, point: Point, start: Point) -> bool {
        matches!(self.next(point), Next::Stand(_))
            && self.whereabouts(start).1.is_some_and(|operation| self.model.is_idle(operation))
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

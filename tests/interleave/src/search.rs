// SPDX-License-Identifier: MIT OR Apache-2.0

//! The search: every state that the cores can reach, the nearest first.

use std::time::Instant;

use crate::{
    Cores, Model, Settings, context,
    hash::print_of,
    program::{Next, Point, Program, Unknown},
    report::{Report, Violation},
    step::Step,
    turns::NOBODY,
    visited::{Origin, Visited},
};

/// The value of a cell that no step has changed.
pub(crate) const INITIAL: u32 = u32::MAX;

/// Cells come up as the code comes to them: a state has room for some that are not known yet.
const ROOM: usize = 16;

/// The states of one distance from the beginning: the points of the cores, then the values of the cells, by number.
struct Level {
    words: Vec<u32>,
    first: u32,
}

/// Whose turn it is in the state that is being expanded.
#[derive(Clone, Copy, Debug)]
struct Turn {
    core: usize,
    operation: usize,
    /// Whether no core could take a step so far.
    is_end: bool,
}

const FIRST_TURN: Turn = Turn { core: 0, operation: 0, is_end: true };

pub(crate) struct Search<'a, M: Model> {
    pub(crate) model: &'a M,
    pub(crate) settings: Settings,
    pub(crate) program: Program<'a, M>,
    pub(crate) cores: usize,
    /// How many words a state has.
    stride: usize,
    /// Of each cell: the number of its first value, and whether several cores use it.
    pub(crate) initial: Vec<u32>,
    pub(crate) shared: Vec<bool>,
    /// How many points there were when that was found out.
    pub(crate) known_points: usize,
    pub(crate) visited: Visited,
    pub(crate) transitions: u64,
    pub(crate) ends: u64,
    /// From where to where, if circles are looked for.
    pub(crate) edges: Vec<(u32, u32)>,
    pub(crate) final_states: Vec<u32>,
    turn: Turn,
    /// The state that is being built.
    pub(crate) state: Vec<u32>,
    pub(crate) print: u128,
}

/// Explores a model to the end.
///
/// # Errors
///
/// Returns the violation that is nearest to the beginning.
///
/// # Panics
///
/// Panics if the model has more states than the settings allow.
pub fn explore<M: Model>(model: &M, settings: Settings) -> Result<Report, Box<Violation>> {
    let begin = Instant::now();
    context::with(|context| {
        context.cells.forget();
        context.seen.clear();
    });
    model.name_memory();
    if let Some((property, _)) = settings.lone_cores {
        crate::seen(property);
    }
    let mut search = Search::new(model, settings);
    let mut passes = 1;
    loop {
        match search.pass() {
            Ok(Some(depth)) => {
                if settings.find_circles {
                    search.find_circles()?;
                }
                return Ok(Report::new(&search, depth, passes, begin.elapsed()));
            }
            // The steps so far were too long: code that was thought to concern one core concerns others.
            Ok(None) => passes += 1,
            Err(violation) => return Err(violation),
        }
    }
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, settings: Settings) -> Self {
        Self {
            model,
            settings,
            program: Program::new(model, !settings.whole_history),
            cores: 0,
            stride: 0,
            initial: Vec::new(),
            shared: Vec::new(),
            known_points: 0,
            visited: Visited::new(),
            transitions: 0,
            ends: 0,
            edges: Vec::new(),
            final_states: Vec::new(),
            turn: FIRST_TURN,
            state: Vec::new(),
            print: 0,
        }
    }

    /// Searches from the beginning. Returns the distance of the farthest state, or `None` if a cell turned out to be
    /// shared.
    fn pass(&mut self) -> Result<Option<usize>, Box<Violation>> {
        self.reset();
        let mut level = Level { words: self.first_state(), first: 0 };
        self.state.clone_from(&level.words);
        self.check(0)?;
        let mut depth = 0;
        while !level.words.is_empty() {
            let mut next = Level { words: Vec::new(), first: self.visited.len() as u32 };
            let mut at = 0;
            while at < level.words.len() {
                let state = level.first + (at / self.stride) as u32;
                let words = &level.words[at..at + self.stride];
                let mut is_expanded = false;
                loop {
                    let unknown = if is_expanded {
                        self.look_at_lone_cores(state, words)?
                    } else {
                        self.expand(state, words, &mut next)?
                    };
                    match unknown {
                        // The one place where code is run.
                        Some(unknown) => self.program.learn(unknown),
                        None if is_expanded => break,
                        None => is_expanded = true,
                    }
                }
                if self.program.found_shared || self.cells() + self.initial.len() > self.stride {
                    return Ok(None);
                }
                at += self.stride;
            }
            assert!(
                self.visited.len() <= self.settings.most_states,
                "{}: more than {} states",
                self.settings.name,
                self.settings.most_states
            );
            level = next;
            depth += 1;
        }
        Ok(Some(depth - 1))
    }

    fn reset(&mut self) {
        self.program.found_shared = false;
        self.visited = Visited::new();
        (self.transitions, self.ends) = (0, 0);
        self.turn = FIRST_TURN;
        self.edges.clear();
        self.final_states.clear();
        self.learn_cells();
    }

    /// Takes over what the code has told of its cells since.
    pub(crate) fn learn_cells(&mut self) {
        context::with(|context| {
            let cells = &context.cells;
            for cell in self.initial.len()..cells.len() {
                self.initial.push(self.program.values.number(cells.initial(cell as u32)));
            }
            self.shared = (0..cells.len()).map(|cell| cells.is_shared(cell as u32)).collect();
        });
        self.known_points = self.program.points();
        let length = self.state.len().max(self.cells() + self.initial.len());
        self.state.resize(length, INITIAL);
    }

    fn first_state(&mut self) -> Vec<u32> {
        let cores = self.model.cores();
        self.cores = cores.len();
        let points = cores.into_iter().enumerate().map(|(index, core)| self.program.stand(index, core));
        let mut words: Vec<u32> = points.collect();
        self.stride = (self.cells() + self.initial.len()).next_multiple_of(ROOM) + ROOM;
        words.push(NOBODY);
        words.resize(self.stride, INITIAL);
        self.print = (0..self.cores).fold(0, |print, core| print ^ self.print_of_core(core, words[core]));
        self.visited.insert(self.print, Origin { from: 0, core: 0, operation: 0 });
        words
    }

    pub(crate) fn print_of_core(&self, core: usize, point: Point) -> u128 {
        print_of(u32::MAX - core as u32, point)
    }

    pub(crate) fn print_of_cell(&self, cell: usize, value: u32) -> u128 {
        if value == INITIAL || value == self.initial[cell] { 0 } else { print_of(cell as u32, value) }
    }

    /// Takes the steps that the cores can take in a state, from where this was given up before. Returns what has to be
    /// learnt of the code to go on.
    fn expand(
        &mut self,
        from: u32,
        words: &[u32],
        next: &mut Level,
    ) -> Result<Option<Unknown>, Box<Violation>> {
        while self.turn.core < self.cores {
            let Turn { core, operation, .. } = self.turn;
            let point = words[core];
            let start = match self.program.next(point) {
                Next::Stand(stand) => self.program.begin(stand, operation),
                _ => (operation == 0).then_some(Ok(point)),
            };
            let start = match start {
                Some(Ok(start)) => start,
                Some(Err(unknown)) => return Ok(Some(unknown)),
                None => {
                    self.turn = Turn { core: core + 1, operation: 0, ..self.turn };
                    continue;
                }
            };
            self.state.clear();
            self.state.extend_from_slice(words);
            self.print = self.visited.print(from);
            let Some(turns) = self.turns_after(core) else {
                self.turn = Turn { core: core + 1, operation: 0, is_end: false };
                continue;
            };
            let origin = Origin { from, core: core as u8, operation: operation as u8 };
            match self.step(core, start, &mut None) {
                Step::Made => {
                    self.turn.is_end &= self.program.begins_idle(point, start);
                    self.transitions += 1;
                    self.note_turns(core, turns);
                    self.arrived(origin, next)?;
                }
                Step::Waits => {}
                Step::Unknown(unknown) => return Ok(Some(unknown)),
                Step::Violation(number) => return Err(self.violation_in(origin, number)),
            }
            self.turn.operation += 1;
        }
        if self.turn.is_end {
            self.ends += 1;
            if self.settings.find_circles {
                self.final_states.push(from);
            }
            self.state.clear();
            self.state.extend_from_slice(words);
            self.look(from, |model, cores| model.end(cores))?;
        }
        self.turn = FIRST_TURN;
        Ok(None)
    }

    /// Returns where the cells begin in a state: behind the cores, and whose step was the last.
    pub(crate) const fn cells(&self) -> usize {
        self.cores + 1
    }

    /// Takes down the state that a step has led to.
    fn arrived(&mut self, origin: Origin, next: &mut Level) -> Result<(), Box<Violation>> {
        let (to, is_new) = self.visited.insert(self.print, origin);
        if self.settings.find_circles {
            self.edges.push((origin.from, to));
        }
        if is_new {
            self.check(to)?;
            next.words.extend_from_slice(&self.state);
        }
        Ok(())
    }

    /// Builds the first state again, for a trace; returns its description.
    pub(crate) fn begin_anew(&mut self) -> String {
        self.state = self.first_state();
        self.description()
    }

    /// Returns where a core that takes the step with this number begins it, in the state that was built.
    pub(crate) fn start_of(&mut self, core: usize, operation: usize) -> Point {
        let point = self.state[core];
        match self.program.next(point) {
            Next::Stand(stand) => {
                let start = self.program.begin(stand, operation).expect("there is such an operation");
                start.expect("the step was found")
            }
            _ => point,
        }
    }

    /// Returns what the model says of the state that was built.
    pub(crate) fn description(&self) -> String {
        context::view(self.cell_values(), || self.model.describe()).unwrap_or_else(|panic| panic)
    }

    fn check(&mut self, state: u32) -> Result<(), Box<Violation>> {
        self.look(state, |model, cores| model.check(cores))
    }

    /// Lets the model look at the state that was built.
    fn look(&mut self, state: u32, check: impl FnOnce(&M, &dyn Cores<M>)) -> Result<(), Box<Violation>> {
        let standing = Standing { program: &self.program, points: &self.state[..self.cores] };
        let model = self.model;
        let result = context::view(self.cell_values(), || check(model, &standing));
        result.map_err(|message| self.violation_at(state, message))
    }

    /// Returns the values of the cells in the state that was built.
    fn cell_values(&self) -> impl Iterator<Item = u64> {
        self.state[self.cells()..]
            .iter()
            .zip(&self.initial)
            .map(|(&value, &initial)| self.program.values.of(if value == INITIAL { initial } else { value }))
    }
}

/// Where the cores stand, for a check.
struct Standing<'a, M: Model> {
    program: &'a Program<'a, M>,
    points: &'a [Point],
}

impl<M: Model> Cores<M> for Standing<'_, M> {
    fn core(&self, index: usize) -> &M::Core {
        self.program.whereabouts(self.points[index]).0
    }

    fn operation(&self, index: usize) -> Option<M::Operation> {
        self.program.whereabouts(self.points[index]).1
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What holds of every machine: in every state, and where it comes to its end.

use interleave::{Cores, Model, check};
use quell_abi::{Flags, Kind, State, Why};
use quell_power::Phase;

use super::{
    script::{Act, Begin, Core, Doing, Place},
    world::World,
};

impl World {
    /// I1, I3, I4, I5 and I6 in a state.
    fn check_core(&self, core: usize) {
        let word = self.table().local(core).word();
        let session = self.control.load();
        let (inside, state) = (self.is_inside(core), word.state());
        // One that was given up runs as far as to its pending interrupt.
        check(
            "I4",
            !inside || state == State::On || word.is_quarantined(),
            format_args!("core {core} runs and is {word:?}"),
        );
        // What sleeps is contained where it is, and goes to the pen when it wakes.
        let is_away = matches!(state, State::Off | State::Parked) && !word.is_quarantined();
        let is_closed = self.machine.closed.get() >> core & 1 == 1;
        check(
            "I5",
            !is_away || is_closed || word.why() == Why::Suspended,
            format_args!("core {core} is {word:?} and not in the pen"),
        );
        let is_target = session.targets(core);
        if is_target && session.phase() == Phase::Done {
            check("I1", !inside, format_args!("core {core} runs in a PAUSE that is DONE"));
        }
        if is_target && matches!(session.phase(), Phase::Fenced | Phase::Grace) && !self.stops_otherwise() {
            // One that a session before has stopped is marked by the one that takes it over.
            let is_cut = session.generation() == 1
                && word.why() == Why::Nmi
                && word.generation() == session.generation();
            check("I6", !is_cut, format_args!("core {core} is stopped in the time of grace"));
        }
        if session.generation() == 0 {
            let is_stopped =
                word.why() == Why::Nmi && self.promised.get() >> core & 1 == 0 && !self.stops_otherwise();
            check("I6", !is_stopped, format_args!("core {core} is stopped and there was no session"));
        }
    }

    /// Returns whether cores are stopped without a session, or for what they do in the time of grace.
    fn stops_otherwise(&self) -> bool {
        self.scripts.iter().any(|script| script.does(|act| matches!(act, Act::Evict(..) | Act::End)))
    }
}

impl Model for World {
    type Core = Core;
    type Operation = Doing;

    fn name_memory(&self) {
        self.name_places();
    }

    fn cores(&self) -> Vec<Core> {
        let begin = |script: &Begin| match script {
            Begin::Inside(_) => Core { place: Place::Inside, at: 0, handle: 0, kind: 0, life: 0 },
            Begin::Pen => Core { place: Place::Pen, at: usize::MAX, handle: 0, kind: 0, life: 0 },
        };
        let outside = Core { place: Place::Outside, at: 0, handle: 0, kind: 0, life: 0 };
        self.scripts.iter().map(begin).chain([outside]).collect()
    }

    fn operations(&self, index: usize, core: &Core) -> Vec<Doing> {
        match core.place {
            Place::Inside => {
                let acts = match (&self.scripts[index], core.life) {
                    (Begin::Inside(acts), 0) => acts,
                    // What is started only serves its interrupts.
                    _ => &[][..],
                };
                let next = acts.get(core.at).map(|&act| Doing::Act(act));
                next.into_iter().chain([Doing::Interrupt, Doing::Normal]).collect()
            }
            Place::Pen => vec![Doing::Stay],
            Place::Wedged | Place::Ended => vec![],
            Place::Outside => {
                let tick = (core.at < self.ticks).then_some(Doing::Tick);
                let stray = self.strays.get(core.handle as usize);
                tick.into_iter()
                    .chain(stray.map(|&(core, interrupt)| Doing::Stray(core, interrupt)))
                    .collect()
            }
        }
    }

    fn run(&self, index: usize, core: &Core, doing: Doing) -> Core {
        let mut core = *core;
        World::run(self, index, &mut core, doing);
        core
    }

    fn is_bounded(&self, doing: Doing) -> bool {
        !doing.waits()
    }

    fn check(&self, cores: &dyn Cores<Self>) {
        let running = self.inside.get() & self.stopped.get();
        check("I1", running == 0, format_args!("cores {running:#b} run after DONE"));
        (0..self.cores.len()).for_each(|core| self.check_core(core));
        let session = self.control.load();
        if self.are_records_checked {
            for core in 0..self.cores.len() {
                self.check_record(core);
                let has_gone_on = self.is_inside(core) && cores.core(core).life == 0;
                check(
                    "why NONE",
                    !(has_gone_on && self.records[core].is_of_a_stop()),
                    format_args!("core {core} goes on, and its record says that it was stopped"),
                );
            }
        }
        if session.is_open() {
            let word = self.table().local(session.owner()).word();
            // A deputy in the pen ends the machine for an owner that is not heard of any more.
            let is_deputy = session.phase() == Phase::Final && word.is_off();
            check(
                "I3",
                word.state() == State::On || is_deputy,
                format_args!("the owner of the session is {word:?}"),
            );
        }
        if self.machine.resets.get() != 0 {
            check(
                "REST",
                session.phase() == Phase::Final,
                format_args!("after the reset {session:?} goes on"),
            );
            let running = self.inside.get() & !(1 << session.owner());
            // With long ticks the time is over that the others have.
            let has_waited = self.machine.tick_length != 1;
            check("REST", running == 0 || has_waited, format_args!("cores {running:#b} run at the reset"));
        }
    }

    fn end(&self, cores: &dyn Cores<Self>) {
        let session = self.control.load();
        // A clock that never ticks leaves a session where it is.
        let could_end = session.is_open() && self.ticks != 0;
        let is_late = matches!(session.phase(), Phase::Fenced | Phase::Grace | Phase::Nmi | Phase::Releasing);
        check("L1", !(could_end && is_late), format_args!("nobody drives {session:?}"));
        // Nobody has a lease that outlives the clock of a model.
        let is_orphan = session.is_open() && session.flags().contains(Flags::ORPHAN_RESET);
        check("L5", !(could_end && is_orphan), format_args!("nobody resets the machine for {session:?}"));
        check("L5", !could_end || session.kind() != Kind::Pause, format_args!("nobody resumes {session:?}"));
        for index in 0..self.cores.len() {
            let (core, word) = (cores.core(index), self.table().local(index).word());
            let is_idle = cores.operation(index).is_none_or(|doing| matches!(doing, Doing::Stay));
            let sleeps = word.state() == State::Suspended;
            if !session.targets(index) {
                check("L3", word.state() != State::Parked, format_args!("core {index} stays parked"));
                // One that a takeover of a PAUSE has turned OFF waits for its start where it was held.
                check(
                    "L6",
                    is_idle || sleeps || word.is_off() || core.place == Place::Ended,
                    format_args!("core {index} never comes back from {:?}", cores.operation(index)),
                );
            } else if session.phase().stops() {
                let is_stopped =
                    matches!(word.state(), State::Off | State::Parked) || core.place == Place::Wedged;
                check("L2", is_stopped, format_args!("core {index} could be stopped and is {word:?}"));
            }
            let is_missing = word.is_quarantined() && core.place != Place::Wedged;
            check(
                "I14",
                !is_missing || !self.is_inside(index),
                format_args!("core {index} runs on and is {word:?}"),
            );
            check("L7", !is_missing, format_args!("core {index} never arrives"));
            // No session has opened since the start was accepted.
            let started = self.started[index].get();
            if started == u64::from(session.generation()) + 1
                && !session.is_open()
                && self.promised.get() >> index & 1 == 0
            {
                let runs = self.is_inside(index) || matches!(core.place, Place::Wedged);
                check(
                    "I8",
                    runs || word.why() == Why::Off,
                    format_args!("core {index} was started and is {word:?}"),
                );
            }
            let is_untaken = core.place == Place::Inside && self.machine.untaken.get() >> index & 1 == 1;
            check("I15", !is_untaken, format_args!("core {index} has lost an interrupt"));
            if self.spared.get() >> index & 1 == 1 && session.generation() == 0 {
                check("I17", word.why() != Why::Nmi, format_args!("core {index} was spared and is {word:?}"));
            }
            if self.promised.get() >> index & 1 == 1 {
                check(
                    "I17",
                    word.state() == State::Off,
                    format_args!("core {index} is promised OFF and is {word:?}"),
                );
            }
        }
    }

    fn describe(&self) -> String {
        let words: Vec<_> = self
            .table()
            .words()
            .map(|word| {
                let mark = if word.is_quarantined() { " quarantined" } else { "" };
                format!("{:?}/{:?} {}{mark}", word.state(), word.why(), word.generation())
            })
            .collect();
        format!("{:?}; {}; inside {:#b}", self.control.load(), words.join(", "), self.inside.get())
    }
}

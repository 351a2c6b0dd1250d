// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine of a model: its memory, and what is noted of it. What must hold of it is in `rules`.

use interleave::{Condition, Note, check, label, seen, wait};
use quell_abi::Why;
use quell_power::{Control, CoreSlot, CoreTable};
use quell_stop::{Hardware as _, RecordSlot, Shared, Stop, StopSlot};

use super::{
    machine::{Machine, NORMAL, SECURE, Seat},
    monitor::Monitor,
    script::{Act, Begin, Core, Doing, Place},
};

pub(crate) struct World {
    pub(crate) control: Control,
    pub(crate) cores: Vec<CoreSlot>,
    pub(crate) shared: Shared,
    slots: Vec<StopSlot>,
    pub(crate) records: Vec<RecordSlot>,
    /// Whether the records are looked at in every state.
    pub(crate) are_records_checked: bool,
    pub(crate) machine: Machine,
    pub(crate) scripts: Vec<Begin>,
    /// How often the clock ticks, and which interrupts come on top.
    pub(crate) ticks: usize,
    pub(crate) strays: &'static [(usize, u64)],
    /// The cores that are in the operating system, one bit each; those that may not be, since their session was DONE.
    pub(crate) inside: Note,
    pub(crate) stopped: Note,
    /// The generations that a BEGIN has returned.
    pub(crate) begun: Note,
    /// Of each core the generation that its last accepted start saw, plus one.
    pub(crate) started: Vec<Note>,
    /// The cores that have opened a session, one bit each.
    pub(crate) owners: Note,
    /// The cores that an EVICT left alone, and those that it was promised.
    pub(crate) spared: Note,
    pub(crate) promised: Note,
    /// The cores that have opened a KEXEC or a CRASH, one bit each; and 1 once a core has ended the machine.
    pub(crate) dumps: Note,
    pub(crate) ended: Note,
}

impl World {
    pub(crate) fn new(scripts: Vec<Begin>, ticks: usize) -> Self {
        let count = scripts.len();
        let world = Self {
            control: Control::new(),
            cores: (0..count).map(|_| CoreSlot::new()).collect(),
            shared: Shared::new(),
            slots: (0..count).map(|_| StopSlot::new()).collect(),
            records: (0..count).map(|_| RecordSlot::new()).collect(),
            machine: Machine::new(count),
            scripts,
            ticks,
            strays: &[],
            inside: Note::new(0),
            stopped: Note::new(0),
            begun: Note::new(0),
            owners: Note::new(0),
            started: (0..count).map(|_| Note::new(0)).collect(),
            spared: Note::new(0),
            promised: Note::new(0),
            dumps: Note::new(0),
            ended: Note::new(0),
            are_records_checked: false,
        };
        for (core, script) in world.scripts.iter().enumerate() {
            match script {
                Begin::Inside(_) => {
                    world.table().cold_boot(core);
                    world.inside.set_bits(1 << core);
                }
                Begin::Pen => world.machine.closed.set_bits(1 << core),
            }
        }
        let opens =
            |act: &Act| matches!(act, Act::Begin(..) | Act::BeginOrphan(..) | Act::Sync(..) | Act::End);
        if !world.scripts.iter().any(|script| script.does(opens)) {
            world.machine.start_clock();
        }
        world
    }

    /// Lets these interrupts come at any time, in this order.
    pub(crate) fn with_strays(self, strays: &'static [(usize, u64)]) -> Self {
        Self { strays, ..self }
    }

    /// Looks at the records in every state.
    pub(crate) fn with_records(self) -> Self {
        Self { are_records_checked: true, ..self }
    }

    /// Lets the clock go on by so many milliseconds with each tick.
    pub(crate) fn with_long_ticks(mut self, milliseconds: u64) -> Self {
        self.machine.tick_length = milliseconds;
        self
    }

    pub(crate) fn name_places(&self) {
        self.machine.name_memory();
        label(&self.control, "control");
        label(&self.shared, "deputy");
        for core in 0..self.cores.len() {
            label(&self.cores[core], &format!("word of core {core}"));
            label(&self.slots[core], &format!("slot of core {core}"));
            label(&self.records[core], &format!("record of core {core}"));
            label(&self.started[core], &format!("started {core}"));
        }
        label(&self.inside, "inside");
        label(&self.stopped, "stopped");
        label(&self.begun, "begun");
        label(&self.owners, "owners");
    }

    pub(crate) fn table(&self) -> CoreTable<'_> {
        CoreTable::new(&self.control, &self.cores)
    }

    pub(crate) fn is_inside(&self, core: usize) -> bool {
        self.inside.get() >> core & 1 == 1
    }

    fn seat(&self, core: usize) -> Seat<'_> {
        Seat { machine: &self.machine, record: &self.records[core], core }
    }

    fn stop<'a>(&'a self, seat: &'a Seat<'a>) -> Stop<'a, Seat<'a>> {
        Stop::new(self.table(), &self.shared, &self.slots, &self.records, seat)
    }

    /// Lets one operation of a core run; returns where the core is then.
    pub(crate) fn run(&self, index: usize, core: &mut Core, doing: Doing) {
        match doing {
            Doing::Tick => {
                self.machine.tick();
                core.at += 1;
                return;
            }
            Doing::Stray(target, interrupt) => {
                self.machine.raise(target, interrupt);
                core.handle += 1;
                return;
            }
            _ => {}
        }
        let seat = self.seat(index);
        let (stop, local) = (self.stop(&seat), self.table().local(index));
        match doing {
            Doing::Act(Act::Wedge) => {
                self.inside.clear_bits(1 << index);
                core.place = Place::Wedged;
            }
            Doing::Act(act) => {
                self.inside.clear_bits(1 << index);
                let monitor = Monitor { world: self, seat: &seat, stop, local };
                core.place = monitor.act(core, act);
            }
            Doing::Interrupt => {
                wait(&self.machine.pending[index], Condition::AnyOf(SECURE));
                self.inside.clear_bits(1 << index);
                seat.acknowledge();
                let way = stop.interrupted(&local);
                let monitor = Monitor { world: self, seat: &seat, stop, local };
                core.place = monitor.follow(way);
            }
            Doing::Normal => {
                wait(&self.machine.pending[index], Condition::AnyOf(NORMAL));
                self.machine.take_normal(index);
                seen("normal interrupt");
            }
            Doing::Stay => {
                let entry = stop.stay(&local);
                check("A", entry.address() != 0, "a core boots from a mailbox that nobody wrote");
                let way = stop.enter(&local, Why::NeverRan);
                let monitor = Monitor { world: self, seat: &seat, stop, local };
                core.place = monitor.arrive_anew(way);
                (core.at, core.life) = (0, 1);
            }
            Doing::Tick | Doing::Stray(..) => unreachable!("no core does that"),
        }
        if matches!(core.place, Place::Pen | Place::Wedged | Place::Ended) {
            // What the core was about to do is gone with its operating system.
            (core.at, core.handle, core.kind) = (usize::MAX, 0, 0);
        }
    }
}

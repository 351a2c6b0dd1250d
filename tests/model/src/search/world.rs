// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine of a model: what its cores do, and what always holds.

use std::thread;

use interleave::{Condition, Cores, Model, Note, Report, Settings, check, explore, label, peek, seen, wait};
use quell_abi::{Call, Kind, State, Status, Why};
use quell_arch::FunctionId;
use quell_power::{Control, CoreSlot, CoreTable, Entry, Gate, Protection, StartError};
use quell_stop::{Outcome, RecordSlot, Stop, StopSlot};

use super::machine::{DOORBELL, Machine, STOP};

/// A call of the operating system of a core.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Act {
    /// CPU_ON of this core.
    Start(usize),
    /// BEGIN with this kind, and grace and NMI time in milliseconds.
    Begin(Kind, u64, u64),
    /// POLL until the session is DONE or PARTIAL.
    PollToEnd,
    /// CPU_OFF.
    Off,
}

/// Where a core is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Place {
    /// In the operating system.
    Inside,
    /// In the pen, about to look for a start.
    Pen,
    /// In the pen, asleep.
    Asleep,
    /// Not a core: what makes time pass.
    Clock,
}

/// A core between two operations.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Core {
    pub(crate) place: Place,
    /// How far the core is in what it does.
    pub(crate) at: usize,
    /// The generation of the session that it has begun.
    pub(crate) handle: u32,
}

/// What a core can do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Doing {
    Call(Act),
    /// It takes the secure interrupt.
    Interrupt,
    /// It looks for a start.
    Look,
    /// It wakes up in the pen for no reason and looks.
    Startle,
    /// It wakes up in the pen.
    Wake,
    Tick,
}

pub(crate) struct World {
    control: Control,
    cores: Vec<CoreSlot>,
    slots: Vec<StopSlot>,
    records: Vec<RecordSlot>,
    machine: Machine,
    first: Vec<Place>,
    scripts: Vec<&'static [Act]>,
    ticks: usize,
    /// The cores that are in the operating system, one bit each.
    inside: Note,
    /// The cores that may not be, since their session was DONE.
    stopped: Note,
    /// The generations that a BEGIN returned.
    begun: Note,
}

impl World {
    /// Returns a machine whose cores have these scripts; those that have `Some` are in the operating system, the others in the
    /// pen. The clock can tick so often.
    pub(crate) fn new(scripts: &[Option<&'static [Act]>], ticks: usize) -> Self {
        let count = scripts.len();
        let world = Self {
            control: Control::new(),
            cores: (0..count).map(|_| CoreSlot::new()).collect(),
            slots: (0..count).map(|_| StopSlot::new()).collect(),
            records: (0..count).map(|_| RecordSlot::new()).collect(),
            machine: Machine::new(count),
            first: scripts
                .iter()
                .map(|script| if script.is_some() { Place::Inside } else { Place::Asleep })
                .collect(),
            scripts: scripts.iter().map(|script| script.unwrap_or_default()).collect(),
            ticks,
            inside: Note::new(0),
            stopped: Note::new(0),
            begun: Note::new(0),
        };
        for core in (0..count).filter(|&core| world.first[core] == Place::Inside) {
            world.table().cold_boot(core);
            world.inside.set_bits(1 << core);
        }
        world
    }

    fn label(&self) {
        self.machine.label();
        label(&self.control, "control");
        for core in 0..self.cores.len() {
            label(&self.cores[core], &format!("word of core {core}"));
            label(&self.slots[core], &format!("slot of core {core}"));
            label(&self.records[core], &format!("record of core {core}"));
        }
        label(&self.inside, "inside");
        label(&self.stopped, "stopped");
        label(&self.begun, "begun");
    }

    pub(crate) fn table(&self) -> CoreTable<'_> {
        CoreTable::new(&self.control, &self.cores)
    }

    pub(crate) fn state(&self, core: usize) -> State {
        self.table().local(core).word().state()
    }

    pub(crate) fn is_inside(&self, core: usize) -> bool {
        self.inside.get() >> core & 1 == 1
    }

    fn stop(&self) -> Stop<'_, Machine> {
        Stop::new(self.table(), &self.slots, &self.records, &self.machine)
    }

    fn call(&self, caller: usize, call: Call, arguments: [u64; 6]) -> Outcome {
        let function = FunctionId::from_register(u64::from(call.fid())).unwrap();
        self.stop().handle(function, arguments, &self.table().local(caller))
    }

    /// The core leaves the operating system with a call or an interrupt.
    fn exit(&self, core: usize) {
        self.inside.clear_bits(1 << core);
    }

    fn enter(&self, core: usize) -> Place {
        self.inside.set_bits(1 << core);
        Place::Inside
    }

    /// The core comes to the gate from a call or an interrupt.
    fn resume(&self, core: usize) -> Place {
        match self.table().local(core).resume() {
            Gate::Pass => self.enter(core),
            Gate::Stop { generation } => self.leave(core, Why::Nmi, Some(generation)),
            Gate::Pen => panic!("B: core {core} is in the operating system and is not ON"),
        }
    }

    fn leave(&self, core: usize, why: Why, session: Option<u32>) -> Place {
        let local = self.table().local(core);
        check("I8", local.leave(), "somebody else has changed the word of a core that is ON");
        local.publish(why, session.or_else(|| local.session()));
        Place::Pen
    }

    fn look(&self, core: usize) -> Place {
        let local = self.table().local(core);
        let Some(entry) = local.boot() else { return Place::Asleep };
        check("A", entry.address != 0, "the core boots from a mailbox that nobody wrote");
        match local.enter() {
            Gate::Pass => self.enter(core),
            Gate::Stop { generation } => self.leave(core, Why::NeverRan, Some(generation)),
            Gate::Pen => panic!("B: core {core} has taken its start and is not ON"),
        }
    }

    fn start(&self, starter: usize, target: usize) -> Place {
        let before = peek(|| self.control.load());
        self.stopped.clear_bits(1 << target);
        let entry = Entry { address: 0x1000, context: 0, big_endian: false };
        let table = self.table();
        let result = table.remote(target).unwrap().start(&table.local(starter), entry);
        match result {
            Ok(()) => {
                let is_same =
                    before.is_open() && peek(|| self.control.load().generation()) == before.generation();
                check("I7", !is_same, "a CPU_ON succeeds in a session");
                self.machine.raise(target, DOORBELL);
            }
            Err(StartError::Denied) => seen("CPU_ON denied"),
            Err(_) => {}
        }
        self.resume(starter)
    }

    fn begin(&self, core: &mut Core, caller: usize, kind: Kind, times: [u64; 2]) -> Place {
        let [grace, nmi] = times.map(|milliseconds| milliseconds * 1_000);
        match self.call(caller, Call::Begin, [kind as u64, grace, nmi, 0, u64::MAX, 0]) {
            Outcome::Return(answer) => {
                let &[0, handle, ..] = answer.as_slice() else { panic!("BEGIN answers {answer:?}") };
                check("I2", self.begun.get() >> handle & 1 == 0, "two cores own the same generation");
                self.begun.set_bits(1 << handle);
                core.handle = handle as u32;
                self.resume(caller)
            }
            Outcome::Lost { generation } => {
                seen("BEGIN lost");
                self.leave(caller, Why::Lost, Some(generation))
            }
            Outcome::Ack { .. } => unreachable!("BEGIN acknowledges nothing"),
        }
    }

    /// Returns where the core is, and whether it is told something else than PENDING.
    fn poll(&self, caller: usize, handle: u32) -> (Place, bool) {
        let Outcome::Return(answer) = self.call(caller, Call::Poll, [handle.into(), 0, 0, 0, 0, 0]) else {
            panic!("POLL returns")
        };
        let status = Status::from_register(answer.as_slice()[0]).expect("x0 is a status");
        if status == Status::Success {
            seen("DONE");
            let others = !(1 << caller) & ((1 << self.cores.len()) - 1);
            self.stopped.set_bits(others);
        }
        if status == Status::Partial {
            seen("PARTIAL");
        }
        (self.resume(caller), status != Status::Pending)
    }

    fn act(&self, core: &mut Core, caller: usize, act: Act) {
        self.exit(caller);
        let mut is_over = true;
        core.place = match act {
            Act::Start(target) => self.start(caller, target),
            Act::Begin(kind, grace, nmi) => self.begin(core, caller, kind, [grace, nmi]),
            Act::PollToEnd => {
                let (place, told) = self.poll(caller, core.handle);
                is_over = told;
                place
            }
            Act::Off => self.leave(caller, Why::Off, None),
        };
        core.at += usize::from(is_over);
    }
}

impl Model for World {
    type Core = Core;
    type Operation = Doing;

    fn name_memory(&self) {
        self.label();
    }

    fn cores(&self) -> Vec<Core> {
        let mut cores: Vec<_> = self.first.iter().map(|&place| Core { place, at: 0, handle: 0 }).collect();
        cores.push(Core { place: Place::Clock, at: 0, handle: 0 });
        cores
    }

    fn operations(&self, index: usize, core: &Core) -> Vec<Doing> {
        match core.place {
            Place::Inside => {
                let next = self.scripts[index].get(core.at);
                next.map(|&act| Doing::Call(act)).into_iter().chain([Doing::Interrupt]).collect()
            }
            Place::Pen => vec![Doing::Look],
            Place::Asleep => vec![Doing::Wake, Doing::Startle],
            Place::Clock if core.at < self.ticks => vec![Doing::Tick],
            Place::Clock => vec![],
        }
    }

    fn run(&self, index: usize, core: &Core, doing: Doing) -> Core {
        let mut core = *core;
        match doing {
            Doing::Call(act) => self.act(&mut core, index, act),
            Doing::Interrupt => {
                wait(&self.machine.pending[index], Condition::AnyOf(STOP));
                self.exit(index);
                self.machine.acknowledge(index, STOP);
                core.place = self.resume(index);
            }
            Doing::Look | Doing::Startle => core.place = self.look(index),
            Doing::Wake => {
                wait(&self.machine.pending[index], Condition::AnyOf(DOORBELL | STOP));
                self.machine.acknowledge(index, DOORBELL | STOP);
                core.place = Place::Pen;
            }
            Doing::Tick => {
                self.machine.tick();
                core.at += 1;
            }
        }
        // What a core that has stopped was about to do is gone with its operating system.
        if !matches!(core.place, Place::Inside | Place::Clock) {
            core.at = self.scripts[index].len();
            core.handle = 0;
        }
        core
    }

    fn is_idle(&self, doing: Doing) -> bool {
        matches!(doing, Doing::Startle)
    }

    fn check(&self, _: &dyn Cores<Self>) {
        let running = self.inside.get() & self.stopped.get();
        check("I1", running == 0, format_args!("cores {running:#b} run after DONE"));
        for core in 0..self.cores.len() {
            let state = self.state(core);
            let may_run = matches!(state, State::On);
            check("I4", may_run || !self.is_inside(core), format_args!("core {core} runs and is {state:?}"));
        }
        let session = self.control.load();
        if session.is_open() {
            let owner = session.owner();
            check("I3", self.state(owner) == State::On, "the owner of the session is stopped");
        }
    }

    fn end(&self, cores: &dyn Cores<Self>) {
        for (index, script) in self.scripts.iter().enumerate() {
            let core = cores.core(index);
            let is_done = core.place != Place::Inside || core.at == script.len();
            check("L1", is_done, format_args!("core {index} never ends its call"));
            let word = self.state(index);
            check("L3", matches!(word, State::On | State::Off), format_args!("core {index} stays {word:?}"));
        }
    }

    fn describe(&self) -> String {
        let table = self.table();
        let words: Vec<_> =
            table.words().map(|word| format!("{:?} {}", word.state(), word.generation())).collect();
        format!("{:?}; {}; inside {:#b}", self.control.load(), words.join(", "), self.inside.get())
    }
}

/// Explores a model and prints what came of it.
pub(crate) fn holds(world: &World, settings: Settings) -> Report {
    let report = explore(world, settings).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{report}");
    report
}

/// Explores a model without a protection and expects that it breaks just this property.
pub(crate) fn fails_without(protection: Protection, world: fn() -> World, property: &'static str) {
    // A thread of its own, because a protection is taken out for the rest of a thread.
    let result = thread::spawn(move || {
        quell_power::remove(protection);
        explore(&world(), Settings::new("without"))
    });
    let violation = result.join().unwrap().expect_err("the model holds without the protection");
    println!("without {protection:?}:\n{violation}");
    assert!(
        violation.message.starts_with(&format!("{property}: ")),
        "without {protection:?} the model fails otherwise: {violation}"
    );
}

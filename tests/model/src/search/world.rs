// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine of a model: what its cores do, as the monitor does it. What must hold of it is in `rules`.

use interleave::{Condition, Note, check, label, peek, seen, wait};
use quell_abi::{Call, Kind, Release, State, Status, Why};
use quell_arch::{Answer, FunctionId};
use quell_power::{Control, CoreSlot, CoreTable, Depth, Entry, LocalCore, StartError};
use quell_stop::{Hardware as _, Outcome, RecordSlot, Shared, Stop, StopSlot, Way};

use super::machine::{Machine, NORMAL, SECURE, STOP, Seat};

/// What the operating system of a core does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// CPU_ON of this core.
    Start(usize),
    /// BEGIN with this kind, and grace, NMI and lease time in milliseconds.
    Begin(Kind, [u64; 3]),
    /// POLL until the session is DONE or PARTIAL, or somebody else's.
    PollToEnd,
    /// ACK.
    Acknowledge,
    /// RELEASE.
    Release(Release),
    /// CPU_OFF.
    Off,
    /// CPU_SUSPEND to standby.
    Suspend,
    /// SNAPSHOT and EVICT of this core, with so many milliseconds.
    Snapshot(usize, u64),
    Evict(usize, u64),
    /// Any other call.
    Call,
    /// The core hangs from here on, and takes no interrupt.
    Wedge,
}

/// Where a core is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Place {
    /// In the operating system.
    Inside,
    /// In the pen.
    Pen,
    /// Nowhere: it hangs.
    Wedged,
    /// Not a core: what makes time pass and interrupts come.
    Outside,
}

/// A core between two operations.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Core {
    pub(crate) place: Place,
    /// How far the core is in what it does.
    pub(crate) at: usize,
    /// The generation of the session that it has begun.
    pub(crate) handle: u32,
    /// What it has begun that for.
    pub(crate) kind: u8,
    /// How often it was started anew: 1 for any number.
    pub(crate) life: u8,
}

/// What a core can do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Doing {
    Act(Act),
    /// It takes a secure interrupt.
    Interrupt,
    /// It takes one of the operating system's.
    Normal,
    /// It is in the pen until somebody starts it.
    Stay,
    Tick,
    /// An interrupt comes to a core: which nobody in the model has sent.
    Stray(usize, u64),
}

/// What a core of the model is at the beginning.
pub(crate) enum Begin {
    /// In the operating system, with this to do.
    Inside(&'static [Act]),
    /// OFF.
    Pen,
}

pub(crate) struct World {
    pub(crate) control: Control,
    pub(crate) cores: Vec<CoreSlot>,
    pub(crate) shared: Shared,
    slots: Vec<StopSlot>,
    records: Vec<RecordSlot>,
    pub(crate) machine: Machine,
    pub(crate) scripts: Vec<Begin>,
    /// How often the clock ticks, and which interrupts come on top.
    pub(crate) ticks: usize,
    pub(crate) strays: &'static [(usize, u64)],
    /// The cores that are in the operating system, one bit each; those that may not be, since their session was DONE.
    pub(crate) inside: Note,
    pub(crate) stopped: Note,
    /// The generations that a BEGIN has returned.
    begun: Note,
    /// Of each core the generation that its last accepted start saw, plus one.
    pub(crate) started: Vec<Note>,
    /// The cores that have opened a session, one bit each.
    owners: Note,
    /// The cores that an EVICT left alone, and those that it was promised.
    pub(crate) spared: Note,
    pub(crate) promised: Note,
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
        if !world.scripts.iter().any(begins) {
            world.machine.start_clock();
        }
        world
    }

    /// Lets these interrupts come at any time, in this order.
    pub(crate) fn with_strays(self, strays: &'static [(usize, u64)]) -> Self {
        Self { strays, ..self }
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

    const fn seat(&self, core: usize) -> Seat<'_> {
        Seat { machine: &self.machine, core }
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
                interleave::clear(&self.machine.pending[index], NORMAL);
                seen("normal interrupt");
            }
            Doing::Stay => {
                let entry = stop.stay(&local);
                check("A", entry.address != 0, "a core boots from a mailbox that nobody wrote");
                let way = stop.enter(&local, Why::NeverRan);
                let monitor = Monitor { world: self, seat: &seat, stop, local };
                core.place = monitor.arrive_anew(way);
                (core.at, core.life) = (0, 1);
            }
            Doing::Tick | Doing::Stray(..) => unreachable!("no core does that"),
        }
        if matches!(core.place, Place::Pen | Place::Wedged) {
            // What the core was about to do is gone with its operating system.
            (core.at, core.handle, core.kind) = (usize::MAX, 0, 0);
        }
    }
}

fn begins(script: &Begin) -> bool {
    match script {
        Begin::Inside(acts) => acts.iter().any(|act| matches!(act, Act::Begin(..))),
        Begin::Pen => false,
    }
}

/// A core in the firmware.
struct Monitor<'a> {
    world: &'a World,
    seat: &'a Seat<'a>,
    stop: Stop<'a, Seat<'a>>,
    local: LocalCore<'a>,
}

impl Monitor<'_> {
    /// The way back into the operating system, by the gate.
    fn follow(&self, way: Way) -> Place {
        if way == Way::Pen {
            return Place::Pen;
        }
        match self.stop.gate(&self.local) {
            Way::Back => self.inside(),
            Way::Pen => Place::Pen,
        }
    }

    fn arrive_anew(&self, way: Way) -> Place {
        if way == Way::Pen {
            return Place::Pen;
        }
        let index = self.local.index();
        self.world.machine.lives[index].add(1);
        self.world.machine.closed.clear_bits(1 << index);
        self.inside()
    }

    /// The core is in the operating system, right after its last look at its own word.
    fn inside(&self) -> Place {
        let word = peek(|| self.local.word());
        check(
            "I14",
            word.state() == State::On,
            format_args!("core {} enters and is {word:?}", self.local.index()),
        );
        self.world.inside.set_bits(1 << self.local.index());
        Place::Inside
    }

    fn call(&self, call: Call, arguments: [u64; 6]) -> Option<Answer> {
        let function = FunctionId::from_register(u64::from(call.fid())).unwrap();
        match self.stop.handle(function, arguments, &self.local) {
            Outcome::Return(answer) => Some(answer),
            Outcome::Stop(order) => self.stop.obey(&self.local, order),
        }
    }

    fn act(&self, core: &mut Core, act: Act) -> Place {
        core.at += 1;
        let index = self.local.index();
        match act {
            Act::Start(target) => self.start(target),
            Act::Begin(kind, times) => {
                let [grace, nmi, lease] = times.map(|milliseconds| milliseconds * 1_000);
                let arguments = [kind as u64, grace, nmi, lease, u64::MAX, 0];
                let answer = self.call(Call::Begin, arguments);
                self.world.machine.start_clock();
                let Some(answer) = answer else { return Place::Pen };
                if let &[0, handle, ..] = answer.as_slice() {
                    self.begun(core, handle);
                    core.kind = kind as u8;
                }
                self.follow(Way::Back)
            }
            Act::PollToEnd => {
                let Some(answer) = self.call(Call::Poll, [core.handle.into(), 0, 0, 0, 0, 0]) else {
                    return Place::Pen;
                };
                let status = Status::from_register(answer.as_slice()[0]).expect("x0 is a status");
                if status == Status::Pending {
                    core.at -= 1;
                }
                self.polled(status, core);
                self.follow(Way::Back)
            }
            Act::Acknowledge => match self.call(Call::Ack, [0x1234, 0, 0, 0, 0, 0]) {
                Some(_) => self.follow(Way::Back),
                None => Place::Pen,
            },
            Act::Release(how) => self.release(core, how),
            Act::Off => {
                if peek(|| self.world.control.load()).targets(index) {
                    seen("CPU_OFF in a session");
                }
                self.stop.off(&self.local);
                Place::Pen
            }
            Act::Suspend => self.suspend(),
            Act::Snapshot(target, milliseconds) => {
                let arguments = [target as u64, milliseconds * 1_000, 0, 0, 0, 0];
                let Some(answer) = self.call(Call::Snapshot, arguments) else { return Place::Pen };
                match Status::from_register(answer.as_slice()[0]) {
                    Some(Status::Success) => seen("SNAPSHOT done"),
                    Some(Status::Partial) => seen("SNAPSHOT partial"),
                    _ => seen("SNAPSHOT busy"),
                }
                self.follow(Way::Back)
            }
            Act::Evict(target, milliseconds) => self.evict(target, milliseconds),
            Act::Call => self.follow(Way::Back),
            Act::Wedge => unreachable!("a core that hangs is not in the firmware"),
        }
    }

    fn start(&self, target: usize) -> Place {
        let world = self.world;
        let before = peek(|| world.control.load());
        let starter = self.local.index();
        let was_stopped = world.stopped.get() >> target & 1 == 1;
        world.stopped.clear_bits(1 << target);
        world.promised.clear_bits(1 << target);
        let entry = Entry { address: 0x1000 * (starter as u64 + 1), context: 0, big_endian: false };
        match world.table().remote(target).unwrap().start(&self.local, entry) {
            Ok(()) => {
                let (now, word) = peek(|| (world.control.load(), world.table().local(target).word()));
                let is_same = before.is_open() && now.generation() == before.generation() && now.is_open();
                check("I7", !is_same, "a CPU_ON succeeds in a session");
                let is_old = matches!(word.state(), State::Pending | State::On)
                    && word.generation() != now.generation();
                check("A", !is_old || now.is_open(), "a start from before a session holds after it");
                world.started[target].set(u64::from(word.generation()) + 1);
                check("L4", true, "");
                seen("CPU_ON accepted");
                world.machine.raise(target, STOP);
            }
            Err(StartError::Denied) => seen("CPU_ON denied"),
            Err(StartError::AlreadyOn) => {
                check("L4", !was_stopped, format_args!("core {target} has stopped and is not started"));
                seen("CPU_ON already on");
            }
            Err(StartError::OnPending) => seen("CPU_ON pending"),
        }
        self.follow(Way::Back)
    }

    fn begun(&self, core: &mut Core, handle: u64) {
        let begun = &self.world.begun;
        check("I2", begun.get() >> handle & 1 == 0, "two cores own the same generation");
        begun.set_bits(1 << handle);
        self.world.owners.set_bits(1 << self.local.index());
        core.handle = handle as u32;
    }

    fn polled(&self, status: Status, core: &Core) {
        let world = self.world;
        match status {
            Status::Success => {
                seen("DONE");
                let session = peek(|| world.control.load());
                if session.kind() != Kind::Pause && session.generation() == core.handle {
                    let others = !(1 << session.owner()) & ((1 << world.cores.len()) - 1);
                    world.stopped.set_bits(others);
                    let earlier = world.owners.get() & others & world.inside.get();
                    check(
                        "I13",
                        earlier == 0,
                        format_args!("cores {earlier:#b} have owned a session and run"),
                    );
                }
            }
            Status::Partial => seen("PARTIAL"),
            Status::Pending => seen("PENDING"),
            _ => {
                seen("POLL refused");
                // No model's owner polls after its session has ended.
                let now = peek(|| world.control.load());
                let is_higher = now.kind() as u8 > core.kind;
                check(
                    "R5",
                    is_higher || core.kind == Kind::Pause as u8,
                    format_args!("{now:?} has replaced its like"),
                );
            }
        }
    }

    fn release(&self, core: &Core, how: Release) -> Place {
        let before = peek(|| self.world.control.load());
        let Some(answer) = self.call(Call::Release, [core.handle.into(), how as u64, u64::MAX, 0, 0, 0])
        else {
            return Place::Pen;
        };
        let is_done = answer.as_slice()[0] == 0;
        seen(match (how, is_done) {
            (Release::Resume, true) => "RESUME",
            (Release::Off, true) => "RELEASE OFF",
            (_, false) => "RELEASE refused",
        });
        let is_stale = before.generation() != core.handle;
        check("I12", !(is_done && is_stale), "a stale handle releases a session");
        self.follow(Way::Back)
    }

    /// CPU_SUSPEND, as the monitor does it.
    fn suspend(&self) -> Place {
        if !self.local.suspend(Depth::Standby) {
            let way = self.stop.arrive(&self.local, Why::Nmi);
            return self.follow(way);
        }
        loop {
            self.seat.stand_by();
            self.seat.acknowledge();
            self.stop.attend(&self.local);
            assert!(!self.stop.serve(&self.local), "who sleeps does not accept to be evicted");
            let is_awake = self.local.word().depth().is_none();
            if is_awake || self.seat.is_normal_pending() || self.stop.is_evicted(&self.local) {
                break;
            }
        }
        let before = peek(|| self.world.control.load());
        let way = if self.local.wake() {
            self.stop.enter(&self.local, Why::Suspended)
        } else {
            self.stop.arrive(&self.local, Why::Suspended)
        };
        if way == Way::Pen {
            return Place::Pen;
        }
        let now = peek(|| self.world.control.load());
        let was_up =
            before.targets(self.local.index()) && now.is_open() && now.generation() == before.generation();
        check("R2", !was_up, "a core wakes up behind the fence and passes it");
        if self.stop.serve(&self.local) {
            let way = self.stop.leave_evicted(&self.local);
            return self.follow(way);
        }
        self.follow(Way::Back)
    }

    fn evict(&self, target: usize, milliseconds: u64) -> Place {
        let world = self.world;
        let Some(answer) = self.call(Call::Evict, [target as u64, milliseconds * 1_000, 0, 0, 0, 0]) else {
            return Place::Pen;
        };
        match Status::from_register(answer.as_slice()[0]) {
            Some(Status::Success) => {
                seen("EVICT done");
                world.stopped.set_bits(1 << target);
                world.promised.set_bits(1 << target);
            }
            Some(Status::Pending) => {
                seen("EVICT pending");
                world.promised.set_bits(1 << target);
            }
            Some(Status::Partial) => {
                seen("EVICT partial");
                world.spared.set_bits(1 << target);
            }
            _ => seen("EVICT busy"),
        }
        self.follow(Way::Back)
    }
}

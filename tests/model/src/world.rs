// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine of the models: three cores, what they do, and what is noted of it.

use std::{
    any::Any,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64 as Note, Ordering::Relaxed},
    },
    thread,
};

use loom::model::Builder;
use quell_abi::{Call, Kind, State, Status, Why};
use quell_arch::FunctionId;
use quell_power::{
    Control, CoreSlot, CoreTable, Depth, Entry, Gate, Protection, StartError, Topology,
    sync::{AtomicU64, Ordering},
};
use quell_psci::{PsciSlot, Shared};
use quell_stop::{Hardware, Outcome, RecordSlot, Stop, StopSlot};

/// Cores of the machine.
pub(crate) const CORES: usize = 3;

/// The core that opens the session in most models.
pub(crate) const OWNER: usize = 0;

/// The stop interrupt of the operating system.
const SGI: u64 = 3;

/// The counter stands still: deadlines are either over at once or never, unless a model lets them pass by looks.
pub(crate) const NOW: u64 = 1 << 40;

/// Ticks of a second.
pub(crate) const FREQUENCY: u64 = 1_000_000;

/// How often cores are cut short in the larger models.
pub(crate) const MOST_PREEMPTIONS: usize = 3;

/// How often in the largest ones.
pub(crate) const FEW_PREEMPTIONS: usize = 2;

/// A time in microseconds that does not pass in a model.
pub(crate) const NEVER: u64 = u32::MAX as u64;

/// Returns the mailbox of a start by this core. Its three parts belong together, and are not what an unwritten one holds.
pub(crate) fn entry_of(starter: usize) -> Entry {
    let number = starter as u64 + 1;
    Entry { address: number << 12, context: number, big_endian: starter == OWNER }
}

/// What the owner of a session found when it was told DONE.
#[derive(Debug)]
pub(crate) struct Done {
    pub owner: usize,
    handle: u64,
    /// How many cores have stopped in the session.
    stopped: u64,
    /// The stores of each core's operating system that the owner could see.
    pub seen: [u64; CORES],
}

/// The interrupts that were sent, and what was written to non-secure memory.
#[derive(Debug)]
pub(crate) struct Machine {
    /// 1 once a session's fence is up, for cores that look before they come to the gate.
    fence_up: AtomicU64,
    /// The cores that got the operating system's stop interrupt: one bit each.
    told: Note,
    written: Mutex<Vec<(u64, u64)>>,
    /// How far the counter goes on each time that the stop service reads it, and how far it has come.
    pub(crate) tick: Note,
    passed: Note,
}

/// The firmware's memory, and notes that the cores do not see.
#[derive(Debug)]
pub(crate) struct World {
    control: Control,
    cores: [CoreSlot; CORES],
    slots: [StopSlot; CORES],
    records: [RecordSlot; CORES],
    pub(crate) psci_slots: [PsciSlot; CORES],
    pub(crate) shared: Shared,
    pub(crate) machine: Machine,
    /// Memory that each core's operating system writes: the number of times that it ran.
    memory: [AtomicU64; CORES],
    /// The same numbers, as they are.
    ran: [Note; CORES],
    /// 1 while a core is in the operating system.
    pub(crate) inside: [Note; CORES],
    /// The handle of the last BEGIN in the upper half, the number of targets that it counted in the lower.
    targets: Note,
}

impl World {
    /// Returns a machine whose cores `on` are in the operating system.
    pub(crate) fn new(on: &[usize]) -> Arc<Self> {
        let world = Self {
            control: Control::new(),
            cores: std::array::from_fn(|_| CoreSlot::new()),
            slots: std::array::from_fn(|_| StopSlot::new()),
            records: std::array::from_fn(|_| RecordSlot::new()),
            psci_slots: std::array::from_fn(|_| PsciSlot::new()),
            shared: Shared::new(),
            machine: Machine {
                fence_up: AtomicU64::new(0),
                told: Note::new(0),
                written: Mutex::default(),
                tick: Note::new(0),
                passed: Note::new(0),
            },
            memory: std::array::from_fn(|_| AtomicU64::new(0)),
            ran: std::array::from_fn(|_| Note::new(0)),
            inside: std::array::from_fn(|_| Note::new(0)),
            targets: Note::new(0),
        };
        for &core in on {
            world.table().cold_boot(core);
            world.inside[core].store(1, Relaxed);
        }
        Arc::new(world)
    }

    pub(crate) fn table(&self) -> CoreTable<'_> {
        CoreTable::new(&self.control, &self.cores)
    }

    pub(crate) fn stop(&self) -> Stop<'_, Machine> {
        Stop::new(self.table(), &self.slots, &self.records, &self.machine)
    }

    pub(crate) fn state(&self, core: usize) -> State {
        self.table().local(core).word().state()
    }

    pub(crate) fn is_inside(&self, core: usize) -> bool {
        self.inside[core].load(Relaxed) == 1
    }

    /// Returns whether a session has told this core's operating system to stop.
    pub(crate) fn was_told(&self, core: usize) -> bool {
        self.machine.told.load(Relaxed) >> core & 1 == 1
    }

    pub(crate) fn is_fence_up(&self) -> bool {
        self.machine.fence_up.load(Ordering::Acquire) == 1
    }

    /// Returns what was written to non-secure memory: addresses and values.
    pub(crate) fn written(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        self.machine.written.lock().unwrap()
    }

    /// CPU_ON.
    pub(crate) fn start(&self, starter: usize, target: usize) -> Result<(), StartError> {
        let table = self.table();
        table.remote(target).unwrap().start(&table.local(starter), entry_of(starter))
    }

    /// The pen: the core looks once for a start, and passes the gate of those that enter. Returns the mailbox it read.
    pub(crate) fn boot(&self, core: usize) -> Option<Entry> {
        let local = self.table().local(core);
        let entry = local.boot()?;
        match local.enter() {
            Gate::Pass => self.run(core),
            Gate::Stop { generation } => self.leave(core, Why::NeverRan, Some(generation)),
            Gate::Pen => panic!("B: core {core} has taken its start and is not ON"),
        }
        Some(entry)
    }

    /// The core comes out of the operating system, with a call or an interrupt, and back through the gate.
    pub(crate) fn interrupt(&self, core: usize) {
        if !self.is_inside(core) {
            return;
        }
        match self.table().local(core).resume() {
            Gate::Pass => self.run(core),
            Gate::Stop { generation } => self.leave(core, Why::Nmi, Some(generation)),
            Gate::Pen => panic!("B: core {core} is in the operating system and is not ON"),
        }
    }

    /// CPU_SUSPEND: the core sleeps for a moment, and passes the gate if it has not been stopped meanwhile.
    pub(crate) fn suspend(&self, core: usize) {
        let local = self.table().local(core);
        assert!(local.suspend(Depth::Standby), "I8: somebody else has changed the word of a core that is ON");
        self.inside[core].store(0, Relaxed);
        let was_up = self.is_fence_up();
        if !local.wake() {
            return;
        }
        match local.enter() {
            Gate::Pass => {
                assert!(!was_up, "R2: core {core} woke up behind the fence and passed it");
                self.run(core);
            }
            Gate::Stop { generation } => self.leave(core, Why::Suspended, Some(generation)),
            Gate::Pen => panic!("B: core {core} woke up and is not ON"),
        }
    }

    /// The core goes to the pen and says that it is OFF.
    pub(crate) fn leave(&self, core: usize, why: Why, session: Option<u32>) {
        let local = self.table().local(core);
        self.inside[core].store(0, Relaxed);
        assert!(local.leave(), "I8: somebody else has changed the word of a core that is ON");
        local.publish(why, session.or_else(|| local.session()));
    }

    /// An instruction of the operating system: it writes to memory.
    pub(crate) fn run(&self, core: usize) {
        self.inside[core].store(1, Relaxed);
        let count = self.ran[core].load(Relaxed) + 1;
        self.ran[core].store(count, Relaxed);
        self.memory[core].store(count, Ordering::Relaxed);
    }

    /// A call of the stop service.
    pub(crate) fn call(&self, caller: usize, call: Call, arguments: [u64; 6]) -> Outcome {
        let function = FunctionId::from_register(u64::from(call.fid())).unwrap();
        self.stop().handle(function, arguments, &self.table().local(caller))
    }

    /// CPU_OFF.
    pub(crate) fn off(&self, core: usize) {
        self.leave(core, Why::Off, None);
    }

    /// BEGIN; returns the handle, or `None` for a caller that lost, which has stopped then.
    pub(crate) fn begin(&self, caller: usize, kind: Kind, grace: u64) -> Option<u64> {
        match self.call(caller, Call::Begin, [kind as u64, grace, 0, 0, SGI, 0]) {
            Outcome::Return(answer) => match answer.as_slice() {
                [0, handle, targets, ..] => {
                    // A takeover counts anew.
                    self.targets.fetch_max(handle << 32 | targets, Relaxed);
                    self.interrupt(caller);
                    Some(*handle)
                }
                other => panic!("BEGIN answers {other:x?}"),
            },
            Outcome::Lost { generation } => {
                self.leave(caller, Why::Lost, Some(generation));
                None
            }
            Outcome::Ack { .. } => unreachable!("BEGIN acknowledges nothing"),
        }
    }

    /// POLL; returns what the caller sees if it is told DONE.
    pub(crate) fn poll(&self, caller: usize, handle: u64) -> Option<Done> {
        let Outcome::Return(answer) = self.call(caller, Call::Poll, [handle, 0, 0, 0, 0, 0]) else {
            panic!("POLL returns")
        };
        let [status, counts, ..] = *answer.as_slice() else {
            // An error: there is no such session yet, or not any more.
            return None;
        };
        let count = |place: u32| counts >> (16 * place) & 0xffff;
        (status == Status::Success.to_register()).then(|| Done {
            owner: caller,
            handle,
            stopped: count(0) + count(1) + count(2),
            seen: self.seen(),
        })
    }

    /// Returns the stores of each core's operating system that the calling core can see.
    pub(crate) fn seen(&self) -> [u64; CORES] {
        std::array::from_fn(|core| self.memory[core].load(Ordering::Relaxed))
    }

    /// Returns how often a core's operating system ran.
    pub(crate) fn ran(&self, core: usize) -> u64 {
        self.ran[core].load(Relaxed)
    }

    /// Checks what DONE promises, when all threads have ended and nobody was started after it.
    pub(crate) fn check(&self, done: &Done) {
        for core in (0..CORES).filter(|&core| core != done.owner) {
            // A start that was accepted has rung the core's doorbell: it looks once more.
            self.boot(core);
            assert!(!self.is_inside(core), "I1: core {core} is in the operating system after DONE");
            assert_eq!(self.state(core), State::Off, "I4: DONE, and core {core} is not OFF");
        }
        self.check_stores(done);
    }

    /// Checks that DONE came after every store of the cores that were stopped, and that it counts them all.
    pub(crate) fn check_stores(&self, done: &Done) {
        let targets = self.targets.load(Relaxed);
        // Who opened a session without BEGIN has no count.
        if targets >> 32 == done.handle {
            // A start that the session cancels after BEGIN has counted may come on top.
            assert!(done.stopped >= targets & 0xffff_ffff, "R3: DONE does not count all targets of BEGIN");
        }
        for core in (0..CORES).filter(|&core| core != done.owner) {
            assert_eq!(
                self.ran[core].load(Relaxed),
                done.seen[core],
                "I5: a store of core {core} came to light after DONE"
            );
        }
    }
}

impl Topology for Machine {
    fn index_of(&self, affinity: u64) -> Option<usize> {
        usize::try_from(affinity).ok().filter(|&index| index < CORES)
    }

    fn affinity_of(&self, index: usize) -> u64 {
        index as u64
    }
}

impl Hardware for Machine {
    fn now(&self) -> u64 {
        NOW + self.passed.fetch_add(self.tick.load(Relaxed), Relaxed)
    }

    fn frequency(&self) -> u64 {
        FREQUENCY
    }

    fn send_stop(&self, cores: impl Iterator<Item = usize>) {
        // An interrupt may come at any time: the models take it without. The look at the words is part of the protocol.
        cores.for_each(drop);
    }

    fn send_normal(&self, _: u32, cores: impl Iterator<Item = usize>) {
        self.fence_up.store(1, Ordering::Release);
        cores.for_each(|core| {
            self.told.fetch_or(1 << core, Relaxed);
        });
    }

    fn is_memory(&self, _: &std::ops::Range<u64>) -> bool {
        true
    }

    fn write(&self, address: u64, value: u64) {
        self.written.lock().unwrap().push((address, value));
    }
}

/// Runs a model in every order.
pub(crate) fn check(model: fn()) {
    Builder::new().check(model);
}

/// Runs a model in every order in which cores are cut short at most `preemptions` times: the larger models have too many
/// orders otherwise. A violation that needs more is not found; those of the protections need three at most.
pub(crate) fn check_within(preemptions: usize, model: fn()) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Runs a model without a protection and expects that it breaks just this property.
pub(crate) fn fails_without(protection: Protection, model: fn(), property: &str) {
    // A thread of its own, because a protection is taken out for the rest of a thread.
    let result = thread::spawn(move || {
        quell_power::remove(protection);
        // The short way to a violation is found soonest.
        (0..=MOST_PREEMPTIONS).for_each(|preemptions| check_within(preemptions, model));
    })
    .join();
    let violation =
        result.expect_err("the model holds without the protection: it shows nothing, or it is not needed");
    let violation = message(violation.as_ref());
    assert!(
        violation.contains(&format!("{property}: ")),
        "without {protection:?} the model fails otherwise: {violation}"
    );
}

fn message(panic: &dyn Any) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .expect("a panic of the model has a message")
}

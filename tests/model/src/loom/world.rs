// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine of the models: three cores, what they do, and what is noted of it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicU64 as Note, Ordering::Relaxed},
    },
};

use loom::thread::{self, JoinHandle};
use quell_abi::{Call, Kind, Release, State, Status, Why};
use quell_arch::FunctionId;
use quell_power::{
    Control, CoreSlot, CoreTable, Depth, Entry, Gate, StartError,
    sync::{AtomicU64, Ordering},
};
use quell_psci::{PsciSlot, Shared};
use quell_stop::{Outcome, RecordSlot, Stop, StopSlot, Way};

use super::machine::{Bus, ForEver, Machine};

/// Cores of the machine.
pub(crate) const CORES: usize = 3;

/// The core that opens the session in most models.
pub(crate) const OWNER: usize = 0;

/// The stop interrupt of the operating system.
const SGI: u64 = 3;

/// A time in microseconds that does not pass in a model.
pub(crate) const NEVER: u64 = u32::MAX as u64;

/// Returns the mailbox of a start by this core. Its three parts belong together, and are not what an unwritten one holds.
pub(crate) fn entry_of(starter: usize) -> Entry {
    let number = starter as u64 + 1;
    Entry::new(number << 12, number, starter == OWNER)
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

/// The firmware's memory, and notes that the cores do not see.
#[derive(Debug)]
pub(crate) struct World {
    control: Control,
    cores: [CoreSlot; CORES],
    slots: [StopSlot; CORES],
    records: [RecordSlot; CORES],
    pub(crate) psci_slots: [PsciSlot; CORES],
    pub(crate) shared: Shared,
    stop_shared: quell_stop::Shared,
    pub(crate) bus: Arc<Bus>,
    pub(crate) machines: [Machine; CORES],
    /// Memory that each core's operating system writes: the number of times that it ran.
    memory: [AtomicU64; CORES],
    /// 1 while the owner of a PAUSE has the machine to itself.
    is_alone: AtomicU64,
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
        let bus = Arc::new(Bus::new());
        let world = Self {
            control: Control::new(),
            cores: std::array::from_fn(|_| CoreSlot::new()),
            slots: std::array::from_fn(|_| StopSlot::new()),
            records: std::array::from_fn(|_| RecordSlot::new()),
            psci_slots: std::array::from_fn(|_| PsciSlot::new()),
            shared: Shared::new(),
            stop_shared: quell_stop::Shared::new(),
            machines: std::array::from_fn(|core| Machine::new(core, &bus)),
            bus,
            memory: std::array::from_fn(|_| AtomicU64::new(0)),
            is_alone: AtomicU64::new(0),
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

    /// Runs a core in a thread of its own. It ends with `None` if the core sleeps and nobody is left to wake it; so the model
    /// has to say when it is done itself, with [`Bus::rest`], before it joins.
    pub(crate) fn spawn<T: 'static>(
        self: &Arc<Self>,
        script: impl FnOnce(&Self) -> T + 'static,
    ) -> JoinHandle<Option<T>> {
        self.bus.begin();
        let world = self.clone();
        thread::spawn(move || match catch_unwind(AssertUnwindSafe(|| script(&world))) {
            Ok(value) => {
                world.bus.rest();
                Some(value)
            }
            Err(end) if end.is::<ForEver>() => None,
            Err(panic) => resume_unwind(panic),
        })
    }

    pub(crate) fn table(&self) -> CoreTable<'_> {
        CoreTable::new(&self.control, &self.cores)
    }

    /// Returns the stop service on this core.
    pub(crate) fn stop(&self, core: usize) -> Stop<'_, Machine> {
        Stop::new(self.table(), &self.stop_shared, &self.slots, &self.records, &self.machines[core])
    }

    pub(crate) fn state(&self, core: usize) -> State {
        self.table().local(core).word().state()
    }

    pub(crate) fn is_inside(&self, core: usize) -> bool {
        self.inside[core].load(Relaxed) == 1
    }

    /// Returns whether a session has told this core's operating system to stop.
    pub(crate) fn was_told(&self, core: usize) -> bool {
        self.bus.told.load(Relaxed) >> core & 1 == 1
    }

    pub(crate) fn is_fence_up(&self) -> bool {
        self.bus.fence_up.load(Ordering::Acquire) == 1
    }

    /// Returns what was written to non-secure memory: addresses and values.
    pub(crate) fn written(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        self.bus.written.lock().unwrap()
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
        let way = self.stop(core).enter(&local, Why::NeverRan);
        self.follow(core, way);
        Some(entry)
    }

    /// The core comes out of the operating system, with a call or an interrupt, and back through the gate.
    pub(crate) fn interrupt(&self, core: usize) {
        if !self.is_inside(core) {
            return;
        }
        self.inside[core].store(0, Relaxed);
        let way = self.stop(core).gate(&self.table().local(core));
        self.follow(core, way);
    }

    /// The core takes the secure interrupt that is pending, if one is; returns whether one was.
    pub(crate) fn take_interrupt(&self, core: usize) -> bool {
        let is_taken = self.is_inside(core) && self.bus.take(core);
        if is_taken {
            self.secure_interrupt(core);
        }
        is_taken
    }

    /// The core takes a secure interrupt, whoever sent it, and goes back through the gate.
    pub(crate) fn secure_interrupt(&self, core: usize) {
        self.inside[core].store(0, Relaxed);
        let (local, stop) = (self.table().local(core), self.stop(core));
        let way = match stop.interrupted(&local) {
            Way::Back => stop.gate(&local),
            Way::Pen => Way::Pen,
        };
        self.follow(core, way);
    }

    /// The core waits for interrupts in the operating system, and for starts in the pen, until nobody is left to wake it.
    pub(crate) fn wait_for_ever(&self, core: usize) {
        loop {
            if self.is_inside(core) {
                quell_stop::Hardware::sleep(&self.machines[core]);
                self.take_interrupt(core);
            } else {
                self.stay(core);
            }
        }
    }

    /// The pen: the core sleeps until it is started, and passes the gate of those that enter.
    pub(crate) fn stay(&self, core: usize) -> Entry {
        let (local, stop) = (self.table().local(core), self.stop(core));
        let entry = stop.stay(&local);
        let way = stop.enter(&local, Why::NeverRan);
        self.follow(core, way);
        entry
    }

    /// As [`interrupt`](Self::interrupt), but the core that stops is not recorded: for models that are large without that.
    pub(crate) fn interrupt_unrecorded(&self, core: usize) {
        let local = self.table().local(core);
        match local.resume() {
            Gate::Pass => self.run(core),
            Gate::Stop { session } => {
                self.inside[core].store(0, Relaxed);
                assert!(local.leave(), "I8: somebody else has changed the word of a core that is ON");
                assert!(local.publish(Why::Nmi, Some(session.generation())), "I8: nobody gives it up");
            }
            Gate::Pen => panic!("B: core {core} is in the operating system and is not ON"),
        }
    }

    /// CPU_SUSPEND: the core sleeps for a moment, and passes the gate if it has not been stopped meanwhile.
    pub(crate) fn suspend(&self, core: usize) {
        let local = self.table().local(core);
        assert!(local.suspend(Depth::Standby), "I8: somebody else has changed the word of a core that is ON");
        self.inside[core].store(0, Relaxed);
        let was_up = self.is_fence_up();
        let way = if local.wake() {
            self.stop(core).enter(&local, Why::Suspended)
        } else {
            self.stop(core).arrive(&local, Why::Suspended)
        };
        assert!(way == Way::Pen || !was_up, "R2: core {core} woke up behind the fence and passed it");
        self.follow(core, way);
    }

    /// The core goes where the firmware says.
    pub(crate) fn follow(&self, core: usize, way: Way) {
        match way {
            Way::Back => self.run(core),
            Way::Pen => self.inside[core].store(0, Relaxed),
        }
    }

    /// An instruction of the operating system: it writes to memory.
    pub(crate) fn run(&self, core: usize) {
        self.inside[core].store(1, Relaxed);
        let count = self.ran[core].load(Relaxed) + 1;
        self.ran[core].store(count, Relaxed);
        self.memory[core].store(count, Ordering::Relaxed);
        // Where there are no interrupts there is no PAUSE.
        if self.bus.hears() {
            let is_alone = self.is_alone.load(Ordering::Relaxed) == 1;
            assert!(!is_alone, "I1: core {core} runs in a PAUSE that is DONE");
        }
    }

    /// A call of the stop service.
    pub(crate) fn call(&self, caller: usize, call: Call, arguments: [u64; 6]) -> Outcome {
        let function = FunctionId::from_register(u64::from(call.fid())).unwrap();
        self.stop(caller).handle(function, arguments, &self.table().local(caller))
    }

    /// CPU_OFF.
    pub(crate) fn off(&self, core: usize) {
        self.inside[core].store(0, Relaxed);
        self.stop(core).off(&self.table().local(core));
    }

    /// BEGIN; returns the handle, or `None` for a caller that lost, which has stopped then, or was held.
    pub(crate) fn begin(&self, caller: usize, kind: Kind, grace: u64) -> Option<u64> {
        self.begin_with_lease(caller, kind, [grace, 0], 0)
    }

    /// As [`begin`](Self::begin), with the times of grace and of the secure interrupt, and a lease.
    pub(crate) fn begin_with_lease(
        &self,
        caller: usize,
        kind: Kind,
        [grace, nmi]: [u64; 2],
        lease: u64,
    ) -> Option<u64> {
        match self.call(caller, Call::Begin, [kind as u64, grace, nmi, lease, SGI, 0]) {
            Outcome::Return(answer) => match answer.as_slice() {
                [0, handle, targets, ..] => {
                    // A takeover counts anew.
                    self.targets.fetch_max(handle << 32 | targets, Relaxed);
                    self.interrupt(caller);
                    Some(*handle)
                }
                other => panic!("BEGIN answers {other:x?}"),
            },
            Outcome::Stop(order) => {
                self.inside[caller].store(0, Relaxed);
                if self.stop(caller).obey(&self.table().local(caller), order).is_some() {
                    // It lost to a PAUSE, which is over.
                    self.run(caller);
                }
                None
            }
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

    /// RELEASE; returns whether it succeeded.
    pub(crate) fn release(&self, caller: usize, handle: u64, how: Release) -> bool {
        let outcome = self.call(caller, Call::Release, [handle, how as u64, u64::MAX, 0, 0, 0]);
        let Outcome::Return(answer) = outcome else { panic!("RELEASE returns") };
        answer.as_slice()[0] == Status::Success.to_register()
    }

    /// The owner of a PAUSE that is DONE has the machine to itself.
    pub(crate) fn alone_for_a_moment(&self) {
        self.is_alone.store(1, Ordering::Relaxed);
        self.is_alone.store(0, Ordering::Relaxed);
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
        self.check_nobody_runs(done);
        self.check_count(done);
    }

    /// As [`check`](Self::check), but for the count.
    pub(crate) fn check_nobody_runs(&self, done: &Done) {
        for core in (0..CORES).filter(|&core| core != done.owner) {
            // A start that was accepted has rung the core's doorbell: it looks once more.
            self.boot(core);
            assert!(!self.is_inside(core), "I1: core {core} is in the operating system after DONE");
            assert_eq!(self.state(core), State::Off, "I4: DONE, and core {core} is not OFF");
        }
        self.check_stores(done);
    }

    /// Checks that DONE counts all cores that were targets of BEGIN.
    pub(crate) fn check_count(&self, done: &Done) {
        let targets = self.targets.load(Relaxed);
        // Who opened a session without BEGIN has no count.
        if targets >> 32 == done.handle {
            // A start that the session cancels after BEGIN has counted may come on top.
            assert!(done.stopped >= targets & 0xffff_ffff, "R3: DONE does not count all targets of BEGIN");
        }
    }

    /// Checks that DONE came after every store of the cores that were stopped.
    pub(crate) fn check_stores(&self, done: &Done) {
        for core in (0..CORES).filter(|&core| core != done.owner) {
            assert_eq!(
                self.ran[core].load(Relaxed),
                done.seen[core],
                "I5: a store of core {core} came to light after DONE"
            );
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the firmware needs of the machine: time, interrupts and memory, as far as the models have them.
//!
//! Most models do without secure interrupts: one may come at any time, so a core looks at its gate whenever the model lets it.
//! Where it matters that an interrupt comes at all, a model [hears](Bus::hear) them. Then each core has a bit that says that one
//! is pending. It is a register of the interrupt controller and no memory: whoever looks at it sees its last value, and
//! whoever takes the interrupt sees what was written before it was sent. A core that sleeps is blocked until its bit is set.
//! When all cores sleep or are done nothing can wake them any more: the [sleep that never ends](ForEver) unwinds, and the model
//! says whether that may be.

use std::{
    mem::offset_of,
    panic::resume_unwind,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64 as Note, Ordering::Relaxed},
    },
};

use loom::thread::{self, Thread};
use quell_abi::CoreRecord;
use quell_power::{
    Topology,
    sync::{AtomicU64, Ordering},
};
use quell_stop::{Hardware, RecordWriter};

use super::world::CORES;

/// The counter stands still: deadlines are either over at once or never, unless a model lets them pass by looks.
pub(crate) const NOW: u64 = 1 << 40;

/// Ticks of a second.
pub(crate) const FREQUENCY: u64 = 1_000_000;

/// Why the thread of a core ends that sleeps when nobody is left to wake it.
pub(crate) struct ForEver;

/// What all cores share.
#[derive(Debug)]
pub(crate) struct Bus {
    /// 1 once a session's fence is up, for cores that look before they come to the gate.
    pub(crate) fence_up: AtomicU64,
    /// The cores that got the operating system's stop interrupt: one bit each.
    pub(crate) told: Note,
    pub(crate) written: Mutex<Vec<(u64, u64)>>,
    /// How far the counter goes on each time that the stop service reads it, and how far it has come.
    pub(crate) tick: Note,
    passed: Note,
    /// Number of captures, of all cores together: no two are alike.
    captures: Note,
    /// Whether a core that has sent an interrupt waits for what becomes of it as long as it takes.
    pub(crate) is_patient: Note,
    /// Whether secure interrupts are there.
    hears: Note,
    pending: [AtomicU64; CORES],
    sleepers: Mutex<[Option<Thread>; CORES]>,
    /// How many threads neither sleep nor are done.
    active: Note,
    /// 1 when nobody was left.
    is_quiet: Note,
}

impl Bus {
    pub(crate) fn new() -> Self {
        Self {
            fence_up: AtomicU64::new(0),
            told: Note::new(0),
            written: Mutex::default(),
            tick: Note::new(0),
            passed: Note::new(0),
            captures: Note::new(0),
            is_patient: Note::new(0),
            hears: Note::new(0),
            pending: std::array::from_fn(|_| AtomicU64::new(0)),
            sleepers: Mutex::default(),
            active: Note::new(1),
            is_quiet: Note::new(0),
        }
    }

    /// From now on there are secure interrupts.
    pub(crate) fn hear(&self) {
        self.hears.store(1, Relaxed);
    }

    pub(crate) fn hears(&self) -> bool {
        self.hears.load(Relaxed) == 1
    }

    /// Sends the secure interrupt to a core.
    pub(crate) fn send(&self, core: usize) {
        if !self.hears() {
            return;
        }
        self.pending[core].fetch_or(1, Ordering::AcqRel);
        let sleeper = self.sleepers.lock().unwrap()[core].take();
        if let Some(sleeper) = sleeper {
            self.active.fetch_add(1, Relaxed);
            sleeper.unpark();
        }
    }

    /// Takes the secure interrupt that is pending for a core; returns whether one was.
    pub(crate) fn take(&self, core: usize) -> bool {
        self.hears() && self.pending[core].swap(0, Ordering::AcqRel) != 0
    }

    /// Sleeps until one is pending.
    fn sleep(&self, core: usize) {
        assert!(self.hears(), "a model in which cores sleep needs interrupts");
        while self.pending[core].fetch_or(0, Ordering::AcqRel) == 0 {
            if self.is_quiet.load(Relaxed) == 1 {
                resume_unwind(Box::new(ForEver));
            }
            self.sleepers.lock().unwrap()[core] = Some(thread::current());
            if self.rest() {
                // It was the last one.
                continue;
            }
            thread::park();
        }
    }

    /// A thread begins.
    pub(crate) fn begin(&self) {
        self.active.fetch_add(1, Relaxed);
    }

    /// A thread is done, or sleeps; returns true if it was the last one that did neither: then all sleep for ever.
    pub(crate) fn rest(&self) -> bool {
        let is_last = self.active.fetch_sub(1, Relaxed) == 1;
        if is_last {
            self.is_quiet.store(1, Relaxed);
            let sleepers = std::mem::take(&mut *self.sleepers.lock().unwrap());
            sleepers.into_iter().flatten().for_each(|sleeper| sleeper.unpark());
        }
        is_last
    }
}

/// The machine as one core sees it.
#[derive(Debug)]
pub(crate) struct Machine {
    core: usize,
    pub(crate) bus: Arc<Bus>,
    /// Whether it has sent interrupts.
    has_sent: Note,
    /// When its timer rings; 0 if it does not.
    pub(crate) alarm: Note,
}

impl Machine {
    pub(crate) fn new(core: usize, bus: &Arc<Bus>) -> Self {
        Self { core, bus: bus.clone(), has_sent: Note::new(0), alarm: Note::new(0) }
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
    type Closed = ();

    fn now(&self) -> u64 {
        if self.bus.is_patient.load(Relaxed) == 1 && self.has_sent.load(Relaxed) == 1 {
            // It goes on when another core has.
            thread::yield_now();
        }
        NOW + self.bus.passed.fetch_add(self.bus.tick.load(Relaxed), Relaxed)
    }

    fn frequency(&self) -> u64 {
        FREQUENCY
    }

    fn send_stop(&self, cores: impl Iterator<Item = usize>) {
        // It waits for others now, even if none of them needs an interrupt.
        self.has_sent.store(1, Relaxed);
        // The look at the words is part of the protocol, whether there are interrupts or not.
        self.bus.fence_up.store(1, Ordering::Release);
        cores.for_each(|core| {
            self.bus.told.fetch_or(1 << core, Relaxed);
            self.bus.send(core);
        });
    }

    fn send_normal(&self, _: u32, cores: impl Iterator<Item = usize>) {
        self.bus.fence_up.store(1, Ordering::Release);
        cores.for_each(|core| {
            self.bus.told.fetch_or(1 << core, Relaxed);
        });
    }

    fn is_memory(&self, _: &std::ops::Range<u64>) -> bool {
        true
    }

    fn write(&self, address: u64, value: u64) {
        self.bus.written.lock().unwrap().push((address, value));
    }

    fn acknowledge(&self) {
        self.bus.take(self.core);
    }

    fn sleep(&self) {
        self.bus.sleep(self.core);
    }

    fn close(&self) {
        self.acknowledge();
    }

    fn reopen(&self, (): ()) {}

    fn capture(&self, writer: &RecordWriter<'_>) {
        let number = self.bus.captures.fetch_add(1, Relaxed) + 1;
        writer.set(offset_of!(CoreRecord, pc), number);
        writer.set(offset_of!(CoreRecord, pstate), number);
    }

    fn set_alarm(&self, at: Option<u64>) {
        self.alarm.store(at.unwrap_or(0), Relaxed);
    }

    fn count_stray(&self) {}

    fn reset_machine(&self) {}
}

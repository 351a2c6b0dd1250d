// SPDX-License-Identifier: MIT OR Apache-2.0

//! The hardware of a model: interrupts, the counter, and a timer for each core.

use core::mem::offset_of;

use interleave::{
    Condition, Note, at_once, clear, label, peek, set,
    sync::{AtomicU64, Ordering},
    wait,
};
use quell_abi::{CoreRecord, Why};
use quell_power::Topology;
use quell_stop::{Hardware, RecordSlot, RecordWriter};

/// Ticks of a second: a tick is a millisecond.
const FREQUENCY: u64 = 1_000;

/// Just out of reset: not 0, which some code takes for "never".
const FIRST_TICK: u64 = 1 << 32;

/// Words of the non-secure RAM, and what they hold at the beginning: no word of a record is that.
pub(crate) const MEMORY_WORDS: usize = 16;
pub(crate) const UNTOUCHED: u64 = 0xdead_beef_dead_beef;

/// A timer that is off.
const NEVER: u64 = u64::MAX;

/// The interrupts that a core can have pending: the secure ones, and those of the operating system.
pub(crate) const STOP: u64 = 1;
pub(crate) const TIMER: u64 = 2;
pub(crate) const SECURE: u64 = STOP | TIMER;
pub(crate) const NORMAL: u64 = 4;

#[derive(Debug)]
pub(crate) struct Machine {
    clock: AtomicU64,
    /// 1 once time matters.
    is_running: AtomicU64,
    pub(crate) pending: Vec<AtomicU64>,
    alarms: Vec<AtomicU64>,
    /// The cores that are closed, one bit each.
    pub(crate) closed: Note,
    /// How often each core has been captured: what its registers say in the capture.
    captures: Vec<Note>,
    /// Of each core the capture of its last stop, since it is in the pen, and its generation in the upper half; 0 if there
    /// is none.
    pub(crate) evidence: Vec<Note>,
    /// The cores that an interrupt of the operating system has come to and that have not taken it, one bit each.
    pub(crate) untaken: Note,
    /// How often the machine was reset.
    pub(crate) resets: Note,
    /// How far the clock goes on with each tick.
    pub(crate) tick_length: u64,
    /// The non-secure RAM.
    pub(crate) memory: Vec<Note>,
}

impl Machine {
    pub(crate) fn new(cores: usize) -> Self {
        Self {
            clock: AtomicU64::new(FIRST_TICK),
            is_running: AtomicU64::new(0),
            pending: (0..cores).map(|_| AtomicU64::new(0)).collect(),
            alarms: (0..cores).map(|_| AtomicU64::new(NEVER)).collect(),
            closed: Note::new(0),
            captures: (0..cores).map(|_| Note::new(0)).collect(),
            evidence: (0..cores).map(|_| Note::new(0)).collect(),
            untaken: Note::new(0),
            resets: Note::new(0),
            tick_length: 1,
            memory: (0..MEMORY_WORDS).map(|_| Note::new(UNTOUCHED)).collect(),
        }
    }

    pub(crate) fn name_memory(&self) {
        label(&self.clock, "clock");
        label(&self.closed, "closed");
        for core in 0..self.pending.len() {
            label(&self.pending[core], &format!("interrupts of core {core}"));
            label(&self.alarms[core], &format!("alarm of core {core}"));
            label(&self.captures[core], &format!("captures of core {core}"));
        }
    }

    pub(crate) fn raise(&self, core: usize, interrupt: u64) {
        if interrupt == NORMAL {
            self.untaken.set_bits(1 << core);
        }
        set(&self.pending[core], interrupt);
    }

    /// The core takes the operating system's interrupt.
    pub(crate) fn take_normal(&self, core: usize) {
        clear(&self.pending[core], NORMAL);
        self.untaken.clear_bits(1 << core);
    }

    /// Lets time pass from now on: before the first session it makes no difference.
    pub(crate) fn start_clock(&self) {
        set(&self.is_running, 1);
    }

    /// A millisecond passes, or as many as a tick has.
    pub(crate) fn tick(&self) {
        wait(&self.is_running, Condition::Equal(1));
        at_once(|| {
            let now = self.clock.fetch_add(self.tick_length, Ordering::SeqCst) + self.tick_length;
            for (pending, alarm) in self.pending.iter().zip(&self.alarms) {
                if alarm.load(Ordering::SeqCst) <= now {
                    set(pending, TIMER);
                }
            }
        });
    }
}

/// The machine as one of its cores sees it.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) record: &'a RecordSlot,
    pub(crate) core: usize,
}

impl Seat<'_> {
    fn pending(&self) -> &AtomicU64 {
        &self.machine.pending[self.core]
    }

    /// Sleeps until an interrupt is pending, whosever.
    pub(crate) fn stand_by(&self) {
        wait(self.pending(), Condition::AnyOf(SECURE | NORMAL));
    }

    pub(crate) fn is_normal_pending(&self) -> bool {
        self.pending().load(Ordering::SeqCst) & NORMAL != 0
    }
}

impl Topology for Seat<'_> {
    fn index_of(&self, affinity: u64) -> Option<usize> {
        usize::try_from(affinity).ok().filter(|&index| index < self.machine.pending.len())
    }

    fn affinity_of(&self, index: usize) -> u64 {
        index as u64
    }
}

impl Hardware for Seat<'_> {
    type Closed = ();

    fn now(&self) -> u64 {
        self.machine.clock.load(Ordering::SeqCst)
    }

    fn frequency(&self) -> u64 {
        FREQUENCY
    }

    fn send_stop(&self, cores: impl Iterator<Item = usize>) {
        cores.for_each(|core| self.machine.raise(core, STOP));
    }

    fn send_normal(&self, _: u32, cores: impl Iterator<Item = usize>) {
        cores.for_each(|core| self.machine.raise(core, NORMAL));
    }

    fn is_memory(&self, range: &std::ops::Range<u64>) -> bool {
        range.end <= 8 * MEMORY_WORDS as u64
    }

    fn write(&self, address: u64, value: u64) {
        self.machine.memory[(address / 8) as usize].set(value);
    }

    fn acknowledge(&self) {
        // The timer's stays until the timer is set anew.
        clear(self.pending(), STOP);
    }

    fn sleep(&self) {
        wait(self.pending(), Condition::AnyOf(SECURE));
    }

    fn close(&self) {
        self.acknowledge();
        self.machine.closed.set_bits(1 << self.core);
        if let Some((generation, why, capture)) = peek(|| self.record.evidence())
            && why != Why::None
        {
            self.machine.evidence[self.core].set(u64::from(generation) << 32 | capture);
        }
    }

    fn reopen(&self, (): ()) {
        // It goes on: what it was held with is no evidence.
        self.machine.evidence[self.core].set(0);
        self.machine.closed.clear_bits(1 << self.core);
    }

    fn capture(&self, writer: &RecordWriter<'_>) {
        // No two captures are alike, and the first and the last register of one are.
        self.machine.captures[self.core].add(1);
        let number = self.machine.captures[self.core].get();
        writer.set(offset_of!(CoreRecord, pc), number);
        writer.set(offset_of!(CoreRecord, pstate), number);
    }

    fn set_alarm(&self, at: Option<u64>) {
        let at = at.unwrap_or(NEVER);
        at_once(|| {
            let before = self.machine.alarms[self.core].swap(at, Ordering::SeqCst);
            if at != NEVER && self.machine.clock.load(Ordering::SeqCst) >= at {
                set(self.pending(), TIMER);
            } else if before != NEVER {
                clear(self.pending(), TIMER);
            }
        });
    }

    fn count_stray(&self) {}

    fn reset_machine(&self) {
        interleave::check("REST", self.machine.resets.get() == 0, "the machine is reset twice");
        self.machine.resets.add(1);
        interleave::seen("reset");
    }
}

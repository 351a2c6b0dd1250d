// SPDX-License-Identifier: MIT OR Apache-2.0

//! A machine for the unit tests: sbsa-ref's core numbering, a clock that stands still unless it is told to tick, one
//! block of non-secure RAM, and a list of the interrupts that were sent.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    ops::Range,
    vec::Vec,
};

use quell_abi::{Call, CoreRecord, Flags, Kind, State, Status, Why};
use quell_arch::FunctionId;
use quell_power::{Control, CoreSlot, CoreTable, Entry, Phase, Topology};

use crate::{Hardware, Outcome, RecordSlot, RecordWriter, Shared, Stop, StopSlot, Way};

/// The counter's frequency on most machines: a microsecond is no whole number of ticks.
pub(crate) const FREQUENCY: u64 = 62_500_000;

/// Ticks of a millisecond.
pub(crate) const MILLISECOND: u64 = FREQUENCY / 1_000;

/// A millisecond as the calls count it, in microseconds.
pub(crate) const MS: u64 = 1_000;

/// x5 of a BEGIN without an SGI.
pub(crate) const NO_SGI: u64 = u64::MAX;

/// x6 of the BEGINs that do not look at it.
pub(crate) const COOKIE: u64 = 0xc00c_1e00;

/// x1 of BEGIN: the kinds, and a flag to add to them.
pub(crate) const HALT: u64 = Kind::Halt as u64;
pub(crate) const KEXEC: u64 = Kind::Kexec as u64;
pub(crate) const CRASH: u64 = Kind::Crash as u64;
pub(crate) const TRY: u64 = (Flags::TRY.bits() as u64) << 8;

/// Arguments that BEGIN takes, with this in x1.
pub(crate) const fn arguments(x1: u64) -> [u64; 6] {
    [x1, MS, MS, 0, NO_SGI, COOKIE]
}

/// The non-secure RAM.
pub(crate) const RAM: Range<u64> = 0x1000_0000..0x1001_0000;

const ENTRY: Entry = Entry::new(RAM.start, 0, false);

/// An interrupt that was sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Sent {
    /// The secure one, to these cores.
    Stop(Vec<usize>),
    /// An SGI of the operating system, to these cores.
    Normal(u32, Vec<usize>),
}

/// Something that happens when this address is written.
type Event = (u64, Box<dyn FnOnce(&Machine)>);

/// Something that happens while a core sleeps, or is being captured.
type Then = Box<dyn FnOnce(&Machine)>;

pub(crate) struct Machine {
    control: Control,
    cores: Vec<CoreSlot>,
    slots: Vec<StopSlot>,
    records: Vec<RecordSlot>,
    clock: Cell<u64>,
    /// How far the clock goes on when it is read.
    tick: Cell<u64>,
    sent: RefCell<Vec<Sent>>,
    memory: RefCell<BTreeMap<u64, u64>>,
    event: RefCell<Option<Event>>,
    shared: Shared,
    /// The program counter of whoever is captured.
    pc: Cell<u64>,
    sleep: RefCell<VecDeque<Then>>,
    capture: RefCell<Option<Then>>,
    send: RefCell<Option<Then>>,
    /// Something that happens when the clock is next read, and says this.
    time: RefCell<Option<Event>>,
    alarm: Cell<Option<u64>>,
    strays: Cell<u32>,
    resets: Cell<u32>,
}

impl Machine {
    /// Returns a machine whose cores are all in the operating system.
    pub(crate) fn new(cores: usize) -> Self {
        let machine = Self {
            control: Control::new(),
            cores: (0..cores).map(|_| CoreSlot::new()).collect(),
            slots: (0..cores).map(|_| StopSlot::new()).collect(),
            records: (0..cores).map(|_| RecordSlot::new()).collect(),
            // Just out of reset: the first interrupt must not wait until the clock has come far enough.
            clock: Cell::new(1),
            tick: Cell::default(),
            sent: RefCell::default(),
            memory: RefCell::default(),
            event: RefCell::default(),
            shared: Shared::new(),
            pc: Cell::default(),
            sleep: RefCell::default(),
            capture: RefCell::default(),
            send: RefCell::default(),
            time: RefCell::default(),
            alarm: Cell::default(),
            strays: Cell::default(),
            resets: Cell::default(),
        };
        (0..cores).for_each(|core| machine.table().cold_boot(core));
        machine
    }

    pub(crate) fn table(&self) -> CoreTable<'_> {
        CoreTable::new(&self.control, &self.cores)
    }

    pub(crate) fn stop(&self) -> Stop<'_, Self> {
        Stop::new(self.table(), &self.shared, &self.slots, &self.records, self)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.control.load().phase()
    }

    pub(crate) fn time(&self) -> u64 {
        self.clock.get()
    }

    pub(crate) fn advance(&self, ticks: u64) {
        self.clock.set(self.clock.get() + ticks);
    }

    /// From now on the clock goes on by this many ticks each time that it is read.
    pub(crate) fn tick(&self, ticks: u64) {
        self.tick.set(ticks);
    }

    /// Returns the interrupts that were sent since this was last asked.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.take()
    }

    /// Returns the words of RAM that were written since this was last asked.
    pub(crate) fn written(&self) -> BTreeMap<u64, u64> {
        self.memory.take()
    }

    /// Lets something happen once, right after the next write to this address.
    pub(crate) fn on_write(&self, address: u64, event: impl FnOnce(&Self) + 'static) {
        self.event.replace(Some((address, Box::new(event))));
    }

    /// Lets something happen when a core next sleeps; then it wakes up.
    pub(crate) fn on_sleep(&self, event: impl FnOnce(&Self) + 'static) {
        self.sleep.borrow_mut().push_back(Box::new(event));
    }

    /// Lets something happen once, while a core is captured.
    pub(crate) fn on_capture(&self, event: impl FnOnce(&Self) + 'static) {
        self.capture.replace(Some(Box::new(event)));
    }

    /// Lets something happen once, when the secure interrupt is next sent.
    pub(crate) fn on_send(&self, event: impl FnOnce(&Self) + 'static) {
        self.send.replace(Some(Box::new(event)));
    }

    /// Lets something happen once, when the clock is read and is so far, or farther.
    pub(crate) fn on_time(&self, time: u64, event: impl FnOnce(&Self) + 'static) {
        self.time.replace(Some((time, Box::new(event))));
    }

    /// Returns when the alarm rings that was last set, on whichever core.
    pub(crate) fn alarm(&self) -> Option<u64> {
        self.alarm.get()
    }

    pub(crate) fn strays(&self) -> u32 {
        self.strays.get()
    }

    pub(crate) fn resets(&self) -> u32 {
        self.resets.get()
    }

    pub(crate) fn set_pc(&self, pc: u64) {
        self.pc.set(pc);
    }

    pub(crate) fn call(&self, caller: usize, call: Call, arguments: &[u64]) -> Outcome {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        let function = FunctionId::from_register(u64::from(call.fid())).unwrap();
        self.stop().handle(function, all, &self.table().local(caller))
    }

    /// Makes a call that returns, and returns x0 to x3, 0 where the call leaves them alone.
    pub(crate) fn results(&self, caller: usize, call: Call, arguments: &[u64]) -> [u64; 4] {
        let Outcome::Return(answer) = self.call(caller, call, arguments) else {
            panic!("{call:?} does not return");
        };
        let mut results = [0; 4];
        for (result, value) in results.iter_mut().zip(answer.as_slice()) {
            *result = *value;
        }
        results
    }

    /// Makes a call that returns, and returns its status.
    pub(crate) fn status(&self, caller: usize, call: Call, arguments: &[u64]) -> Status {
        Status::from_register(self.results(caller, call, arguments)[0]).expect("x0 is a status")
    }

    /// Opens a session with these milliseconds of grace and secure interrupt; returns its handle.
    pub(crate) fn begin(&self, caller: usize, kind: Kind, [grace, nmi]: [u64; 2]) -> u64 {
        let times = [grace * MS, nmi * MS];
        let [status, handle, ..] =
            self.results(caller, Call::Begin, &[kind as u64, times[0], times[1], 0, NO_SGI, COOKIE]);
        assert_eq!(status, Status::Success.to_register());
        handle
    }

    pub(crate) fn poll(&self, caller: usize, handle: u64) -> Poll {
        let [status, counts, remaining, straggler] = self.results(caller, Call::Poll, &[handle, 0]);
        let count = |place: u32| counts >> (16 * place) & 0xffff;
        Poll {
            status: Status::from_register(status).expect("x0 is a status"),
            acked: count(0),
            nmi: count(1),
            off: count(2),
            left: count(3),
            remaining,
            straggler,
        }
    }

    /// Stops a core as the monitor does that has been told to: it leaves, is recorded with `pc`, and publishes.
    pub(crate) fn stop_core(&self, core: usize, why: Why, generation: u64, pc: u64) {
        let local = self.table().local(core);
        assert!(local.leave());
        self.record(core, why, generation, pc);
        assert!(local.publish(why, Some(generation as u32)));
    }

    pub(crate) fn record(&self, core: usize, why: Why, generation: u64, pc: u64) {
        self.set_pc(pc);
        let control = self.control.load();
        self.stop().note_stop(core, Some(control));
        self.stop().record(core, generation as u32, why);
    }

    /// CPU_OFF, as the monitor does it.
    pub(crate) fn off(&self, core: usize) {
        self.stop().off(&self.table().local(core));
    }

    /// CPU_ON: accepted, and the core has not come yet.
    pub(crate) fn start(&self, starter: usize, core: usize) {
        let table = self.table();
        table.remote(core).unwrap().start(&table.local(starter), ENTRY).unwrap();
    }

    pub(crate) fn boot(&self, starter: usize, core: usize) {
        self.start(starter, core);
        let local = self.table().local(core);
        assert_eq!(self.stop().stay(&local), ENTRY);
        assert_eq!(self.stop().enter(&local, Why::NeverRan), Way::Back);
    }

    pub(crate) fn state(&self, core: usize) -> (State, Why) {
        let word = self.table().local(core).word();
        (word.state(), word.why())
    }
}

/// What POLL returns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Poll {
    pub status: Status,
    pub acked: u64,
    pub nmi: u64,
    pub off: u64,
    pub left: u64,
    pub remaining: u64,
    pub straggler: u64,
}

impl Topology for Machine {
    fn index_of(&self, affinity: u64) -> Option<usize> {
        (0..self.cores.len()).find(|&index| self.affinity_of(index) == affinity)
    }

    fn affinity_of(&self, index: usize) -> u64 {
        ((index as u64 / 8) << 8) | (index as u64 % 8)
    }
}

impl Hardware for Machine {
    fn now(&self) -> u64 {
        let now = self.clock.replace(self.clock.get() + self.tick.get());
        let event = self.time.borrow_mut().take_if(|(time, _)| *time <= now);
        if let Some((_, event)) = event {
            event(self);
        }
        now
    }

    fn frequency(&self) -> u64 {
        FREQUENCY
    }

    fn send_stop(&self, cores: impl Iterator<Item = usize>) {
        let sent = Sent::Stop(cores.collect());
        self.sent.borrow_mut().push(sent);
        if let Some(event) = self.send.take() {
            event(self);
        }
    }

    fn send_normal(&self, sgi: u32, cores: impl Iterator<Item = usize>) {
        let sent = Sent::Normal(sgi, cores.collect());
        self.sent.borrow_mut().push(sent);
    }

    fn is_memory(&self, range: &Range<u64>) -> bool {
        RAM.start <= range.start && range.end <= RAM.end
    }

    fn write(&self, address: u64, value: u64) {
        assert!(RAM.contains(&address) && address.is_multiple_of(8), "{address:#x} was not checked");
        self.memory.borrow_mut().insert(address, value);
        let event = self.event.borrow_mut().take_if(|(at, _)| *at == address);
        if let Some((_, event)) = event {
            event(self);
        }
    }

    type Closed = ();

    fn acknowledge(&self) {}

    fn sleep(&self) {
        let event = self.sleep.borrow_mut().pop_front();
        event.expect("nothing wakes the core up")(self);
    }

    fn close(&self) {}

    fn reopen(&self, (): ()) {}

    fn capture(&self, writer: &RecordWriter<'_>) {
        writer.set(core::mem::offset_of!(CoreRecord, pc), self.pc.get());
        if let Some(event) = self.capture.take() {
            event(self);
        }
    }

    fn set_alarm(&self, at: Option<u64>) {
        self.alarm.set(at);
    }

    fn count_stray(&self) {
        self.strays.set(self.strays.get() + 1);
    }

    fn reset_machine(&self) {
        self.resets.set(self.resets.get() + 1);
    }
}

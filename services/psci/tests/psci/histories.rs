// SPDX-License-Identifier: MIT OR Apache-2.0

//! Cores that are threads: what they are told of each other at the same time can be told one after the other. And cores
//! that share a thread: there the others act in the middle of the looks of one, which threads seldom do.

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use quell_abi::Why;
use quell_power::{Depth, Gate};
use quell_psci::Outcome;

use crate::{
    linearise::{Event, Operation, is_linearisable},
    machine::{AFFINITIES, ENTRY_POINTS, Machine},
    reference::Answer,
    states::{Core, Reference, Start},
};

/// Two clusters of two.
const CORES: usize = 4;

/// What each core does in a history, and how many histories there are.
const STEPS: usize = 6;
const HISTORIES: u64 = 2_000;
const INTERRUPTED_HISTORIES: u64 = 20_000;

const CPU_SUSPEND: u64 = 0xc400_0001;
const CPU_OFF: u64 = 0x8400_0002;
const CPU_ON: u64 = 0xc400_0003;
const AFFINITY_INFO: u64 = 0xc400_0004;
const NODE_HW_STATE: u64 = 0xc400_000d;
const SYSTEM_SUSPEND: u64 = 0xc400_000e;
const SET_SUSPEND_MODE: u64 = 0x8400_000f;

/// Numbers that look random (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % end
    }

    fn choose<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }
}

thread_local! {
    static DELAYS: Cell<u64> = const { Cell::new(0) };
}

/// Lets the other cores run for a moment, or not.
fn delay() {
    let mut random = Random(DELAYS.get());
    match random.below(8) {
        0..4 => {}
        4..6 => (0..random.below(200)).for_each(|_| std::hint::spin_loop()),
        _ => thread::yield_now(),
    }
    DELAYS.set(random.0);
}

/// One core of a history.
struct Worker<'a> {
    core: usize,
    machine: &'a Machine,
    clock: &'a AtomicU64,
    random: Random,
    is_on: bool,
    events: Vec<Event>,
}

impl Worker<'_> {
    /// Does something that has a moment of its own, and records it.
    fn record<T>(&mut self, act: impl FnOnce() -> T, operation: impl FnOnce(&T) -> Option<Operation>) -> T {
        let invoked = self.clock.fetch_add(1, SeqCst);
        let result = act();
        let returned = self.clock.fetch_add(1, SeqCst);
        if let Some(operation) = operation(&result) {
            self.events.push(Event { core: self.core, operation, invoked, returned });
        }
        delay();
        result
    }

    fn call(&mut self, registers: [u64; 4]) -> Outcome {
        let (machine, core) = (self.machine, self.core);
        self.record(
            || machine.call(core, registers),
            |outcome| Some(Operation::Call { registers, answer: Answer::from(*outcome) }),
        )
    }

    fn run(mut self) -> Vec<Event> {
        for _ in 0..STEPS {
            if self.is_on { self.one_call() } else { self.pen() }
        }
        self.events
    }

    /// The pen: the core looks for a start a few times.
    fn pen(&mut self) {
        let local = self.machine.table().local(self.core);
        for _ in 0..4 {
            let start = self.record(
                || {
                    local.boot().map(|entry| Start {
                        address: entry.address(),
                        context: entry.context(),
                        big_endian: entry.is_big_endian(),
                    })
                },
                // A start is accepted before its call returns: not to have seen it yet is no event.
                |start| start.map(Operation::Boot),
            );
            if start.is_some() {
                assert_eq!(local.enter(), Gate::Pass);
                self.is_on = true;
                return;
            }
        }
    }

    fn one_call(&mut self) {
        let entry = ENTRY_POINTS.start + 4 * self.random.below(8);
        let context = self.random.0;
        let target = self.random.choose(&AFFINITIES[..CORES]);
        let level = self.random.below(4);
        let outcome = match self.random.below(20) {
            0..4 => self.call([CPU_ON, target, entry, context]),
            4..6 => self.call([CPU_OFF, 0, 0, 0]),
            6..8 => {
                let state = self.random.choose(&[0x1, 0x1_0002, 0x101_0022, 0x101_0022]);
                self.call([CPU_SUSPEND, state, entry, context])
            }
            8..14 => self.call([AFFINITY_INFO, target, level, 0]),
            14..18 => self.call([NODE_HW_STATE, target, level.min(1), 0]),
            18 => match self.call([SYSTEM_SUSPEND, entry, context, 0]) {
                // It was the check that counts.
                Outcome::PowerDown { depth: Depth::System, .. } => return,
                other => other,
            },
            _ => {
                let mode = self.random.below(2);
                self.call([SET_SUSPEND_MODE, mode, 0, 0])
            }
        };
        match outcome {
            Outcome::Off => self.leave(),
            Outcome::Standby => self.sleep(Depth::Standby, Core::Standby),
            Outcome::PowerDown { depth: Depth::Core, .. } => self.sleep(Depth::Core, Core::PowerDown),
            Outcome::PowerDown { depth, .. } => self.sleep(depth, Core::ClusterDown),
            Outcome::Return(_) | Outcome::Value(_) | Outcome::End(_) => {}
        }
    }

    fn leave(&mut self) {
        let local = self.machine.table().local(self.core);
        assert!(self.record(|| local.leave(), |_| Some(Operation::Leave)));
        assert!(self.record(|| local.publish(Why::Off, local.session()), |_| Some(Operation::Publish)));
        self.is_on = false;
    }

    fn sleep(&mut self, depth: Depth, how: Core) {
        let local = self.machine.table().local(self.core);
        let psci = self.machine.psci();
        let asleep = self.record(|| psci.suspend(&local, depth), |_| Some(Operation::Suspend(how)));
        let asleep = asleep.expect("it is on");
        assert!(self.record(|| psci.wake(&local, asleep), |_| Some(Operation::Wake)));
        assert_eq!(local.enter(), Gate::Pass);
    }
}

/// Starts these cores on behalf of the first, which is on; returns how the machine is then.
fn begin(machine: &Machine, on: [bool; CORES]) -> Reference {
    let mut reference = Reference::new(CORES);
    for core in (1..CORES).filter(|&core| on[core]) {
        let start = [CPU_ON, AFFINITIES[core], ENTRY_POINTS.start, 0];
        assert_eq!(Answer::from(machine.call(0, start)), reference.call(0, start, false));
        assert!(machine.table().local(core).boot().is_some() && reference.boot(core, 0).is_some());
    }
    reference
}

/// Runs the history with this seed; returns how it began and what happened.
fn history(seed: u64) -> (Reference, Vec<Event>) {
    let machine = Machine::with(CORES, |_| delay());
    let mut random = Random(seed);
    let reference = begin(&machine, [true; CORES].map(|_| random.below(2) == 0));
    let (clock, arrived) = (AtomicU64::new(0), AtomicUsize::new(0));
    let events = thread::scope(|scope| {
        let threads: Vec<_> = (0..CORES)
            .map(|core| {
                let random = Random(seed ^ (core as u64 + 1) << 56);
                let is_on = reference.cores[core] == Core::On;
                let worker =
                    Worker { core, machine: &machine, clock: &clock, random, is_on, events: Vec::new() };
                let arrived = &arrived;
                scope.spawn(move || {
                    DELAYS.set(!worker.random.0);
                    arrived.fetch_add(1, SeqCst);
                    while arrived.load(SeqCst) < CORES {
                        thread::yield_now();
                    }
                    worker.run()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    (reference, events)
}

/// Cores other than the first, which act in the middle of its looks: those of the other cluster start each other and go
/// OFF.
struct Others {
    random: Random,
    is_on: [bool; CORES],
    /// How often they will yet act: a history is bounded.
    left: usize,
    events: Vec<Event>,
}

impl Others {
    /// One of them does something, or not.
    fn act(&mut self, machine: &Machine, clock: &AtomicU64) {
        if self.left == 0 || self.random.below(2) == 0 {
            return;
        }
        self.left -= 1;
        let core = 1 + self.random.below(CORES as u64 - 1) as usize;
        let random = Random(self.random.below(u64::MAX));
        let is_on = self.is_on[core];
        let mut worker = Worker { core, machine, clock, random, is_on, events: Vec::new() };
        if is_on {
            worker.one_call()
        } else {
            worker.pen()
        }
        self.is_on[core] = worker.is_on;
        self.events.append(&mut worker.events);
    }
}

/// Runs the history with this seed on one thread: the first core asks, and others act between the words of its looks.
fn interrupted_history(seed: u64) -> (Reference, Vec<Event>) {
    let clock = Arc::new(AtomicU64::new(0));
    let on = [true, true, seed & 1 != 0, seed & 2 != 0];
    let others = Others { random: Random(seed), is_on: on, left: 0, events: Vec::new() };
    let others = Arc::new(Mutex::new(others));
    let between_words = {
        let (clock, others) = (clock.clone(), others.clone());
        move |machine: &Machine| {
            // What they do is not interrupted itself.
            if let Ok(mut others) = others.try_lock() {
                (0..3).for_each(|_| others.act(machine, &clock));
            }
        }
    };
    let machine = Machine::with(CORES, between_words);
    let reference = begin(&machine, on);
    let random = Random(!seed);
    let mut asking =
        Worker { core: 0, machine: &machine, clock: &clock, random, is_on: true, events: Vec::new() };
    // The cluster that the asking core is not in: the other one is on.
    let target = AFFINITIES[2];
    for function in [AFFINITY_INFO, NODE_HW_STATE] {
        others.lock().unwrap().left = 16;
        asking.call([function, target, 1, 0]);
    }
    let mut events = asking.events;
    events.append(&mut others.lock().unwrap().events);
    (reference, events)
}

/// How many pairs of events of different cores overlap.
fn overlaps(events: &[Event]) -> usize {
    let pairs = events.iter().flat_map(|first| events.iter().map(move |second| (first, second)));
    pairs
        .filter(|(first, second)| {
            first.core < second.core && first.invoked < second.returned && second.invoked < first.returned
        })
        .count()
}

/// Checks so many histories; returns in how many of them cores met.
fn check(histories: u64, history: fn(u64) -> (Reference, Vec<Event>)) -> u64 {
    let mut met = 0;
    for seed in 0..histories {
        let (initial, mut events) = history(seed);
        met += u64::from(overlaps(&events) > 0);
        if !is_linearisable(&initial, &events) {
            events.sort_by_key(|event| event.invoked);
            panic!("history {seed} begins with {:?} and is of no order: {events:#x?}", initial.cores);
        }
    }
    met
}

#[test]
fn what_cores_are_told_at_once_can_be_told_one_after_the_other() {
    let met = check(HISTORIES, history);
    // Threads that never meet show nothing.
    assert!(met > HISTORIES / 10, "cores met in {met} of {HISTORIES} histories");
}

#[test]
fn what_a_core_is_told_while_others_act_can_be_told_at_one_moment() {
    let met = check(INTERRUPTED_HISTORIES, interrupted_history);
    assert!(met > INTERRUPTED_HISTORIES / 2, "cores met in {met} of {INTERRUPTED_HISTORIES} histories");
}

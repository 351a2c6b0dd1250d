// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls of many cores and the cores' own steps, one after the other and at random: the service and the reference model
//! agree on what each returns and does, and nothing else changes.

use std::{cell::RefCell, collections::BTreeSet, sync::atomic::Ordering::Relaxed};

use proptest::{
    collection::vec,
    prelude::{Strategy, any},
    prop_oneof,
    sample::Index,
    strategy::Just,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use quell_abi::{State, Why};
use quell_power::{CoreWord, Depth, Gate, LocalCore};
use quell_psci::{Asleep, Outcome};

use crate::{
    arguments::registers,
    machine::{AFFINITIES, ENTRY_POINTS, Machine},
    reference::Answer,
    states::{Core, Reference, Start},
};

const CORES: usize = AFFINITIES.len();

const CPU_ON: u64 = 0xc400_0003;
const SET_SUSPEND_MODE: u64 = 0x8400_000f;

/// Sequences, and actions in the longest.
const CASES: u32 = 1_000;
const LONGEST: usize = 120;

/// The answers that depend on what other cores do: a run that does not come to all of them shows too little.
const ANSWERS: [(u64, &[Option<i32>]); 7] = [
    // CPU_SUSPEND: DENIED and INVALID_PARAMETERS in OS-initiated mode, too.
    (0x1, &[None, Some(-2), Some(-3), Some(-9)]),
    (0x2, &[None]),
    (0x3, &[Some(0), Some(-2), Some(-4), Some(-5), Some(-9)]),
    (0x4, &[Some(0), Some(1), Some(2), Some(-2)]),
    (0xd, &[Some(0), Some(1), Some(2), Some(-2)]),
    (0xe, &[None, Some(-3), Some(-9)]),
    (0xf, &[Some(0), Some(-2), Some(-3)]),
];

#[derive(Clone, Debug)]
enum Action {
    /// One of the cores that may makes a call.
    Call { caller: Index, registers: [u64; 4], big_endian: bool },
    /// One of the cores that can takes its next step.
    Step { core: Index },
    /// A core in the pen, or somewhere else, hears a doorbell that was not for it.
    StrayDoorbell { core: Index },
    /// Time passes.
    Pass { ticks: u64 },
}

fn action() -> impl Strategy<Value = Action> {
    let index = any::<Index>;
    prop_oneof![
        8 => (index(), registers(), any::<bool>())
            .prop_map(|(caller, registers, big_endian)| Action::Call { caller, registers, big_endian }),
        6 => index().prop_map(|core| Action::Step { core }),
        1 => index().prop_map(|core| Action::StrayDoorbell { core }),
        1 => (0_u64..100).prop_map(|ticks| Action::Pass { ticks }),
    ]
}

/// The service and the model, side by side.
struct Pair {
    machine: Machine,
    reference: Reference,
    /// What becomes of each core's last call, while it has not come to that.
    next: [Option<Outcome>; CORES],
    asleep: [Option<Asleep>; CORES],
    rung: Vec<usize>,
    /// Numbers of the functions that were called, and the codes that they returned; `None` if they did not return.
    answers: BTreeSet<(u64, Option<i32>)>,
}

impl Pair {
    fn new() -> Self {
        Self {
            machine: Machine::new(CORES),
            reference: Reference::new(CORES),
            next: [None; CORES],
            asleep: [None; CORES],
            rung: Vec::new(),
            answers: BTreeSet::new(),
        }
    }

    /// Lets the machine get somewhere before the actions: the first core sets the mode while it is alone, and starts
    /// others.
    fn prepare(&mut self, os_initiated: bool, on: [bool; CORES]) {
        self.call(0, [SET_SUSPEND_MODE, u64::from(os_initiated), 0, 0], false);
        for core in (1..CORES).filter(|&core| on[core]) {
            self.call(0, [CPU_ON, AFFINITIES[core], ENTRY_POINTS.start, core as u64], false);
            self.step(core);
        }
    }

    fn local(&self, core: usize) -> LocalCore<'_> {
        self.machine.table().local(core)
    }

    fn words(&self) -> Vec<CoreWord> {
        self.machine.table().words().collect()
    }

    fn now(&self) -> u64 {
        self.machine.now.load(Relaxed)
    }

    fn act(&mut self, action: &Action) {
        let choose = |cores: Vec<usize>, index: &Index| (!cores.is_empty()).then(|| *index.get(&cores));
        match action {
            Action::Call { caller, registers, big_endian } => {
                let may =
                    |core: &usize| self.reference.cores[*core] == Core::On && self.next[*core].is_none();
                if let Some(caller) = choose((0..CORES).filter(may).collect(), caller) {
                    self.call(caller, *registers, *big_endian);
                }
            }
            Action::Step { core } => {
                let can = |core: &usize| match self.reference.cores[*core] {
                    Core::Off => false,
                    Core::On => self.next[*core].is_some(),
                    _ => true,
                };
                if let Some(core) = choose((0..CORES).filter(can).collect(), core) {
                    self.step(core);
                }
            }
            Action::StrayDoorbell { core } => self.stray_doorbell(core.index(CORES)),
            Action::Pass { ticks } => _ = self.machine.now.fetch_add(*ticks, Relaxed),
        }
        self.compare();
    }

    fn call(&mut self, caller: usize, registers: [u64; 4], big_endian: bool) {
        let (words, reference) = (self.words(), self.reference.clone());
        self.machine.big_endian.store(big_endian, Relaxed);
        let outcome = self.machine.call(caller, registers);
        let expected = self.reference.call(caller, registers, big_endian);
        assert_eq!(Answer::from(outcome), expected, "core {caller} calls {registers:x?} in {reference:?}");
        // The only word that a call changes is that of the core that it starts.
        let started = (0..CORES).find(|&core| self.reference.cores[core] != reference.cores[core]);
        for (core, (before, after)) in words.into_iter().zip(self.words()).enumerate() {
            assert_eq!(before != after, started == Some(core), "{registers:x?} and the word of core {core}");
        }
        self.rung.extend(started);
        let code = if let Outcome::Return(code) = outcome { Some(code) } else { None };
        self.answers.insert((registers[0] & 0xff, code));
        match outcome {
            Outcome::Return(_) | Outcome::Value(_) => {}
            // The machine would end: let it be refused.
            Outcome::End(_) => {}
            Outcome::Off | Outcome::Standby | Outcome::PowerDown { .. } => self.next[caller] = Some(outcome),
        }
    }

    /// What the monitor does with a core that is not in the operating system, or goes out of it.
    fn step(&mut self, core: usize) {
        let now = self.now();
        let local = self.machine.table().local(core);
        match self.reference.cores[core] {
            Core::Off => unreachable!("it has no next step"),
            Core::OnPending(_) => {
                let entry = local.boot().map(|entry| Start {
                    address: entry.address(),
                    context: entry.context(),
                    big_endian: entry.is_big_endian(),
                });
                self.machine.psci().note_up(&local);
                assert_eq!(entry, self.reference.boot(core, now), "the mailbox of core {core}");
                assert_eq!(local.enter(), Gate::Pass);
            }
            Core::On => match self.next[core].take().expect("it has a next step") {
                Outcome::Off => assert!(local.leave() && self.reference.leave(core)),
                Outcome::Standby => self.suspend(core, Depth::Standby, Core::Standby),
                Outcome::PowerDown { depth, .. } => {
                    let how = [Core::Standby, Core::PowerDown, Core::ClusterDown, Core::SystemDown];
                    self.suspend(core, depth, how[depth as usize]);
                }
                other => unreachable!("{other:?} has no next step"),
            },
            Core::Leaving => {
                assert!(local.publish(Why::Off, local.session()));
                assert!(self.reference.publish(core));
            }
            Core::Standby | Core::PowerDown | Core::ClusterDown | Core::SystemDown => {
                let asleep = self.asleep[core].take().expect("it sleeps");
                assert!(self.machine.psci().wake(&local, asleep) && self.reference.wake(core, now));
                assert_eq!(local.enter(), Gate::Pass);
            }
        }
    }

    fn suspend(&mut self, core: usize, depth: Depth, how: Core) {
        self.asleep[core] = self.machine.psci().suspend(&self.local(core), depth);
        assert!(self.asleep[core].is_some() && self.reference.suspend(core, how, self.now()));
    }

    fn stray_doorbell(&self, core: usize) {
        if !matches!(self.reference.cores[core], Core::OnPending(_)) {
            let words = self.words();
            assert_eq!(self.local(core).boot(), None, "core {core} boots and was not started");
            assert_eq!(self.words(), words);
        }
    }

    /// Compares all that can be seen from outside.
    fn compare(&self) {
        for (core, word) in self.words().into_iter().enumerate() {
            let expected = match self.reference.cores[core] {
                Core::Off => (State::Off, None),
                Core::OnPending(_) => (State::Pending, None),
                Core::On => (State::On, None),
                Core::Leaving => (State::Stopping, None),
                Core::Standby => (State::Suspended, Some(Depth::Standby)),
                Core::PowerDown => (State::Suspended, Some(Depth::Core)),
                Core::ClusterDown => (State::Suspended, Some(Depth::Cluster)),
                Core::SystemDown => (State::Suspended, Some(Depth::System)),
            };
            assert_eq!((word.state(), word.depth()), expected, "core {core}");
        }
        assert_eq!(*self.machine.rung.lock().unwrap(), self.rung, "who was rung");
    }
}

/// The same sequences in every run: a failure is found again. `PROPTEST_CASES` asks for more.
#[test]
fn the_service_does_what_the_reference_does() {
    let cases = Config::default().cases.max(CASES);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let on = prop_oneof![1 => Just([true; CORES]), 2 => any::<[bool; CORES]>()];
    let answers = RefCell::new(BTreeSet::new());
    TestRunner::new_with_rng(config, rng)
        .run(&(any::<bool>(), on, vec(action(), 1..LONGEST)), |(os_initiated, on, actions)| {
            let mut pair = Pair::new();
            pair.prepare(os_initiated, on);
            actions.iter().for_each(|action| pair.act(action));
            answers.borrow_mut().append(&mut pair.answers);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    for (number, codes) in ANSWERS {
        for code in codes {
            assert!(
                answers.borrow().contains(&(number, *code)),
                "function {number:#x} never ends as {code:?}"
            );
        }
    }
}

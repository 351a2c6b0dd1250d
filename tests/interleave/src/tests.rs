// SPDX-License-Identifier: MIT OR Apache-2.0

//! The search on machines that are small enough to know the answer.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, SeqCst};

use crate::{
    Condition, Cores, Model, Note, Report, Settings, Violation, at_once, check, explore, seen,
    sync::AtomicU64, wait,
};

const SETTINGS: Settings = Settings::new("test");

struct Memory {
    words: [AtomicU64; 3],
    note: Note,
}

/// Cores that do one operation each, which is the core's index.
struct Once<F> {
    memory: Memory,
    cores: usize,
    run: F,
    end: fn(&[AtomicU64; 3]),
}

impl<F: Fn(&Memory, usize)> Once<F> {
    fn new(cores: usize, run: F, end: fn(&[AtomicU64; 3])) -> Self {
        let memory = Memory { words: [const { AtomicU64::new(0) }; 3], note: Note::new(0) };
        Self { memory, cores, run, end }
    }
}

/// Whether the core has done its operation.
type Finished = bool;

impl<F: Fn(&Memory, usize)> Model for Once<F> {
    type Core = Finished;
    type Operation = ();

    fn cores(&self) -> Vec<Finished> {
        vec![false; self.cores]
    }

    fn operations(&self, _: usize, core: &Finished) -> Vec<()> {
        if *core { vec![] } else { vec![()] }
    }

    fn run(&self, index: usize, _: &Finished, (): ()) -> Finished {
        (self.run)(&self.memory, index);
        true
    }

    fn end(&self, cores: &dyn Cores<Self>) {
        let finished = (0..self.cores).all(|index| *cores.core(index));
        check("END", finished, "a core waits for ever");
        (self.end)(&self.memory.words);
    }
}

fn holds<M: Model>(model: &M) -> Report {
    explore(model, SETTINGS).unwrap_or_else(|violation| panic!("{violation}"))
}

fn fails<M: Model>(model: &M) -> Box<Violation> {
    explore(model, SETTINGS).expect_err("the model holds")
}

fn check_count(words: &[AtomicU64; 3]) {
    check("COUNT", words[0].load(Relaxed) == 2, "a count is lost");
}

#[test]
fn a_counter_that_is_read_and_written_loses_a_count() {
    let add = |model: &Memory, _: usize| {
        let count = model.words[0].load(Acquire);
        model.words[0].store(count + 1, SeqCst);
    };
    let violation = fails(&Once::new(2, add, check_count));
    assert!(violation.message.starts_with("COUNT: "), "{violation}");
    let lines: Vec<_> = violation.trace.lines().skip(1).collect();
    assert_eq!(lines.len(), 4, "the shortest way: both load, both store\n{violation}");
    assert!(lines[..2].iter().all(|line| line.contains("load")), "{violation}");
}

#[test]
fn a_counter_that_is_swapped_or_added_to_loses_none() {
    let swap = |model: &Memory, _: usize| {
        model.words[0].fetch_update(AcqRel, Acquire, |count| Some(count + 1)).unwrap();
    };
    let report = holds(&Once::new(2, swap, check_count));
    report.expect(&["COUNT", "END"]);
    let add = |model: &Memory, _: usize| _ = model.words[0].fetch_add(1, AcqRel);
    holds(&Once::new(2, add, check_count));
}

/// n cores that write k times each to a word of several have (k + 1)^n states; here all write the same value.
#[test]
fn the_states_of_a_known_graph_are_counted() {
    let write = |model: &Memory, _: usize| (0..4).for_each(|_| model.words[0].store(0, SeqCst));
    for (cores, states, transitions) in [(1, 2, 1), (2, 25, 40), (3, 125, 300)] {
        let report = holds(&Once::new(cores, write, |_| {}));
        // A core that is alone matters to nobody: it does all in one step.
        assert_eq!((report.states, report.transitions, report.ends), (states, transitions, 1), "{report}");
    }
}

#[test]
fn accesses_that_matter_to_one_core_only_are_no_steps() {
    let write = |model: &Memory, index: usize| {
        for _ in 0..10 {
            model.words[index].fetch_add(1, SeqCst);
            model.words[2].load(SeqCst);
        }
    };
    let report = holds(&Once::new(2, write, |_| {}));
    assert_eq!((report.states, report.depth), (4, 2), "{report}");
}

/// The last access of the second core makes a word matter that the first ones did not.
#[test]
fn a_word_that_turns_out_to_be_shared_late_is_stepped_from_the_beginning() {
    let write = |model: &Memory, index: usize| {
        if index == 0 {
            model.words[0].store(1, SeqCst);
            model.words[0].store(2, SeqCst);
        } else {
            model.words[1].store(1, SeqCst);
            let seen = model.words[0].load(SeqCst);
            check("MIDDLE", seen != 1, "the second core comes between the two stores");
        }
    };
    let violation = fails(&Once::new(2, write, |_| {}));
    assert!(violation.message.starts_with("MIDDLE: "), "{violation}");
}

#[test]
fn two_locks_in_different_order_are_a_deadlock() {
    let lock = |model: &Memory, index: usize| {
        for word in [&model.words[index], &model.words[1 - index]] {
            wait(word, Condition::Equal(0));
            word.store(1, SeqCst);
        }
        model.words.iter().for_each(|word| word.store(0, SeqCst));
    };
    let violation = fails(&Once::new(2, lock, |_| {}));
    assert!(violation.message.starts_with("END: a core waits"), "{violation}");
}

#[test]
fn who_waits_goes_on_when_the_condition_holds() {
    let run = |model: &Memory, index: usize| {
        if index == 0 {
            wait(&model.words[0], Condition::AnyOf(2));
            seen("woken");
        } else {
            model.words[0].store(3, SeqCst);
        }
    };
    let report = holds(&Once::new(2, run, |_| {}));
    assert_eq!(report.states, 3, "there is one order");
    report.expect(&["woken"]);
}

#[test]
#[should_panic(expected = "never comes to \"nothing\"")]
fn what_was_not_seen_is_missed() {
    holds(&Once::new(1, |_: &Memory, _| {}, |_| {})).expect(&["nothing"]);
}

/// Dekker's pattern: under sequential consistency one of the two sees the other.
#[test]
fn one_of_two_sees_the_other() {
    let run = |model: &Memory, index: usize| {
        model.words[index].store(1, SeqCst);
        if model.words[1 - index].load(SeqCst) == 0 {
            model.words[2].fetch_add(1, SeqCst);
        }
    };
    holds(&Once::new(2, run, |words| check("ONE", words[2].load(Relaxed) <= 1, "both see nothing")));
}

/// Data is written before or after the flag that publishes it, and read after or before the flag that it is guarded by.
#[test]
fn relaxed_accesses_go_along_and_what_is_wrong_is_found() {
    for (late_write, early_read) in [(false, false), (true, false), (false, true)] {
        let run = move |model: &Memory, index: usize| {
            let [data, flag, _] = &model.words;
            if index == 0 {
                let mut order = [(data, Relaxed), (flag, SeqCst)];
                if late_write {
                    order.reverse();
                }
                order.into_iter().for_each(|(word, order)| word.store(1, order));
            } else {
                let early = data.load(Relaxed);
                if flag.load(SeqCst) == 1 {
                    let late = data.load(Relaxed);
                    check("DATA", if early_read { early == 1 } else { late == 1 }, "it is not there");
                }
            }
        };
        let model = Once::new(2, run, |_| {});
        for settings in [SETTINGS, SETTINGS.with_relaxed_steps()] {
            let is_wrong = late_write || early_read && settings.relaxed_steps;
            let result = explore(&model, settings);
            // An early read at the beginning of an operation goes along with the access after it.
            assert_eq!(result.is_err(), is_wrong, "{late_write} {early_read} {settings:?}");
        }
    }
}

#[test]
fn what_happens_at_once_is_one_step() {
    let run = |model: &Memory, index: usize| {
        if index == 0 {
            at_once(|| model.words[..2].iter().for_each(|word| word.store(1, SeqCst)));
        } else {
            let both = at_once(|| [0, 1].map(|word: usize| model.words[word].load(SeqCst)));
            check("BOTH", both[0] == both[1], "one without the other");
        }
    };
    assert_eq!(holds(&Once::new(2, run, |_| {})).states, 4);
}

#[test]
fn notes_go_along() {
    let run = |model: &Memory, index: usize| {
        model.note.add(1);
        model.words[0].store(index as u64, SeqCst);
        model.note.add(1);
        model.words[0].store(index as u64, SeqCst);
        check("NOTE", model.note.get() >= 2, "the notes of this core are missing");
    };
    let report = holds(&Once::new(2, run, |_| {}));
    assert_eq!(report.depth, 4, "{report}");
}

/// A core that goes back and forth, and one that ends it, or does not.
struct Circle {
    word: AtomicU64,
    ends: bool,
}

impl Model for Circle {
    type Core = u8;
    type Operation = u8;

    fn cores(&self) -> Vec<u8> {
        vec![0, 2]
    }

    fn operations(&self, _: usize, core: &u8) -> Vec<u8> {
        match core {
            0 => vec![1],
            1 if self.ends => vec![0, 3],
            1 => vec![0],
            2 => vec![3],
            _ => vec![],
        }
    }

    fn run(&self, _: usize, _: &u8, operation: u8) -> u8 {
        self.word.store(u64::from(operation), SeqCst);
        operation
    }
}

#[test]
fn cores_that_run_in_circles_are_found() {
    let circle = |ends| Circle { word: AtomicU64::new(0), ends };
    holds(&circle(false));
    let violation = explore(&circle(false), SETTINGS.with_circles()).expect_err("there is a circle");
    assert!(violation.message.starts_with("CIRCLE: "), "{violation}");
    explore(&circle(true), SETTINGS.with_circles()).expect("there is a way out");
}

#[test]
fn an_operation_that_depends_on_something_else_is_refused() {
    let calls = std::cell::Cell::new(0);
    let run = |model: &Memory, _: usize| {
        calls.set(calls.get() + 1);
        model.words[calls.get() % 2].store(1, SeqCst);
        model.words[2].store(1, SeqCst);
    };
    let violation = fails(&Once::new(2, run, |_| {}));
    assert!(violation.message.contains("not deterministic"), "{violation}");
}

#[test]
#[should_panic(expected = "more than 3 states")]
fn a_model_that_is_too_large_is_given_up() {
    let write = |model: &Memory, _: usize| (0..4).for_each(|_| model.words[0].store(0, SeqCst));
    let _ = explore(&Once::new(2, write, |_| {}), Settings { most_states: 3, ..SETTINGS });
}

/// Returns whether the word is 4.
#[inline(never)]
fn is_four(model: &Memory) -> bool {
    model.words[0].load(SeqCst) == 4
}

#[test]
fn a_core_that_has_forgotten_what_it_read_is_the_same_again() {
    let run = move |model: &Memory, index: usize| {
        if index == 0 {
            (1..5).for_each(|value| model.words[0].store(value, SeqCst));
        } else {
            check("LATER", !is_four(model) || is_four(model), "time goes back");
            is_four(model);
        }
    };
    let model = Once::new(2, run, |_| {});
    let merged = holds(&model);
    let whole = explore(&model, SETTINGS.with_whole_history()).unwrap();
    // Without optimisation, what was read stays where the next call finds it.
    assert!(merged.states < whole.states || cfg!(debug_assertions), "{merged} {whole}");
    assert_eq!((merged.ends, &merged.seen), (whole.ends, &whole.seen));
}

#[test]
fn a_core_that_remembers_what_it_read_is_another_one() {
    let run = move |model: &Memory, index: usize| {
        if index == 0 {
            (1..5).for_each(|value| model.words[0].store(value, SeqCst));
        } else {
            let first = model.words[0].load(SeqCst);
            is_four(model);
            let second = model.words[0].load(SeqCst);
            check("LATER", second >= first, "time goes back");
            model.words[1].store(first, SeqCst);
        }
    };
    let end = |words: &[AtomicU64; 3]| {
        let value = words[1].load(Relaxed);
        seen(["0", "1", "2", "3", "4"][value as usize]);
    };
    holds(&Once::new(2, run, end)).expect(&["0", "1", "2", "3", "4"]);
}

#[test]
fn a_bound_of_preemptions_leaves_out_what_needs_more() {
    let add = |model: &Memory, _: usize| {
        let count = model.words[0].load(Acquire);
        model.words[0].store(count + 1, SeqCst);
    };
    let model = Once::new(2, add, check_count);
    assert!(explore(&model, SETTINGS.with_preemptions(0)).is_ok(), "one after the other");
    assert!(explore(&model, SETTINGS.with_preemptions(1)).is_err());
}

/// Without a lock each core comes to its end alone; the word that another one has locked may stay so for ever.
#[test]
fn a_core_that_needs_another_one_does_not_come_to_its_end_alone() {
    let lone = SETTINGS.with_lone_cores("LONE", 20);
    let add = |model: &Memory, _: usize| {
        model.words[0].fetch_update(AcqRel, Acquire, |count| Some(count + 1)).unwrap();
    };
    explore(&Once::new(2, add, check_count), lone).unwrap().expect(&["LONE"]);
    let lock = |model: &Memory, _: usize| {
        while model.words[1].swap(1, AcqRel) == 1 {}
        let count = model.words[0].load(Acquire);
        model.words[0].store(count + 1, SeqCst);
        model.words[1].store(0, SeqCst);
    };
    let model = Once::new(2, lock, check_count);
    assert!(explore(&model, SETTINGS).is_ok());
    let violation = explore(&model, lone).expect_err("the second core spins");
    assert!(violation.message.starts_with("LONE: "), "{violation}");
    assert!(violation.trace.contains("Swap") || violation.trace.contains("swap"), "{violation}");
}

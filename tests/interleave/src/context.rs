// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an access means on this thread just now.
//!
//! - Outside of an exploration it is made as it is.
//! - While an operation is *replayed*, the accesses that it has already made return what they returned then. The first one
//!   that is new is noted, and the operation is left by unwinding: that is where its core stands.
//! - While a state is *viewed*, loads return what the cells hold in it.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    panic::resume_unwind,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{cells::Cells, request::Request, stack};

/// What an operation is left with when it has come to an access that is new.
pub(crate) struct Suspended;

/// Where a core can be cut short around an access.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Class {
    /// Before it, if others use the cell too.
    Step,
    /// As for a step, unless relaxed accesses are none.
    Relaxed,
    /// Before it, whoever uses the cell: it begins a block.
    Block,
    /// Never: it is in a block.
    Joined,
    /// Never, and no other core sees it: it is a note.
    Note,
}

/// An access that a core is about to make.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Access {
    pub cell: u32,
    pub request: Request,
    pub class: Class,
}

/// Where an operation was left.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Left {
    pub access: Access,
    /// The fingerprint of all that the core knows there, or `None` where that can not be told.
    pub known: Option<u128>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    Direct,
    Replay,
    View,
}

/// Where the code is with respect to a block of accesses that are made at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Block {
    Outside,
    First,
    Inside,
    /// Not in a block, but the model looks and not a core.
    Peek,
}

/// The state of this thread's exploration.
pub(crate) struct Context {
    mode: Mode,
    block: Block,
    /// The cells of the operation's accesses and what these have returned, and how many it has made.
    log: Vec<(u32, u64)>,
    made: usize,
    /// Where the stack of an operation begins.
    base: Option<usize>,
    /// Where the operation was left.
    left: Option<Left>,
    /// The values of the cells in the state that is viewed.
    view: Vec<u64>,
    pub(crate) cells: Cells,
    /// What has been seen or checked at least once.
    pub(crate) seen: BTreeSet<&'static str>,
}

thread_local! {
    static CONTEXT: RefCell<Context> = const {
        RefCell::new(Context {
            mode: Mode::Direct,
            block: Block::Outside,
            log: Vec::new(),
            made: 0,
            base: None,
            left: None,
            view: Vec::new(),
            cells: Cells::new(),
            seen: BTreeSet::new(),
        })
    };
}

pub(crate) fn with<T>(body: impl FnOnce(&mut Context) -> T) -> T {
    CONTEXT.with_borrow_mut(body)
}

enum Answer {
    Direct,
    Value(u64),
    Suspend,
}

/// Makes an access of the code.
pub(crate) fn access(place: &AtomicU64, request: Request, order: Ordering) -> u64 {
    let class = if matches!(order, Ordering::Relaxed) { Class::Relaxed } else { Class::Step };
    make(place, request, class)
}

/// Reads or writes a note of the model.
pub(crate) fn note(place: &AtomicU64, request: Request) -> u64 {
    make(place, request, Class::Note)
}

// One place from which the stack is looked at.
#[inline(never)]
fn make(place: &AtomicU64, request: Request, class: Class) -> u64 {
    match with(|context| context.answer(place, request, class)) {
        Answer::Direct => directly(place, request),
        Answer::Value(value) => value,
        Answer::Suspend => {
            if let Some(base) = with(|context| context.base) {
                let known = stack::print(base);
                with(|context| context.left.as_mut().expect("it was just set").known = Some(known));
            }
            resume_unwind(Box::new(Suspended))
        }
    }
}

fn directly(place: &AtomicU64, request: Request) -> u64 {
    let (value, told) =
        request.apply(place.load(Ordering::Relaxed)).expect("a core waits outside of an exploration");
    place.store(value, Ordering::Relaxed);
    told
}

impl Context {
    fn answer(&mut self, place: &AtomicU64, request: Request, class: Class) -> Answer {
        if self.mode == Mode::Direct {
            return Answer::Direct;
        }
        let cell = self.cells.at(place);
        if self.mode == Mode::View {
            assert!(!request.writes(), "a check changes a cell");
            let value = self.view.get(cell as usize).copied().unwrap_or_else(|| self.cells.initial(cell));
            let (_, told) = request.apply(value).expect("a check waits");
            return Answer::Value(told);
        }
        let class = self.class_here(class);
        if let Some(&(logged, told)) = self.log.get(self.made) {
            assert!(cell == logged, "an operation is not deterministic: it must depend on its accesses only");
            self.made += 1;
            return Answer::Value(told);
        }
        self.left = Some(Left { access: Access { cell, request, class }, known: None });
        Answer::Suspend
    }

    fn class_here(&mut self, class: Class) -> Class {
        match self.block {
            Block::Outside => class,
            Block::Peek => Class::Note,
            _ if class == Class::Note => class,
            Block::First => {
                self.block = Block::Inside;
                Class::Block
            }
            Block::Inside => Class::Joined,
        }
    }
}

pub(crate) fn begin_block() {
    with(|context| {
        assert!(context.block == Block::Outside, "a block of accesses begins in another one");
        context.block = Block::First;
    });
}

pub(crate) fn begin_peek() {
    with(|context| context.block = Block::Peek);
}

pub(crate) fn end_block() {
    with(|context| context.block = Block::Outside);
}

/// Goes back to direct accesses when it is dropped, however the code ended.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        with(|context| {
            context.mode = Mode::Direct;
            context.block = Block::Outside;
        });
    }
}

/// Runs an operation whose accesses so far have returned `log`. Returns where it is left by unwinding, if it is.
///
/// If the caller's frame is always at the same place, where it is left says what the core knows there.
#[inline(never)]
pub(crate) fn replay<T>(
    log: &[(u32, u64)],
    knows: bool,
    operation: impl FnOnce() -> T,
) -> Result<T, Result<Left, String>> {
    // Of this frame, not of the closure's.
    let base = if knows { stack::base() } else { None };
    with(|context| {
        context.mode = Mode::Replay;
        context.block = Block::Outside;
        context.log.clear();
        context.log.extend_from_slice(log);
        context.made = 0;
        context.left = None;
        context.base = base;
    });
    stack::clean();
    let result = caught(operation);
    result.map_err(|payload| match payload {
        Some(violation) => Err(violation),
        None => Ok(with(|context| context.left.take()).expect("a core is left at an access")),
    })
}

/// Runs a check on the state with these values.
pub(crate) fn view<T>(values: impl Iterator<Item = u64>, check: impl FnOnce() -> T) -> Result<T, String> {
    with(|context| {
        context.mode = Mode::View;
        context.view.clear();
        context.view.extend(values);
    });
    caught(check).map_err(|payload| payload.expect("a check makes no access that is new"))
}

/// Runs code; returns the message of its panic, or `None` if it was suspended.
fn caught<T>(code: impl FnOnce() -> T) -> Result<T, Option<String>> {
    let leave = Leave;
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(code));
    drop(leave);
    result.map_err(|payload| {
        if payload.is::<Suspended>() {
            return None;
        }
        let message = payload.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| payload.downcast_ref::<&str>().copied());
        Some(message.unwrap_or("a panic without a message").to_owned())
    })
}

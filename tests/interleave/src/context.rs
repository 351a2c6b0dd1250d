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

use crate::{
    cells::Cells,
    request::Request,
    stack::{self, Answer, GO_ON, GO_ON_CLEAN, LEAVE, REFUSE},
};

/// What an operation is left with when it has come to an access that is new.
pub(crate) struct Suspended;

/// Where a core can be cut short around an access.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Class {
    /// Before it, if others use the cell too.
    Step,
    /// As for a step, unless relaxed accesses are none.
    Relaxed,
    /// The same, and it begins a block of accesses that are made at once.
    Block,
    /// It is in a block: before it only if others use none of the cells before it in the block.
    Joined,
    /// Never, and no other core sees it: it is a note.
    Note,
}

impl Class {
    const ALL: [Self; 5] = [Self::Step, Self::Relaxed, Self::Block, Self::Joined, Self::Note];
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
    /// Why an access was refused.
    refusal: &'static str,
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
            refusal: "",
            view: Vec::new(),
            cells: Cells::new(),
            seen: BTreeSet::new(),
        })
    };
}

pub(crate) fn with<T>(body: impl FnOnce(&mut Context) -> T) -> T {
    CONTEXT.with_borrow_mut(body)
}

/// Makes an access of the code.
#[inline(always)]
pub(crate) fn access(place: &AtomicU64, request: Request, order: Ordering) -> u64 {
    make(place, request, if matches!(order, Ordering::Relaxed) { Class::Relaxed } else { Class::Step })
}

/// Reads or writes a note of the model.
#[inline(always)]
pub(crate) fn note(place: &AtomicU64, request: Request) -> u64 {
    make(place, request, Class::Note)
}

#[inline(always)]
fn make(place: &AtomicU64, request: Request, class: Class) -> u64 {
    let (code, first, second) = request.encode();
    // All in registers: what is passed on the stack would stay there.
    let answer = stack::access(place, code, first, second, class as u64);
    match answer.verdict {
        GO_ON | GO_ON_CLEAN => answer.value,
        LEAVE => leave(),
        _ => refuse(),
    }
}

#[cold]
#[inline(never)]
fn leave() -> ! {
    resume_unwind(Box::new(Suspended))
}

#[cold]
#[inline(never)]
fn refuse() -> ! {
    panic!("{}", with(|context| context.refusal))
}

/// Answers an access. What its caller keeps begins at the address `keeps`.
pub(crate) extern "C" fn answer(
    place: &AtomicU64,
    code: u64,
    first: u64,
    second: u64,
    class: u64,
    keeps: usize,
) -> Answer {
    let request = Request::decode(code, first, second);
    with(|context| {
        let answer = match context.mode {
            Mode::Direct => directly(place, request).ok_or("a core waits outside of an exploration"),
            Mode::View => context.look(place, request),
            Mode::Replay => context.replayed(place, request, Class::ALL[class as usize], keeps),
        };
        answer.unwrap_or_else(|refusal| {
            context.refusal = refusal;
            Answer { value: 0, verdict: REFUSE }
        })
    })
}

fn go_on(value: u64) -> Answer {
    Answer { value, verdict: GO_ON }
}

fn directly(place: &AtomicU64, request: Request) -> Option<Answer> {
    let (value, told) = request.apply(place.load(Ordering::Relaxed))?;
    place.store(value, Ordering::Relaxed);
    Some(go_on(told))
}

impl Context {
    /// Answers an access of a check.
    fn look(&mut self, place: &AtomicU64, request: Request) -> Result<Answer, &'static str> {
        if request.writes() {
            return Err("a check changes a cell");
        }
        let cell = self.cells.at(place);
        let value = self.view.get(cell as usize).copied().unwrap_or_else(|| self.cells.initial(cell));
        let (_, told) = request.apply(value).ok_or("a check waits")?;
        Ok(go_on(told))
    }

    /// Answers an access of an operation that is replayed.
    fn replayed(
        &mut self,
        place: &AtomicU64,
        request: Request,
        class: Class,
        keeps: usize,
    ) -> Result<Answer, &'static str> {
        let cell = self.cells.at(place);
        let class = self.class_here(class);
        let Some(&(logged, value)) = self.log.get(self.made) else {
            let known = self.base.map(|base| stack::print(keeps, base));
            self.left = Some(Left { access: Access { cell, request, class }, known });
            return Ok(Answer { value: 0, verdict: LEAVE });
        };
        if cell != logged {
            return Err("an operation is not deterministic: it must depend on its accesses only");
        }
        self.made += 1;
        Ok(Answer { value, verdict: GO_ON_CLEAN })
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
/// If `knows` and the caller's frame is always at the same place, that says what the core knows there.
#[inline(never)]
pub(crate) fn replay<T>(
    log: &[(u32, u64)],
    knows: bool,
    operation: impl FnOnce() -> T,
) -> Result<T, Result<Left, String>> {
    with(|context| {
        context.mode = Mode::Replay;
        context.block = Block::Outside;
        context.log.clear();
        context.log.extend_from_slice(log);
        context.made = 0;
        context.left = None;
    });
    let mut result = None;
    stack::run(|base| {
        with(|context| context.base = (knows && base != 0).then_some(base));
        result = Some(caught(operation));
    });
    result.expect("the operation has run").map_err(|payload| match payload {
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

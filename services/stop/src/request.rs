// SPDX-License-Identifier: MIT OR Apache-2.0

//! What one core asks of another while the operating system goes on: its registers (SNAPSHOT), or that it stops (EVICT).
//!
//! A core has one word for it. Who asks swaps its request in where there is none, and sends the secure interrupt. The core
//! takes the interrupt and swaps the request to *accepted*; then it does what it is asked and clears the word. Who has waited
//! long enough swaps the request out: either that or the acceptance succeeds, so the asker knows whether it still
//! happens. A request holds who asks and a number that this core has not used before, so nobody takes back another's.
//!
//! A core that goes OFF clears the word when it is OFF, and again when it begins anew. A session comes first: while one
//! is open nobody accepts, and who asks sees it and takes its request back.
//!
//! Who has been given up by a session (RELEASE) while it asked asks for an operating system that is not there any more: the
//! core that is asked looks whether the one that asks is ON, and the latter looks at itself.
//!
//! A core that waits for others serves requests to itself, so two cores that ask each other do not wait for ever.

use quell_abi::{State, Status, Why};
use quell_arch::Answer;
use quell_power::{
    ControlWord, CoreWord, LocalCore, Protection, intact,
    sync::{AtomicU64, Ordering},
};

use crate::{Hardware, Outcome, Stop, pen::Way};

/// What is asked of a core.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u64)]
pub(crate) enum Wish {
    Snapshot = 1,
    Evict = 2,
}

/// The word of a request; 0 is none.
///
/// | bits | what |
/// |---|---|
/// | 1:0 | the wish |
/// | 2 | accepted |
/// | 31:16 | index of the core that asks |
/// | 63:32 | number of the request |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Request(u64);

const WISH_MASK: u64 = 0b11;
const ACCEPTED: u64 = 1 << 2;
const ASKER_SHIFT: u32 = 16;
const NUMBER_SHIFT: u32 = 32;

impl Request {
    const NONE: Self = Self(0);

    fn new(wish: Wish, asker: usize, number: u64) -> Self {
        Self(wish as u64 | (asker as u64) << ASKER_SHIFT | number << NUMBER_SHIFT)
    }

    /// Returns the index of the core that asks.
    const fn asker(self) -> usize {
        (self.0 >> ASKER_SHIFT & 0xffff) as usize
    }

    fn wish(self) -> Option<Wish> {
        [Wish::Snapshot, Wish::Evict].into_iter().find(|wish| *wish as u64 == self.0 & WISH_MASK)
    }
}

/// How a request that an asker made stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// It waits for the core.
    Asked,
    /// The core has accepted it.
    Accepted,
    /// The core has done it, or went OFF.
    Gone,
}

/// What is asked of one core, and how often it has asked others.
#[derive(Debug)]
pub(crate) struct Inbox {
    request: AtomicU64,
    numbers: AtomicU64,
}

macro_rules! new_inbox {
    ($($qualifier:tt)*) => {
        impl Inbox {
            pub(crate) $($qualifier)* new() -> Self {
                Self { request: AtomicU64::new(0), numbers: AtomicU64::new(0) }
            }
        }
    };
}

#[cfg(not(loom))]
new_inbox!(const fn);
#[cfg(loom)]
new_inbox!(fn);

impl Inbox {
    /// Takes any request away.
    pub(crate) fn clear(&self) {
        // A look first: there is none nearly always, and the line stays shared.
        if self.load() != Request::NONE {
            self.request.store(Request::NONE.0, Ordering::Release);
        }
    }

    /// Returns a request that this core has not made before.
    pub(crate) fn next(&self, wish: Wish, asker: usize) -> Request {
        let number = self.numbers.load(Ordering::Relaxed) + 1;
        self.numbers.store(number, Ordering::Relaxed);
        Request::new(wish, asker, number)
    }

    fn load(&self) -> Request {
        Request(self.request.load(Ordering::Acquire))
    }

    fn swap(&self, seen: Request, next: Request) -> bool {
        self.request.compare_exchange(seen.0, next.0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Makes a request; returns false if there is one of another core.
    pub(crate) fn ask(&self, request: Request) -> bool {
        self.load() == Request::NONE && self.swap(Request::NONE, request)
    }

    /// Takes a request back; returns false if it is not there, or has been accepted.
    pub(crate) fn take_back(&self, request: Request) -> bool {
        self.swap(request, Request::NONE)
    }

    /// Returns how a request stands that was made.
    pub(crate) fn standing(&self, request: Request) -> Standing {
        match self.load() {
            now if now == request => Standing::Asked,
            now if now.0 == request.0 | ACCEPTED => Standing::Accepted,
            _ => Standing::Gone,
        }
    }

    /// Accepts this request, if it is still the one; returns what it is for.
    fn accept(&self, request: Request) -> Option<Wish> {
        let request = if intact(Protection::RequestSeen) { request } else { self.load() };
        let wish = request.wish().filter(|_| request.0 & ACCEPTED == 0)?;
        let accepted = Request(request.0 | ACCEPTED);
        if !intact(Protection::RequestSwap) {
            self.request.store(accepted.0, Ordering::Release);
            return Some(wish);
        }
        self.swap(request, accepted).then_some(wish)
    }
}

impl<H: Hardware> Stop<'_, H> {
    /// Returns whether something is asked of this core.
    pub(crate) fn is_asked(&self, local: &LocalCore<'_>) -> bool {
        self.slots[local.index()].inbox.load() != Request::NONE
    }

    /// Returns whether a core that sleeps is asked to stop, for which it has to be awake.
    pub fn is_evicted(&self, local: &LocalCore<'_>) -> bool {
        self.slots[local.index()].inbox.load().wish() == Some(Wish::Evict)
    }

    /// Forgets what is asked of this core, which is OFF.
    pub(crate) fn drop_request(&self, local: &LocalCore<'_>) {
        self.slots[local.index()].inbox.clear();
    }

    /// Does what others ask of this core; returns whether it has accepted to be evicted, and has to
    /// [leave](Self::leave_evicted). One that sleeps does not accept that: see [`is_evicted`](Self::is_evicted).
    #[inline(always)]
    #[must_use]
    pub fn serve(&self, local: &LocalCore<'_>) -> bool {
        let request = self.slots[local.index()].inbox.load();
        request != Request::NONE && self.serve_request(local, request)
    }

    #[inline(never)]
    fn serve_request(&self, local: &LocalCore<'_>, request: Request) -> bool {
        let inbox = &self.slots[local.index()].inbox;
        let may = matches!(
            (local.word().state(), request.wish()),
            (State::On, Some(_)) | (State::Suspended, Some(Wish::Snapshot))
        );
        if !may || self.table.control().load().is_open() {
            return false;
        }
        // Who asks and is not ON any more belongs to an operating system that has been replaced.
        let asker = self.table.remote(request.asker()).expect("a core asks");
        if asker.word().state() != State::On {
            inbox.take_back(request);
            return false;
        }
        // Just the request that was looked at: another may have come in its place, of another core and for something else.
        match inbox.accept(request) {
            Some(Wish::Evict) => true,
            Some(Wish::Snapshot) => {
                self.record_snapshot(local.index());
                inbox.clear();
                false
            }
            None => false,
        }
    }

    /// Stops the calling core, which has accepted to be evicted. The request is cleared when it is OFF.
    pub fn leave_evicted(&self, local: &LocalCore<'_>) -> Way {
        if !local.leave() {
            return self.arrive(local, Why::Nmi);
        }
        // A session that opened meanwhile counts it as its own.
        let generation = self.table.control().load().generation();
        self.record_eviction(local.index(), generation);
        self.close_for_good();
        self.publish(local, Why::Nmi, local.session().or(Some(generation)));
        Way::Pen
    }

    /// Returns whether a core that asks has been given up meanwhile: then it asks no more.
    pub(crate) fn is_void(&self, caller: &LocalCore<'_>) -> bool {
        caller.word().state() != State::On
    }

    /// Returns BUSY if a session is open, and DENIED to a core that is not ON any more.
    pub(crate) fn may_ask(&self, caller: &LocalCore<'_>) -> Result<(), Outcome> {
        let session = self.table.control().load();
        if session.is_open() {
            return Err(Outcome::Return(self.busy(session)));
        }
        if self.is_void(caller) {
            return Err(Status::Denied.into());
        }
        Ok(())
    }

    /// BUSY with the owner and the kind of a session.
    pub(crate) fn busy(&self, session: ControlWord) -> Answer {
        Answer::registers([
            Status::Busy.to_register(),
            self.hardware.affinity_of(session.owner()),
            session.kind() as u64,
        ])
    }

    /// Returns whether a core with this word can be asked: it is in the operating system, or sleeps in a call of it.
    pub(crate) fn can_answer(word: CoreWord) -> bool {
        matches!(word.state(), State::On | State::Suspended)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::testing::Machine;

    #[test]
    fn a_request_is_accepted_or_taken_back() {
        let inbox = Inbox::new();
        let request = inbox.next(Wish::Evict, 3);
        assert_eq!(inbox.standing(request), Standing::Gone);
        assert!(inbox.ask(request) && inbox.take_back(request) && !inbox.take_back(request));
        assert!(inbox.ask(request));
        assert_eq!(
            (inbox.standing(request), inbox.accept(inbox.load())),
            (Standing::Asked, Some(Wish::Evict))
        );
        assert_eq!((inbox.standing(request), inbox.accept(inbox.load())), (Standing::Accepted, None));
        assert!(!inbox.take_back(request));
        inbox.clear();
        assert_eq!((inbox.standing(request), inbox.accept(inbox.load())), (Standing::Gone, None));
    }

    #[test]
    fn nobody_takes_back_the_request_of_another() {
        let (mine, theirs) = (Inbox::new(), Inbox::new());
        let inbox = Inbox::new();
        let [first, other] = [mine.next(Wish::Snapshot, 1), theirs.next(Wish::Snapshot, 2)];
        assert!(inbox.ask(other) && !inbox.ask(first) && !inbox.take_back(first));
        assert_eq!((inbox.standing(first), inbox.standing(other)), (Standing::Gone, Standing::Asked));
        assert!(inbox.accept(first).is_none(), "it is not the one that is there");
        assert_eq!(inbox.standing(other), Standing::Asked);
        let again = mine.next(Wish::Snapshot, 1);
        assert!(
            inbox.take_back(other) && inbox.ask(again) && !inbox.take_back(first),
            "an older one of its own"
        );
    }

    fn ask(machine: &Machine, wish: Wish) -> Request {
        let request = machine.stop().slots[0].inbox.next(wish, 0);
        assert!(machine.stop().slots[1].inbox.ask(request));
        request
    }

    /// One that sleeps gives its registers, and does not accept to be evicted.
    #[test]
    fn a_core_that_sleeps_serves_a_snapshot_only() {
        for (wish, expected) in [(Wish::Snapshot, Standing::Gone), (Wish::Evict, Standing::Asked)] {
            let machine = Machine::new(2);
            let sleeper = machine.table().local(1);
            assert!(sleeper.suspend(quell_power::Depth::Standby));
            let request = ask(&machine, wish);
            assert!(!machine.stop().serve(&sleeper));
            assert_eq!(machine.stop().slots[1].inbox.standing(request), expected, "{wish:?}");
            assert_eq!(machine.stop().records[1].identity().is_some(), wish == Wish::Snapshot);
        }
    }

    #[test]
    fn nothing_is_accepted_in_a_session() {
        for wish in [Wish::Snapshot, Wish::Evict] {
            let machine = Machine::new(2);
            let request = ask(&machine, wish);
            machine.begin(0, quell_abi::Kind::Halt, [1, 1]);
            assert!(!machine.stop().serve(&machine.table().local(1)));
            assert_eq!(machine.stop().slots[1].inbox.standing(request), Standing::Asked, "{wish:?}");
        }
    }

    /// A session that opens while the core is captured counts it among its own.
    #[test]
    fn a_core_that_is_evicted_when_a_session_opens_has_stopped_in_it() {
        let machine = Machine::new(2);
        machine.on_capture(|machine| {
            let control = machine.table().control();
            let idle = control.load();
            control.replace(idle, idle.opened(quell_abi::Kind::Halt, Default::default(), 0)).unwrap();
        });
        assert_eq!(machine.stop().leave_evicted(&machine.table().local(1)), Way::Pen);
        assert_eq!(machine.table().local(1).word().generation(), 1);
    }

    /// The one that asks was given up, and its operating system replaced: it evicts nobody of the next.
    #[test]
    fn a_request_of_a_core_that_is_not_on_is_void() {
        let machine = Machine::new(3);
        let request = machine.stop().slots[2].inbox.next(Wish::Evict, 2);
        assert!(machine.stop().slots[1].inbox.ask(request));
        machine.off(2);
        assert_eq!(machine.stop().interrupted(&machine.table().local(1)), crate::Way::Back);
        assert_eq!(machine.stop().slots[1].inbox.standing(request), Standing::Gone);
        assert_eq!(machine.state(1), (State::On, Why::None));

        // It sees that itself, too.
        machine.tick(1);
        let caller = machine.table().local(0);
        let handle = machine.begin(0, quell_abi::Kind::Crash, [1, 1]);
        machine.off(1);
        machine.poll(0, handle);
        assert!(!machine.stop().is_void(&caller) && machine.stop().is_void(&machine.table().local(1)));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The pen, and the ways in and out of it: what a core does that does not go back to the operating system, or not yet.
//!
//! In: the core takes its word to STOPPING, records its registers if a session wants them, closes the operating system's
//! interrupts, takes the secure ones that are pending, completes its stores, and publishes OFF. An interrupt that comes
//! after that belongs to a start and is not cleared: the core looks for a start before it sleeps, and after every wake-up,
//! which first acknowledges and then looks.
//!
//! A core that a PAUSE stops does the same, but publishes PARKED and keeps all that it has. Publish, **fence**, look at the
//! control word and at its own word, sleep; whoever ends the PAUSE swaps the control word, **fence**, and sends the interrupt
//! to those that are PARKED. Out: the core takes its word to ON, opens what it closed, and passes the gate of those that
//! enter. If a session took its word to OFF meanwhile it is in the pen already.
//!
//! A core that a session has given up finds at the gate that its word is not ON: its registers are recorded, it closes, and
//! only then says that it has arrived.

use quell_abi::{State, Status, Why};
use quell_arch::Answer;
use quell_power::{ControlWord, Entry, Gate, LocalCore, Protection, full_fence, intact};

use crate::{Hardware, Order, Stop, capture::is_captured};

/// Where a core goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Way {
    /// To the operating system: it is ON and has passed the gate.
    Back,
    /// To the pen, for good: [`Stop::stay`].
    Pen,
}

impl<H: Hardware> Stop<'_, H> {
    /// The gate of a core that comes from the operating system with a call or an interrupt.
    #[inline]
    pub fn gate(&self, local: &LocalCore<'_>) -> Way {
        match local.resume() {
            Gate::Pass => Way::Back,
            Gate::Stop { session } => self.stop(local, session, Why::Nmi),
            Gate::Pen => self.arrive(local, Why::Nmi),
        }
    }

    /// Does what a call has ended in that does not return, or not yet. `None` if the core is in the pen, else what the call
    /// returns now.
    pub fn obey(&self, local: &LocalCore<'_>, order: Order) -> Option<Answer> {
        let (way, answer) = match order {
            Order::Acknowledged(session) => {
                (self.stop(local, session, Why::Ack), Answer::code(Status::Success as i32))
            }
            Order::Lost(session) => (self.stop(local, session, Why::Lost), self.busy(session)),
            Order::Evicted => {
                return {
                    let _ = self.leave_evicted(local);
                    None
                };
            }
        };
        (way == Way::Back).then_some(answer)
    }

    /// The gate of a core that was not in the operating system and is ON since just now; `why` is how it ends if it is
    /// stopped here.
    #[inline(always)]
    pub fn enter(&self, local: &LocalCore<'_>, why: Why) -> Way {
        match local.enter() {
            Gate::Pass => Way::Back,
            gate => self.enter_closed(local, gate, why),
        }
    }

    #[inline(never)]
    fn enter_closed(&self, local: &LocalCore<'_>, mut gate: Gate, why: Why) -> Way {
        loop {
            match gate {
                Gate::Pass => return Way::Back,
                Gate::Stop { session } => {
                    if self.halt(local, session, why) == Way::Pen {
                        return Way::Pen;
                    }
                }
                Gate::Pen => return self.arrive(local, why),
            }
            gate = local.enter();
        }
    }

    /// Serves a secure interrupt that came to a core in the operating system. It carries no order: what is to be done is
    /// in the control word and in what others ask of this core; the gate that follows looks at the first again.
    pub fn interrupted(&self, local: &LocalCore<'_>) -> Way {
        let session = self.table.control().load();
        if !intact(Protection::InterruptCheck) {
            return self.stop(local, session, Why::Nmi);
        }
        self.attend(local);
        if !session.is_open() && !self.is_asked(local) {
            self.hardware.count_stray();
        }
        if self.serve(local) { self.leave_evicted(local) } else { Way::Back }
    }

    /// CPU_OFF.
    pub fn off(&self, local: &LocalCore<'_>) {
        if !local.leave() {
            let _ = self.arrive(local, Why::Off);
            return;
        }
        let session = local.session();
        let control = self.table.control().load();
        self.note_stop(local.index(), Some(control).filter(|control| session == Some(control.generation())));
        self.close_for_good();
        self.publish(local, Why::Off, session);
    }

    /// Stays in the pen until a start is accepted; the core has still to pass [`enter`](Self::enter).
    pub fn stay(&self, local: &LocalCore<'_>) -> Entry {
        self.volunteer(local);
        loop {
            // Whoever wanted it OFF has what was wanted, and in its next life it owes nobody anything.
            self.drop_request(local);
            if let Some(entry) = local.boot() {
                self.slots[local.index()].forget();
                return entry;
            }
            self.attend(local);
            self.hardware.sleep();
            self.hardware.acknowledge();
            if local.word().state() == State::Off && !self.table.control().load().is_open() {
                self.hardware.count_stray();
            }
        }
    }

    /// Stops the calling core, which is in the operating system but for this call or interrupt, for a session.
    #[inline(never)]
    pub(crate) fn stop(&self, local: &LocalCore<'_>, session: ControlWord, why: Why) -> Way {
        match self.halt(local, session, why) {
            // Held again on its way back, it did not stop by itself, nor lose.
            Way::Back => self.enter(local, Why::Nmi),
            Way::Pen => Way::Pen,
        }
    }

    /// Stops the calling core for a session, or holds it as long as a PAUSE lasts; then it is ON and has to pass the gate.
    fn halt(&self, local: &LocalCore<'_>, session: ControlWord, why: Why) -> Way {
        if !local.leave() {
            return self.arrive(local, why);
        }
        let generation = session.generation();
        self.note_stop(local.index(), Some(session));
        if session.holds() {
            self.record(local.index(), generation, why);
            return self.hold(local, generation, why);
        }
        if intact(Protection::PublishLast) {
            self.record(local.index(), generation, why);
            self.close_for_good();
            self.publish(local, why, Some(generation));
        } else {
            self.publish(local, why, Some(generation));
            self.record(local.index(), generation, why);
            self.close_for_good();
        }
        Way::Pen
    }

    /// Waits for the end of a PAUSE, with all that the core had in the operating system.
    fn hold(&self, local: &LocalCore<'_>, generation: u32, why: Why) -> Way {
        let closed = self.hardware.close();
        if !local.park(why, generation) {
            self.come_late(local, why);
            return Way::Pen;
        }
        self.volunteer(local);
        loop {
            // PARKED before the look at the control word: the other half is in `resume`.
            full_fence(Protection::ParkFence);
            self.attend(local);
            if !self.table.control().load().targets(local.index()) {
                if !local.unpark() {
                    return Way::Pen;
                }
                break;
            }
            if local.word().state() != State::Parked {
                return Way::Pen;
            }
            self.hardware.sleep();
            self.hardware.acknowledge();
        }
        self.slots[local.index()].note_end_of_stop();
        if why != Why::NeverRan {
            // What a core was doing that goes on is no evidence.
            self.records[local.index()].release();
        }
        if intact(Protection::Reopen) {
            self.hardware.reopen(closed);
        }
        Way::Back
    }

    /// Brings a core to the pen whose word is not ON any more: a session stopped it in its sleep, or gave it up. One that
    /// was about to begin (`why` is NEVER_RAN) has no registers.
    #[inline(never)]
    pub fn arrive(&self, local: &LocalCore<'_>, why: Why) -> Way {
        let word = local.word();
        let why = if word.is_quarantined() && why != Why::NeverRan { Why::Nmi } else { why };
        if word.is_quarantined() {
            self.note_stop(local.index(), None);
        } else if word.why() == Why::Suspended {
            // Whoever stopped it in its sleep may be slow to.
            self.slots[local.index()].note_first_stop(self.hardware.now());
        }
        self.record(local.index(), word.generation(), why);
        self.close_for_good();
        self.come_late(local, why);
        Way::Pen
    }

    /// Says that a core that was given up, if it was, is in the pen. If a later session has marked it since, the record that the
    /// core has written is one of that session's.
    fn come_late(&self, local: &LocalCore<'_>, why: Why) {
        local.arrive(|word| {
            if is_captured(why) {
                self.records[local.index()].hand_over(word.generation());
            }
        });
    }

    pub(crate) fn close_for_good(&self) {
        // Nothing is ever opened again of what was closed: the core begins anew.
        let _ = self.hardware.close();
    }

    pub(crate) fn publish(&self, local: &LocalCore<'_>, why: Why, session: Option<u32>) {
        if !local.publish(why, session) {
            self.come_late(local, why);
        }
        if !intact(Protection::ClearFirst) {
            self.hardware.acknowledge();
        }
    }
}

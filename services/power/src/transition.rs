// SPDX-License-Identifier: MIT OR Apache-2.0

//! Every legal step of a core's word, and who may take it. A step that is not here can not be named.
//!
//! A core that was given up is *quarantined*: its word says so beside its state, through every step that others take, until
//! the core itself arrives in the pen. Only that clears the flag, and no step out of the pen is taken with it.

use quell_abi::State;

/// Who takes a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The core itself.
    Itself,
    /// The core whose CPU_ON claimed it.
    Starter,
    /// Whoever drives the open session.
    Session,
}

/// A legal step of a core's word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// A starter takes the core for itself and may write its mailbox.
    Claim,
    /// The mailbox is complete: the start is accepted.
    Accept,
    /// The control word changed under the starter: the start never was.
    RollBack,
    /// A session finds a start under way. Only the starter knows when it has let go of the mailbox, so the session does
    /// not take the word to OFF itself.
    Cancel,
    /// The starter finds its start cancelled.
    Drop,
    /// The core leaves the pen for the operating system.
    Boot,
    /// A session takes back a start before the core's first instruction.
    Withdraw,
    /// The core goes to sleep in CPU_SUSPEND.
    Suspend,
    /// The core wakes up in CPU_SUSPEND.
    Wake,
    /// A session stops a core that sleeps in the firmware; the core finds out when it wakes.
    Contain,
    /// The core leaves the operating system for good.
    Leave,
    /// A session finds a core that is about to be OFF anyway, and puts its generation on it: it is one of the targets.
    Mark,
    /// A session finds a core that was given up and has not arrived, and puts its generation on it: it is one of the targets.
    MarkMissing,
    /// The core is in the pen: no instruction of the operating system can follow.
    Publish,
    /// The core waits in the firmware, with all that it had in the operating system, for the end of a PAUSE.
    Park,
    /// The PAUSE is over: the core goes on.
    Resume,
    /// A PAUSE takes over another one, and the cores that are parked with it.
    Keep,
    /// A session stops a core that is parked; the core finds out when it wakes.
    Unpark,
    /// A session gives up a core that has not answered: whatever it still does counts for nothing, and it may be started.
    GiveUp,
    /// A session gives up a core that has not come to the pen.
    GiveUpStopping,
}

/// One row of the transition table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Transition {
    /// The step.
    pub step: Step,
    /// The state it starts from.
    pub from: State,
    /// The state it ends in.
    pub to: State,
    /// Who may take it.
    pub by: Role,
}

const fn row(step: Step, from: State, to: State, by: Role) -> Transition {
    Transition { step, from, to, by }
}

/// The legal steps, in the order of [`Step`].
pub const TRANSITIONS: [Transition; 20] = [
    row(Step::Claim, State::Off, State::Claimed, Role::Starter),
    row(Step::Accept, State::Claimed, State::Pending, Role::Starter),
    row(Step::RollBack, State::Claimed, State::Off, Role::Starter),
    row(Step::Cancel, State::Claimed, State::Cancelled, Role::Session),
    row(Step::Drop, State::Cancelled, State::Off, Role::Starter),
    row(Step::Boot, State::Pending, State::On, Role::Itself),
    row(Step::Withdraw, State::Pending, State::Off, Role::Session),
    row(Step::Suspend, State::On, State::Suspended, Role::Itself),
    row(Step::Wake, State::Suspended, State::On, Role::Itself),
    row(Step::Contain, State::Suspended, State::Off, Role::Session),
    row(Step::Leave, State::On, State::Stopping, Role::Itself),
    row(Step::Mark, State::Stopping, State::Stopping, Role::Session),
    row(Step::MarkMissing, State::Off, State::Off, Role::Session),
    row(Step::Publish, State::Stopping, State::Off, Role::Itself),
    row(Step::Park, State::Stopping, State::Parked, Role::Itself),
    row(Step::Resume, State::Parked, State::On, Role::Itself),
    row(Step::Keep, State::Parked, State::Parked, Role::Session),
    row(Step::Unpark, State::Parked, State::Off, Role::Session),
    row(Step::GiveUp, State::On, State::Off, Role::Session),
    row(Step::GiveUpStopping, State::Stopping, State::Off, Role::Session),
];

const _: () = {
    let mut at = 0;
    while at < TRANSITIONS.len() {
        assert!(TRANSITIONS[at].step as usize == at);
        at += 1;
    }
};

impl Step {
    /// Returns whether the core is quarantined by this step.
    pub const fn gives_up(self) -> bool {
        matches!(self, Self::GiveUp | Self::GiveUpStopping)
    }

    /// Returns the step's row of the table.
    pub const fn transition(self) -> Transition {
        TRANSITIONS[self as usize]
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The core table: the one record of which cores can run the operating system.
//!
//! Every core has one word, and the machine has one control word. Whoever wants to know whether a core runs, whether a
//! start is under way or whether a stop is, reads these words; there is no second copy. Nobody but this crate writes
//! them, every write but a session's opening parameters is a compare-and-swap of the whole word, and no lock exists
//! that a wedged core could hold.
//!
//! # The protocol
//!
//! A *start* (CPU_ON) and a *session* (a coordinated stop) exclude each other by Dekker's pattern:
//!
//! - The starter loads the control word and finds it idle, takes the target's word from OFF to CLAIMED, writes the
//!   mailbox, **fence**, loads the control word again: only if it is the same 64 bits does CLAIMED become PENDING.
//! - The session's opener swaps the control word from idle to fenced, **fence**, then looks at every core word.
//!
//! Of the two loads behind the two fences at least one sees the other side's write. If it is the starter's, the start is
//! rolled back; if it is the session's, the session sees CLAIMED (and cancels it) or a later state (and stops that core).
//! "The control word is idle again" would not do: a session may have opened and closed in between, and the starter may
//! belong to an operating system that has been replaced. So the whole word is compared, generation included.
//!
//! Every way into the operating system passes the *gate* in the same pattern:
//!
//! - A core that was not in the operating system (boot, wake-up) takes its word to ON, **fence**, loads the control word,
//!   and last its own word again. Only an idle control word (or its own session) and ON let it pass.
//! - A core that returns from a call or an interrupt was ON all the time, so a session counts it as running until it has
//!   stopped. It loads the control word, then its own word, and stops here once the session's interrupt is due.
//!
//! A session that closes leaves its generation in the control word, and a start keeps the generation it saw in the
//! core's word. A session changes only words older than itself: one that runs late can not cancel what was started
//! after it closed.
//!
//! Who asks for several cores at once (is every other core OFF, is one of this cluster on?) gets an answer that was true
//! at one moment, or is told that there was none. That every other core is OFF stays true from then on, for only a core
//! that is ON starts another.
//!
//! A core's word goes to OFF as the last thing the core does, from the pen, where no instruction of the operating system
//! can follow. The mailbox is written only by the core whose compare-and-swap made the word CLAIMED, and read by the
//! target once it is PENDING: the Release of one and the Acquire of the other order the two.
//!
//! A *PAUSE* is a session whose targets are held and not stopped: a core that it stops goes to PARKED and waits in the
//! firmware; PENDING and SUSPENDED are left as they are, for the gate holds such a core when it comes. A parked core
//! publishes PARKED, **fence**, loads the control word; who ends the PAUSE swaps the control word, **fence**, and wakes all that
//! are PARKED: one of the two sees the other. A core that goes on passes the gate of those that enter.
//!
//! What a session can not stop it can *give up* (RELEASE): the core's word goes from ON to OFF with the flag *quarantined*,
//! under the core's feet. The core takes no step more with that flag, and the gate, which looks at the core's own word last,
//! does not let it go back: it can only arrive in the pen, which clears the flag. It may be started meanwhile; it begins
//! when it has arrived.
//!
//! The fences are explicit `fence(SeqCst)`: acquire and release alone do not order a store with a later load.

#![cfg_attr(not(any(test, interleave, loom)), no_std)]

mod control;
mod gate;
mod local;
mod protection;
mod remote;
mod snapshot;
mod start;
pub mod sync;
mod table;
#[cfg(all(test, not(loom)))]
mod testing;
mod topology;
mod transition;
mod word;

pub use control::{Control, ControlWord, Phase};
pub use gate::Gate;
pub use local::LocalCore;
#[cfg(any(interleave, loom))]
pub use protection::remove;
pub use protection::{Protection, full_fence, intact};
pub use remote::{RemoteCore, is_older};
pub use snapshot::{Census, MASK_BITS};
pub use start::StartError;
pub use table::{CoreSlot, CoreTable, Entry};
pub use topology::{AFFINITY_MASK, Topology};
pub use transition::{Role, Step, TRANSITIONS, Transition};
pub use word::{CoreWord, Depth};

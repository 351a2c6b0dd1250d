// SPDX-License-Identifier: MIT OR Apache-2.0

//! Cases that do what bad firmware would: they test whoever runs the suite (`cargo xtask test`, `conformance selftest`), and
//! nobody gets them unasked.

use conformance_events::{Event, Frame};

use crate::case::cases;
use crate::verdict::{Verdict, equal, skipped};
use crate::{print, println, psci, report, section};

cases! {
    [section::EVENTS]
    /// A case passes.
    "selftest.passes", 1, passes;
    /// A case fails, with what it expected and saw.
    "selftest.fails", 1, fails;
    /// A case is skipped, with the reason.
    "selftest.skips", 1, || Err(skipped(format_args!("nothing to see")));
    /// A case that comes to no end is ended behind its bound.
    "selftest.hangs", 1, hangs;
    /// The suite goes on behind it.
    "selftest.hangs.next", 1, passes;
    /// A case that prints and prints is ended behind its bound all the same.
    "selftest.chatters", 1, chatters;
    /// The suite goes on behind it.
    "selftest.chatters.next", 1, passes;
    /// A reset that nobody asked for costs one case.
    "selftest.resets", 1, || psci::system_reset();
    /// The suite goes on behind it.
    "selftest.resets.next", 1, passes;
    /// A power-off that nobody asked for costs one case.
    "selftest.powers_off", 1, || psci::system_off();
    /// The suite goes on behind it.
    "selftest.powers_off.next", 1, passes;
    /// An exception that nobody expected costs one case.
    "selftest.faults", 1, faults;
    /// The suite goes on behind it.
    "selftest.faults.next", 1, passes;
    /// A panic of the payload costs one case.
    "selftest.panics", 1, || panic!("as asked for");
    /// The suite goes on behind it.
    "selftest.panics.next", 1, passes;
    /// What looks like an event, and is none, is not taken for one.
    "selftest.prints_lies", 1, prints_lies;
    /// An event behind a line without an end is found.
    "selftest.prints_no_end", 1, prints_no_end;
    /// The suite goes on behind it.
    "selftest.ends", 1, passes;
}

fn passes() -> Verdict {
    Ok(())
}

fn fails() -> Verdict {
    equal("one and one", 1 + 1, 3)
}

fn hangs() -> Verdict {
    println!("a last word");
    report::event(Event::Within(1));
    loop {
        core::hint::spin_loop();
    }
}

fn chatters() -> Verdict {
    report::event(Event::Within(1));
    loop {
        println!("I am alive");
    }
}

/// Beyond all addresses.
const NOWHERE: usize = 1 << 60;

fn faults() -> Verdict {
    // SAFETY: Nothing is mapped there: the exception is caught, and this function does not go on.
    unsafe { core::ptr::without_provenance::<u64>(NOWHERE).read_volatile() };
    Ok(())
}

fn prints_lies() -> Verdict {
    const ID: &str = "selftest.prints_lies";
    // An old one, as it would come from a log.
    println!("{}", Frame { number: 1, event: Event::Fail(ID, "truth", "an old line") });
    println!("@@ 4000000 fail {ID} | expected truth | saw a wrong checksum @00000000");
    println!("fail {ID} | expected truth | saw no frame");
    println!("{} and more", Frame { number: 4_000_000, event: Event::Fail(ID, "truth", "more behind it") });
    Ok(())
}

fn prints_no_end() -> Verdict {
    print!("NOTICE:  a line without an end: ");
    Ok(())
}

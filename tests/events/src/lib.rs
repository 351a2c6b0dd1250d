// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the payload of the conformance suite tells whoever runs it: one line of the console for each event, for people to
//! read and for a program to trust.
//!
//! ```text
//! @@ 0 start 4 cores, seed 1, 200 rounds @4dbb29d0
//! @@ 1 begin psci.version @9082c2d1
//! @@ 2 fail psci.version | expected VERSION = 0x10003 | saw 0x10001 @f47526ac
//! ```
//!
//! The firmware may print on the same UART, at any time. A line is an event only if it ends with one: its number, its words,
//! and the CRC-32 of both. What stands before it in the line is somebody else's. Numbers count from 0 since the machine
//! began, so an event that was lost, or comes twice, is noticed.

#![no_std]

use core::fmt::{self, Display, Formatter, Write};

/// What an event begins with.
const MARK: &str = "@@ ";
/// What stands between its words and their checksum.
const CHECKSUM: &str = " @";
/// What separates texts in it.
const SEPARATOR: &str = " | ";

/// What the cases begin with that are there to test whoever runs the suite. They misbehave, so nobody gets them unasked.
pub const SELF_TEST: &str = "selftest.";

/// Tells whether a filter chooses a case: by a word in its id or, behind `^`, at its beginning.
pub fn is_wanted(filter: &str, id: &str) -> bool {
    let beginning = filter.strip_prefix('^');
    let is_asked_for = beginning.unwrap_or(filter).starts_with(SELF_TEST);
    let matches = beginning.map_or_else(|| id.contains(filter), |beginning| id.starts_with(beginning));
    matches && (is_asked_for || !id.starts_with(SELF_TEST))
}

/// Something that the payload has to tell. Cases are named by their ids, which hold no blanks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event<'a> {
    /// The suite begins, on a machine that was turned on.
    Start {
        /// The machine's cores.
        cores: u32,
        /// Where random numbers start.
        seed: u64,
        /// The rounds of each race.
        rounds: u64,
    },
    /// The machine was reset, and the suite goes on with a case that had begun before.
    Again(&'a str),
    /// A case begins.
    Begin(&'a str),
    /// Until the next event it takes no longer than this many seconds, if all is well.
    Within(u32),
    /// A case has passed.
    Pass(&'a str),
    /// The firmware did something else than a case expects.
    Fail(&'a str, &'a str, &'a str),
    /// A case does not apply, and why.
    Skip(&'a str, &'a str),
    /// The machine is about to go off, which is how the case that runs passes.
    Off,
    /// A core that the last case has left on does not go off: the next case needs a machine that was turned on anew, with
    /// these words among its parameters from now on.
    Renew(&'a str),
}

/// Writes text of any kind into an event, in one line and without its separators.
struct Plain<'a>(&'a str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        self.0.chars().try_for_each(|c| f.write_char(if c == '|' || c.is_control() { '/' } else { c }))
    }
}

impl Display for Event<'_> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match *self {
            Self::Start { cores, seed, rounds } => {
                write!(f, "start {cores} cores, seed {seed}, {rounds} rounds")
            }
            Self::Again(id) => write!(f, "again {id}"),
            Self::Begin(id) => write!(f, "begin {id}"),
            Self::Within(seconds) => write!(f, "within {seconds} s"),
            Self::Pass(id) => write!(f, "pass {id}"),
            Self::Fail(id, expected, saw) => {
                let (expected, saw) = (Plain(expected), Plain(saw));
                write!(f, "fail {id}{SEPARATOR}expected {expected}{SEPARATOR}saw {saw}")
            }
            Self::Skip(id, reason) => write!(f, "skip {id}{SEPARATOR}{}", Plain(reason)),
            Self::Off => f.write_str("off"),
            Self::Renew(words) => write!(f, "renew {words}"),
        }
    }
}

impl<'a> Event<'a> {
    /// Reads the words of an event.
    fn parse(words: &'a str) -> Option<Self> {
        let (name, rest) = words.split_once(' ').unwrap_or((words, ""));
        let is_id = |id: &str| !id.is_empty() && !id.contains(' ');
        let id = Some(rest).filter(|id| is_id(id));
        let event = match name {
            "start" => {
                let (cores, rest) = rest.split_once(" cores, seed ")?;
                let (seed, rest) = rest.split_once(", ")?;
                let rounds = rest.strip_suffix(" rounds")?;
                Self::Start {
                    cores: cores.parse().ok()?,
                    seed: seed.parse().ok()?,
                    rounds: rounds.parse().ok()?,
                }
            }
            "again" => Self::Again(id?),
            "begin" => Self::Begin(id?),
            "within" => Self::Within(rest.strip_suffix(" s")?.parse().ok()?),
            "pass" => Self::Pass(id?),
            "fail" => {
                let mut parts = rest.split(SEPARATOR);
                let (id, expected, saw) = (parts.next()?, parts.next()?, parts.next()?);
                if !is_id(id) || parts.next().is_some() {
                    return None;
                }
                Self::Fail(id, expected.strip_prefix("expected ")?, saw.strip_prefix("saw ")?)
            }
            "skip" => {
                let (id, reason) = rest.split_once(SEPARATOR)?;
                if !is_id(id) || reason.contains(SEPARATOR) {
                    return None;
                }
                Self::Skip(id, reason)
            }
            "off" if words == name => Self::Off,
            "renew" => Self::Renew(rest),
            _ => return None,
        };
        Some(event)
    }
}

/// An event as it is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Frame<'a> {
    /// How many events there were since the machine began.
    pub number: u32,
    /// What happened.
    pub event: Event<'a>,
}

impl Display for Frame<'_> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let Self { number, event } = self;
        let mut checksum = Crc32::new();
        write!(checksum, "{number} {event}")?;
        write!(f, "{MARK}{number} {event}{CHECKSUM}{:08x}", checksum.value())
    }
}

impl<'a> Frame<'a> {
    /// Finds the event that a line ends with; returns it with what stands before it.
    pub fn parse(line: &'a str) -> Option<(&'a str, Self)> {
        line.match_indices(MARK).find_map(|(place, _)| {
            let (words, checksum) = line[place + MARK.len()..].rsplit_once(CHECKSUM)?;
            let mut crc = Crc32::new();
            crc.write_str(words).ok()?;
            if checksum.len() != 8 || u32::from_str_radix(checksum, 16) != Ok(crc.value()) {
                return None;
            }
            let (number, words) = words.split_once(' ')?;
            let frame = Self { number: number.parse().ok()?, event: Event::parse(words)? };
            Some((&line[..place], frame))
        })
    }
}

/// The checksum that everybody has: CRC-32 of ISO-HDLC, as in Ethernet and gzip.
struct Crc32(u32);

impl Crc32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;

    fn new() -> Self {
        Self(u32::MAX)
    }

    fn value(&self) -> u32 {
        !self.0
    }
}

impl Write for Crc32 {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 ^= u32::from(byte);
            for _ in 0..8 {
                self.0 = self.0 >> 1 ^ if self.0 & 1 == 0 { 0 } else { Self::POLYNOMIAL };
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;
    use std::string::ToString;

    use super::*;

    const ALL: [Event; 11] = [
        Event::Start { cores: 4, seed: u64::MAX, rounds: 200 },
        Event::Again("psci.system_reset.warm"),
        Event::Begin("psci.version"),
        Event::Within(75),
        Event::Pass("psci.version"),
        Event::Fail("psci.version", "VERSION = 0x10003", "0x10001 @@ 3 off @00000000"),
        Event::Fail("psci.version", "", ""),
        Event::Skip("trng.absent", "there is a TRNG"),
        Event::Off,
        Event::Renew(""),
        Event::Renew("loses_cores=1"),
    ];

    #[test]
    fn the_checksum_is_the_one_that_everybody_has() {
        let mut crc = Crc32::new();
        crc.write_str("123456789").unwrap();
        assert_eq!(crc.value(), 0xcbf4_3926);
    }

    #[test]
    fn every_event_comes_back() {
        for (number, event) in (0..).zip(ALL) {
            let frame = Frame { number, event };
            assert_eq!(Frame::parse(&frame.to_string()), Some(("", frame)));
        }
    }

    #[test]
    fn what_stands_before_it_is_somebody_elses() {
        let frame = Frame { number: 7, event: Event::Begin("psci.version") };
        for before in ["NOTICE:  BL31: ", "@", "@@ 6 begin psci.x @0000000", "@@ 7 begin psci.ver"] {
            assert_eq!(Frame::parse(&format!("{before}{frame}")), Some((before, frame)));
        }
    }

    #[test]
    fn a_damaged_line_is_no_event() {
        for event in ALL {
            let line = Frame { number: 12, event }.to_string();
            for place in 0..line.len() {
                let (before, after) = line.split_at(place);
                assert_eq!(Frame::parse(&format!("{before}x{after}")).filter(|_| place > 0), None, "{line}");
                assert_eq!(Frame::parse(before), None, "{before}");
                if place > 0 {
                    assert_eq!(Frame::parse(&format!("{before}{}", &after[1..])), None, "{line}");
                }
            }
            assert_eq!(Frame::parse(&format!("{line} ")), None);
        }
    }

    #[test]
    fn words_that_mean_nothing_are_no_event() {
        for words in [
            "",
            "begin",
            "begin ",
            "begin two words",
            "pass",
            "offside",
            "off now",
            "within s",
            "within -1 s",
            "fail x",
            "fail x | expected 1",
            "fail x | expected 1 | saw 2 | saw 3",
            "fail x | saw 1 | expected 2",
            "skip x",
            "skip | why",
            "start 4 cores",
            "start x cores, seed 1, 2 rounds",
            "Begin x",
        ] {
            assert_eq!(Event::parse(words), None, "{words}");
        }
    }

    #[test]
    fn texts_stay_in_their_place() {
        let event = Event::Fail("x", "a | b", "c\nd\re");
        assert_eq!(event.to_string(), "fail x | expected a / b | saw c/d/e");
    }

    #[test]
    fn self_tests_are_for_those_who_ask() {
        assert!(is_wanted("", "psci.version"));
        assert!(is_wanted("version", "psci.version"));
        assert!(is_wanted("^psci.", "psci.version"));
        assert!(!is_wanted("^version", "psci.version"));
        assert!(!is_wanted("cpu_on", "psci.version"));
        for filter in ["", "hangs", "^self", "^"] {
            assert!(!is_wanted(filter, "selftest.hangs"));
        }
        assert!(is_wanted("selftest.", "selftest.hangs"));
        assert!(is_wanted("^selftest.hangs", "selftest.hangs"));
    }
}

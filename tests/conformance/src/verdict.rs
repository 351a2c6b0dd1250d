// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a case finds.

use core::fmt::{self, Debug, Display, Formatter, Write};

use crate::cores::Silent;

/// A line of text without an allocator; what does not fit is cut off.
#[derive(Clone, Copy)]
pub struct Text {
    bytes: [u8; Self::SIZE],
    length: usize,
}

impl Text {
    const SIZE: usize = 200;

    /// Formats into a new text.
    pub fn of(arguments: fmt::Arguments) -> Self {
        let mut text = Self { bytes: [0; Self::SIZE], length: 0 };
        // Writing to a text never fails.
        let _ = text.write_fmt(arguments);
        text
    }

    /// Returns it.
    pub fn as_str(&self) -> &str {
        // Only ASCII was taken in.
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes().filter(u8::is_ascii).take(Self::SIZE - self.length) {
            self.bytes[self.length] = byte;
            self.length += 1;
        }
        Ok(())
    }
}

impl Display for Text {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Debug for Text {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// Why a case did not pass.
#[derive(Clone, Copy, Debug)]
pub enum Finding {
    /// The firmware did something else than it should.
    Failed {
        /// What it should do.
        expected: Text,
        /// What it did.
        saw: Text,
    },
    /// The case does not apply here.
    Skipped(Text),
}

/// What a case returns.
pub type Verdict = Result<(), Finding>;

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::Failed { expected, saw } => write!(f, "expected {expected}, saw {saw}"),
            Self::Skipped(reason) => write!(f, "{reason}"),
        }
    }
}

impl From<Silent> for Finding {
    fn from(silent: Silent) -> Self {
        failed(format_args!("core {} to go on", silent.index), format_args!("nothing of it"))
    }
}

/// Returns the finding that the firmware does something else.
pub fn failed(expected: fmt::Arguments, saw: fmt::Arguments) -> Finding {
    Finding::Failed { expected: Text::of(expected), saw: Text::of(saw) }
}

/// Returns the finding that a case does not apply.
pub fn skipped(reason: fmt::Arguments) -> Finding {
    Finding::Skipped(Text::of(reason))
}

/// Passes if `saw` is `expected`; numbers are shown in hexadecimal.
pub fn equal(what: impl Display, saw: u64, expected: u64) -> Verdict {
    if saw == expected {
        Ok(())
    } else {
        Err(failed(format_args!("{what} = {expected:#x}"), format_args!("{saw:#x}")))
    }
}

/// Passes if `saw` is the status `expected`, sign-extended to 64 bits.
pub fn status(what: impl Display, saw: u64, expected: i32) -> Verdict {
    if saw == register(expected) {
        return Ok(());
    }
    let expected = Status(register(expected));
    Err(failed(format_args!("{what} = {expected}"), format_args!("{}", Status(saw))))
}

/// Passes if `holds`.
pub fn holds(what: impl Display, holds: bool) -> Verdict {
    if holds { Ok(()) } else { Err(failed(format_args!("{what}"), format_args!("otherwise"))) }
}

/// Returns the register value of a status.
pub fn register(status: i32) -> u64 {
    i64::from(status).cast_unsigned()
}

/// Shows a status by its name.
struct Status(u64);

const NAMES: [(i32, &str); 13] = [
    (0, "SUCCESS"),
    (-1, "NOT_SUPPORTED"),
    (-2, "INVALID_PARAMETERS"),
    (-3, "DENIED"),
    (-4, "ALREADY_ON"),
    (-5, "ON_PENDING"),
    (-6, "INTERNAL_FAILURE"),
    (-7, "NOT_PRESENT"),
    (-8, "DISABLED"),
    (-9, "INVALID_ADDRESS"),
    (-32, "BUSY"),
    (-33, "STALE_HANDLE"),
    (-34, "NO_SESSION"),
];

impl Display for Status {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match NAMES.iter().find(|&&(number, _)| register(number) == self.0) {
            Some((number, name)) => write!(f, "{name} ({number})"),
            None => write!(f, "{:#x}", self.0),
        }
    }
}

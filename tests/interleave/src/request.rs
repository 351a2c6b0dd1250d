// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a core asks of a cell.

use core::fmt;

/// An access to a cell.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Request {
    Load,
    Store(u64),
    Swap(u64),
    CompareExchange {
        expected: u64,
        new: u64,
    },
    Change(Change),
    /// Like a change, but the core does not get to know what was there.
    Update(Change),
    Wait(Condition),
}

/// A read-modify-write that always succeeds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Change {
    Add(u64),
    Subtract(u64),
    And(u64),
    Or(u64),
    Xor(u64),
    Maximum(u64),
    Minimum(u64),
}

impl Change {
    #[inline(always)]
    const fn encode(self) -> (u64, u64) {
        match self {
            Self::Add(operand) => (0, operand),
            Self::Subtract(operand) => (1, operand),
            Self::And(operand) => (2, operand),
            Self::Or(operand) => (3, operand),
            Self::Xor(operand) => (4, operand),
            Self::Maximum(operand) => (5, operand),
            Self::Minimum(operand) => (6, operand),
        }
    }

    fn decode(code: u64, operand: u64) -> Self {
        let all = [Self::Add, Self::Subtract, Self::And, Self::Or, Self::Xor, Self::Maximum, Self::Minimum];
        all[code as usize](operand)
    }

    pub(crate) const fn of(self, value: u64) -> u64 {
        match self {
            Self::Add(operand) => value.wrapping_add(operand),
            Self::Subtract(operand) => value.wrapping_sub(operand),
            Self::And(operand) => value & operand,
            Self::Or(operand) => value | operand,
            Self::Xor(operand) => value ^ operand,
            Self::Maximum(operand) if operand > value => operand,
            Self::Minimum(operand) if operand < value => operand,
            Self::Maximum(_) | Self::Minimum(_) => value,
        }
    }
}

/// What a core waits for; see [`wait`](crate::wait).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Condition {
    /// One of these bits is 1.
    AnyOf(u64),
    /// All of these bits are 0.
    NoneOf(u64),
    /// The value is this one.
    Equal(u64),
    /// The value is another one.
    Differs(u64),
    /// The value is this one or a larger one.
    AtLeast(u64),
}

impl Condition {
    #[inline(always)]
    const fn encode(self) -> (u64, u64) {
        match self {
            Self::AnyOf(value) => (0, value),
            Self::NoneOf(value) => (1, value),
            Self::Equal(value) => (2, value),
            Self::Differs(value) => (3, value),
            Self::AtLeast(value) => (4, value),
        }
    }

    fn decode(code: u64, value: u64) -> Self {
        [Self::AnyOf, Self::NoneOf, Self::Equal, Self::Differs, Self::AtLeast][code as usize](value)
    }

    /// Returns whether the condition holds for this value.
    pub const fn holds(self, value: u64) -> bool {
        match self {
            Self::AnyOf(bits) => value & bits != 0,
            Self::NoneOf(bits) => value & bits == 0,
            Self::Equal(other) => value == other,
            Self::Differs(other) => value != other,
            Self::AtLeast(least) => value >= least,
        }
    }
}

impl Request {
    /// Returns the access as numbers, which a call passes in registers.
    #[inline(always)]
    pub(crate) const fn encode(self) -> (u64, u64, u64) {
        match self {
            Self::Load => (0, 0, 0),
            Self::Store(value) => (1, value, 0),
            Self::Swap(value) => (2, value, 0),
            Self::CompareExchange { expected, new } => (3, expected, new),
            Self::Change(change) => (0x10 | change.encode().0, change.encode().1, 0),
            Self::Update(change) => (0x20 | change.encode().0, change.encode().1, 0),
            Self::Wait(condition) => (0x30 | condition.encode().0, condition.encode().1, 0),
        }
    }

    /// Returns the access with these numbers.
    pub(crate) fn decode(code: u64, first: u64, second: u64) -> Self {
        match code {
            0 => Self::Load,
            1 => Self::Store(first),
            2 => Self::Swap(first),
            3 => Self::CompareExchange { expected: first, new: second },
            0x10..0x20 => Self::Change(Change::decode(code & 0xf, first)),
            0x20..0x30 => Self::Update(Change::decode(code & 0xf, first)),
            _ => Self::Wait(Condition::decode(code & 0xf, first)),
        }
    }

    /// Returns whether the access can change the cell.
    pub(crate) const fn writes(self) -> bool {
        !matches!(self, Self::Load | Self::Wait(_))
    }

    /// Returns the cell's value after the access, and what the core is told: 0 where the code gets no value, so that the
    /// core's future does not seem to depend on one. `None` while the core has to wait.
    pub(crate) const fn apply(self, value: u64) -> Option<(u64, u64)> {
        Some(match self {
            Self::Load => (value, value),
            Self::Store(new) => (new, 0),
            Self::Swap(new) => (new, value),
            Self::CompareExchange { expected, new } => (if value == expected { new } else { value }, value),
            Self::Change(change) => (change.of(value), value),
            Self::Update(change) => (change.of(value), 0),
            Self::Wait(condition) if condition.holds(value) => (value, 0),
            Self::Wait(_) => return None,
        })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load => f.write_str("load"),
            Self::Store(_) => f.write_str("store"),
            Self::Swap(_) => f.write_str("swap"),
            Self::CompareExchange { .. } => f.write_str("compare_exchange"),
            Self::Change(change) | Self::Update(change) => write!(f, "{change:x?}"),
            Self::Wait(condition) => write!(f, "wait {condition:x?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(request: Request) -> Request {
        let (code, first, second) = request.encode();
        Request::decode(code, first, second)
    }

    #[test]
    fn accesses_do_what_those_of_core_do() {
        let exchange = |expected| Request::CompareExchange { expected, new: 9 };
        for (request, after, told) in [
            (Request::Load, 5, 5),
            (Request::Store(9), 9, 0),
            (Request::Swap(9), 9, 5),
            (exchange(5), 9, 5),
            (exchange(4), 5, 5),
            (Request::Change(Change::Add(u64::MAX)), 4, 5),
            (Request::Change(Change::Subtract(6)), u64::MAX, 5),
            (Request::Change(Change::And(6)), 4, 5),
            (Request::Change(Change::Or(2)), 7, 5),
            (Request::Change(Change::Xor(1)), 4, 5),
            (Request::Change(Change::Maximum(6)), 6, 5),
            (Request::Change(Change::Maximum(4)), 5, 5),
            (Request::Change(Change::Minimum(6)), 5, 5),
            (Request::Change(Change::Minimum(4)), 4, 5),
            (Request::Update(Change::Or(2)), 7, 0),
        ] {
            assert_eq!(request.apply(5), Some((after, told)), "{request}");
            assert!(after == 5 || request.writes(), "{request}");
            assert_eq!(decoded(request), request);
        }
    }

    #[test]
    fn a_core_waits_until_the_condition_holds() {
        for (condition, yes, no) in [
            (Condition::AnyOf(6), 4, 1),
            (Condition::NoneOf(6), 1, 2),
            (Condition::Equal(6), 6, 4),
            (Condition::Differs(6), 4, 6),
            (Condition::AtLeast(6), 7, 5),
        ] {
            assert_eq!(Request::Wait(condition).apply(yes), Some((yes, 0)), "{condition:?}");
            assert_eq!(Request::Wait(condition).apply(no), None, "{condition:?}");
            assert_eq!(decoded(Request::Wait(condition)), Request::Wait(condition));
        }
        assert!(!Request::Wait(Condition::Equal(0)).writes());
    }
}

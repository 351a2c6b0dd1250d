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
        }
        assert!(!Request::Wait(Condition::Equal(0)).writes());
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The error codes (PSCI 1.3 section 5.2.2).

use smccc::psci::error;

/// Why a call failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Error {
    /// The function is not there.
    NotSupported,
    /// An argument is out of its range: no such core, no such power state.
    InvalidParameters,
    /// Not now: a session is open, or other cores run that may not.
    Denied,
    /// The core is on.
    AlreadyOn,
    /// The core has been started and is on its way.
    OnPending,
    /// A core can not begin there.
    InvalidAddress,
}

impl Error {
    /// Every error, in the order of its number here.
    pub const ALL: [Self; 6] = [
        Self::NotSupported,
        Self::InvalidParameters,
        Self::Denied,
        Self::AlreadyOn,
        Self::OnPending,
        Self::InvalidAddress,
    ];

    /// Returns the specification's code.
    pub const fn code(self) -> i32 {
        match self {
            Self::NotSupported => error::NOT_SUPPORTED,
            Self::InvalidParameters => error::INVALID_PARAMETERS,
            Self::Denied => error::DENIED,
            Self::AlreadyOn => error::ALREADY_ON,
            Self::OnPending => error::ON_PENDING,
            Self::InvalidAddress => error::INVALID_ADDRESS,
        }
    }

    /// Returns the specification's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotSupported => "NOT_SUPPORTED",
            Self::InvalidParameters => "INVALID_PARAMETERS",
            Self::Denied => "DENIED",
            Self::AlreadyOn => "ALREADY_ON",
            Self::OnPending => "ON_PENDING",
            Self::InvalidAddress => "INVALID_ADDRESS",
        }
    }
}

const _: () = {
    let mut at = 0;
    while at < Error::ALL.len() {
        assert!(Error::ALL[at] as usize == at);
        at += 1;
    }
};

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The platform that this image is for: nothing else in the monitor names one. The build script reads it here too, for the
//! linker.

/// The platform.
pub(crate) type Machine = quell_plat::sbsa_ref::SbsaRef;

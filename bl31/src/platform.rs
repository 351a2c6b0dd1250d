// SPDX-License-Identifier: MIT OR Apache-2.0

//! The platform that this image is for: nothing else in the monitor names one. The build script reads it here too, for the
//! linker.

/// The platform.
#[cfg(not(feature = "virt"))]
pub(crate) type Machine = quell_plat::sbsa_ref::SbsaRef;

/// The platform.
#[cfg(feature = "virt")]
pub(crate) type Machine = quell_plat::virt::Virt;

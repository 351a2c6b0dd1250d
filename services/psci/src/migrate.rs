// SPDX-License-Identifier: MIT OR Apache-2.0

//! MIGRATE_INFO_TYPE (PSCI 1.3 section 5.1.7).
//!
//! | answer | when |
//! |---|---|
//! | 2 | always: there is no trusted OS that would have to be migrated, so MIGRATE is not there |

/// No trusted OS, or one that runs on all cores.
pub(crate) const INFO_TYPE: i32 = 2;

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The power states of CPU_SUSPEND, in the original format of power_state (PSCI 1.3 section 5.4.2).
//!
//! | power_state | StateType (16) | PowerLevel (25:24) | StateID (15:0) | the core |
//! |---|---|---|---|---|
//! | 0x00000001 | standby | core | 0x1 | keeps everything |
//! | 0x00010002 | power-down | core | 0x2 | begins anew |
//! | 0x01010022 | power-down | cluster | 0x22: level by level | begins anew |

use quell_power::Depth;

const STANDBY: u32 = 0x0000_0001;
const CORE: u32 = 0x0001_0002;
const CLUSTER: u32 = 0x0101_0022;

/// Returns how deep a core sleeps in this power state, or `None` if there is no such state or a reserved bit is set.
///
/// power_state is 32 bits in both conventions.
#[inline]
pub(crate) const fn parse(power_state: u64) -> Option<Depth> {
    // Who sleeps deep has time; standby is asked for first.
    if power_state as u32 == STANDBY {
        return Some(Depth::Standby);
    }
    match power_state as u32 {
        CORE => Some(Depth::Core),
        CLUSTER => Some(Depth::Cluster),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_three_states() {
        let states = [(1, Depth::Standby), (0x0001_0002, Depth::Core), (0x0101_0022, Depth::Cluster)];
        for (bits, depth) in states {
            assert_eq!(parse(bits), Some(depth));
            assert_eq!(parse(0xffff_ffff_0000_0000 | bits), Some(depth));
            for bit in 0..32 {
                assert_eq!(parse(bits ^ 1 << bit), None, "{:#x}", bits ^ 1 << bit);
            }
        }
        assert_eq!(parse(0), None);
    }
}

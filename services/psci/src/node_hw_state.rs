// SPDX-License-Identifier: MIT OR Apache-2.0

//! NODE_HW_STATE (PSCI 1.3 section 5.1.18).
//!
//! | answer | when |
//! |---|---|
//! | INVALID_PARAMETERS | the level is above 1, or no core is in this affinity instance, or a bit outside the fields is set |
//! | 2 HW_STANDBY | level 0: the core stands by |
//! | 1 HW_OFF | level 0: the core is OFF or powered down. Level 1: the [cluster is down](crate::suspend_mode), or all its cores are OFF |
//! | 0 HW_ON | else |

use quell_power::{CoreWord, Depth};

use crate::{Error, Hardware, Psci, affinity_info, suspend_mode::SuspendMode};

const HW_ON: i32 = 0;
const HW_OFF: i32 = 1;
const HW_STANDBY: i32 = 2;

impl<H: Hardware> Psci<'_, H> {
    #[inline(never)]
    pub(crate) fn node_hw_state(&self, target: u64, level: u64) -> Result<i32, Error> {
        // power_level is 32 bits in both conventions.
        match level as u32 {
            0 => {
                let word = self.core(target)?.word();
                Ok(match word.depth() {
                    Some(Depth::Standby) => HW_STANDBY,
                    Some(_) => HW_OFF,
                    None if word.is_off() => HW_OFF,
                    None => HW_ON,
                })
            }
            1 => {
                let cluster = affinity_info::Instance::new(target, 1)?;
                let cores = cluster.cores(self)?;
                let words = || cluster.words(self, cores.clone());
                let is_down = || match self.shared.mode() {
                    SuspendMode::PlatformCoordinated => words().all(|word| self.lets_cluster_go(word)),
                    SuspendMode::OsInitiated => {
                        words().all(|word| self.lets_cluster_go(word)) && self.is_noted_down(cores.start)
                            || words().all(CoreWord::is_off)
                    }
                };
                // Cores that change all the time run.
                let is_off = self.table.settled(cores.clone(), is_down).unwrap_or(false);
                Ok(if is_off { HW_OFF } else { HW_ON })
            }
            _ => Err(Error::InvalidParameters),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Outcome,
        testing::{Machine, returns},
    };

    const NODE_HW_STATE: u64 = 0xc400_000d;

    #[test]
    fn a_core_is_on_off_or_in_standby() {
        let machine = Machine::new(2);
        let ask = || machine.call(0, [NODE_HW_STATE, 1, 0, 0]);
        assert_eq!(ask(), Outcome::Return(HW_OFF));
        machine.start(1);
        assert_eq!(ask(), Outcome::Return(HW_ON));
        machine.let_in(1);
        assert_eq!(ask(), Outcome::Return(HW_ON));
        let core = machine.table().local(1);
        let depths = [Depth::Standby, Depth::Core, Depth::Cluster];
        for (depth, state) in depths.into_iter().zip([HW_STANDBY, HW_OFF, HW_OFF]) {
            assert!(core.suspend(depth));
            assert_eq!(ask(), Outcome::Return(state), "{depth:?}");
            assert!(core.wake());
        }
    }

    #[test]
    fn a_cluster_is_off_when_its_last_core_lets_it_go() {
        let machine = Machine::new(10);
        let ask = |target| machine.call(0, [NODE_HW_STATE, target, 1, 0]);
        assert_eq!(
            (ask(0), ask(0x100), ask(0x1ff)),
            (Outcome::Return(HW_ON), Outcome::Return(HW_OFF), Outcome::Return(HW_OFF))
        );
        machine.boot(8);
        machine.boot(9);
        let cores = [8, 9].map(|core| machine.table().local(core));
        assert_eq!(ask(0x100), Outcome::Return(HW_ON));
        assert!(cores[0].suspend(Depth::Cluster) && cores[1].suspend(Depth::Core));
        assert_eq!(ask(0x100), Outcome::Return(HW_ON), "one has not let it go");
        assert!(cores[1].wake() && cores[1].suspend(Depth::Cluster));
        assert_eq!(ask(0x100), Outcome::Return(HW_OFF));
    }

    #[test]
    fn bad_arguments_are_refused() {
        let machine = Machine::new(2);
        for (target, level) in
            [(2, 0), (1 << 31, 0), (0x200, 1), (1 << 31, 1), (0, 2), (0, 3), (0, 0xffff_ffff)]
        {
            let refused = machine.call(0, [NODE_HW_STATE, target, level, 0]);
            assert_eq!(refused, returns(Error::InvalidParameters), "{target:#x} {level}");
        }
    }
}

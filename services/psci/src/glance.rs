// SPDX-License-Identifier: MIT OR Apache-2.0

//! The calls that need no more than a glance at one word, the short way: what they answer is in their own files, as for
//! every other call. What a glance does not answer, [`Psci::handle`] does: the errors, and the rare forms.

use smccc::psci::{PSCI_AFFINITY_INFO_64, PSCI_VERSION};

use crate::{Counters, Function, Hardware, Psci, VERSION, affinity_info};

/// What a glance has seen: it does not count until the call returns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Glance {
    function: Function,
    code: i32,
}

impl Glance {
    /// Counts the call, and returns what it returns.
    #[inline]
    pub fn counted(self, counters: &Counters) -> i32 {
        counters.count_call(self.function);
        self.code
    }
}

impl<H: Hardware> Psci<'_, H> {
    /// Answers PSCI_VERSION, and AFFINITY_INFO (SMC64) of a core that there is.
    #[inline]
    pub fn glance(&self, [x0, x1, x2]: [u64; 3]) -> Option<Glance> {
        match (x0 as u32, x2 as u32) {
            (PSCI_VERSION, _) => Some(Glance { function: Function::Version, code: VERSION }),
            (PSCI_AFFINITY_INFO_64, 0) => {
                let code = affinity_info::info(self.core(x1).ok()?.word());
                Some(Glance { function: Function::AffinityInfo, code })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, testing::Machine};

    /// Both ways are one answer, for every state of the core and every argument.
    #[test]
    fn a_glance_sees_what_the_long_way_returns() {
        let machine = Machine::new(4);
        machine.start(1);
        machine.boot(2);
        machine.give_up(2);
        let targets = (0..6).chain([1 << 8, 1 << 31, 1 << 40]);
        let calls = targets.flat_map(|x1| [0, 1, 1 << 32].map(|x2| [0xc400_0004, x1, x2]));
        let mut answered = 0;
        for [x0, x1, x2] in calls.chain([[0x8400_0000, 0, 0], [0xffff_ffff_8400_0000, 7, 7]]) {
            if let Some(glance) = machine.psci().glance([x0, x1, x2]) {
                assert_eq!(
                    machine.call(0, [x0, x1, x2, 0]),
                    Outcome::Return(glance.code),
                    "{x0:#x} {x1:#x} {x2:#x}"
                );
                answered += 1;
            }
        }
        assert_eq!(answered, 4 * 2 + 2, "level 0 of the four cores, and two versions");
    }

    #[test]
    fn all_else_goes_the_long_way() {
        let machine = Machine::new(2);
        for x0 in [0x8400_0001, 0x8401_0000, 0x8400_0004, 0xc400_0000, 0xc400_0003, 0, 0x0400_0000] {
            assert_eq!(machine.psci().glance([x0, 0, 0]), None, "{x0:#x}");
        }
    }

    #[test]
    fn it_counts_when_it_is_returned() {
        let machine = Machine::new(1);
        let glance = machine.psci().glance([0x8400_0000, 0, 0]).unwrap();
        assert_eq!(machine.psci().counters(0).nonzero().count(), 0);
        assert_eq!(glance.counted(machine.psci().counters(0)), VERSION);
        assert_eq!(machine.psci().counters(0).nonzero().collect::<std::vec::Vec<_>>(), [("PSCI_VERSION", 1)]);
    }
}

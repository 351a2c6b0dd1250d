// SPDX-License-Identifier: MIT OR Apache-2.0

//! AFFINITY_INFO: states, levels, and cores that do not exist.

use crate::cases::psci_cpu_on::not_mpidrs;
use crate::clock::{PATIENCE, wait_until};
use crate::fixture::{others, start, turn_off};
use crate::psci::{self, INVALID_PARAMETERS, OFF, ON, PENDING};
use crate::runner::{Case, rounds};
use crate::verdict::{Verdict, equal, failed, status};
use crate::{cores, machine};

/// The cases of this file.
pub const CASES: &[Case] = &[
    Case { name: "psci.affinity_info.on_and_off", cores: 1, run: on_and_off },
    Case { name: "psci.affinity_info.history", cores: 2, run: history },
    Case { name: "psci.affinity_info.levels", cores: 1, run: levels },
    Case { name: "psci.affinity_info.level_out_of_range", cores: 1, run: level_out_of_range },
    Case { name: "psci.affinity_info.absent_core", cores: 1, run: absent_core },
];

fn on_and_off() -> Verdict {
    equal("AFFINITY_INFO of the caller", psci::affinity_info(0), ON)?;
    for index in others() {
        equal(format_args!("AFFINITY_INFO of core {index}, off"), psci::affinity_info(index), OFF)?;
        start(index)?;
        equal(format_args!("AFFINITY_INFO of core {index}, on"), psci::affinity_info(index), ON)?;
        turn_off(index)?;
    }
    Ok(())
}

/// Between an accepted CPU_ON and CPU_OFF a core is pending and then on, and never anything else.
fn history() -> Verdict {
    for round in rounds() {
        let before = cores::prepare(1);
        status("CPU_ON", psci::cpu_on(machine::mpidr(1), cores::entry_point(), 0), 0)?;
        let mut last = PENDING;
        let mut wrong = None;
        let booted = wait_until(PATIENCE, || {
            let booted = cores::boots(1) > before;
            let state = psci::affinity_info(1);
            if !(state == ON || state == PENDING && last == PENDING) {
                wrong = Some((last, state));
            }
            if booted && state != ON {
                wrong = Some((ON, state));
            }
            last = state;
            booted || wrong.is_some()
        });
        if let Some((last, state)) = wrong {
            let expected = format_args!("ON_PENDING, then ON (round {round})");
            return Err(failed(expected, format_args!("{state} after {last}")));
        }
        if !booted {
            return Err(failed(
                format_args!("core 1 to start (round {round})"),
                format_args!("nothing of it"),
            ));
        }
        turn_off(1)?;
    }
    Ok(())
}

fn levels() -> Verdict {
    for level in 1..=3 {
        let saw = psci::affinity_info_of(0, level);
        // Levels above 0 are for PSCI 0.2 and may be refused since 1.0; where they are not, this core is on.
        if saw != ON {
            status(format_args!("AFFINITY_INFO at level {level}"), saw, INVALID_PARAMETERS)?;
        }
    }
    Ok(())
}

fn level_out_of_range() -> Verdict {
    for level in [4, 5, 0xff, 0x100, 0x7fff_ffff, 0xffff_ffff] {
        let saw = psci::affinity_info_of(0, level);
        status(format_args!("AFFINITY_INFO at level {level:#x}"), saw, INVALID_PARAMETERS)?;
    }
    Ok(())
}

fn absent_core() -> Verdict {
    for mpidr in not_mpidrs() {
        let saw = psci::affinity_info_of(mpidr, 0);
        status(format_args!("AFFINITY_INFO of {mpidr:#x}"), saw, INVALID_PARAMETERS)?;
    }
    Ok(())
}

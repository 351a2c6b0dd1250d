// SPDX-License-Identifier: MIT OR Apache-2.0

//! CPU_SUSPEND: an LPI wakes the core. The numbers of LPIs lie above the ones that say that there is no interrupt.

use smccc::psci::PSCI_NODE_HW_STATE_64;

use crate::case::cases;
use crate::clock::{PATIENCE, pause, wait_until};
use crate::fixture::{needs_power_down, start};
use crate::found::Found;
use crate::its::{self, CORE, LPI};
use crate::machine::mpidr;
use crate::psci::{self, CORE_POWER_DOWN, HW_OFF, HW_STANDBY, STANDBY};
use crate::section;
use crate::sleep::{Kind, Sleeper, most_urgent_at_return};
use crate::verdict::{Verdict, equal, holds};
use crate::{cores, gic};

cases! {
    [section::CPU_SUSPEND]
    /// An LPI ends a standby.
    "psci.cpu_suspend.standby.woken_by_lpi", 2, standby;
    /// An LPI wakes a core that is powered down.
    "psci.cpu_suspend.core_power_down.woken_by_lpi", 2, core_power_down;
}

/// How long the core shall sleep undisturbed, in microseconds.
const UNDISTURBED: u64 = 20_000;

/// Sends the LPI to a core that sleeps, IRQs masked, in a power state whose NODE_HW_STATE is `hw_state`.
fn woken(state: u64, hw_state: u64, judge: fn(Sleeper) -> Verdict) -> Verdict {
    its::with_lpi(|its| {
        start(CORE)?;
        let taken = cores::lpis(CORE);
        let sleeper = Sleeper::send(CORE, Kind::State(state))?;
        if psci::has(PSCI_NODE_HW_STATE_64) {
            let saw = || psci::node_hw_state(mpidr(CORE), 0);
            wait_until(PATIENCE, || saw() == hw_state);
            equal(format_args!("NODE_HW_STATE of core {CORE}"), saw(), hw_state)?;
        }
        pause(UNDISTURBED);
        holds("it sleeps until the LPI comes", !sleeper.is_awake())?;
        its.send()?;
        judge(sleeper)?;
        // The firmware has not taken it in the core's place.
        wait_until(PATIENCE, || cores::lpis(CORE) != taken);
        equal(format_args!("LPIs taken by core {CORE}"), cores::lpis(CORE) - taken, 1)
    })
}

fn standby() -> Verdict {
    woken(STANDBY, HW_STANDBY, |sleeper| {
        sleeper.returns()?;
        equal("ICC_HPPIR1_EL1 behind a standby", most_urgent_at_return(CORE), LPI.into())
    })
}

fn core_power_down() -> Verdict {
    needs_power_down()?;
    woken(CORE_POWER_DOWN, HW_OFF, |sleeper| {
        sleeper.resumes()?;
        let Found { pending, enabled, .. } = Found::of(CORE);
        let doorbells = pending & (gic::ALL_SGIS | enabled);
        equal("SGIs and enabled PPIs that could have woken it too", doorbells.into(), 0)
    })
}

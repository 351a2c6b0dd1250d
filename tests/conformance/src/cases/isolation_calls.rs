// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls that no operating system makes: random function identifiers from every core at once, a virtual SError that waits
//! meanwhile, and a core that begins where there is no code. The firmware answers, and goes on.

use core::arch::naked_asm;
use core::sync::atomic::{AtomicU64, Ordering};

use quell_abi::{Kind, Why};
use smccc::psci::PSCI_VERSION;

use crate::anchor::{self, Ending};
use crate::case::cases;
use crate::clock::PATIENCE;
use crate::fixture::{others, start_others, turn_off};
use crate::machine::{FLASH, mpidr};
use crate::random::Random;
use crate::registers::mask_all;
use crate::runner::{rounds_wanted, seed};
use crate::section;
use crate::session::stop_all;
use crate::stopped::{come_back, is_stopped, record};
use crate::verdict::{Verdict, equal, failed, holds, skipped, status};
use crate::{clock, cores, el1, psci, report, smc, stop};

cases! {
    [section::SMCCC_UNKNOWN]
    /// Random calls of every core at once are answered, and the firmware goes on.
    "isolation.calls.storm", 1, storm;

    [section::EL3_REGISTERS]
    /// A virtual SError that waits during a call arrives after it, at EL1.
    "isolation.calls.virtual_serror", 1, virtual_serror;

    [section::CPU_ON]
    /// A core that begins where there is no code is on, and can be stopped and started again.
    "isolation.entry.no_code", 2, entry_without_code;
}

/// Calls of each core for each round of a race.
const MANY: u64 = 25;

/// Rounds that a slow emulator makes in a second.
const ROUNDS_PER_SECOND: u64 = 100;

/// Calls that were answered by NOT_SUPPORTED, of all.
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// The most cores that call at once.
const CALLERS: usize = 8;

/// Draws a function identifier that does neither end the machine nor the core: none of PSCI, and none of the stop, which has a
/// case of its own (`stop.fuzz`).
fn function(random: &mut Random) -> u32 {
    loop {
        let low = random.bits() as u32 & 0xffff;
        let owner = random.below(64) as u32;
        let any = random.bits() as u32;
        let function = random.one_of(&[
            any,
            0x8000_0000 | owner << 24 | low,
            0xc000_0000 | owner << 24 | low,
            0x8400_0040 | low & 0x1f,
            0xc400_0040 | low & 0x1f,
            0x8000_0000 | low & 0x1f,
            0xc200_0000 | low & 0x1ff,
        ]);
        let owner = function >> 24 & 0x3f;
        let is_psci = owner == 4 && function & 0xffff < 0x40;
        if !is_psci && owner != 7 {
            return function;
        }
    }
}

/// Job: makes random calls.
extern "C" fn call_on(seed: u64) -> u64 {
    let mut random = Random::new(seed);
    let mut refused = 0;
    for _ in 0..rounds_wanted() * MANY {
        let arguments = core::array::from_fn(|_| random.bits());
        let reply = smc::call(function(&mut random), arguments);
        refused += u64::from(reply[0] == crate::verdict::register(psci::NOT_SUPPORTED));
        cores::beat();
    }
    REFUSED.fetch_add(refused, Ordering::Relaxed);
    0
}

fn storm() -> Verdict {
    REFUSED.store(0, Ordering::Relaxed);
    start_others()?;
    report::within(rounds_wanted() / ROUNDS_PER_SECOND);
    let callers = || others().take(CALLERS - 1);
    let mut finished = [0; CALLERS];
    for index in callers() {
        finished[index] = cores::finished(index);
        cores::post(index, call_on, seed().wrapping_add(index as u64));
    }
    call_on(seed());
    for index in callers() {
        let ended = clock::wait_until(8 * PATIENCE, || cores::finished(index) != finished[index]);
        holds(format_args!("core {index} comes to the end of its calls"), ended)?;
    }
    let calls = (callers().count() as u64 + 1) * rounds_wanted() * MANY;
    let refused = REFUSED.load(Ordering::Relaxed);
    crate::println!("# {refused} of {calls} calls were not supported");
    holds("most of them are not supported", refused > calls / 2)?;
    status("PSCI_VERSION afterwards", smc::call0(PSCI_VERSION) >> 16, 1)?;
    others().try_for_each(turn_off)
}

/// HCR_EL2: an SError of EL1 is virtual, and one is pending.
const VIRTUAL_SERROR: u64 = 1 << 8 | 1 << 5;

/// ESR_EL1.EC of an SError.
const SERROR: u64 = 0x2f;

/// EL1 masks it in its call, which returns as ever. It is still pending then, and EL1's own once EL1 lets it in.
fn virtual_serror() -> Verdict {
    #[unsafe(naked)]
    extern "C" fn call(_: u64) -> u64 {
        naked_asm!("smc #0", "ret")
    }
    #[unsafe(naked)]
    extern "C" fn call_and_unmask(_: u64) -> u64 {
        naked_asm!("smc #0", "msr daifclr, #4", "isb", "ret")
    }
    extern "C" fn at_el1(_: u64) -> u64 {
        el1::run(call_and_unmask, PSCI_VERSION.into(), VIRTUAL_SERROR)
    }
    mask_all();
    let saw = el1::run(call, PSCI_VERSION.into(), VIRTUAL_SERROR);
    equal("PSCI_VERSION with a virtual SError pending", saw, smc::call0(PSCI_VERSION))?;
    match anchor::run(at_el1, 0) {
        Ending::Faulted(fault) => equal("EC of EL1's exception after the call", fault.esr() >> 26, SERROR),
        ending => Err(failed(format_args!("the SError at EL1 after the call"), format_args!("{ending:?}"))),
    }
}

/// Flash without a program: what is fetched there is no instruction.
const NO_CODE: u64 = FLASH.end - 0x100_0000;

/// A core that begins there takes one exception after the other, at vectors in memory that is not its own. It can be stopped,
/// and it can be started again.
fn entry_without_code() -> Verdict {
    if !stop::is_there() {
        return Err(skipped(format_args!("nothing would stop the core afterwards")));
    }
    status("CPU_ON where there is no code", psci::cpu_on(mpidr(1), NO_CODE, 0), 0)?;
    let on = clock::wait_until(PATIENCE, || psci::affinity_info(1) == psci::ON);
    holds("core 1 is ON", on)?;
    clock::pause(10_000);
    stop_all(Kind::Crash)?;
    is_stopped(1, &[Why::Nmi])?;
    // VBAR_EL2 is 0 for a core that begins: the exceptions of EL2 with its own stack are at 0x200.
    equal("PC of core 1", record(1)?.pc, 0x200)?;
    come_back(1..2)
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a call that comes back leaves as it was: general-purpose, SIMD, SVE and system registers, behind every function,
//! an accepted CPU_ON and a standby.

use smccc::psci::{PSCI_CPU_ON_64, PSCI_CPU_SUSPEND_64};

use crate::case::cases;
use crate::fixture::{needs, turn_off};
use crate::machine::mpidr;
use crate::psci::STANDBY;
use crate::registers::isb;
use crate::section;
use crate::simd::{self, Simd, Sve};
use crate::verdict::{Verdict, equal, failed, holds, skipped, status};
use crate::{call, clock, cores, read_register, registers, smc, write_register};

cases! {
    [section::SMCCC_REGISTERS]
    /// Every function that returns leaves x1 to x30 as they were.
    "psci.registers.general.every_function", 1, || every_function(general);
    /// An accepted CPU_ON leaves x1 to x30 as they were.
    "psci.registers.general.cpu_on", 2, || cpu_on(general);
    /// Every function that returns leaves the SIMD registers as they were.
    "psci.registers.simd.every_function", 1, || every_function(simd);
    /// An accepted CPU_ON leaves the SIMD registers as they were.
    "psci.registers.simd.cpu_on", 2, || cpu_on(simd);
    /// A standby leaves the SIMD registers as they were.
    "psci.registers.simd.standby", 1, || standby(simd);
    /// Every function that returns leaves the SVE registers as they were.
    "psci.registers.sve.every_function", 1, || every_function(sve);
    /// An accepted CPU_ON leaves the SVE registers as they were.
    "psci.registers.sve.cpu_on", 2, || cpu_on(sve);
    /// A standby leaves the SVE registers as they were.
    "psci.registers.sve.standby", 1, || standby(sve);
    /// Every function that returns leaves EL1's system registers as they were.
    "psci.registers.el1.every_function", 1, || every_function(el1);
    /// An accepted CPU_ON leaves EL1's system registers as they were.
    "psci.registers.el1.cpu_on", 2, || cpu_on(el1);
    /// A standby leaves EL1's system registers as they were.
    "psci.registers.el1.standby", 1, || standby(el1);
    /// Every function that returns leaves EL2's system registers as they were.
    "psci.registers.el2.every_function", 1, || every_function(el2);
    /// An accepted CPU_ON leaves EL2's system registers as they were.
    "psci.registers.el2.cpu_on", 2, || cpu_on(el2);
    /// A standby leaves EL2's system registers as they were.
    "psci.registers.el2.standby", 1, || standby(el2);
}

/// Makes a call with x0 to x3 as given, judges what it has kept, and returns x0.
type Keeps = fn(&[u64; 4]) -> Result<u64, crate::verdict::Finding>;

fn every_function(keeps: Keeps) -> Verdict {
    for call::Call { function, arguments: [x1, x2, x3] } in call::ALL {
        keeps(&[u64::from(*function), *x1, *x2, *x3])?;
    }
    Ok(())
}

fn cpu_on(keeps: Keeps) -> Verdict {
    let before = cores::prepare(1);
    let saw = keeps(&[PSCI_CPU_ON_64.into(), mpidr(1), cores::entry_point(), 0])?;
    status("CPU_ON", saw, 0)?;
    holds("core 1 starts", cores::wait_for_boot(1, before))?;
    turn_off(1)
}

fn standby(keeps: Keeps) -> Verdict {
    needs(PSCI_CPU_SUSPEND_64)?;
    registers::mask_all();
    clock::start_timer(10_000);
    let kept = keeps(&[PSCI_CPU_SUSPEND_64.into(), STANDBY, 0, 0]);
    cores::serve_interrupts();
    status("CPU_SUSPEND of a standby", kept?, 0)
}

fn general(x: &[u64; 4]) -> Result<u64, crate::verdict::Finding> {
    let mut before: [u64; 31] = core::array::from_fn(|register| register as u64 * 0x0101_0101_0101_0101);
    before[..4].copy_from_slice(x);
    let after = smc::call_with_all_registers(&before);
    for register in 1..31 {
        equal(format_args!("x{register} after call {:#x}", x[0]), after[register], before[register])?;
    }
    Ok(after[0])
}

fn simd(x: &[u64; 4]) -> Result<u64, crate::verdict::Finding> {
    const ROUND_TO_ZERO: u64 = 0b11 << 22;
    const INEXACT: u64 = 1 << 4;
    let v = core::array::from_fn(|register| [0x1111_2222_3333_0000 | register as u64, !(register as u64)]);
    let before = Simd { v, fpcr: ROUND_TO_ZERO, fpsr: INEXACT };
    let mut after = before;
    let result = simd::call(x, &mut after);
    for register in 0..32 {
        for half in 0..2 {
            let what = format_args!("v{register}.d[{half}] after call {:#x}", x[0]);
            equal(what, after.v[register][half], before.v[register][half])?;
        }
    }
    equal(format_args!("FPCR after call {:#x}", x[0]), after.fpcr, before.fpcr)?;
    equal(format_args!("FPSR after call {:#x}", x[0]), after.fpsr, before.fpsr)?;
    Ok(result)
}

fn sve(x: &[u64; 4]) -> Result<u64, crate::verdict::Finding> {
    if !simd::has_sve() {
        return Err(skipped(format_args!("the core has no SVE")));
    }
    let mut before = Sve {
        z: core::array::from_fn(|byte| (byte * 7 + byte / 256) as u8),
        p: core::array::from_fn(|byte| (byte * 13 + 5) as u8),
        // The lowest 13 elements.
        ffr: [0; _],
    };
    before.ffr[..2].copy_from_slice(&[0xff, 0x1f]);
    let mut after = before;
    let result = simd::call_sve(x, &mut after);
    let differ =
        |what: &str, before: &[u8], after: &[u8]| match before.iter().zip(after).position(|(b, a)| b != a) {
            Some(byte) => Err(failed(
                format_args!("{what} kept by call {:#x}", x[0]),
                format_args!("byte {byte} of them changed"),
            )),
            None => Ok(()),
        };
    differ("z0 to z31", &before.z, &after.z)?;
    differ("p0 to p15", &before.p, &after.p)?;
    differ("FFR", &before.ffr, &after.ffr)?;
    Ok(result)
}

/// Writes a value of its own to each of the first registers, makes the call, and judges that they and the others read as
/// before it; then puts back what was there.
macro_rules! keeps {
    ($x:expr; written: $($written:literal),*; read: $($read:literal),*) => {{
        let x: &[u64; 4] = $x;
        let original = [$(read_register!($written)),*];
        let mut number = 0_u64;
        $(
            number += 1;
            write_register!($written, number << 12 | number);
        )*
        let _ = number;
        isb();
        let before = ([$(read_register!($written)),*], [$(read_register!($read)),*]);
        let result = smc::call(x[0] as u32, [x[1], x[2], x[3], 0, 0, 0])[0];
        let after = ([$(read_register!($written)),*], [$(read_register!($read)),*]);
        let mut number = 0;
        $(
            write_register!($written, original[number]);
            number += 1;
        )*
        let _ = number;
        isb();
        for (number, name) in [$($written),*].into_iter().enumerate() {
            equal(format_args!("{name} after call {:#x}", x[0]), after.0[number], before.0[number])?;
        }
        for (number, name) in [$($read),*].into_iter().enumerate() {
            equal(format_args!("{name} after call {:#x}", x[0]), after.1[number], before.1[number])?;
        }
        Ok(result)
    }};
}

fn el1(x: &[u64; 4]) -> Result<u64, crate::verdict::Finding> {
    keeps!(
        x;
        written: "sp_el0", "sp_el1", "tpidr_el0", "tpidrro_el0", "tpidr_el1", "elr_el1", "spsr_el1", "far_el1",
            "esr_el1", "par_el1", "mair_el1", "ttbr0_el1", "ttbr1_el1", "tcr_el1", "vbar_el1", "contextidr_el1",
            "cntkctl_el1", "cntp_cval_el0", "cntv_cval_el0", "csselr_el1", "afsr0_el1", "afsr1_el1", "amair_el1";
        read: "sctlr_el1", "cpacr_el1", "mdscr_el1", "cntp_ctl_el0", "cntv_ctl_el0", "pmcr_el0", "pmcntenset_el0",
            "pmintenset_el1", "pmuserenr_el0", "S3_0_C4_C6_0", "S3_0_C12_C12_3", "S3_0_C12_C12_4", "S3_0_C12_C12_7"
    )
}

/// What EL2 needs to go on is only read.
fn el2(x: &[u64; 4]) -> Result<u64, crate::verdict::Finding> {
    keeps!(
        x;
        written: "elr_el2", "spsr_el2", "far_el2", "esr_el2", "hpfar_el2", "cntvoff_el2", "vttbr_el2", "vtcr_el2",
            "hstr_el2", "hacr_el2", "vpidr_el2", "vmpidr_el2", "afsr0_el2", "afsr1_el2", "amair_el2";
        read: "sctlr_el2", "hcr_el2", "tcr_el2", "ttbr0_el2", "mair_el2", "vbar_el2", "cptr_el2", "mdcr_el2",
            "cnthctl_el2", "cnthp_cval_el2", "tpidr_el2", "S3_4_C12_C9_5", "S3_4_C12_C11_0", "S3_4_C12_C11_7"
    )
}

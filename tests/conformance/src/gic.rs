// SPDX-License-Identifier: MIT OR Apache-2.0

//! The non-secure side of the GICv3: enough to send and take SGIs and one timer interrupt, and to take an LPI
//! that the ITS sends.

use core::ops::RangeInclusive;

use crate::clock::{PATIENCE, wait_until};
use crate::registers::{dsb_sy, isb};
use crate::{machine, read_register, write_register};

/// The SGI that tells a core to look at its mailbox.
pub const DOORBELL: u32 = 1;

/// The SGI that asks a core to stop: the IPI of the stop service.
pub const STOP: u32 = 2;

/// What an acknowledge returns when there is nothing to acknowledge. The numbers of LPIs are greater.
const SPECIAL: RangeInclusive<u32> = 1020..=1023;

const GICD_CTLR: usize = machine::GICD;
/// Non-secure view: affinity routing, and Group 1 with affinity routing.
const GICD_CTLR_ENABLE: u32 = 1 << 4 | 1 << 1;

const GICD_ISENABLER: usize = 0x100;
const GICD_ICENABLER: usize = 0x180;
const GICD_ISPENDR: usize = 0x200;
const GICD_ICPENDR: usize = 0x280;
const GICD_IROUTER: usize = 0x6000;

const GICR: usize = machine::GICR;
const GICR_STRIDE: usize = 0x2_0000;
const GICR_CTLR: usize = 0;
const GICR_TYPER: usize = 0x8;
const GICR_PROPBASER: usize = 0x70;
const GICR_PENDBASER: usize = 0x78;
const SGI_FRAME: usize = 0x1_0000;
const ISENABLER0: usize = SGI_FRAME + 0x100;
const ICENABLER0: usize = SGI_FRAME + 0x180;
const IPRIORITYR0: usize = SGI_FRAME + 0x400;
const ISPENDR0: usize = SGI_FRAME + 0x200;
const ICPENDR0: usize = SGI_FRAME + 0x280;

/// GICR_CTLR: the redistributor uses its LPI tables.
const ENABLE_LPIS: u32 = 1;
/// GICR_CTLR: [`ENABLE_LPIS`] can be cleared.
const CLEAR_ENABLE_SUPPORTED: u32 = 1 << 1;
/// GICR_CTLR: a write has not had its effect yet.
const WRITE_PENDING: u32 = 1 << 3;
/// GICR_TYPER: there are physical LPIs.
const PHYSICAL_LPIS: u32 = 1;

/// Every SGI, as bits of the registers of interrupts 0 to 31.
pub const ALL_SGIS: u32 = 0xffff;

fn redistributor(index: usize, register: usize) -> *mut u32 {
    (GICR + index * GICR_STRIDE + register) as *mut u32
}

fn read(index: usize, register: usize) -> u32 {
    // SAFETY: `register` is one of the constants above, in the redistributor of a core that exists; mapped as device
    // memory, and reading has no effect.
    unsafe { redistributor(index, register).read_volatile() }
}

fn write(index: usize, register: usize, value: u32) {
    // SAFETY: As for `read`; the registers only enable interrupts or make them pending, or turn LPIs
    // on and off, whose tables the caller of `enable_lpis` promises.
    unsafe { redistributor(index, register).write_volatile(value) }
}

/// Sets the bit of an SPI in one of the distributor's bitmaps.
fn set_bit(bitmap: usize, spi: u32) {
    let address = GICD_CTLR + bitmap + spi as usize / 32 * 4;
    // SAFETY: `bitmap` is one of the constants above, mapped as device memory; writes of 1 act on that interrupt only.
    unsafe { (address as *mut u32).write_volatile(1 << (spi % 32)) }
}

/// Routes an SPI to a core and enables it.
pub fn route(spi: u32, index: usize) {
    let router = GICD_CTLR + GICD_IROUTER + spi as usize * 8;
    // SAFETY: The routing register of an SPI that the machine has, mapped as device memory.
    unsafe { (router as *mut u64).write_volatile(machine::mpidr(index)) };
    set_bit(GICD_ISENABLER, spi);
}

/// Makes an SPI pending.
pub fn set_spi_pending(spi: u32) {
    set_bit(GICD_ISPENDR, spi);
}

/// Disables an SPI, and makes it not pending.
pub fn disable_spi(spi: u32) {
    set_bit(GICD_ICENABLER, spi);
    set_bit(GICD_ICPENDR, spi);
}

/// Registers of a redistributor that are, as a whole or in part, the secure world's.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub enum Private {
    /// GICR_IGROUPR0.
    Group = SGI_FRAME + 0x80,
    /// GICR_ISENABLER0.
    Enable = ISENABLER0,
    /// GICR_ICENABLER0.
    Disable = ICENABLER0,
    /// GICR_ISPENDR0.
    Pending = ISPENDR0,
    /// GICR_ICPENDR0.
    NotPending = ICPENDR0,
    /// GICR_ISACTIVER0.
    Active = SGI_FRAME + 0x300,
    /// GICR_IGRPMODR0.
    GroupModifier = SGI_FRAME + 0xd00,
    /// GICR_NSACR.
    NonSecureAccess = SGI_FRAME + 0xe00,
}

/// Reads one of these registers of a core.
pub fn read_private(index: usize, register: Private) -> u32 {
    read(index, register as usize)
}

/// Writes one of these registers of a core, as far as the non-secure world may.
pub fn write_private(index: usize, register: Private, value: u32) {
    write(index, register as usize, value);
}

/// Reads GICD_CTLR.
pub fn distributor_control() -> u32 {
    // SAFETY: The control register of the distributor is mapped as device memory, and reading has no effect.
    unsafe { (GICD_CTLR as *const u32).read_volatile() }
}

/// Writes GICD_CTLR.
pub fn set_distributor_control(value: u32) {
    // SAFETY: As for reading; what the non-secure world can write there turns its own interrupts on and off.
    unsafe { (GICD_CTLR as *mut u32).write_volatile(value) }
}

/// Enables Group 1 interrupts in the distributor, once.
pub fn init_distributor() {
    set_distributor_control(GICD_CTLR_ENABLE);
}

/// Makes the calling core take SGIs and its timer's interrupt once it unmasks IRQs.
pub fn init_core(index: usize, ppi: u32) {
    write(index, ISENABLER0, ALL_SGIS | 1 << ppi);
    set_priority_mask(0xff);
    write_register!("S3_0_C12_C12_7", 1); // ICC_IGRPEN1_EL1
    isb();
}

/// Sets ICC_PMR_EL1: interrupts that are not of a higher priority are not signalled.
pub fn set_priority_mask(mask: u8) {
    write_register!("S3_0_C4_C6_0", mask.into()); // ICC_PMR_EL1
    isb();
}

/// Acknowledges the most urgent pending interrupt and does not end it; false if there is none.
pub fn acknowledge() -> bool {
    !SPECIAL.contains(&(read_register!("S3_0_C12_C12_0") as u32)) // ICC_IAR1_EL1
}

/// Acknowledges the most urgent pending interrupt and ends it; returns its number.
pub fn take() -> Option<u32> {
    let interrupt = read_register!("S3_0_C12_C12_0"); // ICC_IAR1_EL1
    let number = u32::try_from(interrupt).ok().filter(|number| !SPECIAL.contains(number))?;
    write_register!("S3_0_C12_C12_1", interrupt); // ICC_EOIR1_EL1
    isb();
    Some(number)
}

/// Returns the number of the most urgent pending interrupt of an enabled group, or a special one.
pub fn most_urgent() -> u64 {
    read_register!("S3_0_C12_C12_2") // ICC_HPPIR1_EL1
}

/// Sends an SGI to one core.
pub fn send(sgi: u32, index: usize) {
    let mpidr = machine::mpidr(index);
    let (aff0, aff1) = (mpidr & 0xff, mpidr >> 8 & 0xff);
    // What was stored before must be seen by a core that has taken the interrupt.
    dsb_sy();
    write_register!("S3_0_C12_C11_5", aff1 << 16 | u64::from(sgi) << 24 | 1 << aff0); // ICC_SGI1R_EL1
    // The interrupt is on its way before the next instruction.
    isb();
}

/// Enables these of interrupts 0 to 31 of a core, and disables all others.
pub fn set_enabled(index: usize, bits: u32) {
    write(index, ICENABLER0, !bits);
    write(index, ISENABLER0, bits);
}

/// Returns which of interrupts 0 to 31 of a core are enabled.
pub fn enabled(index: usize) -> u32 {
    read(index, ISENABLER0)
}

/// Sets the priorities of SGIs 0 to 3 of a core, one to a byte.
pub fn set_priorities(index: usize, priorities: u32) {
    write(index, IPRIORITYR0, priorities);
}

/// Returns the priorities of SGIs 0 to 3 of a core, one to a byte.
pub fn priorities(index: usize) -> u32 {
    read(index, IPRIORITYR0)
}

/// Makes interrupts 0 to 31 of a core pending.
pub fn set_pending(index: usize, bits: u32) {
    write(index, ISPENDR0, bits);
}

/// Makes interrupts 0 to 31 of a core not pending.
pub fn clear_pending(index: usize, bits: u32) {
    write(index, ICPENDR0, bits);
}

/// Returns which of interrupts 0 to 31 are pending at a core, enabled or not.
pub fn pending(index: usize) -> u32 {
    read(index, ISPENDR0)
}

/// Returns the address of a core's redistributor.
pub fn redistributor_address(index: usize) -> u64 {
    redistributor(index, 0) as u64
}

/// Returns the number that GICR_TYPER gives a core.
pub fn processor_number(index: usize) -> u64 {
    u64::from(read(index, GICR_TYPER) >> 8 & 0xffff)
}

/// Returns whether a core can have physical LPIs.
pub fn has_lpis(index: usize) -> bool {
    read(index, GICR_TYPER) & PHYSICAL_LPIS != 0
}

/// Returns whether a core's redistributor uses its LPI tables.
pub fn lpis_are_enabled(index: usize) -> bool {
    read(index, GICR_CTLR) & ENABLE_LPIS != 0
}

/// Gives a redistributor its tables and lets it use them: the values of GICR_PROPBASER and GICR_PENDBASER.
///
/// # Safety
///
/// The redistributor has no LPIs, and nobody else uses the tables as long as it has.
pub unsafe fn enable_lpis(index: usize, configuration: u64, pending: u64) {
    for (register, value) in [(GICR_PROPBASER, configuration), (GICR_PENDBASER, pending)] {
        // SAFETY: The register is in the redistributor of a core that exists, mapped as device memory; the caller
        // promises the tables, which are not used before the next write.
        unsafe { redistributor(index, register).cast::<u64>().write_volatile(value) };
    }
    // The tables are clear, and their addresses known, before the redistributor uses them.
    dsb_sy();
    write(index, GICR_CTLR, read(index, GICR_CTLR) | ENABLE_LPIS);
}

/// Takes its LPI tables from a redistributor, if it gives them up.
pub fn disable_lpis(index: usize) {
    let control = read(index, GICR_CTLR);
    if control & CLEAR_ENABLE_SUPPORTED != 0 {
        write(index, GICR_CTLR, control & !ENABLE_LPIS);
        wait_until(PATIENCE, || read(index, GICR_CTLR) & WRITE_PENDING == 0);
    }
}

/// Returns whether a stop request is pending at the calling core. A doorbell that came late is none.
pub fn stop_is_pending() -> bool {
    pending(machine::this_core()) & 1 << STOP != 0
}

/// Returns whether an interrupt is pending at the calling core that IRQ masking keeps out.
pub fn irq_is_pending() -> bool {
    const ISR_I: u64 = 1 << 7;
    read_register!("isr_el1") & ISR_I != 0
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The GICv3: Group 0 is EL3's, non-secure Group 1 is the operating system's, secure Group 1 is nobody's.
//!
//! | interrupt | group | priority | use |
//! |---|---|---|---|
//! | SGI 8 | 0 | 0x00 | the doorbell: look at your word and at the control word |
//! | PPI 29 | 0 | 0x00 | the alarm, EL3's timer: look whether a deadline of a session is past |
//! | SGI 9 to 15 | 0 | 0x80 | not used, disabled |
//! | all others | 1 NS | 0x80 | the operating system's |
//!
//! One interrupt serves every purpose. What it means is in the words that the receiver reads after it: one that merges with
//! another loses nothing, and one that comes late does nothing.

use core::{ops::RangeInclusive, ptr::NonNull};

use aarch64_cpu::asm::barrier;
use arm_gic::{
    IntId, InterruptGroup,
    gicv3::{
        GicCpuInterface, GicDistributor, GicError, GicRedistributor, HIGHEST_NS_PRIORITY, HIGHEST_S_PRIORITY,
        SgiTarget, SgiTargetGroup,
        registers::{Gicd, GicdCtlr, GicrSgi, Sgi},
    },
};
use quell_plat::Platform;
use safe_mmio::{UniqueMmioPointer, field, fields::ReadPureWrite};
use tock_registers::interfaces::{Readable, Writeable};

use crate::{
    alarm, machine,
    platform::Machine,
    sysreg::{
        ICC_BPR0_EL1, ICC_BPR1_EL1, ICC_CTLR_EL1, ICC_CTLR_EL3, ICC_HPPIR1_EL1, ICC_IGRPEN1_EL1,
        ICC_IGRPEN1_EL3, ICC_RPR_EL1, ICC_SRE_EL1, ICC_SRE_EL2,
    },
};

/// The secure SGI that wakes a core in the pen and stops one in the operating system.
const DOORBELL: IntId = IntId::sgi(8);

/// EL3's timer: INTID 29.
const ALARM: IntId = IntId::ppi(13);

/// The private interrupts that the non-secure world does not get, a bit for each: SGI 8 to 15 and EL3's timer.
const GROUP0: u32 = 0xff << 8 | ENABLED;
/// Those of them that are used.
const ENABLED: u32 = 1 << (DOORBELL.raw_value()) | 1 << ALARM.raw_value();

/// The priorities of the private interrupts, four in a word: the highest of all for those that are EL3's and used.
const PRIORITIES: [u32; 8] = {
    let mut priorities = [[HIGHEST_NS_PRIORITY; 4]; 8];
    let mut interrupt = 0;
    while interrupt < 32 {
        if ENABLED >> interrupt & 1 == 1 {
            priorities[interrupt / 4][interrupt % 4] = HIGHEST_S_PRIORITY;
        }
        interrupt += 1;
    }
    let mut words = [0; 8];
    let mut word = 0;
    while word < words.len() {
        words[word] = u32::from_le_bytes(priorities[word]);
        word += 1;
    }
    words
};

/// Interrupt identifiers that say that there is none to acknowledge, or none for the reader.
const SPECIAL: RangeInclusive<u32> = 1020..=1023;

/// More interrupts than a core can have waiting for EL3 at once.
const GROUP0_MOST: usize = 16;

/// ICC_CTLR_EL3.EOImode_EL3: ending an interrupt at EL3 drops its priority and does not deactivate it.
const EOIMODE_EL3: u64 = 1 << 2;
/// ICC_IGRPEN1_EL3.EnableGrp1NS.
const GRPEN1_NON_SECURE: u64 = 1;
/// ICC_RPR_EL1 of a core that handles no interrupt.
const IDLE_PRIORITY: u64 = 0xff;
/// The most interrupts that can be nested: one for each priority that preempts.
const NESTED_MOST: usize = 128;

/// ICC_SRE_EL1 and ICC_SRE_EL2: system registers, no bypass; EL2 lets EL1 use them.
const SRE_EL1: u64 = 0x7;
const SRE_EL2: u64 = 0xf;

/// The redistributor of one core. There is one such pointer at a time: nobody keeps it.
fn redistributor(index: usize) -> UniqueMmioPointer<'static, GicrSgi> {
    let address = machine::gicr() as usize + index * size_of::<GicrSgi>();
    let registers = NonNull::new(address as *mut GicrSgi).expect("the redistributors are not at 0");
    // SAFETY: the platform's description places all redistributors inside its devices, which are mapped. A core's
    // registers are used by the first core before any other runs, and then by that core alone.
    unsafe { UniqueMmioPointer::new(registers) }
}

/// Returns what the driver returns for an interrupt that exists: SGIs and PPIs have a group, a priority and an enable bit.
fn valid<T>(result: Result<T, GicError>) -> T {
    // Not `expect`: the text of every error that can not be would have to be in flash.
    result.unwrap_or_else(|_| panic!("a private interrupt is none"))
}

/// Sets up the distributor, and every core's redistributor so far that the doorbell reaches the core.
///
/// # Errors
///
/// Returns the index of the core whose redistributor is not where it should be.
///
/// # Safety
///
/// Only the first core runs, and `gicd` is the distributor, mapped as a device.
pub(crate) unsafe fn init(gicd: u64, cores: usize) -> Result<(), usize> {
    let registers = NonNull::new(gicd as *mut Gicd).expect("the distributor is not at 0");
    // SAFETY: the caller promises the registers, and that nobody else uses them.
    let mut distributor = GicDistributor::new(unsafe { UniqueMmioPointer::new(registers) });
    distributor.modify_control(GicdCtlr::EnableGrp0 | GicdCtlr::EnableGrp1S | GicdCtlr::EnableGrp1NS, false);
    distributor.modify_control(GicdCtlr::ARE_S | GicdCtlr::ARE_NS, true);
    distributor.configure_default_settings();
    // The non-secure world enables its group when it is ready.
    distributor.enable_group1_non_secure(false);
    distributor.enable_group0(true);

    for index in 0..cores {
        wake(index)?;
        init_private(index);
    }
    Ok(())
}

/// Wakes a core's redistributor, if it is where it should be.
fn wake(index: usize) -> Result<(), usize> {
    let mut driver = GicRedistributor::new(redistributor(index));
    let typer = driver.typer();
    // Extended PPIs, which the machines here have not, would stay as reset has left them: EL3's.
    if typer.core_mpidr() != Machine::affinity_of(index) || typer.max_eppi_count() != 0 {
        return Err(index);
    }
    // The error says that it is awake already.
    let _ = driver.mark_core_awake();
    Ok(())
}

/// Puts a core's private interrupts in their groups: all disabled, none pending, but for the doorbell and the alarm.
///
/// Whole registers at once: the driver of arm-gic would read, change and write one for each interrupt, at every start of a core.
fn init_private(index: usize) {
    let mut registers = redistributor(index);
    let mut sgi = field!(registers, sgi);
    write(field!(sgi, icenabler), u32::MAX);
    // Nothing is enabled any more when the rest is changed.
    GicRedistributor::new(registers.reborrow()).wait_for_pending_write();
    assign_private(field!(registers, sgi));
}

// A function of its own: from the frame's address, each register is one instruction away.
#[inline(never)]
fn assign_private(mut sgi: UniqueMmioPointer<'_, Sgi>) {
    write(field!(sgi, icpendr), u32::MAX);
    write(field!(sgi, icactiver), u32::MAX);
    field!(sgi, nsacr).write(0);
    write(field!(sgi, igroupr), !GROUP0);
    write(field!(sgi, igrpmodr), 0);
    for (number, word) in PRIORITIES.into_iter().enumerate() {
        field!(sgi, ipriorityr).get(number).expect("there are 24").write(word);
    }
    // PPIs are levels. SGIs are what they are.
    field!(sgi, icfgr).get(1).expect("there are 6").write(0);
    write(field!(sgi, isenabler), ENABLED);
}

/// Writes the register of the SGIs and PPIs, the first of those with one bit for each interrupt.
fn write(mut registers: UniqueMmioPointer<'_, [ReadPureWrite<u32>; 3]>, value: u32) {
    registers.get(0).expect("there are 3").write(value);
}

/// Brings the calling core's redistributor to the state that the non-secure world finds at its start.
pub(crate) fn reset_redistributor(index: usize) {
    close_non_secure();
    init_private(index);
}

/// Brings the calling core's CPU interface to the state that the non-secure world finds at its start. SCR_EL3.NS is set.
pub(crate) fn reset_interface() {
    close_non_secure();
    ICC_SRE_EL2.set(SRE_EL2);
    ICC_SRE_EL1.set(SRE_EL1);
    barrier::isb(barrier::SY); // the registers below exist only with SRE
    GicCpuInterface::set_priority_mask(u8::MAX);
    drop_priorities();
    // Ending an interrupt also deactivates it; every priority of Group 0 preempts.
    ICC_CTLR_EL3.set(0);
    ICC_BPR0_EL1.set(0);
    ICC_CTLR_EL1.set(0);
    ICC_BPR1_EL1.set(0);
    ICC_IGRPEN1_EL1.set(0);
    GicCpuInterface::enable_group0(true);
    // What was pending is gone, and the doorbell is open, before the gate looks at the control word.
    barrier::dsb(barrier::SY);
    barrier::isb(barrier::SY);
}

/// Lets every interrupt of the non-secure world wake this core that is enabled at its redistributor or at the distributor:
/// a core that powers down has no CPU interface whose masks could hold one back.
pub(crate) fn open_for_wake_up() {
    GicCpuInterface::set_priority_mask(u8::MAX);
    drop_priorities();
    ICC_CTLR_EL3.set(0);
    ICC_IGRPEN1_EL3.set(GRPEN1_NON_SECURE);
    barrier::isb(barrier::SY); // open before the core sleeps
}

/// Returns whether an interrupt of the non-secure world is pending at this core, whatever its priority. SCR_EL3.NS is set.
pub(crate) fn is_non_secure_pending() -> bool {
    // LPIs have greater numbers than the special ones.
    !SPECIAL.contains(&(ICC_HPPIR1_EL1.get() as u32))
}

/// Drops the priorities of the interrupts that the core was handling when it was stopped: with them active, it would take
/// none of the same priority in its next life.
///
/// Not by ICC_AP1R0_EL1: QEMU ignores what EL3 writes there for non-secure interrupts. Which interrupts they were nobody
/// knows, so EL3 ends them without deactivation; `init_private` has done that for the core's own.
fn drop_priorities() {
    ICC_CTLR_EL3.set(EOIMODE_EL3);
    barrier::isb(barrier::SY); // ending an interrupt only drops its priority from here on
    for _ in 0..NESTED_MOST {
        if ICC_RPR_EL1.get() == IDLE_PRIORITY {
            break;
        }
        GicCpuInterface::end_interrupt(IntId::sgi(0), InterruptGroup::Group1);
        barrier::isb(barrier::SY); // dropped before the running priority is read again
    }
}

/// Keeps the operating system's interrupts from waking this core in the pen.
pub(crate) fn close_non_secure() {
    ICC_IGRPEN1_EL3.set(0);
    barrier::isb(barrier::SY); // closed before the core sleeps
}

/// Acknowledges and ends what waits for EL3 on this core; what comes later is not lost. The alarm is off then: whoever takes
/// its interrupt looks at what is due, and sets it again.
#[inline]
pub(crate) fn acknowledge() {
    if acknowledge_one() {
        acknowledge_others();
    }
    // The words are read after the interrupt that announced them has been taken.
    barrier::isb(barrier::SY);
}

#[inline(never)]
fn acknowledge_others() {
    for _ in 1..GROUP0_MOST {
        if !acknowledge_one() {
            break;
        }
    }
}

/// Acknowledges and ends one interrupt; returns whether there was one.
#[inline(always)]
fn acknowledge_one() -> bool {
    let interrupt = GicCpuInterface::get_and_acknowledge_interrupt(InterruptGroup::Group0);
    let Some(interrupt) = interrupt.filter(|interrupt| !SPECIAL.contains(&interrupt.raw_value())) else {
        return false;
    };
    end(interrupt);
    true
}

#[inline(never)]
fn end(interrupt: IntId) {
    if interrupt == ALARM {
        // Its interrupt is a level: it would be pending again at once.
        alarm::set(None);
    }
    GicCpuInterface::end_interrupt(interrupt, InterruptGroup::Group0);
}

/// Rings the doorbell of one core.
pub(crate) fn ring_one(core: usize) {
    let cluster = core >> Machine::CLUSTER_SHIFT;
    send_to(DOORBELL, SgiTargetGroup::Group0, cluster, 1 << (core - (cluster << Machine::CLUSTER_SHIFT)));
    // The write is on its way before this core goes on.
    barrier::isb(barrier::SY);
}

/// Rings the doorbells of these cores.
pub(crate) fn ring(cores: impl Iterator<Item = usize>) {
    send(DOORBELL, SgiTargetGroup::Group0, cores);
}

/// Sends an SGI of the non-secure world: to EL3, which is secure whatever SCR_EL3.NS says, that is the other Group 1.
pub(crate) fn send_non_secure(sgi: u32, cores: impl Iterator<Item = usize>) {
    send(IntId::sgi(sgi), SgiTargetGroup::OtherGroup1, cores);
}

/// Sends an SGI with one write for each cluster. Never the broadcast form: it leaves cores pending that are OFF.
fn send(interrupt: IntId, group: SgiTargetGroup, cores: impl Iterator<Item = usize>) {
    let mut cluster = 0;
    let mut target_list = 0;
    for core in cores {
        if core >> Machine::CLUSTER_SHIFT != cluster {
            send_to(interrupt, group, cluster, target_list);
            (cluster, target_list) = (core >> Machine::CLUSTER_SHIFT, 0);
        }
        target_list |= 1 << (core % (1 << Machine::CLUSTER_SHIFT));
    }
    send_to(interrupt, group, cluster, target_list);
    // The writes are on their way before this core goes on.
    barrier::isb(barrier::SY);
}

/// Sends an SGI to cores of one cluster, if there are any.
#[inline(always)]
fn send_to(interrupt: IntId, group: SgiTargetGroup, cluster: usize, target_list: u16) {
    if target_list != 0 {
        // What the receivers will read is visible to them before the interrupt is: also what was written while they were
        // drawn from the iterator.
        barrier::dsb(barrier::ISHST);
        let affinity = Machine::affinity_of(cluster << Machine::CLUSTER_SHIFT);
        let [_, affinity1, affinity2, _, affinity3, ..] = affinity.to_le_bytes();
        let target = SgiTarget::List { affinity3, affinity2, affinity1, target_list };
        valid(GicCpuInterface::send_sgi(interrupt, target, group));
    }
}

/// The target list has a bit for Aff0 0 to 15; beyond, it needs the range selector.
const _: () = assert!(1 << Machine::CLUSTER_SHIFT <= 16);

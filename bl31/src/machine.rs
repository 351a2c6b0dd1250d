// SPDX-License-Identifier: MIT OR Apache-2.0

//! The one machine that this image runs on, and everything in RAM that exists once or once per core.

use core::{
    cell::UnsafeCell,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use aarch64_cpu::registers::{CNTFRQ_EL0, CNTPCT_EL0, SCTLR_EL1, SCTLR_EL2, SPSR_EL3};
use quell_plat::{Description, Platform};
use quell_power::{Control, CoreSlot, CoreTable, Topology};
use quell_psci::{Psci, PsciSlot};
use quell_stop::{RecordSlot, RecordWriter, Stop, StopSlot};
use tock_registers::interfaces::Readable;

use crate::{
    alarm, capture,
    enables::Enables,
    frame::Caller,
    gic, mem_protect,
    pen::{self, Closed},
    platform::Machine,
    sysreg::TPIDR_EL3,
};

/// Bytes of a core's stack. It is empty whenever the core is not in EL3.
pub(crate) const STACK_SIZE: usize = 1408;

const CORES: usize = Machine::MAX_CORES;

/// A core's stack.
#[repr(C, align(64))]
pub(crate) struct Stack(UnsafeCell<[u8; STACK_SIZE]>);

// SAFETY: a stack belongs to the core with its index, and nobody makes a reference to it.
unsafe impl Sync for Stack {}

#[unsafe(link_section = ".per_core")]
pub(crate) static STACKS: [Stack; CORES] = [const { Stack(UnsafeCell::new([0; STACK_SIZE])) }; CORES];

static CONTROL: Control = Control::new();
static PSCI: quell_psci::Shared = quell_psci::Shared::new();
static STOP: quell_stop::Shared = quell_stop::Shared::new();
#[unsafe(link_section = ".per_core.slots")]
static CORE_SLOTS: [CoreSlot; CORES] = [const { CoreSlot::new() }; CORES];
#[unsafe(link_section = ".per_core.psci")]
static PSCI_SLOTS: [PsciSlot; CORES] = [const { PsciSlot::new() }; CORES];
#[unsafe(link_section = ".per_core.stop")]
static STOP_SLOTS: [StopSlot; CORES] = [const { StopSlot::new() }; CORES];
#[unsafe(link_section = ".per_core.records")]
static RECORDS: [RecordSlot; CORES] = [const { RecordSlot::new() }; CORES];

/// The services over the cores that there are, and what the device tree says, as far as it is needed after boot.
struct Known {
    psci: Psci<'static, Hardware>,
    stop: Stop<'static, Hardware>,
    memory: Range<u64>,
    enables: Enables,
}

impl Known {
    /// Returns a machine with so many cores; without any, nothing is known of it yet.
    const fn new(cores: usize, memory: Range<u64>, enables: Enables) -> Self {
        let (slots, _) = CORE_SLOTS.split_at(cores);
        let (psci_slots, _) = PSCI_SLOTS.split_at(cores);
        let (stop_slots, _) = STOP_SLOTS.split_at(cores);
        let (records, _) = RECORDS.split_at(cores);
        let table = CoreTable::new(&CONTROL, slots);
        Self {
            psci: Psci::new(table, &PSCI, psci_slots, &Hardware),
            stop: Stop::new(table, &STOP, stop_slots, records, &Hardware),
            memory,
            enables,
        }
    }
}

/// Where the redistributors are, as the tree says. By itself, so that a test can take it away.
static GICR: AtomicU64 = AtomicU64::new(0);

/// The place of what is known.
struct Place(UnsafeCell<Known>);

// SAFETY: it is written once, by the first core before any other runs.
unsafe impl Sync for Place {}

static KNOWN: Place = Place(UnsafeCell::new(Known::new(0, 0..0, Enables::NONE)));

fn known() -> &'static Known {
    // SAFETY: the only write is in `describe`, and nobody keeps a reference from before.
    unsafe { &*KNOWN.0.get() }
}

/// Makes the machine known, and resets what there is of each of its cores: RAM has kept what it held before.
///
/// The calling core is ON afterwards.
///
/// # Safety
///
/// Only this core runs, and it has nothing in hand that the functions of this module returned.
pub(crate) unsafe fn describe(description: &Description) {
    let cores = description.cores;
    let memory = description.memory.clone();
    let now_known = Known::new(cores, memory, Enables::of_this_core());
    GICR.store(description.gicr, Ordering::Relaxed);
    // SAFETY: the caller promises that nobody reads it, nor refers to it.
    unsafe { *KNOWN.0.get() = now_known };
    for index in 0..cores {
        CORE_SLOTS[index].clear();
        PSCI_SLOTS[index].clear();
        STOP_SLOTS[index].clear();
        RECORDS[index].clear();
        // SAFETY: the others do not run, and this core's stack is empty but for the boot, which begins below the frame.
        unsafe { Caller::link(index, core_table().local(index), psci().counters(index)) };
    }
    core_table().cold_boot(core_index());
}

/// Returns this core's index.
pub(crate) fn core_index() -> usize {
    TPIDR_EL3.get() as usize
}

/// Returns the core table.
pub(crate) fn core_table() -> CoreTable<'static> {
    known().psci.table()
}

/// Returns PSCI.
pub(crate) fn psci() -> &'static Psci<'static, Hardware> {
    &known().psci
}

/// Returns the stop service.
pub(crate) fn stop_service() -> &'static Stop<'static, Hardware> {
    &known().stop
}

/// Returns what the non-secure world may use of each core.
pub(crate) fn enables() -> &'static Enables {
    &known().enables
}

/// Returns the address of the first redistributor.
pub(crate) fn gicr() -> u64 {
    GICR.load(Ordering::Relaxed)
}

/// Returns the address behind the stack of the core with this index, where an empty stack begins.
pub(crate) fn stack_top(index: usize) -> u64 {
    (&raw const STACKS[index]).addr() as u64 + STACK_SIZE as u64
}

fn memory() -> Range<u64> {
    known().memory.clone()
}

fn now() -> u64 {
    CNTPCT_EL0.get()
}

fn frequency() -> u64 {
    CNTFRQ_EL0.get()
}

/// The machine as the services see it.
#[derive(Debug)]
pub(crate) struct Hardware;

impl Topology for Hardware {
    #[inline]
    fn index_of(&self, affinity: u64) -> Option<usize> {
        Machine::index_of(affinity).filter(|&index| index < core_table().len())
    }

    fn affinity_of(&self, index: usize) -> u64 {
        Machine::affinity_of(index)
    }
}

impl quell_psci::Hardware for Hardware {
    fn cluster_of(&self, index: usize) -> Range<usize> {
        let first = index >> Machine::CLUSTER_SHIFT << Machine::CLUSTER_SHIFT;
        first..core_table().len().min(first + (1 << Machine::CLUSTER_SHIFT))
    }

    fn is_entry_point(&self, address: u64) -> bool {
        memory().contains(&address) || Machine::is_executable(address)
    }

    fn caller_is_big_endian(&self) -> bool {
        // SPSR_EL3.M[3:2] is the exception level that called.
        if SPSR_EL3.get() >> 2 & 0b11 == 2 {
            SCTLR_EL2.is_set(SCTLR_EL2::EE)
        } else {
            SCTLR_EL1.is_set(SCTLR_EL1::EE)
        }
    }

    fn ring_doorbell(&self, core: usize) {
        gic::ring_one(core);
    }

    fn replace_mem_protect(&self, on: bool) -> bool {
        mem_protect::replace(on)
    }

    fn memory(&self) -> Range<u64> {
        memory()
    }

    fn now(&self) -> u64 {
        now()
    }

    fn frequency(&self) -> u64 {
        frequency()
    }
}

impl quell_stop::Hardware for Hardware {
    type Closed = Closed;

    fn now(&self) -> u64 {
        now()
    }

    fn frequency(&self) -> u64 {
        frequency()
    }

    fn send_stop(&self, cores: impl Iterator<Item = usize>) {
        gic::ring(cores);
    }

    fn send_normal(&self, sgi: u32, cores: impl Iterator<Item = usize>) {
        gic::send_non_secure(sgi, cores);
    }

    fn is_memory(&self, range: &Range<u64>) -> bool {
        let memory = memory();
        range.start < range.end && memory.start <= range.start && range.end <= memory.end
    }

    fn write(&self, address: u64, value: u64) {
        // SAFETY: the address passed `is_memory`: it is mapped writable, aligned, and no Rust object lies in it.
        unsafe { (address as *mut u64).write_volatile(value) };
    }

    fn acknowledge(&self) {
        gic::acknowledge();
    }

    fn sleep(&self) {
        pen::sleep();
    }

    fn close(&self) -> Closed {
        pen::close()
    }

    fn reopen(&self, closed: Closed) {
        pen::reopen(closed);
    }

    fn capture(&self, writer: &RecordWriter<'_>) {
        capture::registers(writer);
    }

    fn set_alarm(&self, at: Option<u64>) {
        alarm::set(at);
    }

    fn count_stray(&self) {
        psci().counters(core_index()).count_stray_doorbell();
    }

    fn reset_machine(&self) {
        Machine::system_reset();
        pen::wait_for_the_end()
    }
}

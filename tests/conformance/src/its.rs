// SPDX-License-Identifier: MIT OR Apache-2.0

//! The ITS: as much of it as one LPI for one core needs.
//!
//! | table | whose | what is in it |
//! |---|---|---|
//! | configuration, pending | the core's redistributor | whether the LPI is enabled; whether it is pending |
//! | devices, translations, collections | the ITS | which LPI an event of a device is, and whose it is |
//! | queue | this program and the ITS | commands |
//!
//! Commands are stored in the queue, and then CWRITER is moved past them: a barrier stands between the two. The ITS has
//! carried them out when CREADR has come to the same place, and SYNC, the last of them, is done when the redistributor has
//! seen what the others did. Tables are cleared only while nobody uses them: the ITS's while it is off, the
//! redistributor's while it has no LPIs. Not every redistributor can be without LPIs again once it has had them: then its
//! tables stay as they are, with the LPI disabled and not pending.
//!
//! The ITS of an emulator looks into the caches; on one that does not the tables would have to be cleaned to memory.

use core::cell::UnsafeCell;

use crate::clock::{PATIENCE, wait_until};
use crate::registers::dsb_sy;
use crate::verdict::{Finding, Verdict, holds, skipped};
use crate::{gic, machine};

/// The core that takes the LPI.
pub const CORE: usize = 1;

/// The LPI. Neither it nor the numbers of what leads to it are the first of their kind: a zero must not do in their place.
pub const LPI: u32 = FIRST_LPI + 5;
const FIRST_LPI: u32 = 8192;
const DEVICE: u64 = 3;
const EVENT: u64 = 1;
const COLLECTION: u64 = 2;

/// Bits of an event's number.
const EVENT_BITS: u64 = 1;
/// Bits of an interrupt's number: as few as LPIs can have.
const INTERRUPT_BITS: u32 = 14;

/// The LPI's entry in the configuration table: priority, a bit that is always 1, enabled.
const ENABLED: u8 = 0xa0 | 1 << 1 | 1;
const DISABLED: u8 = 0xa0 | 1 << 1;

const GITS_CTLR: usize = 0;
const GITS_TYPER: usize = 0x8;
const GITS_CBASER: usize = 0x80;
const GITS_CWRITER: usize = 0x88;
const GITS_CREADR: usize = 0x90;
const GITS_BASER: usize = 0x100;
const BASERS: usize = 8;

const CTLR_ENABLED: u32 = 1;
const CTLR_QUIESCENT: u32 = 1 << 31;
const TYPER_PHYSICAL: u64 = 1;
const TYPER_PTA: u64 = 1 << 19;

/// Of BASER and CBASER.
const VALID: u64 = 1 << 63;
/// Inner shareable, inner write-back memory, as the fields of GITS_BASER and GITS_CBASER say it.
const ITS_MEMORY: u64 = 0b111 << 59 | 0b01 << 10;
/// The same, as the fields of GICR_PROPBASER and GICR_PENDBASER say it.
const REDISTRIBUTOR_MEMORY: u64 = 0b111 << 7 | 0b01 << 10;
const BASER_64_KIB_PAGES: u64 = 0b10 << 8;
const BASER_DEVICES: u64 = 1;
const BASER_COLLECTIONS: u64 = 4;

const PAGE: usize = 0x1_0000;
const QUEUE_SIZE: usize = 0x1000;

/// The bits of CREADR and CWRITER that say where in the queue.
const QUEUE_OFFSET: u64 = (QUEUE_SIZE - size_of::<Command>()) as u64;

/// A command: four words.
type Command = [u64; 4];

const INT: u64 = 0x03;
const SYNC: u64 = 0x05;
const MAPD: u64 = 0x08;
const MAPC: u64 = 0x09;
const MAPTI: u64 = 0x0a;
const INV: u64 = 0x0c;
const DISCARD: u64 = 0x0f;

/// The tables. Each has a page, which is more than it needs: it is aligned as the strictest of them.
#[derive(Clone, Copy, Debug)]
enum Table {
    Configuration,
    Pending,
    Devices,
    Collections,
    Translations,
    Queue,
}

const REDISTRIBUTORS: [Table; 2] = [Table::Configuration, Table::Pending];
const OF_ITS: [Table; 4] = [Table::Devices, Table::Collections, Table::Translations, Table::Queue];
const TABLE_COUNT: usize = REDISTRIBUTORS.len() + OF_ITS.len();

#[repr(C, align(0x1_0000))]
struct Tables(UnsafeCell<[[u8; PAGE]; TABLE_COUNT]>);

// SAFETY: Of the cores only the boot core, which runs the cases, uses them, through raw pointers.
unsafe impl Sync for Tables {}

/// In a section that is not in the image; who uses a table clears it first.
#[unsafe(link_section = ".noinit.its")]
static TABLES: Tables = Tables(UnsafeCell::new([[0; PAGE]; TABLE_COUNT]));

impl Table {
    fn start(self) -> *mut u8 {
        TABLES.0.get().cast::<u8>().wrapping_add(self as usize * PAGE)
    }

    fn address(self) -> u64 {
        self.start() as u64
    }

    /// Clears the table.
    ///
    /// # Safety
    ///
    /// No hardware uses it.
    unsafe fn clear(self) {
        // SAFETY: The page is inside `TABLES`, and the caller promises that nobody uses it.
        unsafe { self.start().write_bytes(0, PAGE) }
    }
}

/// Configures the LPI. The redistributor sees it with the next INV.
fn configure(configuration: u8) {
    let lpi = Table::Configuration.start().wrapping_add((LPI - FIRST_LPI) as usize);
    // SAFETY: The LPI's byte is inside the table, which the redistributor only reads.
    unsafe { lpi.write_volatile(configuration) };
}

/// An ITS that can send LPIs.
#[derive(Clone, Copy, Debug)]
pub struct Its {
    base: u64,
    /// The core's redistributor as commands name it.
    redistributor: u64,
}

/// Runs `judge` while the ITS can send the LPI to its core; takes the LPI away again, whatever `judge` finds.
pub fn with_lpi(judge: impl FnOnce(Its) -> Verdict) -> Verdict {
    let its = Its::find()?;
    let verdict = its.map().and_then(|()| judge(its));
    let unmapped = its.unmap();
    verdict.and(unmapped)
}

impl Its {
    fn find() -> Result<Self, Finding> {
        let base = machine::its().ok_or(skipped(format_args!("the device tree has no ITS")))?;
        let mut its = Self { base, redistributor: gic::redistributor_address(CORE) };
        let typer = its.read(GITS_TYPER);
        if typer & TYPER_PHYSICAL == 0 || !gic::has_lpis(CORE) {
            return Err(skipped(format_args!("there are no physical LPIs (GITS_TYPER = {typer:#x})")));
        }
        if typer & TYPER_PTA == 0 {
            its.redistributor = gic::processor_number(CORE) << 16;
        }
        Ok(its)
    }

    fn read(self, register: usize) -> u64 {
        // SAFETY: `register` is one of the constants above or another BASER, in the ITS that the tree names; mapped as
        // device memory, and reading has no effect.
        unsafe { (self.base as *const u64).byte_add(register).read_volatile() }
    }

    fn write(self, register: usize, value: u64) {
        // SAFETY: As for `read`; all memory that the registers are told of is in `TABLES`.
        unsafe { (self.base as *mut u64).byte_add(register).write_volatile(value) }
    }

    /// Returns the only register that has 32 bits.
    fn control(self) -> u32 {
        // SAFETY: As for `read`.
        unsafe { (self.base as *const u32).byte_add(GITS_CTLR).read_volatile() }
    }

    fn set_control(self, value: u32) {
        // SAFETY: As for `write`.
        unsafe { (self.base as *mut u32).byte_add(GITS_CTLR).write_volatile(value) }
    }

    /// Turns the ITS on, with empty tables, and maps the event to the LPI.
    fn map(self) -> Verdict {
        self.turn_off()?;
        for table in OF_ITS {
            // SAFETY: The ITS is off.
            unsafe { table.clear() };
        }
        if !gic::lpis_are_enabled(CORE) {
            for table in REDISTRIBUTORS {
                // SAFETY: The redistributor has no LPIs.
                unsafe { table.clear() };
            }
            let configuration = Table::Configuration.address() | u64::from(INTERRUPT_BITS - 1);
            // SAFETY: The redistributor has no LPIs. The tables are in memory that is for nothing else.
            unsafe {
                gic::enable_lpis(
                    CORE,
                    configuration | REDISTRIBUTOR_MEMORY,
                    Table::Pending.address() | REDISTRIBUTOR_MEMORY,
                );
            }
        }
        for number in 0..BASERS {
            let baser = GITS_BASER + number * size_of::<u64>();
            let table = match self.read(baser) >> 56 & 0b111 {
                BASER_DEVICES => Table::Devices,
                BASER_COLLECTIONS => Table::Collections,
                _ => continue,
            };
            // One page, flat.
            self.write(baser, VALID | ITS_MEMORY | BASER_64_KIB_PAGES | table.address());
        }
        // One page of 4 KiB; this also sets CREADR to 0.
        self.write(GITS_CBASER, VALID | ITS_MEMORY | Table::Queue.address());
        self.write(GITS_CWRITER, 0);
        // The tables are clear before the ITS reads them.
        dsb_sy();
        self.set_control(CTLR_ENABLED);

        configure(ENABLED);
        self.carry_out(&[
            [MAPD | DEVICE << 32, EVENT_BITS - 1, VALID | Table::Translations.address(), 0],
            [MAPC, 0, VALID | self.redistributor | COLLECTION, 0],
            [MAPTI | DEVICE << 32, u64::from(LPI) << 32 | EVENT, COLLECTION, 0],
            Self::of_event(INV),
        ])
    }

    /// Sends the LPI.
    pub fn send(self) -> Verdict {
        self.carry_out(&[Self::of_event(INT)])
    }

    /// Takes the LPI away, pending or not, and turns the ITS off.
    fn unmap(self) -> Verdict {
        configure(DISABLED);
        let discarded = self.carry_out(&[
            Self::of_event(INV),
            // The LPI is no longer pending either.
            Self::of_event(DISCARD),
            // Not valid.
            [MAPD | DEVICE << 32, 0, 0, 0],
            [MAPC, 0, COLLECTION, 0],
        ]);
        let off = self.turn_off();
        gic::disable_lpis(CORE);
        discarded.and(off)
    }

    /// The command of this number that has the event as its only argument.
    fn of_event(command: u64) -> Command {
        [command | DEVICE << 32, EVENT, 0, 0]
    }

    /// Gives the ITS commands and a SYNC, and waits until they are carried out.
    fn carry_out(self, commands: &[Command]) -> Verdict {
        let queue = Table::Queue.start().cast::<Command>();
        let sync = [SYNC, 0, self.redistributor, 0];
        let mut end = self.read(GITS_CWRITER) & QUEUE_OFFSET;
        for command in commands.iter().chain([&sync]) {
            // SAFETY: The offset is a multiple of a command's size and below the queue's, and the queue is longer than
            // all the commands of one case: the ITS reads nothing here before CWRITER moves.
            unsafe { queue.byte_add(end as usize).write_volatile(*command) };
            end = (end + size_of::<Command>() as u64) & QUEUE_OFFSET;
        }
        // The commands and the configuration are in memory before the ITS looks for them.
        dsb_sy();
        self.write(GITS_CWRITER, end);
        let done = wait_until(PATIENCE, || self.read(GITS_CREADR) == end);
        holds(format_args!("the ITS carries out commands (CREADR = {:#x})", self.read(GITS_CREADR)), done)
    }

    fn turn_off(self) -> Verdict {
        self.set_control(0);
        holds("the ITS turns off", wait_until(PATIENCE, || self.control() & CTLR_QUIESCENT != 0))
    }
}

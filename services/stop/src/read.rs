// SPDX-License-Identifier: MIT OR Apache-2.0

//! READ: copy a core's record to non-secure memory.
//!
//! | x0 | when |
//! |---|---|
//! | SUCCESS | x1 bytes written; the header's `valid` says whether the registers are there |
//! | INVALID_PARAMETERS | no such core; the size is 0, more than a record, or no multiple of 8 |
//! | INVALID_ADDRESS | the buffer is not aligned to 8 bytes, or not wholly in non-secure RAM |

use core::mem::offset_of;

use quell_abi::{CoreRecord, RECORD_MAGIC, RECORD_SIZE, RECORD_VERSION, State, Status, Why};
use quell_arch::Answer;
use quell_power::{Protection, intact};

use crate::{
    Hardware, Outcome, Stop,
    query::state_byte,
    record::{IDENTITY, Identity},
};

/// The first word of a record that no capture writes.
const RESERVED: usize = offset_of!(CoreRecord, reserved) / 8;

impl<H: Hardware> Stop<'_, H> {
    pub(crate) fn read(&self, affinity: u64, address: u64, bytes: u64) -> Outcome {
        match self.copy_out(affinity, address, bytes) {
            Ok(()) => Outcome::Return(Answer::registers([Status::Success.to_register(), bytes])),
            Err(status) => status.into(),
        }
    }

    fn copy_out(&self, affinity: u64, address: u64, bytes: u64) -> Result<(), Status> {
        let index = self.hardware.index_of(affinity).ok_or(Status::InvalidParameters)?;
        if !(1..=RECORD_SIZE as u64).contains(&bytes) || !bytes.is_multiple_of(8) {
            return Err(Status::InvalidParameters);
        }
        let end = address.checked_add(bytes).ok_or(Status::InvalidAddress)?;
        if !address.is_multiple_of(8) || !self.hardware.is_memory(&(address..end)) {
            return Err(Status::InvalidAddress);
        }
        let words = (bytes / 8) as usize;
        let write = |word: usize, value| {
            if word < words || !intact(Protection::ReadBounds) {
                self.hardware.write(address + word as u64 * 8, value);
            }
        };
        let record = &self.records[index];
        let captured = record.identity();
        for word in IDENTITY + 1..words {
            // Nobody has written the reserved words, and what the memory holds there is the secure world's.
            write(word, if captured.is_some() && word < RESERVED { record.word(word) } else { 0 });
        }
        let word = self.table.remote(index).expect("the topology knows only cores of the table").word();
        // The core may have been captured anew while this copied: then what was copied is no capture.
        // And one that was stopped in its sleep records that when it wakes: what is there until then is an older capture.
        let is_due = word.state() == State::Off && word.why() == Why::Suspended;
        let is_current = |captured: &Identity| {
            record.is_still(*captured) && !(is_due && captured.generation != word.generation())
        };
        let identity = captured.filter(is_current).unwrap_or(Identity {
            generation: word.generation(),
            why: self.why(index, word),
            valid: false,
            capture: 0,
        });
        write(0, u64::from(RECORD_MAGIC) | u64::from(RECORD_VERSION) << 32);
        write(1, RECORD_SIZE as u64 | (index as u64) << 32);
        write(2, affinity);
        write(IDENTITY, identity.to_word(state_byte(word)));
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use core::cell::Cell;
    use std::{collections::BTreeMap, rc::Rc, vec::Vec};

    use quell_abi::{ALL_CORES, Call, Kind, Release, World};
    use zerocopy::FromBytes;

    use super::*;
    use crate::{
        Way,
        testing::{COOKIE, MILLISECOND, MS, Machine, NO_SGI, RAM},
    };

    const SIZE: u64 = RECORD_SIZE as u64;

    /// Reads the whole record of a core as an operating system does.
    fn read(machine: &Machine, core: u64) -> CoreRecord {
        assert_eq!(machine.results(0, Call::Read, &[core, RAM.start, SIZE]), [0, SIZE, 0, 0]);
        assemble(&machine.written())
    }

    fn assemble(written: &BTreeMap<u64, u64>) -> CoreRecord {
        assert!(
            written.keys().copied().eq((RAM.start..RAM.start + SIZE).step_by(8)),
            "every word, and no other"
        );
        let bytes: Vec<u8> = written.values().flat_map(|word| word.to_le_bytes()).collect();
        CoreRecord::read_from_bytes(&bytes).unwrap()
    }

    /// Stops core 1 in a session of core 0, and ends the session.
    fn capture(machine: &Machine, pc: u64) -> u64 {
        let handle = machine.begin(0, Kind::Crash, [0, 1]);
        machine.stop_core(1, Why::Nmi, handle, pc);
        machine.poll(0, handle);
        handle
    }

    #[test]
    fn a_capture_is_read_with_its_header() {
        let machine = Machine::new(10);
        let signalled = machine.time();
        let handle = machine.begin(0, Kind::Crash, [0, 1]);
        machine.advance(MILLISECOND);
        machine.stop_core(9, Why::Nmi, handle, 0xffff_8000_1234_5678);
        let mut expected = CoreRecord {
            magic: RECORD_MAGIC,
            version: RECORD_VERSION,
            size: 1024,
            index: 9,
            mpidr: 0x101,
            generation: handle as u32,
            state: State::Off as u8,
            why: Why::Nmi as u8,
            world: World::NonSecure as u8,
            valid: 1,
            cookie: COOKIE,
            signalled,
            stopped: signalled + MILLISECOND,
            pc: 0xffff_8000_1234_5678,
            ..CoreRecord::EMPTY
        };
        assert_eq!(read(&machine, 0x101), expected);
        // It stays readable when the core runs again; the state is the core's now.
        (1..9).for_each(|core| machine.stop_core(core, Why::Nmi, handle, 0));
        machine.poll(0, handle);
        machine.boot(0, 9);
        expected.state = State::On as u8;
        assert_eq!(read(&machine, 0x101), expected);
    }

    #[test]
    fn without_a_capture_there_is_only_the_header() {
        let machine = Machine::new(2);
        machine.off(1);
        let header = CoreRecord {
            magic: RECORD_MAGIC,
            version: RECORD_VERSION,
            size: 1024,
            index: 1,
            mpidr: 1,
            state: State::Off as u8,
            why: Why::Off as u8,
            ..CoreRecord::EMPTY
        };
        assert_eq!(read(&machine, 1), header);
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        let machine = Machine::new(2);
        for bytes in [0, 1, 4, 7, 9, SIZE - 1, SIZE + 1, SIZE + 8, 1 << 32 | 8, u64::MAX - 7, u64::MAX] {
            let status = machine.status(0, Call::Read, &[1, RAM.start, bytes]);
            assert_eq!(status, Status::InvalidParameters, "{bytes:#x}");
        }
        for absent in [2, 1 << 32 | 1, u64::MAX] {
            assert_eq!(machine.status(0, Call::Read, &[absent, RAM.start, 8]), Status::InvalidParameters);
        }
        assert!(machine.written().is_empty());
    }

    #[test]
    fn addresses_outside_the_memory_are_refused() {
        let machine = Machine::new(2);
        #[rustfmt::skip]
        let bad = [
            0, 4, RAM.start - 8, RAM.start - SIZE, RAM.start - SIZE + 8,
            RAM.end, RAM.end - SIZE + 8, RAM.end - 8,
            RAM.start + 1, RAM.start + 4, RAM.start + 7,
            u64::MAX, u64::MAX - 7, u64::MAX - SIZE + 1, u64::MAX - SIZE + 9, 1 << 63,
        ];
        for address in bad {
            let status = machine.status(0, Call::Read, &[1, address, SIZE]);
            assert_eq!(status, Status::InvalidAddress, "{address:#x}");
        }
        assert!(machine.written().is_empty());
    }

    #[test]
    fn exactly_the_buffer_is_written() {
        let machine = Machine::new(2);
        capture(&machine, 0x1234);
        for bytes in [8, 24, 32, 64, 72, SIZE - 8, SIZE] {
            for address in [RAM.start, RAM.start + 8, RAM.end - bytes] {
                assert_eq!(machine.results(0, Call::Read, &[1, address, bytes]), [0, bytes, 0, 0]);
                let written = machine.written();
                assert!(
                    written.keys().copied().eq((address..address + bytes).step_by(8)),
                    "{bytes} at {address:#x}"
                );
            }
        }
    }

    #[test]
    fn the_first_capture_of_a_generation_stays() {
        let machine = Machine::new(2);
        let handle = capture(&machine, 0x1111);
        machine.record(1, Why::Nmi, handle, 0x2222);
        assert_eq!(read(&machine, 1).pc, 0x1111);

        machine.boot(0, 1);
        let next = capture(&machine, 0x3333);
        let record = read(&machine, 1);
        assert_eq!(
            (record.pc, u64::from(record.generation)),
            (0x3333, next),
            "another session captures anew"
        );
    }

    #[test]
    fn a_record_carries_the_cookie_of_its_session() {
        let machine = Machine::new(3);
        let halt = machine.begin(0, Kind::Halt, [1, 1]);
        machine.stop_core(1, Why::Ack, halt, 0);
        let no_sgi = u64::MAX;
        assert_eq!(
            machine.status(0, Call::Begin, &[Kind::Crash as u64, 0, 0, 0, no_sgi, 7]),
            Status::Success
        );
        machine.stop_core(2, Why::Nmi, halt + 1, 0);
        assert_eq!([1, 2].map(|core| read(&machine, core).cookie), [COOKIE, 7]);
    }

    /// What is written while a record is being replaced says that it is no capture.
    #[test]
    fn a_record_that_is_being_replaced_is_not_valid() {
        let machine = Machine::new(2);
        let handle = capture(&machine, 0x1111);
        let seen = Rc::new(Cell::new(None));
        machine.boot(0, 1);
        let during = seen.clone();
        machine.on_capture(move |machine| during.set(Some(read(machine, 1))));
        machine.record(1, Why::Nmi, handle + 1, 0x2222);
        let record = seen.take().unwrap();
        assert_eq!((record.valid, record.pc, u64::from(record.generation)), (0, 0, handle));
        assert_eq!((read(&machine, 1).valid, read(&machine, 1).pc), (1, 0x2222));
    }

    /// The core is captured anew between the first look at the identity and the last.
    #[test]
    fn a_record_that_was_replaced_meanwhile_is_not_valid() {
        let machine = Machine::new(2);
        let handle = capture(&machine, 0x1111);
        machine.boot(0, 1);
        let pc = RAM.start + offset_of!(CoreRecord, pc) as u64;
        machine.on_write(pc, move |machine| machine.record(1, Why::Nmi, handle + 1, 0x2222));
        assert_eq!(read(&machine, 1).valid, 0);
        assert_eq!((read(&machine, 1).valid, read(&machine, 1).pc), (1, 0x2222));
    }

    /// The new capture looks like the old one: the core was evicted, started, and evicted again without a session.
    #[test]
    fn a_record_that_was_replaced_by_one_of_the_same_generation_is_not_valid() {
        let machine = Machine::new(2);
        let evict = |machine: &Machine, pc| {
            machine.set_pc(pc);
            assert_eq!(machine.stop().leave_evicted(&machine.table().local(1)), Way::Pen);
        };
        evict(&machine, 0x1111);
        machine.boot(0, 1);
        let pc = RAM.start + offset_of!(CoreRecord, pc) as u64;
        machine.on_write(pc, move |machine| evict(machine, 0x2222));
        assert_eq!(read(&machine, 1).valid, 0);
        assert_eq!((read(&machine, 1).valid, read(&machine, 1).pc), (1, 0x2222));
    }

    /// A PAUSE of core 0 without a time of grace.
    fn pause(machine: &Machine) -> u64 {
        let arguments = [Kind::Pause as u64, 0, MS, 100 * MS, NO_SGI, 0];
        machine.results(0, Call::Begin, &arguments)[1]
    }

    /// A core that called CPU_OFF and was given up on its way has no capture of this session.
    #[test]
    fn an_old_record_does_not_pass_for_one_of_this_stop() {
        let machine = Machine::new(2);
        let first = capture(&machine, 0x1111);
        machine.boot(0, 1);
        let second = machine.begin(0, Kind::Crash, [0, 0]);
        assert!(machine.table().local(1).leave());
        machine.poll(0, second);
        let off = [second, Release::Off as u64, ALL_CORES];
        assert_eq!(machine.status(0, Call::Release, &off), Status::Success);
        machine.stop().publish(&machine.table().local(1), Why::Off, Some(second as u32));
        let record = read(&machine, 1);
        assert_eq!((record.valid, u64::from(record.generation)), (1, first));
    }

    #[test]
    fn the_record_of_a_parked_core_goes_to_the_session_that_stops_it() {
        let machine = Machine::new(3);
        pause(&machine);
        machine.on_sleep(|machine| {
            let crash = machine.begin(1, Kind::Crash, [0, 1]);
            machine.stop_core(0, Why::Nmi, crash, 0);
            machine.poll(1, crash);
        });
        assert_eq!(machine.stop().gate(&machine.table().local(2)), Way::Pen);
        assert_eq!((read(&machine, 2).generation, read(&machine, 2).why), (2, Why::Nmi as u8));
        machine.boot(1, 2);
        assert_eq!((read(&machine, 2).generation, read(&machine, 2).valid), (2, 1), "after a new start, too");
    }

    /// A core that a PAUSE holds before its first instruction has no record of that: the one of its earlier life stays what it is.
    #[test]
    fn the_record_of_an_earlier_life_does_not_go_to_a_later_session() {
        let machine = Machine::new(3);
        let first = machine.begin(0, Kind::Crash, [0, 1]);
        machine.stop_core(1, Why::Nmi, first, 0x1111);
        machine.stop_core(2, Why::Nmi, first, 0);
        machine.poll(0, first);
        machine.boot(0, 2);
        machine.start(0, 1);
        pause(&machine);
        machine.on_sleep(|machine| {
            machine.begin(2, Kind::Crash, [0, 1]);
            assert_eq!(machine.state(1), (State::Off, Why::NeverRan));
        });
        let local = machine.table().local(1);
        machine.stop().stay(&local);
        assert_eq!(machine.stop().enter(&local, Why::NeverRan), Way::Pen);
        assert_eq!((u64::from(read(&machine, 1).generation), read(&machine, 1).pc), (first, 0x1111));
    }

    /// Who has turned a parked core OFF may be so late to say so that the core was stopped again.
    #[test]
    fn a_later_record_does_not_go_back_to_an_earlier_session() {
        let machine = Machine::new(2);
        let handle = capture(&machine, 0x1111) as u32;
        let records = machine.stop().records;
        records[1].hand_over(handle - 1);
        assert_eq!(read(&machine, 1).generation, handle);
        records[1].hand_over(handle + 1);
        assert_eq!(read(&machine, 1).generation, handle + 1);
    }

    #[test]
    fn the_record_of_a_core_that_goes_on_is_no_evidence() {
        let machine = Machine::new(2);
        let handle = pause(&machine);
        machine.on_sleep(move |machine| {
            assert_eq!(read(machine, 1).why, Why::Nmi as u8);
            let resume = [handle, Release::Resume as u64, ALL_CORES];
            assert_eq!(machine.status(0, Call::Release, &resume), Status::Success);
        });
        assert_eq!(machine.stop().gate(&machine.table().local(1)), Way::Back);
        assert_eq!((read(&machine, 1).why, read(&machine, 1).valid), (Why::None as u8, 1));
    }

    /// A core that records late, when another session is open, knows of no cookie.
    #[test]
    fn the_cookie_of_another_session_is_not_recorded() {
        let machine = Machine::new(2);
        let first = machine.begin(0, Kind::Halt, [10, 10]);
        assert!(machine.table().local(1).suspend(quell_power::Depth::Standby));
        machine.poll(0, first);
        machine.begin(0, Kind::Crash, [10, 10]);
        assert_eq!(machine.stop().arrive(&machine.table().local(1), Why::Suspended), Way::Pen);
        assert_eq!((u64::from(read(&machine, 1).generation), read(&machine, 1).cookie), (first, 0));
    }
}

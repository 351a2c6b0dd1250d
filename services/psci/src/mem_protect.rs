// SPDX-License-Identifier: MIT OR Apache-2.0

//! MEM_PROTECT and MEM_PROTECT_CHECK_RANGE (PSCI 1.3 sections 5.1.13 and 5.1.14): whether RAM is cleared at the next
//! reset.
//!
//! | MEM_PROTECT | when |
//! |---|---|
//! | INVALID_PARAMETERS | the argument is neither 0 (off) nor 1 (on) |
//! | 0, 1 | what it was before |
//!
//! | MEM_PROTECT_CHECK_RANGE | when |
//! |---|---|
//! | DENIED | the range is empty, wraps around, or is not wholly RAM |
//! | SUCCESS | a reset would clear it |

use crate::{Error, Hardware, Psci};

impl<H: Hardware> Psci<'_, H> {
    pub(crate) fn mem_protect(&self, on: u64) -> Result<i32, Error> {
        // The argument is 32 bits wide.
        let on = match on as u32 {
            0 => false,
            1 => true,
            _ => return Err(Error::InvalidParameters),
        };
        Ok(i32::from(self.hardware.replace_mem_protect(on)))
    }

    #[inline(never)]
    pub(crate) fn mem_protect_check_range(&self, base: u64, length: u64) -> Result<(), Error> {
        let memory = self.hardware.memory();
        let end = base.checked_add(length).ok_or(Error::Denied)?;
        if length > 0 && memory.start <= base && end <= memory.end { Ok(()) } else { Err(Error::Denied) }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Error, Outcome,
        testing::{MEMORY, Machine, SUCCESS, returns},
    };

    const MEM_PROTECT: u64 = 0x8400_0013;
    const CHECK_RANGE: u64 = 0xc400_0014;

    #[test]
    fn the_answer_is_what_it_was_before() {
        let machine = Machine::new(1);
        let set = |on| machine.call(0, [MEM_PROTECT, on, 0, 0]);
        assert_eq!([0, 1, 1, 0, 0].map(set), [0, 0, 1, 1, 0].map(Outcome::Return));
        assert_eq!([2, 0xffff_ffff].map(set), [returns(Error::InvalidParameters); 2]);
        assert_eq!([0xffff_ffff_0000_0001, 0].map(set), [0, 1].map(Outcome::Return));
    }

    #[test]
    fn a_range_lies_in_memory_or_not() {
        let machine = Machine::new(1);
        let check = |base, length| machine.call(0, [CHECK_RANGE, base, length, 0]);
        let size = MEMORY.end - MEMORY.start;
        for (base, length) in [(MEMORY.start, 1), (MEMORY.start, size), (MEMORY.end - 1, 1)] {
            assert_eq!(check(base, length), SUCCESS);
        }
        for (base, length) in [
            (MEMORY.start, 0),
            (MEMORY.start, size + 1),
            (MEMORY.start - 1, 2),
            (MEMORY.end, 1),
            (0, 1),
            (MEMORY.start, u64::MAX),
            (u64::MAX, u64::MAX),
            (MEMORY.start, MEMORY.start.wrapping_neg()),
        ] {
            assert_eq!(check(base, length), returns(Error::Denied), "{base:#x} {length:#x}");
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The head of a crashed kernel's core file, `/proc/vmcore`: the notes with the registers of its CPUs.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use object::LittleEndian;
use object::elf::{FileHeader64, NT_PRSTATUS};
use object::read::elf::{FileHeader, ProgramHeader};

/// What the guest writes before each line of the file, which is in base 64.
const LINE: &str = "vmcore: ";

/// Where `pr_pid` is in `struct elf_prstatus`, and `pr_reg`: x0 to x30, SP, PC and PSTATE.
const PID: usize = 32;
const REGISTERS: usize = 112;

/// What a note says of a CPU.
#[derive(Debug, PartialEq, Eq)]
pub struct Note {
    /// The process that it ran.
    pub pid: u32,
    /// Its stack pointer.
    pub sp: u64,
    /// Its program counter.
    pub pc: u64,
    /// Its PSTATE.
    pub pstate: u64,
}

/// Tells whether a line of the console is a part of the file.
pub fn is_line(line: &str) -> bool {
    line.starts_with(LINE)
}

/// Returns the file's bytes, up to the end of the notes.
pub fn bytes(console: &str) -> Result<Vec<u8>> {
    let text: String =
        console.lines().filter_map(|line| line.strip_prefix(LINE)).map(str::trim_end).collect();
    ensure!(!text.is_empty(), "the crash kernel did not show its core file");
    STANDARD.decode(text).context("the core file did not come through")
}

/// Returns the notes of the CPUs, in their order in the file.
pub fn notes(file: &[u8]) -> Result<Vec<Note>> {
    let header = FileHeader64::<LittleEndian>::parse(file).context("the core file is none")?;
    let endian = header.endian()?;
    let mut found = Vec::new();
    for segment in header.program_headers(endian, file)? {
        let Some(mut notes) = segment.notes(endian, file)? else { continue };
        while let Some(note) = notes.next()? {
            if note.n_type(endian) == NT_PRSTATUS && note.name() == b"CORE" {
                found.push(cpu(note.desc()).context("a note is too short")?);
            }
        }
    }
    Ok(found)
}

fn cpu(description: &[u8]) -> Option<Note> {
    let register = |index: usize| {
        let bytes = description.get(REGISTERS + index * 8..)?.first_chunk()?;
        Some(u64::from_le_bytes(*bytes))
    };
    let pid = u32::from_le_bytes(*description.get(PID..)?.first_chunk()?);
    Some(Note { pid, sp: register(31)?, pc: register(32)?, pstate: register(33)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a core file with the notes of CPUs: their pid and their PC.
    fn core(cpus: &[(u32, u64)]) -> Vec<u8> {
        let mut notes = Vec::new();
        for &(pid, pc) in cpus {
            notes.extend([5u32, 392, 1].map(u32::to_le_bytes).concat());
            notes.extend(b"CORE\0\0\0\0");
            let mut description = [0; 392];
            description[PID..PID + 4].copy_from_slice(&pid.to_le_bytes());
            description[REGISTERS + 32 * 8..][..8].copy_from_slice(&pc.to_le_bytes());
            notes.extend(description);
        }
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        file.extend([4u16, 183].map(u16::to_le_bytes).concat());
        file.extend(1u32.to_le_bytes());
        file.extend([0u64, 64, 0].map(u64::to_le_bytes).concat());
        file.extend(0u32.to_le_bytes());
        file.extend([64u16, 56, 1, 64, 0, 0].map(u16::to_le_bytes).concat());
        let size = notes.len() as u64;
        file.extend([4u32, 0].map(u32::to_le_bytes).concat());
        file.extend([120, 0, 0, size, size, 0].map(u64::to_le_bytes).concat());
        file.extend(notes);
        file
    }

    #[test]
    fn each_cpu_has_a_note() {
        let file = core(&[(1, 0x10), (77, 0xffff_8000_0000_1234)]);
        let notes = notes(&file).unwrap();
        let expected = |pid, pc| Note { pid, sp: 0, pc, pstate: 0 };
        assert_eq!(notes, [expected(1, 0x10), expected(77, 0xffff_8000_0000_1234)]);
    }

    #[test]
    fn a_file_comes_in_lines() {
        let console = "a line\nvmcore: AAEC\r\nanother\nvmcore: Aw==\n";
        assert_eq!(bytes(console).unwrap(), [0, 1, 2, 3]);
        assert!(bytes("nothing\n").is_err());
        assert!(bytes("vmcore: A\n").is_err());
        assert!(notes(b"\x7fELF").is_err());
    }
}

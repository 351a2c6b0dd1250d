// SPDX-License-Identifier: MIT OR Apache-2.0

//! From an ELF file to the bytes that lie in flash: the loadable segments at their physical addresses.

use anyhow::{Context, Result, ensure};
use object::LittleEndian;
use object::elf::{FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};

/// Returns what `elf` puts at physical addresses from `base` on; gaps are zero. All of it must lie within
/// `limit` bytes.
pub fn flatten(elf: &[u8], base: u64, limit: u64) -> Result<Vec<u8>> {
    let header = FileHeader64::<LittleEndian>::parse(elf).context("no 64-bit little-endian ELF file")?;
    let endian = header.endian()?;
    let mut segments = Vec::new();
    for segment in header.program_headers(endian, elf)? {
        // What has no bytes in the file (.bss) takes no place in flash.
        if segment.p_type(endian) == PT_LOAD && segment.p_filesz(endian) > 0 {
            let data = segment.data(endian, elf).ok().context("a segment reaches beyond the ELF file")?;
            segments.push((segment.p_paddr(endian), data));
        }
    }
    segments.sort_by_key(|&(address, _)| address);

    let mut image = Vec::new();
    for (address, data) in segments {
        let offset = address
            .checked_sub(base)
            .filter(|offset| offset + data.len() as u64 <= limit)
            .with_context(|| format!("a segment at {address:#x} lies outside the flash at {base:#x}"))?;
        let offset = usize::try_from(offset)?;
        ensure!(offset >= image.len(), "segments overlap at {address:#x}");
        image.resize(offset, 0);
        image.extend_from_slice(data);
    }
    ensure!(!image.is_empty(), "the ELF file has nothing to load");
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes an ELF file of segments (virtual address, physical address, bytes, size in memory).
    fn elf(segments: &[(u64, u64, &[u8], u64)]) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        file.extend([2u16, 183].map(u16::to_le_bytes).concat());
        file.extend(1u32.to_le_bytes());
        file.extend([0u64, 64, 0].map(u64::to_le_bytes).concat());
        file.extend(0u32.to_le_bytes());
        let count = u16::try_from(segments.len()).unwrap();
        file.extend([64, 56, count, 64, 0, 0].map(u16::to_le_bytes).concat());
        let mut offset = 64 + 56 * segments.len() as u64;
        for &(virt, phys, data, memory) in segments {
            file.extend([1u32, 5].map(u32::to_le_bytes).concat());
            let size = data.len() as u64;
            file.extend([offset, virt, phys, size, memory, 8].map(u64::to_le_bytes).concat());
            offset += size;
        }
        segments.iter().for_each(|(_, _, data, _)| file.extend_from_slice(data));
        file
    }

    #[test]
    fn physical_addresses_count_and_gaps_are_zero() {
        let file =
            elf(&[(0x2000_0000, 8, b"data", 4), (0, 0, b"code", 4), (0x2000_1000, 0x2000_1000, b"", 64)]);
        assert_eq!(flatten(&file, 0, 64).unwrap(), b"code\0\0\0\0data");
    }

    #[test]
    fn addresses_are_relative_to_the_base() {
        let file = elf(&[(0x1000_0000, 0x1000_0002, b"x", 1)]);
        assert_eq!(flatten(&file, 0x1000_0000, 64).unwrap(), b"\0\0x");
        assert!(flatten(&file, 0x1000_0003, 64).unwrap_err().to_string().contains("outside"));
    }

    #[test]
    fn what_can_not_be_in_flash_is_refused() {
        let message = |file: &[u8]| flatten(file, 0, 16).unwrap_err().to_string();
        assert!(message(&elf(&[(0, 0, b"12345", 5), (0, 4, b"x", 1)])).contains("overlap"));
        assert!(message(&elf(&[(0, 14, b"123", 3)])).contains("outside"));
        assert!(message(&elf(&[(0, 0, b"", 3)])).contains("nothing"));
        assert!(message(b"not an ELF file").contains("no 64-bit"));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the firmware takes of the machine: flash, secure RAM and stack.

use anyhow::Result;
use object::{Object, ObjectSection};

use crate::board::Board;
use crate::image::Image;
use crate::{code, stack};

/// The sizes of an image, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// The flash image without padding.
    pub flash: u64,
    /// The most cores that there is RAM for.
    pub cores: usize,
    /// The sections in secure RAM, by name.
    pub sections: Vec<(String, u64)>,
    /// The deepest stack from each place where a core has its whole stack before it.
    pub depths: Vec<(&'static str, u64)>,
}

impl Size {
    /// Looks at an image.
    pub fn of(image: &Image, board: Board) -> Result<Self> {
        let data = code::read(&image.elf)?;
        let file = code::parse(&data)?;
        let ram = board.secure_ram();
        let mut sections = Vec::new();
        for section in file.sections() {
            // What is not loaded, such as debug information, has no address.
            if ram.contains(&section.address()) && section.size() > 0 {
                sections.push((section.name()?.to_owned(), section.size()));
            }
        }
        Ok(Self {
            flash: image.size as u64,
            cores: board.max_cores(),
            sections,
            depths: stack::depths(&file)?,
        })
    }

    /// Returns the bytes of secure RAM.
    pub fn secure_ram(&self) -> u64 {
        self.sections.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Returns the bytes of the deepest stack.
    pub fn stack(&self) -> u64 {
        self.depths.iter().map(|(_, bytes)| *bytes).max().unwrap_or_default()
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reading a device tree, whatever machine it is of. QEMU makes all of them with addresses and sizes of two cells.

use dtoolkit::{
    Node, Property,
    fdt::{Fdt, FdtNode},
};

use crate::BadTree;

/// Returns the tree in the bytes, which may go on behind it.
///
/// Inlined always, as [`word`] is: an image has one machine's reader, in whose place it belongs.
#[inline(always)]
pub(crate) fn parse(bytes: &[u8]) -> Result<Fdt<'_>, BadTree> {
    Fdt::new(exact(bytes)?).map_err(|_| BadTree::Malformed)
}

/// Cuts the bytes to the size that the tree's header gives (Devicetree Specification 0.4 section 5.2).
fn exact(bytes: &[u8]) -> Result<&[u8], BadTree> {
    let size = bytes.get(4..8).and_then(|field| field.try_into().ok()).ok_or(BadTree::Malformed)?;
    let size = u32::from_be_bytes(size) as usize;
    bytes.get(..size).ok_or(BadTree::Malformed)
}

/// Returns a property of one cell, if the node has it.
#[inline(always)]
pub(crate) fn word(node: FdtNode<'_>, name: &'static str) -> Result<Option<u32>, BadTree> {
    let property = node.property(name);
    property.map(|property| property.value_as().map_err(|_| BadTree::Property(name))).transpose()
}

/// Returns a node's `reg` property of `count` numbers of two cells each, at most four; zeros follow them.
///
/// How many cells a number has is not taken from the tree: sbsa-ref's /intc does not say it of its child.
#[inline(never)]
pub(crate) fn reg(node: FdtNode<'_>, what: &'static str, count: usize) -> Result<[u64; 4], BadTree> {
    let property = node.property("reg").ok_or(BadTree::Property(what))?;
    let (numbers, rest) = property.value().as_chunks();
    if numbers.len() != count || !rest.is_empty() {
        return Err(BadTree::Property(what));
    }
    let mut reg = [0; 4];
    for (to, from) in reg.iter_mut().zip(numbers) {
        *to = u64::from_be_bytes(*from);
    }
    Ok(reg)
}

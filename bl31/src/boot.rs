// SPDX-License-Identifier: MIT OR Apache-2.0

//! The first lines of Rust: on the first core from reset to BL33, on the others from their first doorbell to the pen.

use core::slice;

use aarch64_cpu::asm::barrier;
use quell_plat::{Description, Detail, Platform};
use quell_power::Entry;

use crate::{
    console::Part, crash, frame::Caller, gic, machine, mem_protect, mitigation, mmu, pen, platform::Machine,
    world,
};

/// The first core: finds out what the machine is, and hands over.
pub(crate) extern "C" fn first_core() -> ! {
    mitigation::guard_entries();
    let description = read_device_tree();
    // SAFETY: only this core runs, and the platform promises that the description is true.
    unsafe { mmu::map_memory(&description.memory) };
    // The machine writes its device tree anew at each reset: it holds nothing of the life before.
    let tree_end = Machine::DEVICE_TREE + Machine::DEVICE_TREE_SIZE as u64;
    // SAFETY: the memory is mapped since just now, and the tree is not in what is cleared.
    unsafe { mem_protect::clear_if_asked(tree_end..description.memory.end) };
    // SAFETY: only this core runs.
    unsafe { machine::describe(&description) };
    // SAFETY: only this core runs, and the platform promises that the description is true.
    if let Err(index) = unsafe { gic::init(description.gicd, description.cores) } {
        crash::give_up(&[
            Part::Text("core "),
            Part::Number(index as u64),
            Part::Text(" has no redistributor in its place"),
        ]);
    }
    // The tables and words above are complete before another core can be woken.
    barrier::dsb(barrier::SY);
    let index = machine::core_index();
    world::reset_core(index, Entry::new(Machine::BL33, 0, false));
    pen::enter(Caller::of_this_core(), 0)
}

/// Every other core, with its first doorbell acknowledged.
pub(crate) extern "C" fn other_core() -> ! {
    mitigation::guard_entries();
    pen::stay()
}

fn read_device_tree() -> Description {
    // SAFETY: the platform promises that many readable bytes, they are mapped, and nobody writes them before the
    // non-secure world begins.
    let tree = unsafe { slice::from_raw_parts(Machine::DEVICE_TREE as *const u8, Machine::DEVICE_TREE_SIZE) };
    match Machine::describe(tree) {
        Ok(description) => description,
        Err(error) => {
            let (what, detail) = error.describe();
            let detail = match detail {
                Detail::None => Part::Text(""),
                Detail::Name(name) => Part::Text(name),
                Detail::Value(value) => Part::Hex(value),
            };
            crash::give_up(&[Part::Text("device tree: "), Part::Text(what), detail]);
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Passes the linker script to both binaries, and what it does not know: where the machine has its flash and its DRAM.

#[cfg_attr(not(feature = "virt"), path = "src/machine/sbsa_ref.rs")]
#[cfg_attr(feature = "virt", path = "src/machine/virt.rs")]
#[allow(dead_code, reason = "the linker needs few of the machine's numbers")]
mod machine;

use machine::{DRAM_BASE, FLASH};

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets the folder of the package");
    for (name, value) in
        [("FLASH_START", FLASH.start), ("FLASH_SIZE", FLASH.end - FLASH.start), ("DRAM_START", DRAM_BASE)]
    {
        println!("cargo:rustc-link-arg-bins=--defsym={name}={value:#x}");
    }
    println!("cargo:rustc-link-arg-bins=-T{folder}/payload.ld");
    println!("cargo:rerun-if-changed=payload.ld");
    println!("cargo:rerun-if-changed=src/machine");
}

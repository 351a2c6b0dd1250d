// SPDX-License-Identifier: MIT OR Apache-2.0

//! Hands the linker script to the linker, and what the script does not know: where the platform has its secure RAM.

use platform::Machine;
use quell_plat::Platform;

#[path = "src/platform.rs"]
mod platform;

fn main() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/link.ld");
    println!("cargo:rerun-if-changed={script}");
    println!("cargo:rustc-link-arg-bins=--defsym=SRAM={:#x}", Machine::SECURE_RAM);
    println!("cargo:rustc-link-arg-bins=-T{script}");
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Passes the linker script to both binaries.

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets the folder of the package");
    println!("cargo:rustc-link-arg-bins=-T{folder}/payload.ld");
    println!("cargo:rerun-if-changed=payload.ld");
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The C in docs/stop-guide.md compiles, block after block as one file.

use std::{env, fs, path::Path, process::Command};

#[test]
fn the_code_of_the_guide_compiles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join("../docs/stop-guide.md")).unwrap();
    let blocks: Vec<_> = guide
        .split("```c\n")
        .skip(1)
        .map(|rest| rest.split_once("```").expect("a block of code ends").0)
        .collect();
    assert!(blocks.len() >= 6, "the guide shows how to begin, poll, acknowledge, read, pause and evict");

    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guide.c");
    let header = root.join("quell_abi.h");
    let code = format!("#include <stdint.h>\n#include \"{}\"\n{}", header.display(), blocks.join("\n"));
    fs::write(&source, code).unwrap();
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let status = Command::new(compiler)
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"])
        .arg(&source)
        .status()
        .unwrap();
    assert!(status.success());
}

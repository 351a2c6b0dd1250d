// SPDX-License-Identifier: MIT OR Apache-2.0

//! The newest kernel of Debian on the richest core: it knows most of what a core can have, and must find it usable.

use anyhow::{Result, ensure};

use super::mode::Mode;
use super::{Options, judge};
use crate::host::Version;
use crate::qemu::Program;
use crate::test::{Log, Tally};

/// The kind of core that has the most for EL3 to enable.
pub const CPU: &str = "max";

/// What EL3 enables of it and the kernel names: pointer authentication, the vectors, the traps and the counter of EL2. (No MTE:
/// the machine has no memory for tags.)
const FEATURES: [&str; 8] = [
    "Address authentication",
    "Generic authentication",
    "Scalable Vector Extension",
    "Scalable Matrix Extension",
    "FA64",
    "HCRX_EL2 register",
    "Fine Grained Traps",
    "Enhanced Counter Virtualization (CNTPOFF)",
];

/// The oldest QEMU that the kernel has been seen on with all of them. 7.2 does not connect the virtual timer of EL2, which
/// Linux 7.3 takes where it can.
const FIRST_QEMU: Version = Version::new(10, 0);

/// The longest vectors that the architecture knows, and that core has: less is what EL3 has limited.
const VECTOR_BYTES: u32 = 256;

/// Boots the newest kernel on the core that has the most, and looks at what it found there.
pub fn case(log: &mut Log) -> Result<Tally> {
    if let Some(reason) = unusable()? {
        return Ok(Tally::skip(reason));
    }
    let options = Options { newest: true, ..Options::with(CPU) };
    let console = options.script(&options.guest()?, Mode::Boot, |line| log.line(line))?;
    judge::boot(&console, options.smp)?;
    features(&console, &FEATURES)?;
    for extension in ["SVE", "SME"] {
        vectors(&console, extension, VECTOR_BYTES)?;
    }
    Ok(Tally { reason: Some(judge::release(&console)?), ..Tally::pass() })
}

/// Returns why the kernel can not be booted on this QEMU, if so.
pub fn unusable() -> Result<Option<String>> {
    let version = Program::chosen().version()?;
    Ok((version < FIRST_QEMU).then(|| format!("QEMU {version} has not all that the kernel uses")))
}

/// Demands that the kernel has found features and uses them.
///
/// It goes by the ID registers. What they promise and EL3 withholds it meets before it has a console: that run does not end.
fn features(console: &str, names: &[&str]) -> Result<()> {
    for name in names {
        let found = console.lines().filter_map(|line| line.split_once("CPU features: detected: "));
        // Behind some names stands which kind it is, in parentheses.
        let is = |said: &str| {
            said.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
        };
        ensure!(found.map(|(_, said)| said.trim_end()).any(is), "the kernel did not detect: {name}");
    }
    Ok(())
}

/// Demands that the kernel may use vectors of `bytes`, by an extension's name.
fn vectors(console: &str, extension: &str, bytes: u32) -> Result<()> {
    let line = format!("{extension}: maximum available vector length {bytes} bytes per vector");
    ensure!(console.contains(&line), "the kernel did not say `{line}`");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_found_by_their_whole_name() {
        let console = "[    0.0] CPU features: detected: Address authentication (IMP DEF algorithm)\r\n\
                       [    0.0] CPU features: detected: Scalable Vector Extension\n\
                       [    0.7] SVE: maximum available vector length 256 bytes per vector\n";
        features(console, &["Scalable Vector Extension", "Address authentication"]).unwrap();
        let error = features(console, &["Scalable Vector"]).unwrap_err().to_string();
        assert_eq!(error, "the kernel did not detect: Scalable Vector");
        vectors(console, "SVE", 256).unwrap();
        assert!(vectors(console, "SVE", 16).is_err());
        assert!(vectors(console, "SME", 256).is_err());
    }
}

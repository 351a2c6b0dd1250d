// SPDX-License-Identifier: MIT OR Apache-2.0

//! Debian's Xen as a guest, with Debian's Linux in its first domain. Xen takes the cores and EL2; what its domains know as
//! PSCI is Xen's own.

use anyhow::{Context, Result, ensure};

use super::guest::Guest;
use super::mode::Mode;
use super::{CPU, TIMEOUT, judge};
use crate::board::Board;
use crate::peer::Firmware;
use crate::test::{Case, Log, Tally};

/// What the lines of Xen start with.
const XEN: &str = "(XEN) ";

/// On what to boot.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The number of cores, for Xen and for its first domain
    #[arg(long, default_value_t = 4)]
    smp: u32,
    /// The kind of core
    #[arg(long, default_value = CPU)]
    cpu: String,
    /// Other firmware to boot on: an image of the whole first flash bank, or tf-a, which is built from Debian's source
    #[arg(long, value_name = "FLASH0.fd|tf-a")]
    firmware: Option<Firmware>,
}

impl Options {
    fn linux(&self, board: Board) -> super::Options {
        super::Options {
            board,
            cpu: self.cpu.clone(),
            firmware: self.firmware.clone(),
            ..super::Options::on(self.smp)
        }
    }
}

/// Boots to a shell of the first domain on the terminal.
pub fn run(board: Board, options: &Options) -> Result<()> {
    let code = options.linux(board).machine(&Guest::xen(board)?, Mode::Shell)?.interactive()?;
    ensure!(code == 0, "QEMU ended with code {code}");
    Ok(())
}

/// Returns the cases of `cargo xtask test`.
pub fn cases() -> Vec<Case> {
    vec![Case::new("xen dom0 smp=4", |log| dom0(log, 4)).only_full()]
}

/// Boots until the first domain has switched the machine off.
fn dom0(log: &mut Log, smp: u32) -> Result<Tally> {
    let machine = super::Options::on(smp).machine(&Guest::xen(Board::default())?, Mode::Boot)?;
    // A reset would not end the run: only SYSTEM_OFF does.
    let outcome = machine.timeout(TIMEOUT).run(|line| log.line(line))?;
    outcome.check()?;
    Ok(Tally { reason: Some(judge(&outcome.console, smp)?), ..Tally::pass() })
}

/// Judges a boot on `smp` CPUs; returns the versions of what ran.
fn judge(console: &str, smp: u32) -> Result<String> {
    let xen = |start: &str| console.lines().find_map(|line| line.strip_prefix(XEN)?.strip_prefix(start));
    ensure!(xen(&format!("Brought up {smp} CPUs")).is_some(), "Xen did not bring up {smp} CPUs");
    // Xen says of a domain what it does not handle: that is between the two.
    let lines: Vec<_> = console.lines().filter(|line| !line.starts_with(XEN)).collect();
    let domain = lines.join("\n");
    judge::boot(&domain, smp)?;
    ensure!(
        lines.iter().any(|line| line.ends_with(" support found") && line.contains("] Xen ")),
        "the kernel has not found Xen"
    );
    ensure!(xen("Hardware Dom0 halted: halting machine").is_some(), "Xen did not switch the machine off");
    let version = xen("Xen version ").and_then(|rest| rest.split(' ').next());
    Ok(format!("Xen {}, {}", version.context("Xen did not say its version")?, judge::release(&domain)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a run prints, shortened.
    const GOOD: &str = "\
(XEN) Xen version 4.17.5 (Debian 4.17.5+72-g01140da4e8-1) (pkg-xen-devel@lists) debug=n Mon Jan 5
(XEN) Brought up 4 CPUs
(XEN) *** LOADING DOMAIN 0 ***
(XEN) d0v0: vGICD: unhandled word write 0x000000ffffffff to ICACTIVER4
[    0.000000] Xen 4.17 support found
quell-init: 6.1.0-50-cloud-arm64, 4 cpus online
quell-init: boot done
[   44.403119] reboot: Power down
(XEN) Hardware Dom0 halted: halting machine
";

    fn complaint(console: &str) -> String {
        judge(console, 4).unwrap_err().to_string()
    }

    #[test]
    fn a_whole_boot_is_good() {
        assert_eq!(judge(GOOD, 4).unwrap(), "Xen 4.17.5, 6.1.0-50-cloud-arm64");
    }

    #[test]
    fn anything_less_is_not() {
        assert_eq!(complaint(&GOOD.replace("up 4 CPUs", "up 3 CPUs")), "Xen did not bring up 4 CPUs");
        assert_eq!(complaint(&GOOD.replace("4 cpus", "3 cpus")), "the guest did not say `, 4 cpus online`");
        assert_eq!(complaint(&GOOD.replace("support", "")), "the kernel has not found Xen");
        assert_eq!(complaint(&GOOD.replace("halting", "rebooting")), "Xen did not switch the machine off");
        let oops = format!("{GOOD}[    1.0] Internal error: Oops - Undefined instruction: 0 [#1] SMP\n");
        assert!(complaint(&oops).starts_with("the kernel says: "));
    }
}

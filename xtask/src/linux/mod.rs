// SPDX-License-Identifier: MIT OR Apache-2.0

//! Debian's own Linux for arm64 as a guest: unmodified, started without UEFI, with the modules of `tests/linux/`.

mod chosen;
mod debian;
mod guest;
mod initramfs;
mod judge;
mod kdump;
mod kernel;
mod kexec;
mod latency;
mod loader;
mod mode;
mod modules;
mod newest;
mod orderly;
mod patched;
mod psci_checker;
mod runnable;
mod snapshot;
mod storm;
mod tree;
mod vmcore;
pub mod xen;

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::board::Board;
use crate::peer::Firmware;
use crate::qemu::{Machine, Program};
use crate::test::{Case, Log, Tally};
use crate::{image, timeline};
use guest::Guest;
use mode::Mode;

/// How long a scripted guest may take. A boot takes 5 to 30 s where the host is not busy.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The kind of core that the machine has unless told otherwise; the fastest to emulate that has VHE.
const CPU: &str = "neoverse-n2";

/// The kinds of core that the machine can have.
const CPUS: [&str; 6] = ["cortex-a57", "cortex-a72", "neoverse-n1", "neoverse-v1", CPU, newest::CPU];

/// Rounds of the hotplug case.
const ROUNDS: u32 = 20;

/// Rounds of the suspend case.
const SUSPENDS: u32 = 3;

/// The idle states of our firmware.
const IDLE_STATES: &[&str] = &["standby", "power_down", "cluster_power_down"];

/// The idle states to use on other firmware. TF-A on this machine accepts a power-down and never comes back from it.
const COMMON_IDLE_STATES: &[&str] = &["standby"];

/// What to boot, and on what.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The machine, which the command says for every guest.
    #[arg(skip)]
    pub board: Board,
    /// The number of cores
    #[arg(long, default_value_t = 4)]
    pub smp: u32,
    /// The kind of core
    #[arg(long, default_value = CPU)]
    pub cpu: String,
    /// Let this CPU loop with everything masked, then panic, and show what became of each CPU
    #[arg(long, value_name = "CPU")]
    pub wedge: Option<u32>,
    /// Panic with a crash kernel loaded, and show what that finds of the wedged CPU
    #[arg(long, requires = "wedge")]
    pub kdump: bool,
    /// Leave in an orderly way with the wedged CPU, instead of a panic
    #[arg(long, value_enum, requires = "wedge", conflicts_with = "kdump")]
    pub leave: Option<mode::Way>,
    /// Leave the kernel alone with the wedged CPU: load no driver
    #[arg(long, requires = "wedge")]
    pub no_driver: bool,
    /// Panic while CPUs go off and on, with times and CPUs by this seed
    #[arg(long, value_name = "SEED", conflicts_with = "wedge")]
    pub storm: Option<u32>,
    /// Boot the newest kernel of Debian's backports
    #[arg(long)]
    pub newest: bool,
    /// Boot a newer kernel that checks PSCI while it starts (building it takes minutes, once)
    #[arg(long, conflicts_with_all = ["wedge", "storm", "newest"])]
    pub psci_checker: bool,
    /// Other firmware to boot on: an image of the whole first flash bank, or tf-a, which is built from Debian's source
    #[arg(long, value_name = "FLASH0.fd|tf-a")]
    pub firmware: Option<Firmware>,
}

impl Options {
    fn on(smp: u32) -> Self {
        Self {
            board: Board::default(),
            smp,
            cpu: CPU.to_owned(),
            wedge: None,
            kdump: false,
            leave: None,
            storm: None,
            no_driver: false,
            newest: false,
            psci_checker: false,
            firmware: None,
        }
    }

    fn newest(smp: u32) -> Self {
        Self { newest: true, ..Self::on(smp) }
    }

    /// Runs what is one test, and returns a line; it is skipped where the kernel can not be booted.
    fn tally(&self, run: impl FnOnce() -> Result<String>) -> Result<Tally> {
        match if self.newest { newest::unusable()? } else { None } {
            Some(reason) => Ok(Tally::skip(reason)),
            None => Ok(Tally { reason: Some(run()?), ..Tally::pass() }),
        }
    }

    fn with(cpu: &str) -> Self {
        Self { cpu: cpu.to_owned(), ..Self::on(4) }
    }

    /// Tells whether the run is a stop that the driver tells the times of.
    pub fn draws_stop(&self) -> bool {
        self.wedge.is_some() && !self.kdump && self.leave.is_none() && !self.no_driver
    }

    /// Demands that there is a CPU to wedge, and another one.
    fn require_wedgeable(&self, cpu: u32) -> Result<()> {
        let smp = self.smp;
        ensure!(smp > 1 && cpu < smp, "there is no CPU {cpu} to wedge beside another one among {smp}");
        Ok(())
    }

    fn guest(&self) -> Result<Guest> {
        if self.newest { Guest::newest(self.board) } else { Guest::debian(self.board) }
    }

    fn idle_states(&self) -> &'static [&'static str] {
        if self.firmware.is_some() { COMMON_IDLE_STATES } else { IDLE_STATES }
    }

    fn machine(&self, guest: &Guest, mode: Mode) -> Result<Machine> {
        let flash0 = match &self.firmware {
            Some(firmware) => firmware.flash0()?,
            None => image::build(self.board)?.flash0,
        };
        let machine = Machine::new(self.board, &flash0).name("linux").smp(self.smp).cpu(&self.cpu);
        guest.start_on(machine, self.smp, self.idle_states(), mode)
    }

    /// Boots, with each line of the console given to `on_line`, until the guest ends by itself; returns the console.
    fn script(&self, guest: &Guest, mode: Mode, on_line: impl FnMut(&str)) -> Result<String> {
        // A reset ends the run as a power-off does.
        let outcome = self.machine(guest, mode)?.arg("-no-reboot").timeout(TIMEOUT).run(on_line)?;
        // What other firmware prints on its own UART is its own affair.
        if self.firmware.is_some() { outcome.check_power_off() } else { outcome.check() }?;
        Ok(outcome.console)
    }
}

/// Boots Debian's kernel: to a shell on the terminal, or, with a CPU to wedge, through the demonstration, whose
/// last line tells how the CPUs were stopped. Returns a picture of that stop, if one is wanted.
pub fn run(options: &Options, timeline: bool, on_line: impl FnMut(&str)) -> Result<Option<String>> {
    if options.psci_checker {
        println!("{}", psci_checker(options, on_line)?);
    } else if let Some(seed) = options.storm {
        println!("{}", storm::run(options, seed, on_line)?);
    } else if options.kdump
        && let Some(cpu) = options.wedge
    {
        println!("{}", kdump::run(options, cpu, on_line)?);
    } else if let (Some(cpu), Some(way)) = (options.wedge, options.leave) {
        println!("{}", orderly::run(options, cpu, way, on_line)?);
    } else if let Some(cpu) = options.wedge {
        let stopped = wedge(options, cpu, timeline, on_line)?;
        println!("{}", stopped.sum);
        return Ok(stopped.drawing);
    } else {
        let code = options.machine(&options.guest()?, Mode::Shell)?.interactive()?;
        ensure!(code == 0, "QEMU ended with code {code}");
    }
    Ok(None)
}

/// What a stop left.
struct Stopped {
    /// The line that sums it up.
    sum: String,
    /// A picture of it, if one was wanted.
    drawing: Option<String>,
}

/// Wedges `cpu` and lets the kernel panic.
fn wedge(options: &Options, cpu: u32, timeline: bool, on_line: impl FnMut(&str)) -> Result<Stopped> {
    let smp = options.smp;
    options.require_wedgeable(cpu)?;
    let console = options.script(
        &Guest::debian(options.board)?,
        Mode::Wedge { cpu, timeline, driver: !options.no_driver },
        on_line,
    )?;
    let sum = judge::wedge(&console, smp, cpu)?;
    let drawing = timeline.then(|| timeline::draw(&console, smp)).transpose()?;
    Ok(Stopped { sum, drawing })
}

/// Boots the kernel that checks PSCI; returns what it did.
fn psci_checker(options: &Options, on_line: impl FnMut(&str)) -> Result<String> {
    let guest = Guest::checker(options.board)?;
    let console = options.script(&guest, Mode::Boot, on_line)?;
    judge::boot(&console, options.smp)?;
    psci_checker::judge(&console, options.smp, options.idle_states().len())
}

/// Returns the cases of `cargo xtask test`.
pub fn cases() -> Vec<Case> {
    let boot_on = |smp| Case::new(format!("linux boot smp={smp}"), move |log| boot(log, &Options::on(smp)));
    let boot_with =
        |cpu| Case::new(format!("linux boot cpu={cpu}"), move |log| boot(log, &Options::with(cpu)));
    let virt = || Options { board: Board::Virt, ..Options::on(4) };
    let mut cases: Vec<_> = CPUS.map(boot_with).into();
    cases.extend([1, 8].map(boot_on));
    cases.push(Case::new("linux boot machine=virt", move |log| boot(log, &virt())));
    cases.push(Case::new("linux hotplug smp=4", |log| hotplug(log, 4)));
    cases.push(Case::new("linux wedge smp=4", |log| {
        let Stopped { sum, drawing } = wedge(&Options::on(4), 2, true, |line| log.line(line))?;
        timeline::check(&drawing.context("a picture was asked for")?, 4)?;
        Ok(Tally { reason: Some(sum), ..Tally::pass() })
    }));
    cases.push(Case::new("linux wedge machine=virt", move |log| {
        let Stopped { sum, .. } = wedge(&virt(), 2, false, |line| log.line(line))?;
        Ok(Tally { reason: Some(sum), ..Tally::pass() })
    }));
    cases.extend(kdump::cases());
    cases.extend(orderly::cases());
    cases.extend(snapshot::cases());
    cases.extend(storm::cases());
    cases.push(latency::case());
    cases.push(Case::new("linux suspend smp=4", |log| suspend(log, 4)).only_full());
    cases.push(Case::new(format!("linux newest cpu={}", newest::CPU), newest::case).only_full());
    for smp in [4, 8] {
        let case = Case::new(format!("linux psci_checker smp={smp}"), move |log| {
            let done = psci_checker(&Options::on(smp), |line| log.line(line))?;
            Ok(Tally { reason: Some(done), ..Tally::pass() })
        });
        cases.push(case.only_full());
    }
    cases.push(patched::case());
    cases.extend(xen::cases());
    cases
}

fn boot(log: &mut Log, options: &Options) -> Result<Tally> {
    let program = Program::chosen();
    if !program.offers_cpu(&options.cpu)? {
        return Ok(Tally::skip(format!("QEMU {} has no {}", program.version()?, options.cpu)));
    }
    let console = options.script(&options.guest()?, Mode::Boot, |line| log.line(line))?;
    judge::boot(&console, options.smp)?;
    Ok(Tally::pass())
}

fn hotplug(log: &mut Log, smp: u32) -> Result<Tally> {
    let mode = Mode::Hotplug { rounds: ROUNDS };
    let options = Options::on(smp);
    let console = options.script(&Guest::debian(options.board)?, mode, |line| log.line(line))?;
    judge::hotplug(&console, smp, ROUNDS)?;
    Ok(Tally::pass())
}

fn suspend(log: &mut Log, smp: u32) -> Result<Tally> {
    let mode = Mode::Suspend { rounds: SUSPENDS };
    let options = Options::on(smp);
    let console = options.script(&Guest::debian(options.board)?, mode, |line| log.line(line))?;
    judge::suspend(&console, smp, SUSPENDS)?;
    Ok(Tally::pass())
}

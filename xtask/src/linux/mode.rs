// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the guest does once it is up: the scripts in `tests/linux/initramfs/mode/`.

/// A script, and what it is told.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// A shell on the console.
    Shell,
    /// Power off.
    Boot,
    /// Turn every CPU but 0 off and on, and power off.
    Hotplug {
        /// How often.
        rounds: u32,
    },
    /// Suspend to RAM until the clock's alarm, and power off.
    Suspend {
        /// How often.
        rounds: u32,
    },
    /// Wedge a CPU and panic.
    Wedge {
        /// Which one.
        cpu: u32,
        /// Whether the times of the stop are printed.
        timeline: bool,
        /// Whether the driver is there.
        driver: bool,
    },
    /// Wedge a CPU and panic with a crash kernel loaded, which shows what it finds.
    Kdump {
        /// Which one.
        cpu: u32,
        /// Whether the driver is there, in both kernels.
        driver: bool,
    },
    /// Turn CPUs off and on from several shells, and panic in the middle with a crash kernel loaded.
    Storm {
        /// What the times and the CPUs are taken from.
        seed: u32,
    },
    /// Let the kernel itself wedge a CPU, and panic with a crash kernel loaded.
    Patched {
        /// Which one.
        cpu: u32,
    },
    /// Look at the driver's files, with a CPU wedged.
    Snapshot {
        /// Which one.
        cpu: u32,
    },
    /// Wedge a CPU and leave in an orderly way.
    Leave {
        /// Which one.
        cpu: u32,
        /// How.
        way: Way,
        /// Whether the driver is there.
        driver: bool,
    },
}

/// An orderly way to end a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "lower")]
pub enum Way {
    /// Reset the machine.
    Reboot,
    /// Switch it off.
    PowerOff,
    /// Start another kernel.
    Kexec,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Reboot, Self::PowerOff, Self::Kexec];

    /// Returns the program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reboot => "reboot",
            Self::PowerOff => "poweroff",
            Self::Kexec => "kexec",
        }
    }

    /// Returns what the kernel has to be told for it.
    fn words(self) -> &'static str {
        match self {
            // Without UEFI, where it would be written down, the next kernel does not know of the table of LPIs that the
            // interrupt controller has in memory. It would lie in that kernel's image, and be initialised there.
            Self::Kexec => " irqchip.gicv3_nolpi=1",
            Self::Reboot | Self::PowerOff => "",
        }
    }
}

/// The memory that is set aside for the crash kernel.
const CRASH_KERNEL_MIB: u32 = 256;

impl Mode {
    /// Writes the kernel's command line.
    pub fn bootargs(self, console: &str) -> String {
        let mode = match self {
            Self::Shell => "shell".to_owned(),
            Self::Boot => "boot".to_owned(),
            Self::Hotplug { rounds } => format!("hotplug quell.rounds={rounds}"),
            Self::Suspend { rounds } => format!("suspend quell.rounds={rounds}"),
            Self::Wedge { cpu, timeline, driver } => {
                let (timeline, driver) = (u32::from(timeline), u32::from(driver));
                format!("wedge quell.wedge={cpu} quell.timeline={timeline} quell.driver={driver}")
            }
            Self::Storm { seed } => format!("storm quell.seed={seed} crashkernel={CRASH_KERNEL_MIB}M"),
            Self::Patched { cpu } => format!("patched quell.wedge={cpu} crashkernel={CRASH_KERNEL_MIB}M"),
            Self::Snapshot { cpu } => format!("snapshot quell.wedge={cpu}"),
            Self::Leave { cpu, way, driver } => {
                let (way, words, driver) = (way.name(), way.words(), u32::from(driver));
                format!("leave quell.wedge={cpu} quell.way={way} quell.driver={driver}{words}")
            }
            Self::Kdump { cpu, driver } => {
                let driver = u32::from(driver);
                format!("kdump quell.wedge={cpu} quell.driver={driver} crashkernel={CRASH_KERNEL_MIB}M")
            }
        };
        format!("console={console} panic=1 quell.mode={mode}")
    }
}

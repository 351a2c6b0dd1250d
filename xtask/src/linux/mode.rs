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
    },
    /// Wedge a CPU and panic with a crash kernel loaded, which shows what it finds.
    Kdump {
        /// Which one.
        cpu: u32,
        /// Whether the driver is there, in both kernels.
        driver: bool,
    },
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
            Self::Wedge { cpu, timeline } => {
                format!("wedge quell.wedge={cpu} quell.timeline={}", u32::from(timeline))
            }
            Self::Kdump { cpu, driver } => {
                let driver = u32::from(driver);
                format!(
                    "kdump quell.wedge={cpu} quell.driver={driver} crashkernel={CRASH_KERNEL_MIB}M"
                )
            }
        };
        format!("console={console} panic=1 quell.mode={mode}")
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The reference model's calls: what PSCI 1.3 says that each returns and does, in plain data and one after the other.
//!
//! It shares nothing with the service but the shape of the machine: numbers are the specification's.

use quell_power::Depth;
use quell_psci::{End, Outcome};

use crate::{
    machine::{AFFINITIES, ENTRY_POINTS, MEMORY, MICROSECOND},
    states::{Core, Figure, Reference, Start},
};

const NOT_SUPPORTED: i32 = -1;
const INVALID_PARAMETERS: i32 = -2;
const DENIED: i32 = -3;
const ALREADY_ON: i32 = -4;
const ON_PENDING: i32 = -5;
const INVALID_ADDRESS: i32 = -9;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    Code(i32),
    Value(u64),
    GoesOff,
    StandsBy,
    PowersDown(Core, Start),
    SystemOff,
    SystemReset,
    WarmReset,
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Return(code) => Self::Code(code),
            Outcome::Value(value) => Self::Value(value),
            Outcome::Off => Self::GoesOff,
            Outcome::Standby => Self::StandsBy,
            Outcome::PowerDown { depth, entry } => {
                let how = match depth {
                    Depth::Standby => Core::Standby,
                    Depth::Core => Core::PowerDown,
                    Depth::Cluster => Core::ClusterDown,
                    Depth::System => Core::SystemDown,
                };
                let (address, context, big_endian) =
                    (entry.address(), entry.context(), entry.is_big_endian());
                Self::PowersDown(how, Start { address, context, big_endian })
            }
            Outcome::End(End::Off) => Self::SystemOff,
            Outcome::End(End::Reset) => Self::SystemReset,
            Outcome::End(End::WarmReset) => Self::WarmReset,
        }
    }
}

/// Whether there is a function of this identifier: the number, and whether it has a 64-bit form.
fn exists(id: u32) -> bool {
    let both = [0x1, 0x3, 0x4, 0xc, 0xd, 0xe, 0x10, 0x11, 0x12, 0x14, 0x15];
    let only_32 = [0x0, 0x2, 0x6, 0x8, 0x9, 0xa, 0xb, 0xf, 0x13];
    match id & 0xffff_ff00 {
        0x8400_0000 => both.contains(&(id & 0xff)) || only_32.contains(&(id & 0xff)),
        0xc400_0000 => both.contains(&(id & 0xff)),
        _ => false,
    }
}

fn start(address: u64, context: u64, big_endian: bool) -> Result<Start, i32> {
    let is_good = address & 3 == 0 && ENTRY_POINTS.contains(&address);
    is_good.then_some(Start { address, context, big_endian }).ok_or(INVALID_ADDRESS)
}

/// The power states of table `power_state` in the original format.
fn power_state(state: u32) -> Result<Core, i32> {
    match state {
        0x1 => Ok(Core::Standby),
        0x1_0002 => Ok(Core::PowerDown),
        0x101_0022 => Ok(Core::ClusterDown),
        _ => Err(INVALID_PARAMETERS),
    }
}

impl Reference {
    /// A call of a core that is on.
    pub(crate) fn call(&mut self, caller: usize, registers: [u64; 4], big_endian: bool) -> Answer {
        // The upper half of x0 and the SVE hint are not part of the identifier.
        let id = registers[0] as u32 & !(1 << 16);
        if !exists(id) {
            return Answer::Code(NOT_SUPPORTED);
        }
        let is_64 = id & 1 << 30 != 0;
        let [_, x1, x2, x3] = registers.map(|x| if is_64 { x } else { x & 0xffff_ffff });
        let (w1, w2) = (x1 as u32, x2 as u32);
        let answer = match id & 0xff {
            0x0 => Ok(Answer::Code(0x1_0003)),
            0x1 => self.cpu_suspend(caller, w1, x2, x3, big_endian),
            0x2 | 0xb => Ok(Answer::GoesOff),
            0x3 => self.cpu_on(x1, start(x2, x3, big_endian)),
            0x4 => self.affinity_info(x1, w2),
            0x6 => Ok(Answer::Code(2)),
            0x8 => Ok(Answer::SystemOff),
            0x9 => Ok(Answer::SystemReset),
            0xa => match w1 {
                // CPU_SUSPEND: there is an OS-initiated mode. SYSTEM_OFF2: there is HIBERNATE_OFF.
                0x8400_0001 | 0xc400_0001 | 0x8400_0015 | 0xc400_0015 => Ok(Answer::Code(1)),
                id if exists(id) || id == 0x8000_0000 => Ok(Answer::Code(0)),
                _ => Err(NOT_SUPPORTED),
            },
            0xc => start(x1, x2, big_endian).map(|start| Answer::PowersDown(Core::PowerDown, start)),
            0xd => self.node_hw_state(x1, w2),
            0xe if !self.is_alone(caller) => Err(DENIED),
            0xe => start(x1, x2, big_endian).map(|start| Answer::PowersDown(Core::SystemDown, start)),
            0xf => self.set_suspend_mode(caller, w1),
            0x10 | 0x11 => {
                let figure = self.figure(x1, w2).unwrap_or_default();
                let microseconds = (u128::from(figure.ticks) / u128::from(MICROSECOND)) as u64;
                let value = if id & 1 == 0 { microseconds } else { figure.count };
                Ok(Answer::Value(if is_64 { value } else { value & 0xffff_ffff }))
            }
            0x12 if w1 == 0 => Ok(Answer::WarmReset),
            0x13 if w1 < 2 => Ok(Answer::Code(i32::from(std::mem::replace(&mut self.mem_protect, w1 == 1)))),
            0x14 => {
                let end = u128::from(x1) + u128::from(x2);
                let is_in = x2 > 0 && x1 >= MEMORY.start && end <= u128::from(MEMORY.end);
                if is_in { Ok(Answer::Code(0)) } else { Err(DENIED) }
            }
            0x15 if w1 < 2 && x2 == 0 => Ok(Answer::SystemOff),
            _ => Err(INVALID_PARAMETERS),
        };
        answer.unwrap_or_else(Answer::Code)
    }

    fn others(&self, caller: usize) -> impl Iterator<Item = (usize, Core)> {
        self.cores.iter().copied().enumerate().filter(move |(core, _)| *core != caller)
    }

    fn is_alone(&self, caller: usize) -> bool {
        self.others(caller).all(|(_, core)| core == Core::Off)
    }

    fn cpu_suspend(
        &self,
        caller: usize,
        state: u32,
        address: u64,
        context: u64,
        big_endian: bool,
    ) -> Result<Answer, i32> {
        let how = power_state(state)?;
        if how == Core::Standby {
            return Ok(Answer::StandsBy);
        }
        let start = start(address, context, big_endian)?;
        if how == Core::ClusterDown && self.os_initiated {
            let siblings = || {
                let cluster = Self::cluster(caller);
                self.others(caller).filter(move |(core, _)| cluster.contains(core)).map(|(_, core)| core)
            };
            if siblings().any(|core| matches!(core, Core::On | Core::OnPending(_) | Core::Leaving)) {
                return Err(DENIED);
            }
            if siblings().any(|core| core == Core::Standby) {
                return Err(INVALID_PARAMETERS);
            }
        }
        Ok(Answer::PowersDown(how, start))
    }

    fn cpu_on(&mut self, target: u64, start: Result<Start, i32>) -> Result<Answer, i32> {
        let target = self.find(target).ok_or(INVALID_PARAMETERS)?;
        let start = start?;
        match self.cores[target] {
            Core::Off => {
                self.cores[target] = Core::OnPending(start);
                Ok(Answer::Code(0))
            }
            Core::OnPending(_) => Err(ON_PENDING),
            _ => Err(ALREADY_ON),
        }
    }

    /// The cores that have all affinity fields from this level up in common with `target`.
    fn instance(&self, target: u64, level: u32) -> Result<Vec<Core>, i32> {
        // Bits 63:40 and 31:24 are zero.
        if target & 0xffff_ff00_ff00_0000 != 0 {
            return Err(INVALID_PARAMETERS);
        }
        let fields = |affinity: u64| {
            [affinity, affinity >> 8, affinity >> 16, affinity >> 32].map(|field| field as u8)
        };
        let from_level = |affinity| fields(affinity)[level as usize..].to_vec();
        let cores = self.cores.iter().zip(AFFINITIES);
        let instance: Vec<_> = cores
            .filter(|(_, affinity)| from_level(*affinity) == from_level(target))
            .map(|(core, _)| *core)
            .collect();
        if instance.is_empty() { Err(INVALID_PARAMETERS) } else { Ok(instance) }
    }

    fn affinity_info(&self, target: u64, level: u32) -> Result<Answer, i32> {
        if level > 3 {
            return Err(INVALID_PARAMETERS);
        }
        let instance = self.instance(target, level)?;
        let is_pending = |core: &Core| matches!(core, Core::OnPending(_));
        Ok(Answer::Code(if instance.iter().any(|core| *core != Core::Off && !is_pending(core)) {
            0
        } else if instance.iter().any(is_pending) {
            2
        } else {
            1
        }))
    }

    /// The first core of the cluster that this affinity is in; there is one.
    fn first_of(&self, target: u64) -> usize {
        (0..self.cores.len())
            .find(|&core| AFFINITIES[core] >> 8 == target >> 8)
            .expect("there is such a cluster")
    }

    fn node_hw_state(&self, target: u64, level: u32) -> Result<Answer, i32> {
        if level > 1 {
            return Err(INVALID_PARAMETERS);
        }
        let instance = self.instance(target, level)?;
        let is_off = if level == 0 {
            matches!(instance[0], Core::Off | Core::PowerDown | Core::ClusterDown | Core::SystemDown)
        } else {
            self.is_cluster_down(self.first_of(target))
        };
        Ok(Answer::Code(match instance[0] {
            _ if is_off => 1,
            Core::Standby if level == 0 => 2,
            _ => 0,
        }))
    }

    fn set_suspend_mode(&mut self, caller: usize, mode: u32) -> Result<Answer, i32> {
        if mode > 1 {
            return Err(INVALID_PARAMETERS);
        }
        let to_os_initiated = mode == 1;
        if to_os_initiated != self.os_initiated {
            let all_on = self.cores.iter().all(|core| *core == Core::On);
            if !(self.is_alone(caller) || to_os_initiated && all_on) {
                return Err(DENIED);
            }
            self.os_initiated = to_os_initiated;
        }
        Ok(Answer::Code(0))
    }

    fn figure(&self, target: u64, state: u32) -> Result<Figure, i32> {
        let core = self.find(target).ok_or(INVALID_PARAMETERS)?;
        Ok(match power_state(state)? {
            Core::Standby => self.figures[core].standby,
            Core::PowerDown => self.figures[core].power_down,
            _ => self.figures[Self::cluster(core).start].cluster,
        })
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The lines of a console that tell when each core of a stop ended.
//!
//! `timeline: owner=0 mpidr=0x0 frequency=1000000000 begin=1000 ipi=1200 done=9000`
//! `timeline: core=1 mpidr=0x1 why=2 signalled=5000 stopped=6000`
//!
//! Times are ticks of the system counter, 0 for what did not happen; `why` is the number that STATUS has. A kernel
//! puts its own words in front.

use anyhow::{Context, Result, bail, ensure};
use quell_abi::Why;

/// What the lines start with.
const START: &str = "timeline: ";

/// One stop. Times are microseconds from its begin.
#[derive(Debug, PartialEq)]
pub struct Stop {
    /// The core that stopped the others.
    pub owner: Core,
    /// When the normal stop IPI was sent.
    pub ipi: f64,
    /// When the owner knew that it was over.
    pub done: f64,
    /// The other cores, by their index.
    pub others: Vec<Other>,
}

/// Which core it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Core {
    /// Its index.
    pub index: u32,
    /// The affinity fields of its MPIDR.
    pub mpidr: u64,
}

/// A core that was to be stopped.
#[derive(Debug, PartialEq)]
pub struct Other {
    /// Which core it is.
    pub core: Core,
    /// How it ended.
    pub why: Why,
    /// When the secure interrupt was sent to it, if it was.
    pub signalled: Option<f64>,
    /// When it had stopped, if it did so during the stop.
    pub stopped: Option<f64>,
}

/// Tells whether a line of a console is for us and not for a reader.
pub fn is_line(line: &str) -> bool {
    line.contains(START)
}

/// Reads the one stop of a console, on a machine with `cores` cores.
pub fn stop(console: &str, cores: u32) -> Result<Stop> {
    let lines = || console.lines().filter_map(|line| Some(Words(line.split_once(START)?.1.trim_end())));
    let mut owners = lines().filter(|line| line.word("owner").is_some());
    let owner =
        owners.next().context("there is no stop to draw: the guest printed no line `timeline: owner=...`")?;
    ensure!(owners.next().is_none(), "the guest printed the timelines of two stops");
    let clock = Clock { frequency: owner.number("frequency")?, begin: owner.number("begin")? };
    let done = owner.number("done")?;
    ensure!(clock.frequency > 0, "the guest's counter does not count: {}", owner.0);
    let ipi = owner.number("ipi")?;
    ensure!(clock.begin <= ipi && ipi <= done, "these times are not in order: {}", owner.0);

    let mut others = Vec::new();
    for line in lines().filter(|line| line.word("owner").is_none()) {
        others.push(line.other(&clock, done)?);
    }
    others.sort_by_key(|other| other.core.index);
    let owner = owner.core("owner")?;
    let all = others.iter().map(|other| other.core.index).chain([owner.index]);
    let mut indices: Vec<_> = all.collect();
    indices.sort_unstable();
    indices.dedup();
    ensure!(indices.len() == others.len() + 1, "the timeline has a core twice");
    let count = indices.len();
    ensure!(count == cores as usize, "the timeline has {count} cores, and the machine {cores}");
    Ok(Stop { owner, ipi: clock.microseconds(ipi), done: clock.microseconds(done), others })
}

/// The system counter, and where time begins.
struct Clock {
    frequency: u64,
    begin: u64,
}

impl Clock {
    fn microseconds(&self, time: u64) -> f64 {
        (time - self.begin) as f64 * 1e6 / self.frequency as f64
    }
}

/// A line as words `name=value`.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn word(&self, name: &str) -> Option<&'a str> {
        self.0.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    fn number(&self, name: &str) -> Result<u64> {
        let value = self.word(name).unwrap_or_default();
        let number = match value.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => value.parse(),
        };
        number.ok().with_context(|| format!("no number `{name}` in the line `{START}{}`", self.0))
    }

    fn core(&self, name: &str) -> Result<Core> {
        let index = u32::try_from(self.number(name)?)?;
        Ok(Core { index, mpidr: self.number("mpidr")? })
    }

    fn other(&self, clock: &Clock, done: u64) -> Result<Other> {
        let core = self.core("core")?;
        let why = Why::from_bits(self.number("why")?)
            .with_context(|| format!("no reason has this number: {START}{}", self.0))?;
        // A time before the stop is of an earlier one; one behind its end, of a core that slept and woke up.
        let time = |name| {
            let time = self.number(name)?;
            Ok::<_, anyhow::Error>((clock.begin..=done).contains(&time).then(|| clock.microseconds(time)))
        };
        let other = Other { core, why, signalled: time("signalled")?, stopped: time("stopped")? };
        if matches!(why, Why::Ack | Why::Nmi | Why::Lost) && other.stopped.is_none() {
            bail!("this core did not stop during the stop: {START}{}", self.0);
        }
        Ok(other)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::CONSOLE;
    use super::*;

    fn complaint(console: &str) -> String {
        stop(console, 4).unwrap_err().to_string()
    }

    #[test]
    fn times_are_microseconds_from_begin() {
        let stop = stop(CONSOLE, 4).unwrap();
        assert_eq!(stop.owner, Core { index: 0, mpidr: 0 });
        assert_eq!((stop.ipi, stop.done), (52.0, 101_138.4));
        let [ack, nmi, suspended] = &stop.others[..] else { panic!("three cores") };
        assert_eq!((ack.core.index, ack.why, ack.signalled, ack.stopped), (1, Why::Ack, None, Some(2013.0)));
        assert_eq!((nmi.signalled, nmi.stopped), (Some(100_052.0), Some(100_946.0)));
        assert_eq!(suspended.core, Core { index: 3, mpidr: 0x100 });
        assert_eq!((suspended.why, suspended.stopped), (Why::Suspended, None));
    }

    #[test]
    fn a_bad_line_is_named() {
        assert!(complaint("demo: PASS\n").contains("no line `timeline: owner=...`"));
        assert!(complaint(&CONSOLE.replace("core=3 ", "core=1 ")).contains("a core twice"));
        assert!(complaint(&CONSOLE.replace("core=3 ", "core=0 ")).contains("a core twice"));
        assert!(
            complaint(&CONSOLE.replace("core=3 ", ""))
                .contains("no number `core` in the line `timeline: mpidr")
        );
        assert!(complaint(&CONSOLE.replace("why=4", "why=9")).contains("no reason has this number"));
        assert!(complaint(&CONSOLE.replace("stopped=7013000", "stopped=7x")).contains("no number `stopped`"));
        assert!(complaint(&CONSOLE.replace("stopped=7013000", "stopped=0")).contains("did not stop"));
        assert!(
            complaint(&CONSOLE.replace("frequency=1000000000", "frequency=0")).contains("does not count")
        );
        assert!(complaint(&CONSOLE.replace("done=", "done=1 ")).contains("not in order"));
        assert!(complaint(&format!("{CONSOLE}{CONSOLE}")).contains("two stops"));
        let error = stop(CONSOLE, 5).unwrap_err().to_string();
        assert_eq!(error, "the timeline has 4 cores, and the machine 5");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the plugin writes, and how many instructions it means for each operation.

use anyhow::{Context, Result, bail, ensure};

use super::operation::Operation;

/// One mark: who executed which hint, and the counters then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    core: u32,
    hint: u32,
    count: u64,
    first_sleep: u64,
    last_sleep: u64,
    all: u64,
}

/// Reads the plugin's lines; returns the instructions of each operation that was measured, in their order.
pub fn read(text: &str) -> Result<Vec<(Operation, u64)>> {
    let mut boot = None;
    let mut marks = Vec::new();
    for line in text.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let numbers: Vec<u64> =
            rest.split(' ').map(str::parse).collect::<Result<_, _>>().with_context(|| line.to_owned())?;
        match (word, &numbers[..]) {
            ("boot", &[_, count]) if boot.is_none() => boot = Some(count),
            ("mark", &[core, hint, count, first_sleep, last_sleep, all]) => {
                let (core, hint) = (u32::try_from(core)?, u32::try_from(hint)?);
                marks.push(Mark { core, hint, count, first_sleep, last_sleep, all });
            }
            _ => bail!("no line of the plugin: {line}"),
        }
    }
    let boot = boot.context("the machine did not get to the payload")?;
    let mut measured = vec![(Operation::Boot, boot)];
    for operation in Operation::ALL {
        measured.extend(instructions(operation, &marks)?.map(|count| (operation, count)));
    }
    Ok(measured)
}

/// Returns the instructions of an operation, if it has come to its end. It is marked once.
fn instructions(operation: Operation, marks: &[Mark]) -> Result<Option<u64>> {
    let only = |hint| {
        let mut found = marks.iter().filter(|mark| mark.hint == hint);
        let first = found.next();
        ensure!(found.next().is_none(), "{} is marked twice", operation.name());
        Ok(first)
    };
    let Some(end) = only(operation.end())? else { return Ok(None) };
    if operation == Operation::CpuOnTarget {
        // Its beginning is the end of a sleep.
        return Ok(Some(end.count - end.last_sleep));
    }
    let begin = only(operation.begin())?.with_context(|| format!("{} has no beginning", operation.name()))?;
    ensure!(begin.core == end.core, "{} begins on one core and ends on another", operation.name());
    let own = end.count - begin.count;
    let count = match operation {
        Operation::CpuOff => {
            end.first_sleep.checked_sub(begin.count).context("the core that went off did not sleep")?
        }
        Operation::Parked => end.all - begin.all - own,
        _ => own,
    };
    Ok(Some(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(core: u32, hint: u32, counters: [u64; 4]) -> String {
        let [count, first, last, all] = counters;
        format!("mark {core} {hint} {count} {first} {last} {all}\n")
    }

    #[test]
    fn each_operation_has_its_own_difference() {
        let (version, off, parked) = (Operation::PsciVersion, Operation::CpuOff, Operation::Parked);
        let text = [
            "boot 0 100\n".to_owned(),
            line(0, version.begin(), [200, 0, 0, 250]),
            line(0, version.end(), [260, 0, 0, 310]),
            line(1, Operation::CpuOnTarget.end(), [500, 50, 420, 800]),
            line(1, off.begin(), [510, 50, 420, 810]),
            line(0, parked.begin(), [300, 0, 0, 1000]),
            line(0, parked.end(), [310, 0, 0, 1017]),
            line(1, off.end(), [900, 630, 700, 2000]),
            line(2, Operation::CpuSuspendPowerdown.begin(), [0, 0, 0, 2000]),
        ];
        let expected =
            [(Operation::Boot, 100), (version, 60), (Operation::CpuOnTarget, 80), (off, 120), (parked, 7)];
        assert_eq!(read(&text.concat()).unwrap(), expected);
    }

    #[test]
    fn what_can_not_be_is_an_error() {
        let begin = line(0, Operation::Mask.begin(), [1; 4]);
        let end = line(0, Operation::Mask.end(), [1; 4]);
        let other = line(1, Operation::Mask.end(), [1; 4]);
        let boot = "boot 0 1\n";
        for (text, what) in [
            (end.clone(), "did not get to the payload"),
            (format!("{boot}{end}"), "has no beginning"),
            (format!("{boot}{begin}{end}{end}"), "twice"),
            (format!("{boot}{begin}{other}"), "ends on another"),
            (format!("{boot}mark 1 2"), "no line of the plugin"),
            (format!("{boot}mark a"), "mark a"),
        ] {
            let error = format!("{:#}", read(&text).unwrap_err());
            assert!(error.contains(what), "{error}");
        }
    }
}

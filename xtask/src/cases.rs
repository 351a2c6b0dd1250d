// SPDX-License-Identifier: MIT OR Apache-2.0

//! The cases of `cargo xtask test`, from the cheapest to the longest.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use crate::board::Board;
use crate::conformance::{self, Options};
use crate::image::{self, TARGET, cargo};
use crate::qemu::{Program, RELEASES};
use crate::test::{Case, Log, Tally};
use crate::{bench, crash, demo, linux, many_cores, no_fp, paths, platform, probe, scale, stack};

/// How long one cargo command may take.
const CARGO_TIMEOUT: Duration = Duration::from_secs(1200);

/// The crates that only build for the machine.
const FIRMWARE: [&str; 2] = ["quell-bl31", "conformance"];

/// The machines that the conformance suite runs on, and the most seconds of each race there: on the one whose cores the host
/// can run best, few races are cut.
const MACHINES: [(u32, &str, u32); 9] = [
    (1, "max", 1),
    (4, "max", 2),
    (8, "max", 1),
    (16, "max", 1),
    (4, "cortex-a57", 1),
    (4, "cortex-a72", 1),
    (4, "neoverse-n1", 1),
    (4, "neoverse-v1", 1),
    (4, "neoverse-n2", 1),
];

/// The rounds of each race on the machines of the richest cores.
const LANE_ROUNDS: u32 = 400;

/// The rounds on the other kinds of core: what differs there is what a core has, not how cores meet.
const OTHER_ROUNDS: u32 = 50;

/// The machine of the storms: one core stops seven, or two stop six. And the most seconds of each, in the lane and in the
/// long case: two processors of a host make some 300 rounds in a second.
const STORM_CORES: u32 = 8;
const STORM_SECONDS: u32 = 90;
const LONG_STORM_SECONDS: u32 = 300;

/// The machine with many cores, and the most seconds of each race there: its host has few.
const MANY_CORES: u32 = 64;
const MANY_CORES_SECONDS: u32 = 1;

/// The rounds of each race in the long case.
const MANY_ROUNDS: u32 = 100_000;

/// The kinds of core that other QEMUs run.
const OTHER_QEMUS_CPUS: [&str; 3] = ["cortex-a57", "cortex-a72", "max"];

/// Returns all cases.
pub fn all() -> Vec<Case> {
    let mut cases = vec![
        Case::new("fmt", |log| one(log, cargo(&["fmt", "--all", "--check", "--", "--color=never"]))),
        Case::new("clippy host", |log| one(log, clippy(&on_host(), &["--all-targets"]))),
        Case::new("clippy firmware", |log| one(log, clippy(&on_target(), &["--release"]))),
        Case::new("clippy firmware machine=virt", |log| clippy_firmware_of(log, Board::Virt)),
        Case::new("doc", doc),
        Case::new("host tests", |log| cargo_tests(log, cargo(&["test", "--no-fail-fast"]))),
        Case::new("loom", loom),
        Case::new("search", search),
    ];
    for board in Board::ALL {
        let on = if board == Board::default() { String::new() } else { format!(" machine={}", board.name()) };
        cases.push(Case::new(format!("image size{on}"), move |log| image_size(log, board)));
        cases.push(Case::new(format!("no FP or SIMD{on}"), move |_| no_fp_or_simd(board)));
        cases.push(Case::new(format!("stack depth{on}"), move |_| stack_depth(board)));
    }
    cases.push(Case::new("demo", |log| {
        demo::run(Board::default(), false, |line| log.line(line)).map(|_| Tally::pass())
    }));
    cases.push(Case::new("timeline", demo::timeline));
    cases.extend(bench::cases());
    for (smp, cpu, seconds) in MACHINES {
        let rounds = if cpu == "max" { LANE_ROUNDS } else { OTHER_ROUNDS };
        let options = Options { rounds, seconds, ..Options::on(smp, cpu) };
        cases.push(conformance(format!("conformance smp={smp} cpu={cpu}"), options));
    }
    let virt = Options { board: Board::Virt, rounds: OTHER_ROUNDS, seconds: 1, ..Options::on(4, "max") };
    cases.push(conformance("conformance machine=virt", virt.clone()));
    // A core that the tables of mitigations do not have.
    let unknown = Options { filter: "^smccc.".to_owned(), cpu: "cortex-a710".to_owned(), ..virt.clone() };
    cases.push(conformance("conformance smccc machine=virt cpu=cortex-a710", unknown));
    cases.push(Case::new("conformance selftest", conformance::selftest::run));
    cases.extend(scale::cases());
    let storm = |seconds| Options {
        filter: "^stop.storm.".to_owned(),
        rounds: MANY_ROUNDS,
        seconds,
        ..Options::on(STORM_CORES, "max")
    };
    cases.push(conformance(format!("conformance storm smp={STORM_CORES}"), storm(STORM_SECONDS)));
    cases.push(conformance("conformance long storm", storm(LONG_STORM_SECONDS)).only_full());
    let many = |filter: &str, rounds| Options {
        filter: filter.to_owned(),
        rounds,
        seconds: MANY_CORES_SECONDS,
        ..Options::on(MANY_CORES, "max")
    };
    cases.push(conformance(format!("conformance stop smp={MANY_CORES}"), many("^stop.", LANE_ROUNDS)));
    cases.push(conformance(format!("conformance smp={MANY_CORES}"), many("", OTHER_ROUNDS)).only_full());
    cases.push(Case::new(format!("stop cores={}", many_cores::CORES), many_cores::run));
    let long = Options { rounds: MANY_ROUNDS, ..Options::on(4, "max") };
    cases.push(conformance(format!("conformance rounds={MANY_ROUNDS}"), long).only_full());
    for release in &RELEASES {
        for cpu in OTHER_QEMUS_CPUS {
            let options = Options {
                rounds: OTHER_ROUNDS,
                seconds: 1,
                qemu: Some(Program::Of(release)),
                ..Options::on(4, cpu)
            };
            let name = format!("conformance qemu={} smp=4 cpu={cpu}", release.name());
            cases.push(conformance(name, options).only_full());
        }
        let options = Options { qemu: Some(Program::Of(release)), ..virt.clone() };
        let name = format!("conformance qemu={} machine=virt", release.name());
        cases.push(conformance(name, options).only_full());
    }
    cases.extend(platform::cases());
    cases.extend(probe::cases());
    cases.extend(crash::cases());
    cases.extend(linux::cases());
    cases
}

fn conformance(name: impl Into<String>, options: Options) -> Case {
    Case::new(name, move |log| {
        let program = options.program();
        program.ensure()?;
        if !program.offers_cpu(&options.cpu)? {
            return Ok(Tally::skip(format!("QEMU {} has no {}", program.version()?, options.cpu)));
        }
        conformance::run(&options, |line| log.line(line))
    })
}

fn on_host() -> Vec<&'static str> {
    [&["--workspace"][..], &["--exclude", FIRMWARE[0]], &["--exclude", FIRMWARE[1]]].concat()
}

fn on_target() -> Vec<&'static str> {
    [&["--target", TARGET][..], &["--package", FIRMWARE[0]], &["--package", FIRMWARE[1]]].concat()
}

fn clippy(crates: &[&str], options: &[&str]) -> Command {
    cargo(&[&["clippy"], crates, options, &["--", "-D", "warnings"]].concat())
}

/// Lints firmware and payload for a machine other than the first.
fn clippy_firmware_of(log: &mut Log, board: Board) -> Result<Tally> {
    for package in FIRMWARE {
        let crates = ["--target", TARGET, "--package", package];
        let features = board.feature().into_iter().flat_map(|feature| ["--features", feature]);
        let options: Vec<_> = features.chain(["--release"]).collect();
        log.run(clippy(&crates, &options), CARGO_TIMEOUT)?;
    }
    Ok(Tally::pass())
}

/// Runs a command that is one test.
fn one(log: &mut Log, command: Command) -> Result<Tally> {
    log.run(command, CARGO_TIMEOUT)?;
    Ok(Tally::pass())
}

fn doc(log: &mut Log) -> Result<Tally> {
    for crates in [on_host(), on_target()] {
        let mut command = cargo(&[&["doc", "--no-deps"][..], &crates].concat());
        command.env("RUSTDOCFLAGS", "-D warnings");
        log.run(command, CARGO_TIMEOUT)?;
    }
    Ok(Tally::pass())
}

fn loom(log: &mut Log) -> Result<Tally> {
    let mut command = cargo(&["test", "--release", "--no-fail-fast", "--package", "model"]);
    // Other flags mean that everything is built anew: a folder of its own keeps the other builds.
    command.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", paths::target().join("loom"));
    cargo_tests(log, command)
}

/// How many properties section 6 of the stop's ABI has: I1 to I17, and L1 to L7.
const PROPERTIES: [(&str, u32); 2] = [("I", 17), ("L", 7)];

/// Explores every model to its last state; the log says of each how many there are and which properties it has.
fn search(log: &mut Log) -> Result<Tally> {
    let mut command =
        cargo(&["test", "--release", "--no-fail-fast", "--package", "interleave", "--package", "model"]);
    command.args(["--", "--nocapture", "--test-threads=1"]);
    command.env("RUSTFLAGS", "--cfg interleave").env("CARGO_TARGET_DIR", paths::target().join("interleave"));
    let (ended, output) = log.capture(command, CARGO_TIMEOUT)?;
    let (states, properties) = explored(&output);
    let tally = libtest_tally(&output);
    ensure!(ended.success() || tally.failed > 0, "cargo test: {}", ended.describe());
    ensure!(states > 0, "no model was explored");
    let all = PROPERTIES
        .iter()
        .flat_map(|(letter, last)| (1..=*last).map(move |number| format!("{letter}{number}")));
    let missing: Vec<_> = all.filter(|name| !properties.contains(name)).collect();
    ensure!(missing.is_empty(), "no model checks {}", missing.join(" "));
    Ok(Tally { reason: Some(format!("{states} states; {}", properties.join(" "))), ..tally })
}

/// Sums the lines `NAME: 12 states, ...; checked or seen: I1, L3, ...` of the models; of what they have checked, properties are
/// a letter and a number.
fn explored(output: &str) -> (u64, Vec<String>) {
    let mut states = 0;
    let mut properties = BTreeSet::new();
    for line in output.lines() {
        let Some((before, seen)) = line.split_once("; checked or seen: ") else { continue };
        let count =
            before.split_once(" states,").and_then(|(name, _)| name.rsplit(' ').next()?.parse::<u64>().ok());
        states += count.unwrap_or(0);
        properties.extend(seen.split(", ").filter_map(|name| {
            let number = name.get(1..)?.parse::<u32>().ok()?;
            let (letter, _) = PROPERTIES.iter().find(|(letter, _)| name.starts_with(letter))?;
            Some((letter.to_string(), number))
        }));
    }
    (states, properties.into_iter().map(|(letter, number)| format!("{letter}{number}")).collect())
}

fn image_size(log: &mut Log, board: Board) -> Result<Tally> {
    let image = image::build(board)?;
    log.line(&format!("{}: {} bytes", image.bin.display(), image.size));
    Ok(Tally { reason: Some(format!("{} bytes", image.size)), ..Tally::pass() })
}

fn no_fp_or_simd(board: Board) -> Result<Tally> {
    let count = no_fp::check(&image::build(board)?.elf)?;
    Ok(Tally { reason: Some(format!("{count} instructions")), ..Tally::pass() })
}

fn stack_depth(board: Board) -> Result<Tally> {
    let (deepest, stack) = stack::check(&image::build(board)?.elf, board.max_cores())?;
    Ok(Tally { reason: Some(format!("{deepest} of {stack} bytes")), ..Tally::pass() })
}

/// Runs a `cargo test` command and counts its tests.
fn cargo_tests(log: &mut Log, command: Command) -> Result<Tally> {
    let (ended, output) = log.capture(command, CARGO_TIMEOUT)?;
    let tally = libtest_tally(&output);
    if !ended.success() && tally.failed == 0 {
        bail!("cargo test: {}", ended.describe());
    }
    ensure!(tally.passed + tally.failed > 0, "no test ran");
    Ok(tally)
}

/// Sums the lines `test result: ok. 12 passed; 0 failed; 1 ignored; ...` of libtest.
fn libtest_tally(output: &str) -> Tally {
    let mut total = Tally::default();
    for line in output.lines().filter(|line| line.starts_with("test result: ")) {
        let number = |word: &str| {
            let before = line.split_once(&format!(" {word}"))?.0;
            before.rsplit(' ').next()?.parse().ok()
        };
        total += &Tally {
            passed: number("passed").unwrap_or(0),
            failed: number("failed").unwrap_or(0),
            skipped: number("ignored").unwrap_or(0),
            reason: None,
        };
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtest_lines_are_summed() {
        let output = "running 14 tests\ntest a ... ok\n\
            test result: ok. 12 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.1s\n\
            test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out\n\
            a line that says 9 passed; 9 failed\n";
        let tally = libtest_tally(output);
        assert_eq!(tally, Tally { passed: 15, failed: 1, skipped: 2, reason: None });
        assert_eq!(libtest_tally("error: could not compile"), Tally::default());
    }

    #[test]
    fn models_are_summed() {
        let output = "test a ... two of it: 12 states, 5 transitions (9/s), 1 ends; checked or seen: DONE, I10, I2, L3\n\
            at most 2 preemptions: b: 30 states, 1 transitions; checked or seen: I2, In, L\n100 states, and nothing\n";
        assert_eq!(explored(output), (42, vec!["I2".to_owned(), "I10".to_owned(), "L3".to_owned()]));
    }

    #[test]
    fn case_names_are_unique() {
        let mut names: Vec<_> = all().into_iter().map(|case| case.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(names.contains(&"conformance smp=16 cpu=max".to_owned()));
    }
}

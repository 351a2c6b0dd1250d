// SPDX-License-Identifier: MIT OR Apache-2.0

//! The demonstration: four cores come up, core 2 stops listening, core 0 has the firmware stop the machine and
//! tells how each core ended and where it was; then all of them are started again. With `timeline=1` among its
//! parameters it sends the stop IPI itself, to know when, and prints the times of the stop for a program to draw.

#![no_std]
#![allow(clippy::result_large_err, reason = "a finding holds its text: there is no allocator to box it with")]
#![no_main]

use conformance::parameters::Parameters;
use conformance::stop::{CoreStatus, Counts, NO_SGI, Reply, Request};
use conformance::verdict::{Text, Verdict, failed};
use conformance::{clock, cores, gic, machine, println, stop, wedge};
use quell_abi::{Call, Kind, State, Status, Why};

conformance::entry!(main);

const CORES: usize = 4;
const DEAF: usize = 2;
/// Far more than a machine needs, for the sake of an emulator on a busy host.
const GRACE: u64 = 100_000;
const NMI: u64 = 2_000_000;
/// The longest that one POLL may take.
const POLL_BUDGET: u64 = 1_000;

fn main() {
    println!();
    println!("Quell: how to stop a machine when one of its cores no longer listens");
    println!("====================================================================");
    println!();
    match demonstrate() {
        Ok(()) => println!("demo: PASS"),
        Err(finding) => println!("demo: FAIL: {finding}"),
    }
}

fn demonstrate() -> Verdict {
    check(machine::cores() >= CORES, format_args!("4 cores"), format_args!("{}", machine::cores()))?;
    check(
        stop::is_there() && stop::has(Call::Sync),
        format_args!("a firmware with the stop service"),
        format_args!("none (UID of owner 7 differs)"),
    )?;
    for index in 1..CORES {
        start(index)?;
        let job = if index == DEAF { wedge::deaf } else { wedge::listening };
        let before = cores::heartbeat(index);
        cores::post(index, job, 0);
        cores::wait_for_beat(index, before)?;
    }
    println!("Core 0 started cores 1, 2 and 3 with CPU_ON. Cores 1 and 3 do their work with");
    println!("interrupts open. Core 2 has masked D, A, I and F and spins in `deaf_loop`: no");
    println!("IPI of an operating system reaches it.");
    println!();

    let timeline = Parameters::read().timeline;
    let Stop { reply, begin, ipi, done } = if timeline { ask_and_poll() } else { sync() };
    check(
        reply.status == 0,
        format_args!("DONE, with all cores stopped"),
        format_args!("status {}", reply.status as i64),
    )?;
    let Counts { acked, nmi, off, left } = Counts::of(&reply);
    if timeline {
        println!("Core 0 calls BEGIN(CRASH, grace 100 ms, nmi 2 s), sends the stop IPI, and POLL says");
        println!("DONE after {} us:", clock::microseconds(done - begin));
    } else {
        println!(
            "Core 0 calls SYNC(CRASH, grace 100 ms, nmi 2 s) and gets DONE after {} us:",
            clock::microseconds(done - begin)
        );
    }
    println!(
        "  {acked} answered the stop IPI, {nmi} stopped by the secure interrupt, {off} off, {left} left."
    );
    println!();
    table(begin)?;
    if timeline {
        print_timeline(begin, ipi, done);
    }
    cores::all_are_still(1..CORES).map_err(|index| {
        failed(format_args!("core {index} to stand still"), format_args!("its heartbeat"))
    })?;
    println!("No core but core 0 runs now. CPU_ON starts them afresh:");
    for index in 1..CORES {
        start(index)?;
        let echo = cores::call(index, echo, 40 + index as u64)?;
        check(echo == 40 + index as u64, format_args!("core {index} to work"), format_args!("{echo}"))?;
    }
    println!("  cores 1, 2 and 3 are back and answer.");
    println!();
    Ok(())
}

/// One stop, as its owner sees it.
struct Stop {
    reply: Reply,
    /// The counter before the first call.
    begin: u64,
    /// The counter before the stop IPI went out; `begin` if the firmware sent it.
    ipi: u64,
    /// The counter after the last call.
    done: u64,
}

/// Stops all other cores in one call, with the IPI sent by the firmware.
fn sync() -> Stop {
    let begin = clock::now();
    let reply = Request { nmi: NMI, ..Request::with_grace(Kind::Crash, GRACE, gic::STOP.into()) }.sync();
    Stop { reply, begin, ipi: begin, done: clock::now() }
}

/// Stops all other cores as an operating system does that sends its own IPI.
fn ask_and_poll() -> Stop {
    let begin = clock::now();
    let reply = Request { nmi: NMI, ..Request::with_grace(Kind::Crash, GRACE, NO_SGI) }.begin();
    let ipi = clock::now();
    if reply.status != 0 {
        return Stop { reply, begin, ipi, done: ipi };
    }
    (1..CORES).for_each(|index| gic::send(gic::STOP, index));
    let handle = reply.x[0];
    loop {
        let reply = stop::poll(handle, POLL_BUDGET);
        if reply.status != Status::Pending as u64 {
            return Stop { reply, begin, ipi, done: clock::now() };
        }
    }
}

/// Prints the times of the stop as `cargo xtask run --timeline` reads them: ticks of the system counter, 0 for what
/// did not happen.
fn print_timeline(begin: u64, ipi: u64, done: u64) {
    let (owner, frequency) = (machine::mpidr(0), clock::frequency());
    println!("timeline: owner=0 mpidr={owner:#x} frequency={frequency} begin={begin} ipi={ipi} done={done}");
    for index in 1..CORES {
        let mpidr = machine::mpidr(index);
        let CoreStatus { why, signalled, stopped, .. } = stop::status(index);
        println!("timeline: core={index} mpidr={mpidr:#x} why={why} signalled={signalled} stopped={stopped}");
    }
}

/// Prints how each core ended and where it was.
fn table(begin: u64) -> Verdict {
    println!("  core  MPIDR   ended by  after us  PSTATE      where it was");
    println!("  ----  ------  --------  --------  ----------  ------------------------------");
    println!("     0  0x0000  owner            -  -           has the machine to itself");
    for index in 1..CORES {
        let status = stop::status(index);
        let record = stop::read(index).map_err(|status| {
            failed(format_args!("READ of core {index}"), format_args!("status {}", status as i64))
        })?;
        let why = match status.why() {
            Some(Why::Ack) => "ACK",
            Some(Why::Nmi) => "NMI",
            _ => "?",
        };
        let after = clock::microseconds(status.stopped.wrapping_sub(begin));
        println!(
            "  {index:4}  0x{:04x}  {why:8}  {after:8}  {:#010x}  {}",
            record.mpidr,
            record.pstate,
            place(record.pc, status.why())
        );
        // A core that listens but was too slow for the time of grace, on a busy host, ends by NMI as well.
        let expected: &[Why] = if index == DEAF { &[Why::Nmi] } else { &[Why::Ack, Why::Nmi] };
        check(
            status.state() == Some(State::Off),
            format_args!("core {index} off"),
            format_args!("state {}", status.state),
        )?;
        check(
            status.why().is_some_and(|why| expected.contains(&why)),
            format_args!("core {index} stopped by {expected:?}"),
            format_args!("why {}", status.why),
        )?;
        check(
            index != DEAF || wedge::deaf_loop_range().contains(&record.pc),
            format_args!("core {index} in deaf_loop"),
            format_args!("pc {:#x}", record.pc),
        )?;
    }
    println!();
    Ok(())
}

/// Says where an address is.
fn place(pc: u64, why: Option<Why>) -> Text {
    let deaf_loop = wedge::deaf_loop_range();
    if deaf_loop.contains(&pc) {
        Text::of(format_args!("{pc:#x} deaf_loop+{:#x}", pc - deaf_loop.start))
    } else if why == Some(Why::Ack) {
        Text::of(format_args!("{pc:#x} in its ACK call"))
    } else {
        Text::of(format_args!("{pc:#x} at its work"))
    }
}

fn start(index: usize) -> Verdict {
    match cores::start(index) {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed(format_args!("core {index} to start"), format_args!("nothing of it"))),
        Err(status) => {
            Err(failed(format_args!("CPU_ON of core {index}"), format_args!("status {}", status as i64)))
        }
    }
}

fn check(holds: bool, expected: core::fmt::Arguments, saw: core::fmt::Arguments) -> Verdict {
    if holds { Ok(()) } else { Err(failed(expected, saw)) }
}

/// Job: proves that the core runs.
extern "C" fn echo(value: u64) -> u64 {
    value
}

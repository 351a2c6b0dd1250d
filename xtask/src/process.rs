// SPDX-License-Identifier: MIT OR Apache-2.0

//! Child processes: each has a time-out, none outlives it, and an error names the command in one line.
//!
//! Children stay in our process group, so Ctrl-C on the terminal ends them with us, and the kernel kills them
//! when we are killed. On a time-out (or a panic) the child and its descendants are killed by id: a test binary
//! that spins would survive the death of its cargo.

use std::cell::Cell;
use std::fs;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

use crate::progress::Spinner;

/// How long a child that printed nothing is left alone before it is looked at again.
const POLL: Duration = Duration::from_millis(20);

/// How long the end of a child's output may take to arrive when the child itself has ended: on a busy host our reader
/// comes late.
const DRAIN: Duration = Duration::from_secs(2);

/// How many lines of a failed child's output belong to its error.
const TAIL_LINES: usize = 60;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit code, if it exited by itself and not by a signal.
    pub code: Option<i32>,
    /// Whether it was killed because its time was over.
    pub timed_out: bool,
}

impl Ended {
    /// Tells whether the child exited by itself with code 0.
    pub fn success(self) -> bool {
        self.code == Some(0)
    }

    /// Says in words how the child ended.
    pub fn describe(self) -> String {
        match self.code {
            _ if self.timed_out => "did not end in time".to_owned(),
            Some(code) => format!("exit code {code}"),
            None => "killed by a signal".to_owned(),
        }
    }
}

/// A child that does not outlive its guard.
struct Guard(Child);

impl Guard {
    fn spawn(command: &mut Command) -> Result<Self> {
        let die_with_us = || set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from);
        // SAFETY: between fork and exec only what is async-signal-safe may run. This is one system call, prctl.
        unsafe { command.pre_exec(die_with_us) };
        let child = command.spawn().with_context(|| format!("cannot start `{}`", describe(command)))?;
        Ok(Self(child))
    }

    /// Waits until `deadline`; `None` if the child still runs then.
    fn wait_until(&mut self, deadline: Instant) -> Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(Some(status));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            thread::sleep(left.min(POLL));
        }
    }

    fn kill(&mut self) {
        for pid in descendants(self.0.id()) {
            // A process that has ended meanwhile is what we want.
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            self.kill();
        }
    }
}

/// Lists the children of all threads of a process, and theirs, as the kernel tells.
fn descendants(parent: u32) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for thread in threads {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()) {
            found.extend(descendants(child));
            found.extend(i32::try_from(child).ok().and_then(Pid::from_raw));
        }
    }
    found
}

/// Returns how much processor time our children, and theirs, that run now have used.
pub fn processor_time_of_children() -> Duration {
    let ticks = |pid: Pid| {
        let text = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        processor_ticks(&text).unwrap_or_default()
    };
    let ticks: u64 = descendants(std::process::id()).into_iter().map(ticks).sum();
    Duration::from_secs(ticks) / rustix::param::clock_ticks_per_second() as u32
}

/// Finds the ticks that a process has spent on a processor, for itself and in the kernel, threads that have ended included, in
/// what proc_pid_stat(5) describes: fields 14 and 15. The name in field 2 may hold anything, in parentheses.
fn processor_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// Writes a command as a person would type it.
pub fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs `command` without input and gives what it prints, standard output and error in their order, to
/// `on_output` as it comes.
pub fn stream(command: Command, timeout: Duration, on_output: impl FnMut(&[u8])) -> Result<Ended> {
    stream_until(command, &Cell::new(Instant::now() + timeout), on_output)
}

/// Does so until a point in time that `on_output` may put off, or bring forward.
pub fn stream_until(
    mut command: Command,
    deadline: &Cell<Instant>,
    mut on_output: impl FnMut(&[u8]),
) -> Result<Ended> {
    let (mut reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = Guard::spawn(&mut command)?;
    // It holds our copies of the pipe's write end, and the reader sees no end while they are open.
    drop(command);

    let (sender, chunks) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = reader.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });

    let mut patience = POLL;
    while Instant::now() < deadline.get() {
        match chunks.recv_timeout(patience) {
            Ok(chunk) => on_output(&chunk),
            Err(RecvTimeoutError::Disconnected) => break,
            // A grandchild may hold the pipe open for ever: the child's own end is what counts.
            Err(RecvTimeoutError::Timeout) if patience == DRAIN => break,
            Err(RecvTimeoutError::Timeout) if child.0.try_wait()?.is_some() => patience = DRAIN,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    let status = child.wait_until(deadline.get())?;
    if status.is_none() {
        child.kill();
    }
    for chunk in chunks.try_iter() {
        on_output(&chunk);
    }
    Ok(Ended { code: status.and_then(|status| status.code()), timed_out: status.is_none() })
}

/// Runs `command` without input; returns how it ended and everything that it printed.
pub fn capture(command: Command, timeout: Duration) -> Result<(Ended, String)> {
    let mut output = Vec::new();
    let ended = stream(command, timeout, |chunk| output.extend_from_slice(chunk))?;
    Ok((ended, String::from_utf8_lossy(&output).into_owned()))
}

/// Runs a short `command` that must succeed and returns what it printed.
pub fn output(command: Command, timeout: Duration) -> Result<String> {
    let name = describe(&command);
    let (ended, output) = capture(command, timeout)?;
    require_success(&name, ended, &output)?;
    Ok(output)
}

/// Runs a long `command` that must succeed, with a spinner that says `what` it is for; returns what it printed.
pub fn step(what: &str, command: Command, timeout: Duration) -> Result<String> {
    let name = describe(&command);
    let spinner = Spinner::start(what);
    let mut output = Vec::new();
    let ended = stream(command, timeout, |chunk| {
        spinner.note(chunk);
        output.extend_from_slice(chunk);
    })?;
    let output = String::from_utf8_lossy(&output).into_owned();
    require_success(&name, ended, &output)?;
    Ok(output)
}

/// Runs `command` on the terminal that we have; returns its exit code.
pub fn interactive(mut command: Command, timeout: Option<Duration>) -> Result<i32> {
    let mut child = Guard::spawn(&mut command)?;
    let status = match timeout {
        None => child.0.wait()?,
        Some(timeout) => child
            .wait_until(Instant::now() + timeout)?
            .with_context(|| format!("`{}` did not end in {} s", describe(&command), timeout.as_secs()))?,
    };
    status.code().with_context(|| format!("`{}` was killed by a signal", describe(&command)))
}

/// Turns a bad end into an error that carries the last lines of the output.
pub fn require_success(name: &str, ended: Ended, output: &str) -> Result<()> {
    if ended.success() {
        return Ok(());
    }
    bail!("`{name}`: {}\n{}", ended.describe(), tail(output, TAIL_LINES))
}

/// Returns the last `count` lines of `text`.
pub fn tail(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn processor_time_is_behind_any_name() {
        let stat = "42 (qemu) 7 (x)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 6 0 99 0 0";
        assert_eq!(processor_ticks(stat), Some(300));
        assert_eq!(processor_ticks("42 (qemu) S 1 2"), None);
        assert_eq!(processor_ticks(""), None);
    }

    #[test]
    fn output_and_error_come_in_order() {
        let (ended, output) =
            capture(shell("echo one; echo two >&2; printf three; exit 3"), Duration::from_secs(10)).unwrap();
        assert_eq!(output, "one\ntwo\nthree");
        assert_eq!(ended, Ended { code: Some(3), timed_out: false });
    }

    #[test]
    fn time_out_kills_the_descendants_too() {
        let start = Instant::now();
        let (ended, output) = capture(shell("sleep 60 & echo $!; wait"), Duration::from_millis(300)).unwrap();
        assert_eq!(ended, Ended { code: None, timed_out: true });
        assert!(start.elapsed() < Duration::from_secs(10));
        // The grandchild becomes a zombie of init at worst, so its command line is gone or empty.
        let grandchild = format!("/proc/{}/cmdline", output.trim());
        let gone = (0..100).any(|_| {
            thread::sleep(Duration::from_millis(10));
            fs::read(&grandchild).map_or(true, |line| line.is_empty())
        });
        assert!(gone, "{grandchild} still runs");
    }

    #[test]
    fn a_grandchild_that_holds_the_output_does_not_delay_the_end() {
        let start = Instant::now();
        let (ended, output) = capture(shell("sleep 5 & echo done"), Duration::from_secs(60)).unwrap();
        assert!(ended.success());
        assert_eq!(output, "done\n");
        assert!(start.elapsed() < Duration::from_secs(4));
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = output(Command::new("quell-no-such-tool"), Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `quell-no-such-tool`");
    }

    #[test]
    fn an_error_carries_the_last_lines() {
        let error = output(shell("seq 100; exit 1"), Duration::from_secs(10)).unwrap_err().to_string();
        assert!(error.contains("exit code 1\n41\n"), "{error}");
        assert!(error.ends_with("\n100"), "{error}");
    }
}

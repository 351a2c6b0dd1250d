// SPDX-License-Identifier: MIT OR Apache-2.0

//! A client of QEMU's GDB stub (GDB manual, appendix E): enough of the remote protocol to stop the machine at an
//! instruction of the firmware, look at a core's registers and change them.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// How long the stub may take to answer, and the machine to come to a breakpoint.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The number of the program counter among the registers of AArch64.
const PC: u32 = 32;

/// A connection to the stub. The machine stands still between the calls.
pub struct Gdb(UnixStream);

impl Gdb {
    /// Returns QEMU's arguments that make the stub listen at `socket`.
    pub fn arguments(socket: &Path) -> [String; 4] {
        let path = socket.display();
        let chardev = format!("socket,id=gdb,path={path},server=on,wait=off");
        ["-chardev".to_owned(), chardev, "-gdb".to_owned(), "chardev:gdb".to_owned()]
    }

    /// Connects, and waits for the stub if it is not there yet.
    pub fn connect(socket: &Path) -> Result<Self> {
        let deadline = Instant::now() + TIMEOUT;
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() > deadline => {
                    return Err(error).context("QEMU's GDB stub does not listen");
                }
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        };
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut gdb = Self(stream);
        let reason = gdb.ask("?")?;
        ensure!(reason.starts_with('T'), "the machine does not stop: {reason}");
        Ok(gdb)
    }

    /// Runs until a core is about to execute the instruction at `address`; returns its number. It is the one to look at then.
    pub fn run_to(&mut self, address: u64) -> Result<u32> {
        self.command(&format!("Z1,{address:x},4"))?;
        let reason = self.ask("c")?;
        let thread = reason.split(';').find_map(|part| part.split("thread:").nth(1));
        let thread = thread.with_context(|| format!("the machine stopped somewhere: {reason}"))?.to_owned();
        self.command(&format!("z1,{address:x},4"))?;
        self.command(&format!("Hg{thread}"))?;
        // Threads are numbered from 1, as p1.1.
        let number = thread.rsplit('.').next().and_then(|number| u32::from_str_radix(number, 16).ok());
        number.and_then(|number| number.checked_sub(1)).with_context(|| format!("no core is {thread}"))
    }

    /// Lets the machine run for a while.
    pub fn run_for(&mut self, time: Duration) -> Result<()> {
        self.send("c")?;
        thread::sleep(time);
        self.0.write_all(&[3])?;
        self.receive().map(|_| ())
    }

    /// Runs a command of QEMU's monitor.
    pub fn monitor(&mut self, command: &str) -> Result<()> {
        self.command(&format!("qRcmd,{}", hex(command.as_bytes())))
    }

    /// Lets the machine run, and leaves.
    pub fn detach(mut self) -> Result<()> {
        self.command("D")
    }

    /// Makes the core that is looked at go on at `address`.
    pub fn set_pc(&mut self, address: u64) -> Result<()> {
        self.command(&format!("P{PC:x}={}", hex(&address.to_le_bytes())))
    }

    /// Writes to memory as the core that is looked at sees it.
    pub fn write(&mut self, address: u64, value: u64) -> Result<()> {
        self.command(&format!("M{address:x},8:{}", hex(&value.to_le_bytes())))
    }

    /// Returns the program counters of the first `cores` cores.
    pub fn pcs(&mut self, cores: u32) -> Result<Vec<u64>> {
        let pc = |gdb: &mut Self, core| {
            gdb.command(&format!("Hgp1.{:x}", core + 1))?;
            let bytes = gdb.ask(&format!("p{PC:x}"))?;
            let value = u64::from_str_radix(&bytes, 16).with_context(|| format!("a register is {bytes}"))?;
            Ok(value.swap_bytes())
        };
        (0..cores).map(|core| pc(self, core)).collect()
    }

    fn command(&mut self, text: &str) -> Result<()> {
        match self.ask(text)?.as_str() {
            "OK" => Ok(()),
            answer => bail!("QEMU's GDB stub answers `{text}` with `{answer}`"),
        }
    }

    fn ask(&mut self, text: &str) -> Result<String> {
        self.send(text)?;
        self.receive()
    }

    fn send(&mut self, text: &str) -> Result<()> {
        let sum = text.bytes().fold(0_u8, u8::wrapping_add);
        Ok(self.0.write_all(format!("${text}#{sum:02x}").as_bytes())?)
    }

    /// Returns the next packet, and acknowledges it.
    fn receive(&mut self) -> Result<String> {
        // What comes before it acknowledges packets of ours.
        while self.byte()? != b'$' {}
        let mut text = Vec::new();
        loop {
            match self.byte()? {
                b'#' => break,
                byte => text.push(byte),
            }
        }
        let _checksum = [self.byte()?, self.byte()?];
        self.0.write_all(b"+")?;
        Ok(String::from_utf8(text)?)
    }

    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        self.0.read_exact(&mut byte).context("QEMU's GDB stub is silent")?;
        Ok(byte[0])
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

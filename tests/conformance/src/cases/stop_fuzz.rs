// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls of owner 7 with arguments drawn by chance, most of them nearly right, from several cores at once: each returns one of the
//! statuses that it may, whoever is stopped is started again, and everything works afterwards.
//!
//! Who keeps the machine alive: the owner of a session is not stopped by it, nobody evicts the boot core, and whoever comes back
//! from a call now and then starts all cores that are off. READ is only ever given its own buffer, or what is no DRAM.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use quell_abi::{Call, Flags, Kind, RECORD_SIZE, SERVICE_BASE, Status, VERSION};

use crate::anchor::{self, Ending};
use crate::case::cases;
use crate::clock::{PATIENCE, wait_until};
use crate::fixture::others;
use crate::machine::{self, mpidr, this_core};
use crate::psci::{self, OFF};
use crate::random::Random;
use crate::registers::mask_all;
use crate::runner::{rounds_wanted, seed};
use crate::section;
use crate::session::stop_all;
use crate::stop::{self, EVERYBODY, NO_SGI, Reply};
use crate::stopped::come_back;
use crate::verdict::{Verdict, failed, holds, status};
use crate::{cores, gic, report, smc};

cases! {
    [section::STOP_CALLS]
    /// Random calls of owner 7 by one core return what they may.
    "stop.fuzz.alone", 1, alone;
    /// Random calls of owner 7 by several cores return what they may.
    "stop.fuzz.several_cores", 2, several_cores;
}

/// The most cores that call at once.
const CALLERS: usize = 4;

/// Rounds of another race in whose time a slow emulator makes those calls, for each second.
const ROUNDS_PER_SECOND: u64 = 100;

/// Calls for each round of another race.
const MANY: u64 = 250;

/// The most calls of a case, however many rounds there shall be.
const MOST: u64 = 1_000_000;

/// Calls between two looks at whether others are off.
const LOOK: u64 = 64;

static CALLS: AtomicU64 = AtomicU64::new(0);
static WANTED: AtomicU64 = AtomicU64::new(0);
static DONE_SESSIONS: AtomicU64 = AtomicU64::new(0);
static SUCCESSES: AtomicU64 = AtomicU64::new(0);

/// The first call that returned what it may not: function, x1, x2, x3 and the status.
static WRONG: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];

/// Picks one of some values, each of which may be drawn by chance itself.
macro_rules! pick {
    ($random:ident, $($choice:expr),+ $(,)?) => {{
        let choices = [$($choice),+];
        $random.one_of(&choices)
    }};
}

/// How many cores call.
static COUNT: AtomicUsize = AtomicUsize::new(1);

fn callers() -> Range<usize> {
    0..COUNT.load(Ordering::Relaxed)
}

/// A number that is often near a limit.
fn number(random: &mut Random) -> u64 {
    let near = [
        0,
        1,
        2,
        3,
        7,
        8,
        15,
        16,
        64,
        255,
        1000,
        1001,
        1 << 16,
        1 << 31,
        u64::from(u32::MAX),
        1 << 32,
        u64::MAX,
    ];
    match random.below(4) {
        0 => random.bits(),
        1 => 1 << random.below(64),
        2 => random.one_of(&near).wrapping_add(random.below(3)).wrapping_sub(1),
        _ => random.one_of(&near),
    }
}

/// A core that there is, or one that there is not.
fn core(random: &mut Random) -> u64 {
    match random.below(4) {
        0 => number(random),
        1 => mpidr(callers().end),
        _ => mpidr(random.below(callers().len() as u64) as usize),
    }
}

/// A time that is short, or one that is refused.
fn time(random: &mut Random) -> u64 {
    const REFUSED: [u64; 4] = [1 << 32, (1 << 32) + 1, 1 << 63, u64::MAX];
    if random.below(8) == 0 { random.one_of(&REFUSED) } else { random.below(300) }
}

/// x1 to x6 of BEGIN. A session of the highest kind has a short time of grace, because nobody could end a long one; and no session
/// that could open resets the machine.
fn begin(random: &mut Random) -> [u64; 6] {
    let kind = random.below(5);
    let mut flags = random.below(3) & 1;
    let mut x1 = kind | flags << 8;
    let mut lease = if kind == Kind::Pause as u64 { random.below(2_000) } else { number(random) };
    match random.below(16) {
        0 => x1 = number(random) & !(u64::from(Flags::ORPHAN_RESET.bits()) << 8) | 1 << 40,
        1 => {
            // An ORPHAN_RESET that could never come is refused.
            flags |= u64::from(Flags::ORPHAN_RESET.bits());
            x1 = kind | flags << 8;
            if kind != Kind::Pause as u64 {
                lease = 0;
            }
        }
        _ => {}
    }
    let longest = if kind < Kind::Crash as u64 && random.below(16) == 0 { u64::from(u32::MAX) } else { 300 };
    let grace = pick!(random, 0, time(random), random.below(300), longest);
    let nmi = pick!(random, 0, time(random), 1_000_000, u64::from(u32::MAX));
    let sgi = pick!(random, NO_SGI, NO_SGI, gic::STOP.into(), random.below(20), number(random));
    [x1, grace, nmi, lease, sgi, random.bits()]
}

/// x1 to x3 of READ.
fn read(random: &mut Random, buffer: u64) -> [u64; 6] {
    const NO_DRAM: [u64; 7] = [
        0,
        machine::FLASH.start,
        machine::SECURE_RAM.start,
        machine::GICD as u64,
        machine::UART as u64,
        machine::DRAM_BASE - 8,
        u64::MAX - 7,
    ];
    let address = match random.below(4) {
        0 => random.one_of(&NO_DRAM).wrapping_add(random.below(9)),
        1 => machine::dram_end() - random.below(RECORD_SIZE as u64),
        2 => buffer | 1 << (41 + random.below(23)),
        _ => buffer,
    };
    // What ends behind DRAM is refused with a length of a record only: a shorter one would be written there.
    let bytes = if address == buffer {
        pick!(random, 8, 64, RECORD_SIZE as u64, number(random) & !0x3f8)
    } else {
        RECORD_SIZE as u64
    };
    [core(random), address, bytes, random.bits(), 0, 0]
}

/// A call and its arguments.
fn draw(random: &mut Random, handle: u64, buffer: u64) -> (u32, [u64; 6]) {
    let any: [u64; 6] = core::array::from_fn(|_| number(random));
    let handle =
        pick!(random, handle, handle, handle.wrapping_sub(1), handle + 1, handle | 1 << 32, number(random),);
    let call = |call: Call, arguments| (call.fid(), arguments);
    match random.below(64) {
        0..=1 => call(Call::Version, any),
        2..=4 => call(Call::Features, any),
        5 => call(Call::Begin, begin(random)),
        // SYNC does not tell the handle: its session must come to its end.
        6 => {
            let [x1, x2, _, x4, x5, x6] = begin(random);
            call(Call::Sync, [x1, x2, 5_000_000, x4, x5, x6])
        }
        7..=16 => call(
            Call::Poll,
            [handle, pick!(random, 0, 1, 10, 1001, number(random)), any[2], any[3], any[4], any[5]],
        ),
        17 => call(Call::Ack, any),
        18..=23 => call(
            Call::Release,
            [
                handle,
                pick!(random, 0, 1, 1, 2, any[1]),
                pick!(random, u64::MAX, u64::MAX, any[2]),
                any[3],
                0,
                0,
            ],
        ),
        24..=33 => call(Call::Status, [core(random), any[1], any[2], any[3], any[4], any[5]]),
        34..=43 => call(Call::Read, read(random, buffer)),
        44 => call(Call::Snapshot, [pick!(random, EVERYBODY, core(random)), time(random), any[2], 0, 0, 0]),
        45..=50 => call(Call::Mask, [pick!(random, 0, 1, any[0]), any[1], any[2], any[3], 0, 0]),
        51..=57 => call(
            Call::CoreId,
            [pick!(random, 0, 1, machine::cores() as u64, any[0]), any[1], any[2], 0, 0, 0],
        ),
        58 => {
            let target = core(random);
            // The boot core runs the cases. Bits that are no affinity do not make another core of it.
            let target = if target & 0xff_00ff_ffff == mpidr(0) { mpidr(1) } else { target };
            call(Call::Evict, [target, time(random), any[2], 0, 0, 0])
        }
        59 => ((SERVICE_BASE + random.below(0x100) as u32) | 1 << (16 + random.below(8)), [u64::MAX; 6]),
        60 => (SERVICE_BASE + 13 + random.below(0xf3) as u32, any),
        61 => ((SERVICE_BASE + random.below(0x100) as u32) & !(1 << 30), any),
        62 => (0x8700_ff00 + random.below(0x100) as u32, any),
        _ => (0xc700_0000 | random.below(0x1_0000) as u32 | 0x8000, any),
    }
}

/// The statuses that a call may have when it returns.
fn may(function: u32, arguments: &[u64; 6], reply: &Reply) -> bool {
    use Status::{
        Busy, Denied, InvalidAddress, InvalidParameters, NoSession, NotSupported, Partial, Pending,
        StaleHandle, Success,
    };
    // The SVE hint is no part of the number.
    let Some(call) = Call::from_fid(function & !(1 << 16)) else {
        let is_identity =
            [VERSION.into(), u64::from(quell_abi::CALL_UID[0]), quell_abi::REVISION_MAJOR.into()];
        return reply.status == NotSupported.to_register() || is_identity.contains(&reply.status);
    };
    if call == Call::Version {
        return reply.status == VERSION.into();
    }
    let Some(status) = Status::from_register(reply.status) else { return false };
    if status == NotSupported {
        let of_pause = arguments[0] & 0xff == Kind::Pause as u64 || arguments[0] & 1 << 9 != 0;
        return !stop::has(call) || of_pause && matches!(call, Call::Begin | Call::Sync);
    }
    let allowed: &[Status] = match call {
        Call::Version | Call::Features => &[Success],
        Call::Begin => &[Success, InvalidParameters, Denied, Busy],
        Call::Sync => &[Success, Partial, InvalidParameters, Denied, Busy, StaleHandle, NoSession],
        Call::Poll => &[Success, Pending, Partial, InvalidParameters, StaleHandle, NoSession],
        Call::Ack => &[Success, Denied, NoSession],
        Call::Release => &[Success, InvalidParameters, Denied, StaleHandle, NoSession],
        Call::Status | Call::Mask | Call::CoreId => &[Success, InvalidParameters],
        Call::Read => &[Success, InvalidParameters, InvalidAddress],
        Call::Snapshot => &[Success, Partial, InvalidParameters, Busy],
        Call::Evict => &[Success, Pending, Partial, InvalidParameters, Busy],
    };
    allowed.contains(&status) && !(status == Success && is_hopeless(call, arguments))
}

/// Arguments with which no call succeeds.
fn is_hopeless(call: Call, arguments: &[u64; 6]) -> bool {
    let [x1, x2, x3, x4, x5, _] = *arguments;
    let longest = u64::from(u32::MAX);
    match call {
        Call::Begin | Call::Sync => {
            x1 & 0xff > 3
                || x1 >> 8 > 3
                || [x2, x3, x4].into_iter().any(|time| time > longest)
                || (x5 > 7 && x5 != NO_SGI)
        }
        Call::Poll => x1 > longest || x2 > 1000,
        Call::Release => x1 > longest || x2 > 1 || x3 != u64::MAX,
        Call::Read => {
            x2 % 8 != 0 || x2 < machine::DRAM_BASE || x2 >= machine::dram_end() || x3 > RECORD_SIZE as u64
        }
        Call::Snapshot | Call::Evict => x2 > 10_000_000,
        Call::CoreId => x1 >= machine::cores() as u64,
        _ => false,
    }
}

/// Starts every caller that is off.
fn start_others() {
    for index in callers().filter(|&index| index != this_core() && psci::affinity_info(index) == OFF) {
        psci::cpu_on(mpidr(index), cores::entry_point(), 0);
    }
}

/// Habit: calls until enough calls were made by all.
extern "C" fn call_on(index: u64) -> u64 {
    mask_all();
    let mut random = Random::new(seed().wrapping_add(index) ^ CALLS.load(Ordering::Relaxed));
    let mut buffer = [0_u64; RECORD_SIZE / 8];
    let mut handle = 1;
    let mut count = 0;
    while CALLS.load(Ordering::Relaxed) < WANTED.load(Ordering::Relaxed) {
        let (function, arguments) = draw(&mut random, handle, (&raw mut buffer) as u64);
        cores::beat();
        let [x0, x1, x2, x3, x4, ..] = smc::call(function, arguments);
        let reply = Reply { status: x0, x: [x1, x2, x3, x4] };
        count += 1;
        CALLS.fetch_add(1, Ordering::Relaxed);
        if !may(function, &arguments, &reply) {
            let note = [function.into(), arguments[0], arguments[1], arguments[2], x0];
            WRONG.iter().zip(note).for_each(|(slot, value)| slot.store(value, Ordering::Relaxed));
        }
        SUCCESSES.fetch_add(u64::from(x0 == 0), Ordering::Relaxed);
        let is_begin = function == Call::Begin.fid() && x0 == 0;
        if is_begin {
            handle = x1;
        }
        if is_begin || function == Call::Sync.fid() && x0 == 0 {
            DONE_SESSIONS.fetch_add(1, Ordering::Relaxed);
        }
        if count % LOOK == 0 {
            start_others();
        }
    }
    core::hint::black_box(&buffer);
    // A session of one's own is not left open: nobody else could end it. Whoever ends first stops all others.
    let upgraded = stop::Request::at_once(Kind::Crash).begin();
    let last = if upgraded.status == 0 { upgraded.x[0] } else { handle };
    let goes_on = [Status::Pending, Status::Partial].map(Status::to_register);
    let ended = wait_until(PATIENCE, || !goes_on.contains(&stop::poll(last, 100).status));
    if this_core() != 0 && psci::affinity_info(0) == OFF {
        psci::cpu_on(mpidr(0), cores::entry_point(), 0);
    }
    ended.into()
}

fn judge() -> Verdict {
    let [calls, sessions, successes] =
        [&CALLS, &DONE_SESSIONS, &SUCCESSES].map(|count| count.load(Ordering::Relaxed));
    crate::println!("# {calls} calls, {successes} successes, {sessions} sessions");
    let [function, x1, x2, x3, saw] = WRONG.each_ref().map(|word| word.swap(0, Ordering::Relaxed));
    if function != 0 {
        return Err(failed(
            format_args!("a status that {function:#x}({x1:#x}, {x2:#x}, {x3:#x}) may have"),
            format_args!("{saw:#x}"),
        ));
    }
    holds("some calls succeed", successes > 0)
}

/// Lets so many cores make calls together.
fn call_from(cores: usize) -> Verdict {
    COUNT.store(cores, Ordering::Relaxed);
    for counter in [&CALLS, &DONE_SESSIONS, &SUCCESSES] {
        counter.store(0, Ordering::Relaxed);
    }
    WANTED.store(MOST.min(rounds_wanted() * MANY), Ordering::Release);
    report::within(rounds_wanted() / ROUNDS_PER_SECOND);
    callers().for_each(|index| cores::set_habit(index, Some(call_on)));
    // It starts the others. Stopped and started, it does the same again, and comes back from it.
    let ending = anchor::run(call_on, 0);
    callers().for_each(|index| cores::set_habit(index, None));
    if let Ending::Faulted(fault) = ending {
        return Err(failed(format_args!("no exception"), format_args!("{fault}")));
    }
    judge()?;
    works()
}

/// The boot core alone: every session is done at once.
fn alone() -> Verdict {
    call_from(1)
}

fn several_cores() -> Verdict {
    call_from(machine::cores().min(CALLERS))
}

/// Everything is as ever.
fn works() -> Verdict {
    others().for_each(anchor::forget);
    stop_all(Kind::Crash)?;
    come_back(others().take(CALLERS))?;
    stop_all(Kind::Halt)?;
    status("FEATURES", stop::features().status, 0)
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a core of a model does in the firmware, as the monitor does it.

use interleave::{check, peek, seen};
use quell_abi::{Call, Flags, Kind, Release, State, Status, Why};
use quell_arch::{Answer, FunctionId};
use quell_power::{Depth, Entry, Gate, LocalCore, Phase, StartError, sync::Ordering};
use quell_stop::{Hardware as _, Order, Outcome, Stop, Way};

use super::{
    machine::{SECURE, STOP, Seat},
    script::{Act, Core, Place},
    world::World,
};

/// A core in the firmware.
pub(crate) struct Monitor<'a> {
    pub(crate) world: &'a World,
    pub(crate) seat: &'a Seat<'a>,
    pub(crate) stop: Stop<'a, Seat<'a>>,
    pub(crate) local: LocalCore<'a>,
}

impl Monitor<'_> {
    /// The way back into the operating system, by the gate.
    pub(crate) fn follow(&self, way: Way) -> Place {
        if way == Way::Pen {
            return Place::Pen;
        }
        match self.stop.gate(&self.local) {
            Way::Back => self.inside(),
            Way::Pen => Place::Pen,
        }
    }

    pub(crate) fn arrive_anew(&self, way: Way) -> Place {
        if way == Way::Pen {
            return Place::Pen;
        }
        let index = self.local.index();
        self.world.machine.closed.clear_bits(1 << index);
        self.inside()
    }

    /// The way back of a call that has passed the gate before it was answered. An interrupt that is pending is taken before the
    /// first instruction.
    fn go_back_at_once(&self) -> Place {
        let pending = peek(|| self.world.machine.pending[self.local.index()].load(Ordering::Relaxed));
        if pending & SECURE == 0 {
            return self.inside();
        }
        seen("an interrupt behind the short way");
        self.seat.acknowledge();
        self.follow(self.stop.interrupted(&self.local))
    }

    /// The core is in the operating system, right after its last look at its own word.
    fn inside(&self) -> Place {
        let word = peek(|| self.local.word());
        check(
            "I14",
            word.state() == State::On,
            format_args!("core {} enters and is {word:?}", self.local.index()),
        );
        let is_closed = self.world.machine.closed.get() >> self.local.index() & 1 == 1;
        check("I15", !is_closed, format_args!("core {} goes on and is deaf", self.local.index()));
        self.world.inside.set_bits(1 << self.local.index());
        Place::Inside
    }

    fn call(&self, call: Call, arguments: [u64; 6]) -> Option<Answer> {
        let function = FunctionId::from_register(u64::from(call.fid())).unwrap();
        match self.stop.handle(function, arguments, &self.local) {
            Outcome::Return(answer) => Some(answer),
            Outcome::Stop(order) => {
                let answer = self.stop.obey(&self.local, order)?;
                let expected = match order {
                    Order::Acknowledged(_) => Status::Success,
                    Order::Lost(_) => Status::Busy,
                    Order::Evicted => unreachable!("who is evicted does not come back"),
                };
                let is_expected = answer.as_slice()[0] == expected.to_register();
                check("I15", is_expected, format_args!("a call that was held returns {answer:?}"));
                Some(answer)
            }
        }
    }

    pub(crate) fn act(&self, core: &mut Core, act: Act) -> Place {
        core.at += 1;
        let index = self.local.index();
        match act {
            Act::Start(target) => self.start(target),
            Act::Begin(kind, times) => self.begin(core, kind, Flags::default(), times),
            Act::BeginOrphan(times) => self.begin(core, Kind::Crash, Flags::ORPHAN_RESET, times),
            Act::Sync(kind, times) => self.sync(core, kind, times),
            Act::Read(target, words) => {
                self.world.read(target, words, |arguments| self.call(Call::Read, arguments));
                self.follow(Way::Back)
            }
            Act::End => self.end(),
            Act::PollToEnd => {
                let Some(answer) = self.call(Call::Poll, [core.handle.into(), 0, 0, 0, 0, 0]) else {
                    return Place::Pen;
                };
                let status = Status::from_register(answer.as_slice()[0]).expect("x0 is a status");
                if status == Status::Pending {
                    core.at -= 1;
                }
                self.polled(status, core);
                self.follow(Way::Back)
            }
            Act::Acknowledge => match self.call(Call::Ack, [0x1234, 0, 0, 0, 0, 0]) {
                Some(_) => self.follow(Way::Back),
                None => Place::Pen,
            },
            Act::Release(how) => self.release(core, how),
            Act::Off => {
                if peek(|| self.world.control.load()).targets(index) {
                    seen("CPU_OFF in a session");
                }
                self.stop.off(&self.local);
                Place::Pen
            }
            Act::Suspend => self.suspend(),
            Act::Snapshot(target, milliseconds) => {
                let arguments = [target as u64, milliseconds * 1_000, 0, 0, 0, 0];
                let Some(answer) = self.call(Call::Snapshot, arguments) else { return Place::Pen };
                match Status::from_register(answer.as_slice()[0]) {
                    Some(Status::Success) => seen("SNAPSHOT done"),
                    Some(Status::Partial) => seen("SNAPSHOT partial"),
                    _ => seen("SNAPSHOT busy"),
                }
                self.follow(Way::Back)
            }
            Act::Evict(target, milliseconds) => self.evict(target, milliseconds),
            Act::Call => self.follow(Way::Back),
            Act::Wedge => unreachable!("a core that hangs is not in the firmware"),
        }
    }

    fn begin(&self, core: &mut Core, kind: Kind, flags: Flags, times: [u64; 3]) -> Place {
        let answer = self.call(Call::Begin, begin_arguments(kind, flags, times));
        self.world.machine.start_clock();
        let Some(answer) = answer else { return Place::Pen };
        if let &[0, handle, ..] = answer.as_slice() {
            self.begun(core, handle, kind);
        }
        self.follow(Way::Back)
    }

    fn sync(&self, core: &mut Core, kind: Kind, times: [u64; 3]) -> Place {
        self.world.machine.start_clock();
        let Some(answer) = self.call(Call::Sync, begin_arguments(kind, Flags::default(), times)) else {
            return Place::Pen;
        };
        if let &[status, .., handle] = answer.as_slice()
            && answer.as_slice().len() == 5
        {
            self.begun(core, handle, kind);
            self.polled(Status::from_register(status).expect("x0 is a status"), core);
            check("L6", status != Status::Pending.to_register(), "SYNC returns before it is over");
        }
        self.follow(Way::Back)
    }

    /// SYSTEM_RESET: every other core comes to rest, or does not answer for five seconds.
    fn end(&self) -> Place {
        let (world, index) = (self.world, self.local.index());
        world.machine.start_clock();
        let begin = peek(|| self.seat.now());
        if self.stop.rest(&self.local) == Way::Pen {
            return Place::Pen;
        }
        let others = || (0..world.cores.len()).filter(|&other| other != index);
        let is_complete = peek(|| others().all(|other| world.table().local(other).word().is_off()));
        let has_waited = peek(|| self.seat.now()) - begin >= PATIENCE;
        check("REST", is_complete || has_waited, "the machine ends, and nobody waited for the others");
        check("REST", world.ended.get() == 0, "two cores end the machine");
        let dumps = world.dumps.get() & !(1 << index);
        check("REST", dumps == 0, format_args!("the end of the machine kills the dump of {dumps:#b}"));
        world.ended.set(1);
        if is_complete {
            world.stopped.set_bits(others().map(|other| 1 << other).sum());
        }
        seen("end of the machine");
        Place::Ended
    }

    /// CPU_ON: the short way, and the long one if the gate does not let it or the start is denied.
    fn start(&self, target: usize) -> Place {
        if self.local.resume() == Gate::Pass && self.try_start(target) != Err(StartError::Denied) {
            return self.go_back_at_once();
        }
        // Its answer is the caller's, whatever it is.
        let _ = self.try_start(target);
        self.follow(Way::Back)
    }

    fn try_start(&self, target: usize) -> Result<(), StartError> {
        let world = self.world;
        let before = peek(|| world.control.load());
        let starter = self.local.index();
        let was_stopped = world.stopped.get() >> target & 1 == 1;
        world.stopped.clear_bits(1 << target);
        world.promised.clear_bits(1 << target);
        let entry = Entry::new(0x1000 * (starter as u64 + 1), 0, false);
        let started = world.table().remote(target).unwrap().start(&self.local, entry);
        match started {
            Ok(()) => {
                let (now, word) = peek(|| (world.control.load(), world.table().local(target).word()));
                let is_same = before.is_open() && now.generation() == before.generation() && now.is_open();
                check("I7", !is_same, "a CPU_ON succeeds in a session");
                let is_old = matches!(word.state(), State::Pending | State::On)
                    && word.generation() != now.generation();
                check("A", !is_old || now.is_open(), "a start from before a session holds after it");
                world.started[target].set(u64::from(word.generation()) + 1);
                check("L4", true, "");
                seen("CPU_ON accepted");
                world.machine.raise(target, STOP);
            }
            Err(StartError::Denied) => seen("CPU_ON denied"),
            Err(StartError::AlreadyOn) => {
                check("L4", !was_stopped, format_args!("core {target} has stopped and is not started"));
                seen("CPU_ON already on");
            }
            Err(StartError::OnPending) => seen("CPU_ON pending"),
        }
        started
    }

    fn begun(&self, core: &mut Core, handle: u64, kind: Kind) {
        let begun = &self.world.begun;
        check("I2", begun.get() >> handle & 1 == 0, "two cores own the same generation");
        begun.set_bits(1 << handle);
        self.world.owners.set_bits(1 << self.local.index());
        if matches!(kind, Kind::Kexec | Kind::Crash) {
            self.world.dumps.set_bits(1 << self.local.index());
        }
        (core.handle, core.kind) = (handle as u32, kind as u8);
    }

    fn polled(&self, status: Status, core: &Core) {
        let world = self.world;
        match status {
            Status::Success => {
                seen("DONE");
                let session = peek(|| world.control.load());
                if session.kind() != Kind::Pause && session.generation() == core.handle {
                    let others = !(1 << session.owner()) & ((1 << world.cores.len()) - 1);
                    world.stopped.set_bits(others);
                    let earlier = world.owners.get() & others & world.inside.get();
                    check(
                        "I13",
                        earlier == 0,
                        format_args!("cores {earlier:#b} have owned a session and run"),
                    );
                }
            }
            Status::Partial => seen("PARTIAL"),
            Status::Pending => seen("PENDING"),
            _ => {
                seen("POLL refused");
                // No model's owner polls after its session has ended.
                let now = peek(|| world.control.load());
                let is_higher = now.kind() as u8 > core.kind;
                check(
                    "R5",
                    is_higher || core.kind == Kind::Pause as u8 || now.phase() == Phase::Final,
                    format_args!("{now:?} has replaced its like"),
                );
            }
        }
    }

    fn release(&self, core: &Core, how: Release) -> Place {
        let before = peek(|| self.world.control.load());
        let Some(answer) = self.call(Call::Release, [core.handle.into(), how as u64, u64::MAX, 0, 0, 0])
        else {
            return Place::Pen;
        };
        let is_done = answer.as_slice()[0] == 0;
        seen(match (how, is_done) {
            (Release::Resume, true) => "RESUME",
            (Release::Off, true) => "RELEASE OFF",
            (_, false) => "RELEASE refused",
        });
        let is_stale = before.generation() != core.handle;
        check("I12", !(is_done && is_stale), "a stale handle releases a session");
        self.follow(Way::Back)
    }

    /// CPU_SUSPEND, as the monitor does it.
    fn suspend(&self) -> Place {
        if !self.local.suspend(Depth::Standby) {
            let way = self.stop.arrive(&self.local, Why::Nmi);
            return self.follow(way);
        }
        loop {
            self.seat.stand_by();
            self.seat.acknowledge();
            self.stop.attend(&self.local);
            let is_accepted = self.stop.serve(&self.local);
            check("I17", !is_accepted, "a core accepts in its sleep to be evicted");
            let is_awake = self.local.word().depth().is_none();
            if is_awake || self.seat.is_normal_pending() || self.stop.is_evicted(&self.local) {
                break;
            }
        }
        let before = peek(|| self.world.control.load());
        let way = if self.local.wake() {
            self.stop.enter(&self.local, Why::Suspended)
        } else {
            self.stop.arrive(&self.local, Why::Suspended)
        };
        if way == Way::Pen {
            return Place::Pen;
        }
        let now = peek(|| self.world.control.load());
        let was_up =
            before.targets(self.local.index()) && now.is_open() && now.generation() == before.generation();
        check("R2", !was_up, "a core wakes up behind the fence and passes it");
        if self.stop.serve(&self.local) {
            let way = self.stop.leave_evicted(&self.local);
            return self.follow(way);
        }
        self.follow(Way::Back)
    }

    fn evict(&self, target: usize, milliseconds: u64) -> Place {
        let world = self.world;
        let Some(answer) = self.call(Call::Evict, [target as u64, milliseconds * 1_000, 0, 0, 0, 0]) else {
            return Place::Pen;
        };
        match Status::from_register(answer.as_slice()[0]) {
            Some(Status::Success) => {
                seen("EVICT done");
                world.stopped.set_bits(1 << target);
                world.promised.set_bits(1 << target);
            }
            Some(Status::Pending) => {
                seen("EVICT pending");
                world.promised.set_bits(1 << target);
            }
            Some(Status::Partial) => {
                seen("EVICT partial");
                world.spared.set_bits(1 << target);
            }
            _ => seen("EVICT busy"),
        }
        self.follow(Way::Back)
    }
}

/// How long the end of the machine waits for the other cores, in ticks.
const PATIENCE: u64 = 5_000;

/// Returns the arguments of BEGIN with these milliseconds.
fn begin_arguments(kind: Kind, flags: Flags, times: [u64; 3]) -> [u64; 6] {
    let [grace, nmi, lease] = times.map(|milliseconds| milliseconds * 1_000);
    [kind as u64 | u64::from(flags.bits()) << 8, grace, nmi, lease, u64::MAX, 0]
}

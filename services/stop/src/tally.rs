// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counting the cores of a session by how they stand, from their live words: there is no list. Whoever counts also contains
//! those that are not in the operating system.

use quell_abi::{State, Why};
use quell_power::{ControlWord, CoreWord, Protection, Step, full_fence};

use crate::{Hardware, Stop};

/// How the cores of a session stand.
///
/// Two words without a gap: it is passed around in registers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Tally {
    /// As POLL tells them, 16 bits each: acked, nmi, off and left. A core's index has 16 bits, too: so many has the owner of a
    /// session in the control word.
    counts: u64,
    /// Index of one that is left, or [`NONE`].
    straggler: u16,
    /// Index of one that is in the pen, or [`NONE`].
    idle: u16,
    /// How many were neither ON nor OFF.
    moving: u32,
}

/// No core has this index: the owner has another one.
const NONE: u16 = u16::MAX;

const _: () = assert!(size_of::<Tally>() == 16);

const ACKED: u64 = 1;
const NMI: u64 = 1 << 16;
const OFF: u64 = 1 << 32;
const LEFT: u64 = 1 << 48;

/// Where a core that has stopped is counted, by how it did.
const LANES: [u64; Why::ALL.len()] = {
    let mut lanes = [0; Why::ALL.len()];
    lanes[Why::Ack as usize] = ACKED;
    lanes[Why::Nmi as usize] = NMI;
    lanes[Why::Lost as usize] = NMI;
    lanes[Why::Off as usize] = OFF;
    lanes[Why::Suspended as usize] = OFF;
    lanes[Why::NeverRan as usize] = OFF;
    lanes
};

impl Tally {
    const EMPTY: Self = Self { counts: 0, straggler: NONE, idle: NONE, moving: 0 };

    /// Adds a core of this session.
    #[inline(always)]
    fn add(&mut self, index: usize, word: CoreWord, session: ControlWord, first_generation: u32) {
        if word.is_off() {
            self.add_off(index, word, first_generation);
        } else if is_left(word, session) {
            self.add_left(index);
        } else if word.state() == State::Parked {
            self.idle = index as u16;
            self.counts += LANES[word.why() as usize];
        } else {
            // Held where it is.
            self.counts += OFF;
        }
    }

    /// Adds a core that is OFF, whose word is no older than the row of sessions that began with `first_generation` if it was
    /// stopped by them.
    #[inline(always)]
    fn add_off(&mut self, index: usize, word: CoreWord, first_generation: u32) {
        self.idle = index as u16;
        if word.generation().wrapping_sub(first_generation) < u32::MAX / 2 {
            self.counts += LANES[word.why() as usize];
        }
    }

    /// Adds a core that is left.
    #[inline(always)]
    pub(crate) fn add_left(&mut self, index: usize) {
        self.counts += LEFT;
        self.straggler = index as u16;
    }

    /// Returns this tally without those that are left.
    pub(crate) const fn without_left(self) -> Self {
        Self { counts: self.counts & (LEFT - 1), straggler: NONE, ..self }
    }

    /// Returns the index of a core that is left.
    pub(crate) fn straggler(self) -> Option<usize> {
        (self.straggler != NONE).then_some(self.straggler.into())
    }

    /// Returns the index of a core that is in the pen.
    pub(crate) fn idle(self) -> Option<usize> {
        (self.idle != NONE).then_some(self.idle.into())
    }

    /// Returns whether a core may have come to the pen since, without knowing of the session.
    pub(crate) const fn is_moving(self) -> bool {
        self.moving != 0
    }

    /// Returns whether cores are left.
    pub(crate) const fn has_left(self) -> bool {
        self.counts >= LEFT
    }

    /// Returns how many cores the session has to stop, or has stopped.
    pub(crate) const fn targets(self) -> u64 {
        self.contained() + self.counts / LEFT
    }

    /// Returns how many of them have stopped.
    pub(crate) const fn contained(self) -> u64 {
        (self.counts & 0xffff) + ((self.counts / NMI) & 0xffff) + ((self.counts / OFF) & 0xffff)
    }

    /// Returns the four counts as POLL tells them.
    pub(crate) const fn counts(self) -> u64 {
        self.counts
    }
}

impl<H: Hardware> Stop<'_, H> {
    /// Looks at every core but the owner; in an open session those that are not in the operating system are contained.
    pub(crate) fn tally(&self, session: ControlWord) -> Tally {
        // The load of the control word before those of the core words: the other half is in `RemoteCore::start` and in
        // `LocalCore::enter`.
        full_fence(Protection::SessionFence);
        let first_generation = self.slots[session.owner()].read_parameters(session).first_generation;
        let mut tally = Tally::EMPTY;
        for (index, before) in self.others(session) {
            // Most cores are ON or OFF: what becomes of the others is not looked at for these.
            if before.is_on() {
                tally.add_left(index);
            } else if before.is_off() {
                tally.add_off(index, before, first_generation);
            } else {
                let word = if session.is_open() { self.contain(index, session) } else { before };
                tally.moving += 1;
                tally.add(index, word, session, first_generation);
            }
        }
        tally
    }

    /// Returns every core but the owner of a session, with its word.
    pub(crate) fn others(&self, session: ControlWord) -> impl Iterator<Item = (usize, CoreWord)> {
        self.table.words().enumerate().filter(move |(index, _)| *index != session.owner())
    }

    /// Returns the cores that may be running the operating system in spite of the session.
    pub(crate) fn running(&self, session: ControlWord) -> impl Iterator<Item = usize> {
        let may_run = |word: CoreWord| matches!(word.state(), State::On | State::Suspended | State::Stopping);
        self.others(session).filter(move |(_, word)| may_run(*word)).map(|(index, _)| index)
    }

    /// Stops or holds a core that is not in the operating system, and notes when.
    #[inline(never)]
    fn contain(&self, index: usize, session: ControlWord) -> CoreWord {
        let core = self.core(index);
        let (after, step) = core.contain(session);
        self.note_step(index, after, step, session);
        after
    }

    /// Notes the step to `word` that this driver has taken for a core that was not in the operating system.
    pub(crate) fn note_step(&self, index: usize, word: CoreWord, step: Option<Step>, session: ControlWord) {
        match step {
            Some(Step::Withdraw) => {
                // It did not begin: what is noted is of an earlier life.
                self.slots[index].forget();
                self.slots[index].note_stop(self.hardware.now(), u64::MAX);
            }
            Some(Step::Contain) => {
                // A driver that comes so late that the core has begun anew has nothing to note.
                let core = self.core(index);
                if core.word() == word {
                    self.slots[index].note_first_stop(self.hardware.now());
                }
                // It sleeps: it is woken to capture its registers and to go where a core that is OFF belongs.
                self.hardware.send_stop(core::iter::once(index));
            }
            // It was captured when it was parked, unless it had not begun: then its record is one of an earlier life.
            Some(Step::Keep | Step::Unpark) if word.why() != Why::NeverRan => {
                self.records[index].hand_over(session.generation());
            }
            _ => {}
        }
    }
}

/// Returns whether a session still has to wait for a core with this word.
#[inline(always)]
pub(crate) const fn is_left(word: CoreWord, session: ControlWord) -> bool {
    match word.state() {
        _ if word.is_quarantined() => true,
        State::Off => false,
        State::Parked | State::Pending | State::Suspended => !session.holds(),
        State::On | State::Stopping | State::Claimed | State::Cancelled => true,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use quell_abi::{Call, Kind};
    use quell_power::Depth;

    use super::*;
    use crate::testing::{MILLISECOND, MS, Machine, NO_SGI};

    fn status(machine: &Machine, core: u64) -> [u64; 2] {
        let [_, _, signalled, stopped] = machine.results(0, Call::Status, &[core]);
        [signalled, stopped]
    }

    #[test]
    fn the_times_of_a_parked_core_stay_when_it_is_stopped_for_good() {
        let machine = Machine::new(3);
        machine.advance(MILLISECOND);
        machine.call(0, Call::Begin, &[Kind::Pause as u64, 0, MS, 100 * MS, NO_SGI, 0]);
        machine.advance(MILLISECOND);
        machine.on_sleep(|machine| {
            let before = status(machine, 2);
            assert!(before[0] != 0 && before[0] < before[1]);
            machine.advance(MILLISECOND);
            machine.begin(1, Kind::Crash, [0, 1]);
            assert_eq!(status(machine, 2), before);
        });
        assert_eq!(machine.stop().gate(&machine.table().local(2)), crate::Way::Pen);
    }

    /// A sleeper that wakes up before the driver has noted when it was stopped notes that itself, for its record.
    #[test]
    fn a_sleeper_that_wakes_at_once_has_a_time_of_its_stop() {
        for was_held in [false, true] {
            let machine = Machine::new(2);
            if was_held {
                // The time of an earlier stop does not pass for this one's.
                let pause = [Kind::Pause as u64, 0, MS, 100 * MS, NO_SGI, 0];
                let handle = machine.results(0, Call::Begin, &pause)[1];
                machine.on_sleep(move |machine| {
                    let resume = [handle, quell_abi::Release::Resume as u64, quell_abi::ALL_CORES];
                    machine.results(0, Call::Release, &resume);
                });
                assert_eq!(machine.stop().gate(&machine.table().local(1)), crate::Way::Back);
                assert_ne!(status(&machine, 1)[1], 0, "STATUS tells of it as long as there is no other");
            }
            machine.advance(MILLISECOND);
            let sleeper = machine.table().local(1);
            assert!(sleeper.suspend(Depth::Standby));
            let control = machine.table().control();
            let idle = control.load();
            let session = idle.opened(Kind::Crash, quell_abi::Flags::default(), 0);
            control.replace(idle, session).unwrap();
            // The driver has taken the step and noted nothing yet.
            let (word, step) = machine.table().remote(1).unwrap().contain(session);
            assert_eq!(step, Some(Step::Contain));
            let woken = machine.time();
            assert!(!sleeper.wake());
            assert_eq!(machine.stop().arrive(&sleeper, Why::Suspended), crate::Way::Pen);
            assert_eq!(status(&machine, 1), [0, woken], "{was_held}");
            machine.advance(MILLISECOND);
            machine.stop().note_step(1, word, step, session);
            assert_eq!(status(&machine, 1), [0, woken], "what the record says stays");
        }
    }

    /// The driver that contained a sleeper notes it so late that the core has begun anew.
    #[test]
    fn a_driver_that_comes_late_notes_nothing() {
        let machine = Machine::new(2);
        machine.advance(MILLISECOND);
        let sleeper = machine.table().local(1);
        assert!(sleeper.suspend(Depth::Standby));
        let control = machine.table().control();
        let idle = control.load();
        let session = idle.opened(Kind::Crash, quell_abi::Flags::default(), 0);
        control.replace(idle, session).unwrap();
        let (word, step) = machine.table().remote(1).unwrap().contain(session);
        assert!(!sleeper.wake());
        assert_eq!(machine.stop().arrive(&sleeper, Why::Suspended), crate::Way::Pen);
        control.replace(session, session.at(quell_power::Phase::Idle)).unwrap();
        machine.boot(0, 1);
        machine.stop().note_step(1, word, step, session);
        assert_eq!(status(&machine, 1), [0, 0], "it has not stopped since it began");
    }

    /// Who was given up writes its record, and a later session marks it before it has arrived.
    #[test]
    fn who_arrives_late_has_a_record_of_the_session_that_counts_it() {
        let machine = Machine::new(2);
        let first = machine.begin(0, Kind::Crash, [0, 0]);
        let off = [first, quell_abi::Release::Off as u64, quell_abi::ALL_CORES];
        machine.results(0, Call::Release, &off);
        machine.on_capture(|machine| _ = machine.begin(0, Kind::Crash, [0, 100]));
        assert_eq!(machine.stop().gate(&machine.table().local(1)), crate::Way::Pen);
        let next = machine.table().control().load().generation();
        assert_ne!(u64::from(next), first);
        assert_eq!(machine.table().local(1).word().generation(), next);
        assert!(machine.stop().records[1].is_stop_of(next));
    }

    /// Who was given up counts in the next session when it arrives, as it did when that began.
    #[test]
    fn who_arrives_late_is_counted_as_it_was_at_the_beginning() {
        for has_arrived in [false, true] {
            let machine = Machine::new(3);
            machine.off(2);
            let first = machine.begin(0, Kind::Crash, [0, 0]);
            let off = [first, quell_abi::Release::Off as u64, quell_abi::ALL_CORES];
            machine.results(0, Call::Release, &off);
            let straggler = machine.table().local(1);
            if has_arrived {
                assert_eq!(machine.stop().gate(&straggler), crate::Way::Pen);
            }
            let arguments = [Kind::Crash as u64, 0, MS, 0, NO_SGI, 0];
            let [_, next, targets, contained] = machine.results(0, Call::Begin, &arguments);
            assert_eq!((targets, contained), (u64::from(!has_arrived), 0));
            if !has_arrived {
                assert_eq!(machine.poll(0, next).left, 1);
                assert_eq!(machine.stop().gate(&straggler), crate::Way::Pen);
            }
            let poll = machine.poll(0, next);
            assert_eq!(poll.status, quell_abi::Status::Success);
            assert_eq!(poll.acked + poll.nmi + poll.off + poll.left, targets);
        }
    }

    #[test]
    fn who_was_signalled_for_an_older_session_was_not_for_this_one() {
        let machine = Machine::new(3);
        machine.advance(MILLISECOND);
        assert!(machine.table().local(1).suspend(Depth::Standby));
        let pause = [Kind::Pause as u64, 0, MS, 100 * MS, NO_SGI, 0];
        machine.call(0, Call::Begin, &pause);
        assert_ne!(status(&machine, 1)[0], 0);
        machine.advance(100 * MILLISECOND);
        machine.stop().attend(&machine.table().local(0));
        assert!(machine.table().local(1).wake());
        let handle = machine.begin(0, Kind::Crash, [10, 10]);
        assert_eq!(
            machine.stop().gate(&machine.table().local(1)),
            crate::Way::Back,
            "it is the time of grace"
        );
        machine.stop_core(1, Why::Ack, handle, 0);
        assert_eq!(status(&machine, 1), [0, machine.time()]);
    }
}

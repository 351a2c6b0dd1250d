// SPDX-License-Identifier: MIT OR Apache-2.0

//! Function identifiers and the arguments of BEGIN.

/// Version of the ABI: major in bits 31:16, minor in bits 15:0.
pub const VERSION: u32 = 0x0001_0000;

/// Function identifier of call 0; call `n` is at `SERVICE_BASE + n`.
pub const SERVICE_BASE: u32 = 0xC700_0100;

/// VERSION in the SMC32 convention.
pub const VERSION_FID32: u32 = 0x8700_0100;

/// Call UID of owner 7 (SMCCC 1.5 section 6.2).
pub const UID_FID: u32 = 0x8700_FF01;

/// Revision of owner 7's calls (SMCCC 1.5 section 6.2).
pub const REVISION_FID: u32 = 0x8700_FF03;

/// 7cab109f-5a8c-4118-856e-c6e7e45eb8ab, as the four words that the UID call returns in w0 to w3.
pub const CALL_UID: [u32; 4] = uid_words(0x7cab109f_5a8c_4118_856e_c6e7e45eb8ab);

/// Major revision that [`REVISION_FID`] returns in w0.
pub const REVISION_MAJOR: u32 = 1;

/// Minor revision that [`REVISION_FID`] returns in w1.
pub const REVISION_MINOR: u32 = 0;

/// The bits of BEGIN's x1 that hold the [`Kind`]; the [`Flags`] follow from bit 8 on.
pub const BEGIN_KIND_MASK: u64 = 0xff;

/// FEATURES x1: bit `FEATURE_KIND_SHIFT + kind` says that BEGIN takes this kind; bit `n` below says that call `n`
/// is there.
pub const FEATURE_KIND_SHIFT: u32 = 32;

/// FEATURES x1: the [`Flags`] that BEGIN takes, from this bit on.
pub const FEATURE_FLAGS_SHIFT: u32 = 40;

/// SMCCC returns a UUID as four words whose bytes, each word little-endian, are the UUID's bytes in order.
const fn uid_words(uuid: u128) -> [u32; 4] {
    let bytes = uuid.to_be_bytes();
    let mut words = [0; 4];
    let mut word = 0;
    while word < 4 {
        let at = word * 4;
        words[word] = u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        word += 1;
    }
    words
}

/// The calls of the stop service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum Call {
    /// Returns [`VERSION`].
    Version = 0,
    /// Returns the feature bits, the number of cores and the size of a core record.
    Features = 1,
    /// Opens a session: from here on no core enters the OS.
    Begin = 2,
    /// Drives a session and tells how far it is.
    Poll = 3,
    /// Says that the calling core has stopped itself; does not return.
    Ack = 4,
    /// Ends a session that is paused or incomplete.
    Release = 5,
    /// Tells what happened to one core.
    Status = 6,
    /// Copies a core's record to non-secure memory.
    Read = 7,
    /// Captures the registers of running cores without stopping them.
    Snapshot = 8,
    /// Returns which cores are on, pending and stopped, 64 at a time.
    Mask = 9,
    /// BEGIN and wait in one call.
    Sync = 10,
    /// Returns the MPIDR affinity of a core index.
    CoreId = 11,
    /// Stops one core of a running system.
    Evict = 12,
}

impl Call {
    /// Every call, in the order of its number.
    pub const ALL: [Self; 13] = [
        Self::Version,
        Self::Features,
        Self::Begin,
        Self::Poll,
        Self::Ack,
        Self::Release,
        Self::Status,
        Self::Read,
        Self::Snapshot,
        Self::Mask,
        Self::Sync,
        Self::CoreId,
        Self::Evict,
    ];

    /// Returns the call's function identifier.
    pub const fn fid(self) -> u32 {
        SERVICE_BASE + self as u32
    }

    /// Returns the call with this function identifier (SMC64, SVE hint already cleared).
    pub fn from_fid(fid: u32) -> Option<Self> {
        let number = usize::try_from(fid.checked_sub(SERVICE_BASE)?).ok()?;
        Self::ALL.get(number).copied()
    }

    /// Returns the call's bit in FEATURES x1.
    pub const fn feature(self) -> u64 {
        1 << self as u32
    }
}

/// What a session is for; a higher kind takes over a lower one's session.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Kind {
    /// Stop, and continue later.
    Pause = 0,
    /// Stop before a halt, power-off or reboot.
    Halt = 1,
    /// Stop before a new kernel is entered.
    Kexec = 2,
    /// Stop before a crash dump.
    Crash = 3,
}

impl Kind {
    /// Every kind, lowest first.
    pub const ALL: [Self; 4] = [Self::Pause, Self::Halt, Self::Kexec, Self::Crash];

    /// Returns the kind with this number.
    pub const fn from_bits(bits: u64) -> Option<Self> {
        Some(match bits {
            0 => Self::Pause,
            1 => Self::Halt,
            2 => Self::Kexec,
            3 => Self::Crash,
            _ => return None,
        })
    }

    /// Returns the kind's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pause => "PAUSE",
            Self::Halt => "HALT",
            Self::Kexec => "KEXEC",
            Self::Crash => "CRASH",
        }
    }

    /// Returns the kind's bit in FEATURES x1.
    pub const fn feature(self) -> u64 {
        1 << (FEATURE_KIND_SHIFT + self as u32)
    }
}

/// The flags of BEGIN, in bits 8 and up of x1.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flags(u8);

impl Flags {
    /// A BEGIN that loses arbitration returns BUSY instead of stopping its caller.
    pub const TRY: Self = Self(1);
    /// A session whose lease runs out resets the machine.
    pub const ORPHAN_RESET: Self = Self(2);

    /// Returns the flags with this number, or `None` if a bit is set that has no meaning.
    pub const fn from_bits(bits: u64) -> Option<Self> {
        if bits <= 3 { Some(Self(bits as u8)) } else { None }
    }

    /// Returns the flags' number.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Returns the flags' bits in FEATURES x1.
    pub const fn feature(self) -> u64 {
        (self.0 as u64) << FEATURE_FLAGS_SHIFT
    }

    /// Returns whether every flag of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// How RELEASE ends a session, in x2.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u64)]
pub enum Release {
    /// The cores that a PAUSE holds go on.
    Resume = 0,
    /// Every core is OFF from now on; one that has not stopped does so as soon as it can.
    Off = 1,
}

impl Release {
    /// Every way, in the order of its number.
    pub const ALL: [Self; 2] = [Self::Resume, Self::Off];

    /// Returns the way with this number.
    pub fn from_bits(bits: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|release| *release as u64 == bits)
    }
}

/// x3 of RELEASE, and x1 of SNAPSHOT: every core.
pub const ALL_CORES: u64 = u64::MAX;

/// The longest lease of a PAUSE, in microseconds.
pub const PAUSE_LEASE_MAX: u64 = 100_000;

/// The longest time-out of SNAPSHOT and EVICT, in microseconds.
pub const TIMEOUT_MAX: u64 = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uid_is_the_uuid_byte_by_byte() {
        assert_eq!(CALL_UID, [0x9f10_ab7c, 0x1841_8c5a, 0xe7c6_6e85, 0xabb8_5ee4]);
    }

    #[test]
    fn every_call_is_found_by_its_identifier_and_no_other_is() {
        for (number, call) in Call::ALL.into_iter().enumerate() {
            assert_eq!(call as usize, number);
            assert_eq!(Call::from_fid(call.fid()), Some(call));
        }
        assert_eq!(Call::from_fid(SERVICE_BASE - 1), None);
        assert_eq!(Call::from_fid(SERVICE_BASE + 13), None);
        assert_eq!(Call::from_fid(0), None);
    }

    #[test]
    fn kinds_and_flags_out_of_range_are_refused() {
        assert_eq!(Kind::from_bits(3), Some(Kind::Crash));
        assert_eq!(Kind::from_bits(4), None);
        assert_eq!(Kind::from_bits(u64::MAX), None);
        assert_eq!(Release::ALL.map(|release| Release::from_bits(release as u64)), Release::ALL.map(Some));
        assert_eq!((Release::from_bits(2), Release::from_bits(1 << 32)), (None, None));
        assert_eq!(Flags::from_bits(3).map(Flags::bits), Some(3));
        assert_eq!(Flags::from_bits(4), None);
        assert_eq!(Flags::from_bits(1 << 8), None);
    }
}

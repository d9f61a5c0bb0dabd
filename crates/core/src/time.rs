//! Time as data. Nothing in this crate asks a clock.
//!
//! A [`Timestamp`] counts 100 ns units, the precision of the platform's own times
//! (`roblox-contract` section 0, "Time units"), so that a revision id built from it is exact.

use std::time::Duration;

/// 100 ns units in a second.
pub const TICKS_PER_SECOND: i64 = 10_000_000;

/// 100 ns units between 0001-01-01 and 1970-01-01, both at midnight UTC: the offset of the ticks
/// in revision ids (contract section 2.3, "Version id format").
const TICKS_BEFORE_UNIX_EPOCH: i64 = 621_355_968_000_000_000;

/// A wall-clock time in units of 100 ns since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// A time from 100 ns units since the Unix epoch.
    pub const fn from_ticks(ticks: i64) -> Self {
        Self(ticks)
    }

    /// 100 ns units since the Unix epoch.
    pub const fn ticks(self) -> i64 {
        self.0
    }

    /// A time from whole seconds since the Unix epoch.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(TICKS_PER_SECOND))
    }

    /// A time from milliseconds since the Unix epoch.
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(TICKS_PER_SECOND / 1_000))
    }

    /// Whole milliseconds since the Unix epoch, rounded down.
    pub const fn unix_millis(self) -> i64 {
        self.0.div_euclid(TICKS_PER_SECOND / 1_000)
    }

    /// 100 ns units since 0001-01-01 UTC, as revision ids carry them. Times before that are 0.
    pub fn dotnet_ticks(self) -> u64 {
        u64::try_from(self.0.saturating_add(TICKS_BEFORE_UNIX_EPOCH)).unwrap_or(0)
    }

    /// The time of a tick count of a revision id, if it can be held.
    pub fn from_dotnet_ticks(ticks: u64) -> Option<Self> {
        i64::try_from(ticks).ok().map(|ticks| Self(ticks.saturating_sub(TICKS_BEFORE_UNIX_EPOCH)))
    }

    /// This time moved forward; the last representable time if that is beyond it.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let ticks = i64::try_from(duration.as_nanos() / 100).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(ticks))
    }

    /// The time from `earlier` to this one; zero if this one is not later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        let ticks = u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0);
        Duration::from_nanos(ticks.saturating_mul(100))
    }

    /// The hour that it falls into.
    pub fn utc_hour(self) -> UtcHour {
        let hour = self.0.div_euclid(TICKS_PER_SECOND * 3_600);
        UtcHour(u32::try_from(hour).unwrap_or(if hour < 0 { 0 } else { u32::MAX }))
    }

    /// Whole minutes since the Unix epoch, rounded down.
    pub const fn utc_minute(self) -> i64 {
        self.0.div_euclid(TICKS_PER_SECOND * 60)
    }

    /// Whole days since the Unix epoch, rounded down.
    pub const fn utc_day(self) -> i64 {
        self.0.div_euclid(TICKS_PER_SECOND * 86_400)
    }

    /// The next representable time.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// An hour of UTC: how often history is looked at, and what the live service's rule of one backup
/// an hour counts in (V-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcHour(pub u32);

impl UtcHour {
    /// The hour so many hours later.
    #[must_use]
    pub const fn plus(self, hours: u32) -> Self {
        Self(self.0.saturating_add(hours))
    }
}

/// A reading of a clock that only goes forward, in nanoseconds from an arbitrary start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(u64);

impl Monotonic {
    /// A reading from nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start of this clock.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// This reading moved forward.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The time from `earlier` to this reading; zero if this one is not later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// The time at which an input is handled, read once by the shell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For durations.
    pub mono: Monotonic,
    /// For dates.
    pub wall: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_a_published_revision_id_are_exact() {
        // Contract section 2.3: 08D9E6A3F2188CFF = 2022-02-02T23:30:06.5388799Z.
        let time = Timestamp::from_dotnet_ticks(0x08D9_E6A3_F218_8CFF).unwrap();
        assert_eq!(time.ticks(), 1_643_844_606 * TICKS_PER_SECOND + 5_388_799);
        assert_eq!(time.dotnet_ticks(), 0x08D9_E6A3_F218_8CFF);
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let last = Timestamp::from_ticks(i64::MAX);
        assert_eq!(last.saturating_add(Duration::from_secs(1)), last);
        assert_eq!(last.next(), last);
        assert_eq!(Timestamp::EPOCH.saturating_since(last), Duration::ZERO);
        assert_eq!(Timestamp::from_ticks(i64::MIN).dotnet_ticks(), 0);
    }

    #[test]
    fn hours_minutes_and_days_begin_at_their_first_tick() {
        let at = |seconds| Timestamp::from_unix_seconds(seconds);
        assert_eq!((at(3_600).utc_hour(), at(3_599).utc_hour()), (UtcHour(1), UtcHour(0)));
        assert_eq!((at(60).utc_minute(), at(59).utc_minute(), at(-1).utc_minute()), (1, 0, -1));
        assert_eq!((at(86_400).utc_day(), at(86_399).utc_day()), (1, 0));
        assert_eq!(at(-1).utc_hour(), UtcHour(0));
        assert_eq!(Timestamp::from_ticks(i64::MAX).utc_hour().plus(u32::MAX), UtcHour(u32::MAX));
    }

    #[test]
    fn milliseconds_round_down_before_the_epoch_too() {
        assert_eq!(Timestamp::from_ticks(-1).unix_millis(), -1);
        assert_eq!(Timestamp::from_ticks(9_999).unix_millis(), 0);
    }
}

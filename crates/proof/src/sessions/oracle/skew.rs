//! How far a clock went astray lately.
//!
//! Leases and deaths are a matter of two clocks, so what the protocol promises about them holds
//! while no clock loses or gains more than the margin within one timeout. Beyond that two servers
//! may believe in one record at once, and only the fence counts.

use std::time::Duration;

use steadfast_core::Monotonic;

/// Parts of the window that are told apart: what counts as lately is at most an eighth too long.
const PARTS: usize = 9;

/// What a clock showed more than the true time, in nanoseconds, over the last while.
#[derive(Clone, Debug)]
pub(super) struct Skew {
    part: Duration,
    since: Monotonic,
    /// The lowest and highest offset of each part.
    parts: [(i64, i64); PARTS],
    place: usize,
    last: Option<i64>,
}

impl Skew {
    /// Over so long.
    pub(super) fn over(window: Duration) -> Self {
        let part = (window / 8).max(Duration::from_nanos(1));
        Self { part, since: Monotonic::default(), parts: [(0, 0); PARTS], place: 0, last: None }
    }

    /// The clock shows this much more than the true time.
    pub(super) fn note(&mut self, now: Monotonic, offset: i64) {
        let Some(last) = self.last else {
            *self = Self { parts: [(offset, offset); PARTS], last: Some(offset), ..self.clone() };
            self.since = now;
            return;
        };
        let passed = now.saturating_since(self.since).as_nanos() / self.part.as_nanos();
        if passed > 0 {
            // Nothing was seen in between: it stood where it was seen last.
            for _ in 0..passed.min(9) {
                self.place = (self.place + 1) % PARTS;
                if let Some(part) = self.parts.get_mut(self.place) {
                    *part = (last, last);
                }
            }
            self.since = now;
        }
        if let Some((low, high)) = self.parts.get_mut(self.place) {
            (*low, *high) = ((*low).min(offset), (*high).max(offset));
        }
        self.last = Some(offset);
    }

    /// How much the clock lost lately.
    pub(super) fn lost(&self) -> Duration {
        let highest = self.parts.iter().map(|(_, high)| *high).max();
        nanos(highest.zip(self.last).map_or(0, |(highest, last)| highest.saturating_sub(last)))
    }

    /// How much the clock gained lately.
    pub(super) fn gained(&self) -> Duration {
        let lowest = self.parts.iter().map(|(low, _)| *low).min();
        nanos(lowest.zip(self.last).map_or(0, |(lowest, last)| last.saturating_sub(lowest)))
    }
}

/// How much more a clock shows than another.
pub(super) fn offset(clock: u64, other: u64) -> i64 {
    let (clock, other) = (i64::try_from(clock), i64::try_from(other));
    clock.unwrap_or(i64::MAX).saturating_sub(other.unwrap_or(i64::MAX))
}

fn nanos(offset: i64) -> Duration {
    Duration::from_nanos(u64::try_from(offset).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn what_a_clock_lost_is_forgotten_after_the_window() {
        let mut skew = Skew::over(Duration::from_secs(8));
        skew.note(at(0), 5_000);
        skew.note(at(1), 2_000);
        assert_eq!((skew.lost(), skew.gained()), (Duration::from_micros(3), Duration::ZERO));
        skew.note(at(8), 2_000);
        assert_eq!(skew.lost(), Duration::from_micros(3));
        for second in 9..19 {
            skew.note(at(second), 2_000);
        }
        assert_eq!(skew.lost(), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_was_not_seen_for_long_still_shows_what_it_lost_meanwhile() {
        let mut skew = Skew::over(Duration::from_secs(8));
        skew.note(at(0), 0);
        skew.note(at(600), -60_000);
        assert_eq!(skew.lost(), Duration::from_micros(60));
        let mut skew = Skew::over(Duration::from_secs(8));
        skew.note(at(0), 0);
        skew.note(at(600), 60_000);
        assert_eq!(skew.gained(), Duration::from_micros(60));
    }
}

//! The time that sessions are driven by, read in one function.

use std::sync::Arc;

use steadfast_core::{Monotonic, Now, Timestamp};

use crate::engine::{Drive, Options};

type Reading<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// The system's time, or the one that was handed in.
#[derive(Clone)]
pub(crate) struct Clock {
    wall: Reading<Timestamp>,
    mono: Reading<Monotonic>,
}

impl Clock {
    pub(crate) fn new(options: &Options) -> Self {
        let wall = Arc::clone(&options.clock);
        let mono = match &options.drive {
            Drive::ByPollAt(reading) => Arc::clone(reading),
            Drive::ByThread | Drive::ByPoll => system::elapsed(&wall),
        };
        Self { wall, mono }
    }

    pub(crate) fn now(&self) -> Now {
        Now { mono: (self.mono)(), wall: (self.wall)() }
    }
}

/// Time since some moment, in which the time that the machine slept counts: a server that slept must
/// not believe that none has passed.
#[cfg(target_os = "linux")]
mod system {
    use std::sync::Arc;

    use rustix::time::{ClockId, clock_gettime};
    use steadfast_core::{Monotonic, Timestamp};

    use super::Reading;

    pub(super) fn elapsed(_: &Reading<Timestamp>) -> Reading<Monotonic> {
        Arc::new(|| {
            let time = clock_gettime(ClockId::Boottime);
            let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
            let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
            Monotonic::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
        })
    }
}

/// The same where no clock is known to count that time: it is taken from the wall clock.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::sync::{Arc, Mutex, PoisonError};
    use std::time::Instant;

    use steadfast_core::{Monotonic, Timestamp};

    use super::{Reading, slept};

    #[expect(clippy::disallowed_methods, reason = "the clock of sessions is read here only")]
    pub(super) fn elapsed(wall: &Reading<Timestamp>) -> Reading<Monotonic> {
        let (start, slept) = (Instant::now(), Mutex::new(slept::Slept::new(wall())));
        let wall = Arc::clone(wall);
        Arc::new(move || {
            let mut slept = slept.lock().unwrap_or_else(PoisonError::into_inner);
            slept.read(start.elapsed(), wall())
        })
    }
}

/// Time that a monotonic clock left out, found by the wall clock's.
#[cfg(any(test, not(target_os = "linux")))]
mod slept {
    use std::time::Duration;

    use steadfast_core::{Monotonic, Timestamp};

    /// What the two clocks may differ by before the machine counts as having slept.
    const TOLERANCE: Duration = Duration::from_secs(1);

    pub(super) struct Slept {
        last_mono: Duration,
        last_wall: Timestamp,
        left_out: Duration,
    }

    impl Slept {
        pub(super) fn new(wall: Timestamp) -> Self {
            Self { last_mono: Duration::ZERO, last_wall: wall, left_out: Duration::ZERO }
        }

        /// The time from the first reading to this one. A wall clock that was set back counts as one
        /// that stood still: this one never goes back.
        pub(super) fn read(&mut self, mono: Duration, wall: Timestamp) -> Monotonic {
            let passed = mono.saturating_sub(self.last_mono);
            let missing = wall.saturating_since(self.last_wall).saturating_sub(passed);
            if missing > TOLERANCE {
                self.left_out += missing;
            }
            (self.last_mono, self.last_wall) = (mono, wall);
            Monotonic::default().saturating_add(mono + self.left_out)
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn time_that_only_the_wall_clock_counted_is_added_and_none_is_taken_away() {
            let wall = |millis: i64| Timestamp::from_unix_millis(1_000_000 + millis);
            let mut clock = Slept::new(wall(0));
            let mut read =
                |mono, at| clock.read(Duration::from_millis(mono), wall(at)).nanos() / 1_000_000;
            assert_eq!(read(10, 10), 10);
            assert_eq!(read(20, 1_020), 20, "a second is within what clocks may differ by");
            assert_eq!(read(30, 2_031), 1_031, "more than a second is sleep");
            assert_eq!(read(40, 500), 1_041, "set back, it stands still");
            assert_eq!(read(50, 510), 1_051);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_clock_goes_forward() {
        let clock = Clock::new(&Options::default());
        let first = clock.now();
        let second = clock.now();
        assert!(second.mono >= first.mono && first.mono > Monotonic::default());
        assert!(first.wall > Timestamp::EPOCH);
    }
}

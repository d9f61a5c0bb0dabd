//! The clocks of one machine: wrong in the ways real ones are.
//!
//! A [`NodeClock`] turns the world's true time into what a machine reads: a wall clock that is
//! off (T1), jumps (T2) and drifts (T3), and a monotonic one that drifts with it and stands still
//! while the machine is suspended (T4). The monotonic reading never goes back.

use std::time::Duration;

use steadfast_core::{Monotonic, Now, Timestamp};

const PPM: u64 = 1_000_000;
const TICKS_PER_MILLI: i64 = 10_000;

/// One machine's clocks, as a function of true time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeClock {
    /// True time of the last change of pace; the readings below were taken then.
    since: Monotonic,
    mono: Monotonic,
    wall: Timestamp,
    drift_ppm: i64,
    suspended: bool,
}

impl NodeClock {
    /// Clocks that show true time from now on.
    pub const fn exact(now: Now) -> Self {
        Self { since: now.mono, mono: now.mono, wall: now.wall, drift_ppm: 0, suspended: false }
    }

    /// The same clocks with the wall clock moved, forward or back.
    #[must_use]
    pub fn with_offset_ms(mut self, offset_ms: i64) -> Self {
        self.jump_ms(offset_ms);
        self
    }

    /// The same clocks with another monotonic reading at this moment: that of a fresh machine.
    #[must_use]
    pub fn with_mono(mut self, now: Now, mono: Monotonic) -> Self {
        self.rebase(now);
        self.mono = mono;
        self
    }

    /// What the machine reads at this true time.
    pub fn read(&self, now: Now) -> Now {
        let elapsed = paced(now.mono.saturating_since(self.since), self.drift_ppm);
        let mono = if self.suspended { self.mono } else { self.mono.saturating_add(elapsed) };
        Now { mono, wall: self.wall.saturating_add(elapsed) }
    }

    /// Moves the wall clock, forward or back.
    pub fn jump_ms(&mut self, by_ms: i64) {
        let ticks = by_ms.saturating_mul(TICKS_PER_MILLI);
        self.wall = Timestamp::from_ticks(self.wall.ticks().saturating_add(ticks));
    }

    /// Changes the pace from now on: parts per million too fast, or too slow if negative. A clock
    /// runs at most twice as fast and never stands still.
    pub fn set_drift_ppm(&mut self, now: Now, drift_ppm: i64) {
        self.rebase(now);
        self.drift_ppm = drift_ppm.clamp(-999_999, 1_000_000);
    }

    /// Stops the monotonic clock; the wall clock goes on.
    pub fn suspend(&mut self, now: Now) {
        self.rebase(now);
        self.suspended = true;
    }

    /// Lets the monotonic clock go on from where it stopped.
    pub fn resume(&mut self, now: Now) {
        self.rebase(now);
        self.suspended = false;
    }

    /// Whether the machine is suspended.
    pub const fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// The true time at which the machine's monotonic clock has reached `local`: when to schedule
    /// a wake it asked for. None while it is suspended.
    pub fn true_time_of(&self, local: Monotonic) -> Option<Monotonic> {
        if self.suspended {
            return None;
        }
        let wanted = local.saturating_since(self.mono).as_nanos();
        let pace = u128::from(PPM.saturating_add_signed(self.drift_ppm));
        let elapsed = if self.drift_ppm == 0 {
            wanted
        } else {
            wanted.saturating_mul(u128::from(PPM)).div_ceil(pace)
        };
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        Some(Monotonic::from_nanos(self.since.nanos().saturating_add(elapsed)))
    }

    fn rebase(&mut self, now: Now) {
        let read = self.read(now);
        self.since = now.mono;
        self.mono = read.mono;
        self.wall = read.wall;
    }
}

/// The time a clock shows to have passed. Whole millions and the rest apart: no overflow, and
/// never less for more time.
fn paced(elapsed: Duration, drift_ppm: i64) -> Duration {
    if drift_ppm == 0 {
        return elapsed;
    }
    let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
    let rate = drift_ppm.unsigned_abs();
    let drift = (nanos / PPM).saturating_mul(rate).saturating_add(nanos % PPM * rate / PPM);
    Duration::from_nanos(if drift_ppm > 0 {
        nanos.saturating_add(drift)
    } else {
        nanos.saturating_sub(drift)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Now {
        let passed = Duration::from_secs(seconds);
        Now {
            mono: Monotonic::default().saturating_add(passed),
            wall: Timestamp::EPOCH.saturating_add(passed),
        }
    }

    #[test]
    fn offset_and_jumps_move_the_wall_clock_only() {
        let mut clock = NodeClock::exact(at(0)).with_offset_ms(-2_500);
        assert_eq!(clock.read(at(10)).wall.unix_millis(), 7_500);
        clock.jump_ms(60_000);
        assert_eq!(clock.read(at(10)).wall.unix_millis(), 67_500);
        assert_eq!(clock.read(at(10)).mono, at(10).mono);
    }

    #[test]
    fn drift_counts_from_the_moment_it_is_set_and_moves_both_clocks() {
        let mut clock = NodeClock::exact(at(0));
        clock.set_drift_ppm(at(1_000), 500);
        assert_eq!(clock.read(at(1_000)), at(1_000));
        assert_eq!(clock.read(at(2_000)).mono.nanos(), 2_000_500_000_000);
        assert_eq!(clock.read(at(2_000)).wall.unix_millis(), 2_000_500);
        clock.set_drift_ppm(at(2_000), -500);
        assert_eq!(clock.read(at(3_000)), at(3_000));
    }

    #[test]
    fn a_wake_is_never_early_and_late_by_at_most_one_unit_of_pace() {
        for drift_ppm in [-999_999, -300_000, -7, 0, 1, 12_345, 1_000_000] {
            let mut clock = NodeClock::exact(at(0)).with_mono(at(0), at(77).mono);
            clock.set_drift_ppm(at(5), drift_ppm);
            for nanos in [1, 999, 1_000_000, 123_456_789] {
                let local = clock.read(at(5)).mono.saturating_add(Duration::from_nanos(nanos));
                let due = clock.true_time_of(local).unwrap();
                let read = clock.read(Now { mono: due, wall: Timestamp::EPOCH }).mono;
                assert!(read >= local, "early by {:?}", local.saturating_since(read));
                assert!(read.saturating_since(local) <= Duration::from_nanos(1));
            }
        }
    }

    #[test]
    fn a_suspended_machine_misses_monotonic_time_but_not_the_date() {
        let mut clock = NodeClock::exact(at(0));
        clock.suspend(at(10));
        assert_eq!(clock.true_time_of(at(11).mono), None);
        clock.resume(at(70));
        let read = clock.read(at(71));
        assert_eq!((read.mono, read.wall), (at(11).mono, at(71).wall));
        assert_eq!(clock.true_time_of(at(12).mono), Some(at(72).mono));
    }
}

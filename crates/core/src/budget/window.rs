//! One sliding window: how much was used in the last 60 s.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Monotonic;

/// How long a request counts (B-25, T-03).
pub const WINDOW: Duration = Duration::from_mins(1);

/// Requests that arrive within so long of each other share a slot, so that a window holds at most
/// some 480 of them. A slot leaves as a whole, when its last request does: those before it count
/// longer than they must, by less than this, and nothing ever counts shorter. Requests further
/// apart are told apart exactly.
pub const SLOT: Duration = Duration::from_millis(125);

/// What was used, by time.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    /// Oldest first; their sum is `used`.
    slots: VecDeque<Slot>,
    used: u64,
    /// The first request of the newest slot.
    open_since: Monotonic,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    last: Monotonic,
    amount: u64,
}

impl Slot {
    /// When it no longer counts: it does so for exactly the length of a window, both ends included.
    fn leaves_at(&self) -> Monotonic {
        self.last.saturating_add(WINDOW).saturating_add(Duration::from_nanos(1))
    }
}

impl Window {
    /// Forgets what no longer counts. The other methods expect it to be done for their `now`.
    pub(super) fn forget_until(&mut self, now: Monotonic) {
        while let Some(slot) = self.slots.front().filter(|slot| slot.leaves_at() <= now) {
            self.used = self.used.saturating_sub(slot.amount);
            self.slots.pop_front();
        }
    }

    pub(super) fn used(&self) -> u64 {
        self.used
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    #[cfg(test)]
    pub(super) fn slot_count(&self) -> usize {
        self.slots.len()
    }

    /// Counts something that happens now, which is not before anything counted already.
    pub(super) fn add(&mut self, now: Monotonic, amount: u64) {
        self.used = self.used.saturating_add(amount);
        let is_open = now.saturating_since(self.open_since) < SLOT;
        if let Some(newest) = self.slots.back_mut().filter(|_| is_open) {
            newest.last = now;
            newest.amount = newest.amount.saturating_add(amount);
            return;
        }
        self.open_since = now;
        self.slots.push_back(Slot { last: now, amount });
    }

    /// How long until so much more fits, if nothing else comes; zero if it fits now. What is larger
    /// than the limit never fits: it is told to wait for a whole window.
    pub(super) fn wait_for(&self, now: Monotonic, amount: u64, limit: u64) -> Duration {
        if amount > limit {
            return WINDOW;
        }
        let mut used = self.used;
        let mut wait = Duration::ZERO;
        for slot in &self.slots {
            if used <= limit - amount {
                break;
            }
            used = used.saturating_sub(slot.amount);
            wait = slot.leaves_at().saturating_since(now);
        }
        wait
    }

    /// How long until the oldest request there is has the age of a window, after which it no longer
    /// counts; zero if nothing is there.
    pub(super) fn first_is_over_in(&self, now: Monotonic) -> Duration {
        let over_at = self.slots.front().map(|slot| slot.last.saturating_add(WINDOW));
        over_at.map_or(Duration::ZERO, |over_at| over_at.saturating_since(now))
    }
}

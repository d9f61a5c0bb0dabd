//! Virtual time: a heap of events, of which the earliest is handled next.
//!
//! Time moves only when an event is taken, to exactly that event's time. Events of one time come
//! in the order they were scheduled, or in an order drawn from the seed: a rule that holds only
//! in one of these orders is a bug.
//!
//! ```text
//!     heap   (time, tie, slot, generation)   small keys, moved often
//!     slots  generation, event               the events themselves, never moved
//! ```
//!
//! Cancelling empties the slot at once; its key stays in the heap and is skipped. Such keys are
//! swept out before they outnumber the live ones.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use steadfast_core::{Monotonic, Now, Rng, Timestamp};

/// 2026-01-01 UTC, the date on which a world starts unless it is told otherwise.
pub const WALL_START: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

/// Keys of cancelled events that are not worth a sweep.
const STALE_COUNT_MIN: usize = 64;

/// The order of events that are due at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ties {
    /// As scheduled.
    Sequence,
    /// Drawn from the seed.
    Shuffled,
}

/// Names one scheduled event, to cancel it. Never names another one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId {
    slot: u32,
    generation: u32,
}

/// The event loop's data: virtual time and the events to come.
#[derive(Clone, Debug)]
pub struct World<E> {
    now: Monotonic,
    wall_start: Timestamp,
    tie_break: TieBreak,
    heap: BinaryHeap<Reverse<Key>>,
    slots: Vec<Slot<E>>,
    free: Vec<u32>,
    event_count: u64,
    event_count_max: u64,
}

#[derive(Clone, Debug)]
enum TieBreak {
    Sequence(u64),
    Shuffled(Rng),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    at: Monotonic,
    tie: u64,
    timer: TimerId,
}

#[derive(Clone, Debug)]
struct Slot<E> {
    /// Moves on whenever the slot is emptied, so that an old key or id finds nothing.
    generation: u32,
    event: Option<E>,
}

impl<E> World<E> {
    /// An empty world at time zero, on the date [`WALL_START`].
    pub fn new(seed: u64, ties: Ties) -> Self {
        let tie_break = match ties {
            Ties::Sequence => TieBreak::Sequence(0),
            Ties::Shuffled => TieBreak::Shuffled(Rng::stream(seed, "ties")),
        };
        Self {
            now: Monotonic::default(),
            wall_start: WALL_START,
            tie_break,
            heap: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            event_count: 0,
            event_count_max: u64::MAX,
        }
    }

    /// The same world, starting at another date.
    #[must_use]
    pub fn starting_at(mut self, wall_start: Timestamp) -> Self {
        self.wall_start = wall_start;
        self
    }

    /// The same world with a limit: taking one event more panics, because a run that schedules
    /// without end must fail and not hang.
    #[must_use]
    pub fn with_event_count_max(mut self, event_count_max: u64) -> Self {
        self.event_count_max = event_count_max;
        self
    }

    /// The time of the event taken last.
    pub fn now(&self) -> Now {
        let ticks = self.wall_start.ticks().saturating_add_unsigned(self.now.nanos() / 100);
        Now { mono: self.now, wall: Timestamp::from_ticks(ticks) }
    }

    /// Schedules an event after a delay.
    pub fn schedule_in(&mut self, delay: Duration, event: E) -> TimerId {
        self.schedule_at(self.now.saturating_add(delay), event)
    }

    /// Schedules an event at a time, or now if that has passed.
    ///
    /// # Panics
    /// If 2^32 events are waiting.
    pub fn schedule_at(&mut self, at: Monotonic, event: E) -> TimerId {
        let tie = match &mut self.tie_break {
            TieBreak::Sequence(next) => {
                *next += 1;
                *next
            }
            TieBreak::Shuffled(rng) => rng.next_u64(),
        };
        let timer = self.occupy(event);
        self.heap.push(Reverse(Key { at: at.max(self.now), tie, timer }));
        timer
    }

    /// Cancels an event and hands it back; none if it was handled or cancelled before.
    pub fn cancel(&mut self, timer: TimerId) -> Option<E> {
        let event = self.vacate(timer)?;
        if self.heap.len() > self.pending_count() * 2 + STALE_COUNT_MIN {
            let Self { heap, slots, .. } = self;
            heap.retain(|Reverse(key)| {
                slots.get(position(key.timer.slot)).is_some_and(|slot| slot.holds(key.timer))
            });
        }
        Some(event)
    }

    /// Takes the next event and moves the time to it; none if nothing is scheduled.
    pub fn pop(&mut self) -> Option<(Now, E)> {
        self.pop_until(Monotonic::from_nanos(u64::MAX))
    }

    /// As [`World::pop`], but leaves events later than `last` where they are.
    ///
    /// # Panics
    /// If the limit on events is reached.
    pub fn pop_until(&mut self, last: Monotonic) -> Option<(Now, E)> {
        loop {
            let Reverse(key) = *self.heap.peek()?;
            if key.at > last {
                return None;
            }
            self.heap.pop();
            if let Some(event) = self.vacate(key.timer) {
                assert!(
                    self.event_count < self.event_count_max,
                    "the run ends by itself within {} events",
                    self.event_count_max
                );
                self.event_count += 1;
                self.now = key.at;
                return Some((self.now(), event));
            }
        }
    }

    /// The time of the next event.
    pub fn next_at(&mut self) -> Option<Monotonic> {
        loop {
            let Reverse(key) = *self.heap.peek()?;
            if self.slots.get(position(key.timer.slot)).is_some_and(|slot| slot.holds(key.timer)) {
                return Some(key.at);
            }
            self.heap.pop();
        }
    }

    /// Moves the time forward although nothing happens; keeps it if `at` has passed.
    ///
    /// # Panics
    /// If an event is due before `at`: it would be handled late.
    pub fn advance_to(&mut self, at: Monotonic) {
        assert!(self.next_at().is_none_or(|next| next >= at), "events before it are handled first");
        self.now = self.now.max(at);
    }

    /// Events that are scheduled and not cancelled.
    pub fn pending_count(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Events taken so far.
    pub fn event_count(&self) -> u64 {
        self.event_count
    }

    fn occupy(&mut self, event: E) -> TimerId {
        if let Some(index) = self.free.pop() {
            let slot = self.slots.get_mut(position(index)).expect("free slots exist");
            slot.event = Some(event);
            return TimerId { slot: index, generation: slot.generation };
        }
        let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 events are waiting");
        self.slots.push(Slot { generation: 0, event: Some(event) });
        TimerId { slot, generation: 0 }
    }

    fn vacate(&mut self, timer: TimerId) -> Option<E> {
        let slot = self.slots.get_mut(position(timer.slot))?;
        if slot.generation != timer.generation {
            return None;
        }
        let event = slot.event.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(timer.slot);
        Some(event)
    }
}

impl<E> Slot<E> {
    fn holds(&self, timer: TimerId) -> bool {
        self.generation == timer.generation && self.event.is_some()
    }
}

fn position(slot: u32) -> usize {
    usize::try_from(slot).expect("an address has at least 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn drain(world: &mut World<u64>) -> Vec<u64> {
        std::iter::from_fn(|| world.pop()).map(|(_, event)| event).collect()
    }

    fn ten_at_once(seed: u64, ties: Ties) -> Vec<u64> {
        let mut world = World::new(seed, ties);
        for event in 0..10 {
            world.schedule_in(SECOND, event);
        }
        drain(&mut world)
    }

    #[test]
    fn events_come_in_time_order_and_move_both_clocks() {
        let mut world = World::new(1, Ties::Sequence);
        world.schedule_in(SECOND * 2, "late");
        world.schedule_in(SECOND, "early");
        let (now, event) = world.pop().unwrap();
        assert_eq!((now.mono.nanos(), event), (1_000_000_000, "early"));
        assert_eq!(now.wall, WALL_START.saturating_add(SECOND));
        world.schedule_at(Monotonic::from_nanos(5), "past");
        let (now, event) = world.pop().unwrap();
        assert_eq!((now.mono.nanos(), event), (1_000_000_000, "past"));
        assert_eq!(world.pop().unwrap().1, "late");
        assert!(world.pop().is_none());
        assert_eq!(world.event_count(), 3);
    }

    #[test]
    fn ties_keep_their_sequence_or_are_shuffled_by_the_seed() {
        let sequence: Vec<u64> = (0..10).collect();
        assert_eq!(ten_at_once(1, Ties::Sequence), sequence);
        let shuffled = ten_at_once(1, Ties::Shuffled);
        assert_ne!(shuffled, sequence);
        assert_eq!(shuffled, ten_at_once(1, Ties::Shuffled));
        assert_ne!(shuffled, ten_at_once(2, Ties::Shuffled));
        let mut sorted = shuffled;
        sorted.sort_unstable();
        assert_eq!(sorted, sequence);
    }

    #[test]
    fn a_cancelled_timer_does_not_fire_and_its_id_names_nothing_later() {
        let mut world = World::new(1, Ties::Sequence);
        let first = world.schedule_in(SECOND, 1);
        assert_eq!(world.cancel(first), Some(1));
        let second = world.schedule_in(SECOND, 2);
        assert_eq!(world.cancel(first), None, "the slot now holds another event");
        assert_eq!(world.next_at(), Some(Monotonic::from_nanos(1_000_000_000)));
        assert_eq!(drain(&mut world), [2]);
        assert_eq!(world.cancel(second), None, "it has fired");
    }

    #[test]
    fn cancelled_timers_do_not_pile_up() {
        let mut world = World::new(1, Ties::Sequence);
        world.schedule_in(SECOND, 0);
        for event in 1..10_000 {
            let timer = world.schedule_in(SECOND * 3_600, event);
            assert_eq!(world.cancel(timer), Some(event));
        }
        assert!(world.heap.len() < 200, "{} keys for one event", world.heap.len());
        assert_eq!((world.slots.len(), world.pending_count()), (2, 1));
        assert_eq!(drain(&mut world), [0]);
    }

    #[test]
    fn a_limit_in_time_leaves_later_events() {
        let mut world = World::new(1, Ties::Sequence);
        world.schedule_in(SECOND, 1);
        world.schedule_in(SECOND * 3, 3);
        let limit = Monotonic::default().saturating_add(SECOND * 2);
        assert_eq!(world.pop_until(limit).unwrap().1, 1);
        assert!(world.pop_until(limit).is_none());
        world.advance_to(limit);
        assert_eq!(world.now().mono, limit);
        assert_eq!(drain(&mut world), [3]);
    }

    #[test]
    #[should_panic(expected = "the run ends by itself within 5 events")]
    fn a_run_without_end_panics_at_its_limit() {
        let mut world = World::new(1, Ties::Sequence).with_event_count_max(5);
        world.schedule_in(SECOND, ());
        while world.pop().is_some() {
            world.schedule_in(SECOND, ());
        }
    }
}

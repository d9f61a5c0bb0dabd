//! Lanes: writes to one entry go one after the other, writes to different entries side by side.
//!
//! Without lanes, many writers of one entry would all plan on the same revision and all but one
//! would be refused and plan again. Lanes decide nothing about safety: the conditions of a batch do.

use std::collections::{BTreeMap, VecDeque};

use crate::id::EntryId;

/// What happens to work that asks for its lane.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission<T> {
    /// The lane was free: do it now, and call [`Lanes::finish`] when it is done.
    Run(T),
    /// It waits: [`Lanes::finish`] hands it out.
    Queued,
    /// The lane is full: refuse it.
    Full(T),
}

/// The lanes of all entries that are being written.
#[derive(Debug)]
pub struct Lanes<T> {
    /// An entry stands here while one of its writes is under way, with those that wait.
    waiting: BTreeMap<EntryId, VecDeque<T>>,
    /// Most writes of one entry, the one under way included.
    writes_per_key_max: usize,
}

impl<T> Lanes<T> {
    /// Lanes that hold at most so many writes each, the one under way included.
    pub const fn new(writes_per_key_max: usize) -> Self {
        Self { waiting: BTreeMap::new(), writes_per_key_max }
    }

    /// Asks for the lane of an entry.
    pub fn admit(&mut self, entry: &EntryId, work: T) -> Admission<T> {
        match self.waiting.get_mut(entry) {
            None if self.writes_per_key_max == 0 => Admission::Full(work),
            None => {
                self.waiting.insert(entry.clone(), VecDeque::new());
                Admission::Run(work)
            }
            Some(queue) if queue.len() + 1 >= self.writes_per_key_max => Admission::Full(work),
            Some(queue) => {
                queue.push_back(work);
                Admission::Queued
            }
        }
    }

    /// The work under way is done: returns the next, or frees the lane.
    pub fn finish(&mut self, entry: &EntryId) -> Option<T> {
        let next = self.waiting.get_mut(entry).and_then(VecDeque::pop_front);
        if next.is_none() {
            self.waiting.remove(entry);
        }
        next
    }

    /// How many entries are being written.
    pub fn open_count(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{EntryKey, Scope, StoreId, StoreName, UniverseId};

    fn entry(key: &str) -> EntryId {
        let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("s") };
        EntryId { store, scope: Scope::global(), key: EntryKey::trusted(key) }
    }

    #[test]
    fn writes_to_one_entry_run_in_the_order_of_their_arrival() {
        let mut lanes = Lanes::new(3);
        let (a, b) = (entry("a"), entry("b"));
        assert_eq!(lanes.admit(&a, 1), Admission::Run(1));
        assert_eq!(lanes.admit(&b, 2), Admission::Run(2));
        assert_eq!(lanes.admit(&a, 3), Admission::Queued);
        assert_eq!(lanes.admit(&a, 4), Admission::Queued);
        assert_eq!(lanes.finish(&a), Some(3));
        assert_eq!(lanes.finish(&a), Some(4));
        assert_eq!(lanes.finish(&a), None);
        assert_eq!(lanes.finish(&b), None);
        assert_eq!(lanes.open_count(), 0);
    }

    #[test]
    fn a_lane_holds_as_many_writes_as_its_limit_says() {
        let mut lanes = Lanes::new(2);
        let a = entry("a");
        assert_eq!(lanes.admit(&a, 1), Admission::Run(1));
        assert_eq!(lanes.admit(&a, 2), Admission::Queued);
        assert_eq!(lanes.admit(&a, 3), Admission::Full(3));
        assert_eq!(lanes.finish(&a), Some(2));
        assert_eq!(lanes.admit(&a, 3), Admission::Queued);
        assert_eq!(Lanes::new(0).admit(&a, 1), Admission::Full(1));
    }
}

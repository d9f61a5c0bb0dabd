//! Judges histories: what several clients sent and were told, against what is stored in the end.
//!
//! Every key went through a chain of revisions, which is read when all is over. A revision names
//! its write, so the order of the writes is known and nothing is searched: events are sorted and
//! walked once, in O(n log n).
//!
//! ```text
//!   clients ──► Event (sent, answered, what was said)  ─┐
//!                                                       ├─► check ──► violations
//!   store ────► the chain of revisions of every key    ─┘
//! ```
//!
//! A history is legal when every chain counts from 1 by one; an acknowledged write stands in it,
//! where the answer said; a refused one or one that nobody sent does not; each stands on the
//! revision that it was made on; and everything agrees with real time: what began after another
//! thing ended sees it. An unknown write may stand in the chain or not, and may come late.
//!
//! Times are numbers from a counter that all clients share, not readings of a clock.
//! Start reading at [`check`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use steadfast_core::Revision;

/// A revision, or nothing where the key does not exist.
pub type Seen = Option<Revision>;

/// One thing that a client did to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<K> {
    /// The key.
    pub key: K,
    /// When it was sent.
    pub sent: u64,
    /// When the answer was there.
    pub answered: u64,
    /// What it was.
    pub action: Action,
}

/// What a client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It read the key.
    Read(Seen),
    /// It wrote the key.
    Write {
        /// The tag of the revision that this write makes, which no other write has.
        tag: u64,
        /// On which revision it was made, if it had to stand on a certain one.
        base: Option<Seen>,
        /// What it was told.
        answer: Answer,
    },
}

/// What the client of a write was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is durable, with this counter.
    Acknowledged {
        /// Of the revision that it made.
        counter: u64,
    },
    /// It was not written and never will be, because the key stands at this revision.
    Refused {
        /// Where the key stands.
        current: Seen,
    },
    /// It was not written and never will be, for a reason outside the key.
    Failed,
    /// It may be written, now or later.
    Unknown,
}

/// What is wrong with a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation<K: Debug> {
    /// The chain of a key does not count by one.
    #[error("revision {found} of {key:?} stands where {expected} belongs")]
    Gap {
        /// The key.
        key: K,
        /// The counter that belongs there.
        expected: u64,
        /// What stands there.
        found: Revision,
    },
    /// One write stands twice in a chain.
    #[error("write {tag} stands twice in the chain of {key:?}")]
    Twice {
        /// The key.
        key: K,
        /// The write.
        tag: u64,
    },
    /// Two writes were sent with one tag: a fault of the test.
    #[error("two writes of {key:?} were sent with the tag {tag}")]
    SameTag {
        /// The key.
        key: K,
        /// The tag of both.
        tag: u64,
    },
    /// Something is stored that nobody sent.
    #[error("revision {found} of {key:?} was never sent")]
    NeverSent {
        /// The key.
        key: K,
        /// What is stored.
        found: Revision,
    },
    /// A write was acknowledged and is not there.
    #[error("write {tag} of {key:?} was acknowledged and is lost")]
    Lost {
        /// The key.
        key: K,
        /// The write.
        tag: u64,
    },
    /// A write was acknowledged with another counter than it is stored with.
    #[error("write {tag} of {key:?} was acknowledged as {said} and is stored as {stored}")]
    OtherCounter {
        /// The key.
        key: K,
        /// The write.
        tag: u64,
        /// As which it was acknowledged.
        said: u64,
        /// As which it is stored.
        stored: u64,
    },
    /// A write was refused and is there.
    #[error("write {tag} of {key:?} was refused and is stored")]
    RefusedPresent {
        /// The key.
        key: K,
        /// The write.
        tag: u64,
    },
    /// A write was refused although the key stood where it asked for.
    #[error("write {tag} of {key:?} was refused on its own base")]
    RefusedOnBase {
        /// The key.
        key: K,
        /// The write.
        tag: u64,
    },
    /// A write does not stand on the revision that it was made on.
    #[error("write {tag} of {key:?} was made on {base:?} and stands on {stands_on:?}")]
    WrongBase {
        /// The key.
        key: K,
        /// The write.
        tag: u64,
        /// On which it was made.
        base: Seen,
        /// On which it stands.
        stands_on: Seen,
    },
    /// A client saw a revision that is not in the chain.
    #[error("a client saw {seen} of {key:?}, which is not in its chain")]
    SawNothing {
        /// The key.
        key: K,
        /// What it saw.
        seen: Revision,
    },
    /// A client saw less than was there before it asked.
    #[error("a client that asked at {sent} saw number {saw} of {key:?}, after number {known}")]
    Stale {
        /// The key.
        key: K,
        /// When it asked.
        sent: u64,
        /// The counter that it saw.
        saw: u64,
        /// The counter that somebody knew before.
        known: u64,
    },
    /// A write came into the chain before something that was over when it was sent.
    #[error("write {tag} of {key:?}, sent at {sent}, is number {counter}, not after {known}")]
    BackInTime {
        /// The key.
        key: K,
        /// The write.
        tag: u64,
        /// When it was sent.
        sent: u64,
        /// Its place in the chain.
        counter: u64,
        /// The counter that somebody knew before.
        known: u64,
    },
}

/// Checks what happened to all keys, and returns what is wrong with it, in the order of the keys.
pub fn check<K: Clone + Ord + Debug>(
    events: &[Event<K>],
    chains: &BTreeMap<K, Vec<Revision>>,
) -> Vec<Violation<K>> {
    let mut of_key: BTreeMap<&K, Vec<&Event<K>>> =
        chains.keys().map(|key| (key, Vec::new())).collect();
    for event in events {
        of_key.entry(&event.key).or_default().push(event);
    }
    let mut violations = Vec::new();
    for (key, events) in of_key {
        let chain = chains.get(key).map_or(&[][..], Vec::as_slice);
        let mut judge = Judge { key, chain, places: BTreeMap::new(), violations: Vec::new() };
        judge.check_chain();
        judge.check_writes(&events);
        judge.check_order(&events);
        violations.append(&mut judge.violations);
    }
    violations
}

/// Judges one key. A place is a position in the chain, counted from 1; 0 is before the first write.
struct Judge<'a, K: Debug> {
    key: &'a K,
    chain: &'a [Revision],
    /// The places of the writes of the chain, by tag.
    places: BTreeMap<u64, u64>,
    violations: Vec<Violation<K>>,
}

impl<K: Clone + Ord + Debug> Judge<'_, K> {
    fn check_chain(&mut self) {
        for (found, expected) in self.chain.iter().zip(1..) {
            let key = self.key.clone();
            if found.counter != expected {
                self.violations.push(Violation::Gap { key, expected, found: *found });
            } else if self.places.insert(found.tag, expected).is_some() {
                self.violations.push(Violation::Twice { key, tag: found.tag });
            }
        }
    }

    fn check_writes(&mut self, events: &[&Event<K>]) {
        let mut sent = BTreeSet::new();
        for event in events {
            let Action::Write { tag, base, answer } = &event.action else { continue };
            if !sent.insert(*tag) {
                let (key, tag) = (self.key.clone(), *tag);
                self.violations.push(Violation::SameTag { key, tag });
            }
            self.check_write(*tag, *base, *answer);
        }
        for found in self.chain {
            if !sent.contains(&found.tag) {
                let (key, found) = (self.key.clone(), *found);
                self.violations.push(Violation::NeverSent { key, found });
            }
        }
    }

    fn check_write(&mut self, tag: u64, base: Option<Seen>, answer: Answer) {
        let key = self.key.clone();
        let place = self.places.get(&tag).copied();
        match (answer, place) {
            (Answer::Acknowledged { .. }, None) => {
                self.violations.push(Violation::Lost { key, tag });
            }
            (Answer::Acknowledged { counter: said }, Some(stored)) if said != stored => {
                self.violations.push(Violation::OtherCounter { key, tag, said, stored });
            }
            (Answer::Refused { .. } | Answer::Failed, Some(_)) => {
                self.violations.push(Violation::RefusedPresent { key, tag });
            }
            (Answer::Refused { current }, None) if base == Some(current) => {
                self.violations.push(Violation::RefusedOnBase { key, tag });
            }
            _ => {}
        }
        let (Some(base), Some(place)) = (base, place) else { return };
        let stands_on = place.checked_sub(2).and_then(|index| self.at_index(index));
        if stands_on != base {
            let key = self.key.clone();
            self.violations.push(Violation::WrongBase { key, tag, base, stands_on });
        }
    }

    fn at_index(&self, index: u64) -> Seen {
        usize::try_from(index).ok().and_then(|index| self.chain.get(index)).copied()
    }

    /// Walks the events in the order in which they were sent, and keeps the highest place that was
    /// known to anybody by then. A write must come behind it, a sight must not fall short of it.
    fn check_order(&mut self, events: &[&Event<K>]) {
        let placed: Vec<Placed> = events.iter().filter_map(|event| self.place(event)).collect();
        let (mut by_sent, mut by_answered) = (placed.clone(), placed);
        by_sent.sort_by_key(|placed| placed.sent);
        by_answered.retain(|placed| placed.answered.is_some());
        by_answered.sort_by_key(|placed| placed.answered);
        let mut ended = by_answered.iter().peekable();
        let mut known = 0;
        for now in by_sent {
            while let Some(before) = ended.next_if(|past| past.answered < Some(now.sent)) {
                known = known.max(before.place);
            }
            let (key, sent) = (self.key.clone(), now.sent);
            match now.write {
                Some(tag) if now.place <= known => {
                    let counter = now.place;
                    self.violations.push(Violation::BackInTime { key, tag, sent, counter, known });
                }
                None if now.place < known => {
                    self.violations.push(Violation::Stale { key, sent, saw: now.place, known });
                }
                _ => {}
            }
        }
    }

    /// Where in the chain an event stands, if it tells anything about it.
    fn place(&mut self, event: &Event<K>) -> Option<Placed> {
        let (sent, answered) = (event.sent, Some(event.answered));
        match event.action {
            Action::Read(seen) => self.sight(seen, sent, answered),
            Action::Write { tag, answer, .. } => match answer {
                Answer::Acknowledged { .. } => {
                    let place = *self.places.get(&tag)?;
                    Some(Placed { sent, answered, place, write: Some(tag) })
                }
                // It may have come at any time after it was sent.
                Answer::Unknown => {
                    let place = *self.places.get(&tag)?;
                    Some(Placed { sent, answered: None, place, write: Some(tag) })
                }
                Answer::Refused { current } => self.sight(current, sent, answered),
                Answer::Failed => None,
            },
        }
    }

    fn sight(&mut self, seen: Seen, sent: u64, answered: Option<u64>) -> Option<Placed> {
        let Some(seen) = seen else {
            return Some(Placed { sent, answered, place: 0, write: None });
        };
        let place = self.places.get(&seen.tag).copied();
        if let Some(place) = place.filter(|place| *place == seen.counter) {
            return Some(Placed { sent, answered, place, write: None });
        }
        let key = self.key.clone();
        self.violations.push(Violation::SawNothing { key, seen });
        None
    }
}

/// An event with its place in the chain.
#[derive(Clone, Copy)]
struct Placed {
    sent: u64,
    /// Nothing if it may still happen after the answer.
    answered: Option<u64>,
    place: u64,
    /// The tag, if it is a write.
    write: Option<u64>,
}

#[cfg(test)]
#[path = "history/tests.rs"]
mod tests;

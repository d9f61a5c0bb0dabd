//! The revisions of an entry with who made them, indexed for the rules.

use crate::history::{Action, Call, EntryHistory, Seen, Told, Violation, broken};

/// Revisions and calls, put side by side.
pub(super) struct Shelf<'a> {
    /// By counter, from 1.
    pub(super) revisions: &'a [Seen],
    /// The call that made each revision, in the same order.
    pub(super) authors: Vec<usize>,
    /// The latest begin of the author of this revision or of one before it.
    begun: Vec<u64>,
    /// End and highest counter seen until then, both rising.
    seen: Vec<(u64, usize)>,
}

impl<'a> Shelf<'a> {
    /// Checks that the revisions are a chain, and finds their authors.
    pub(super) fn new(history: &'a EntryHistory) -> Result<Self, Violation> {
        let revisions = history.revisions.as_slice();
        check_chain(history)?;
        let authors = authors(history)?;
        let mut latest = 0;
        let begun = authors.iter().filter_map(|author| history.calls.get(*author)).map(|call| {
            latest = latest.max(call.began);
            latest
        });
        let begun = begun.collect();
        let mut shelf = Self { revisions, authors, begun, seen: Vec::new() };
        shelf.observe(&history.calls);
        Ok(shelf)
    }

    /// The revision with a counter.
    pub(super) fn get(&self, counter: u64) -> Option<&'a Seen> {
        let index = usize::try_from(counter.checked_sub(1)?).ok()?;
        self.revisions.get(index)
    }

    /// The highest counter that was seen before this moment: the entry stood there or later.
    pub(super) fn low(&self, began: u64) -> usize {
        let until = self.seen.partition_point(|(ended, _)| *ended < began);
        until.checked_sub(1).and_then(|last| self.seen.get(last)).map_or(0, |(_, counter)| *counter)
    }

    /// The highest counter that can have been there at this moment.
    pub(super) fn high(&self, ended: u64) -> usize {
        self.begun.partition_point(|began| *began < ended)
    }

    /// Whether the entry is missing or deleted at a counter.
    pub(super) fn is_dead(&self, counter: usize) -> bool {
        let revision = counter.checked_sub(1).and_then(|index| self.revisions.get(index));
        revision.is_none_or(|revision| !revision.is_live())
    }

    /// The first counter of a range at which the entry is missing or deleted.
    pub(super) fn first_dead(&self, low: usize, high: usize) -> Option<usize> {
        (low..=high).find(|counter| self.is_dead(*counter))
    }

    /// Collects what was seen until when. A "not found" is evidence too: the entry was not live,
    /// so it stood at least at its next deletion.
    fn observe(&mut self, calls: &[Call]) {
        let mut ends: Vec<(u64, &Call)> =
            calls.iter().filter_map(|call| call.ended.map(|ended| (ended, call))).collect();
        ends.sort_unstable_by_key(|(ended, _)| *ended);
        for (ended, call) in ends {
            let low = self.low(call.began);
            let counter = match &call.told {
                Told::State(seen) => {
                    let is_before = matches!(&call.action, Action::Remove { tag, .. }
                        if seen.tag != *tag);
                    seen.counter.saturating_add(u64::from(is_before))
                }
                Told::Conflict(seen) => seen.counter,
                Told::Absent if call.action == Action::Current => {
                    let dead = self.first_dead(low, self.high(ended));
                    dead.and_then(|counter| u64::try_from(counter).ok()).unwrap_or(0)
                }
                Told::Absent
                | Told::Nothing
                | Told::NoSuchRevision
                | Told::Damaged(_)
                | Told::NoSum
                | Told::Refused => continue,
            };
            // What does not exist is reported by the rule for the call itself.
            let counter = usize::try_from(counter).unwrap_or(0).min(self.revisions.len());
            if self.seen.last().is_none_or(|(_, highest)| *highest < counter) {
                self.seen.push((ended, counter));
            }
        }
    }
}

/// Rules `chain` and `stamps`.
fn check_chain(history: &EntryHistory) -> Result<(), Violation> {
    let mut before: Option<&Seen> = None;
    for revision in &history.revisions {
        let expected = before.map_or(1, |before| before.counter + 1);
        if revision.counter != expected {
            let evidence = format!("revision {expected} is missing before {}", revision.counter);
            return broken("chain", evidence);
        }
        if before.is_some_and(|before| before.updated_at >= revision.updated_at) {
            return broken("stamps", format!("the stamp of {expected} is not later"));
        }
        let birth = before.map_or(revision.updated_at, |before| before.created_at);
        if revision.created_at != birth {
            return broken("stamps", format!("revision {expected} has another birth"));
        }
        before = Some(revision);
    }
    let is_readable = !history.damage.iter().any(|damage| damage.counter.is_none());
    if is_readable && history.current.as_ref() != before {
        let (row, last) = (history.current.as_ref(), before);
        return broken("chain", format!("the entry holds {row:?}, its last revision is {last:?}"));
    }
    Ok(())
}

/// Rule `author`.
fn authors(history: &EntryHistory) -> Result<Vec<usize>, Violation> {
    let tagged = |(index, call): (usize, &Call)| call.action.tag().map(|tag| (tag, index));
    let mut by_tag: Vec<(u64, usize)> =
        history.calls.iter().enumerate().filter_map(tagged).collect();
    by_tag.sort_unstable();
    let mut authors = Vec::with_capacity(history.revisions.len());
    for revision in &history.revisions {
        let found = by_tag.binary_search_by_key(&revision.tag, |(tag, _)| *tag);
        let author = found.ok().and_then(|at| by_tag.get(at)).map(|(_, index)| *index);
        let call = author.and_then(|index| history.calls.get(index).map(|call| (index, call)));
        let Some((index, call)) = call else {
            let Seen { counter, tag, .. } = revision;
            return broken("author", format!("nobody wrote revision {counter}, tag {tag:016x}"));
        };
        let sent = match &call.action {
            // What it makes of the state before is rule `derived`.
            Action::Add { .. } => revision.content.as_ref(),
            Action::Set { content, .. } => Some(content),
            Action::Remove { .. } | Action::Current | Action::ById(_) | Action::At(_) => None,
        };
        if sent != revision.content.as_ref() {
            let counter = revision.counter;
            return broken("author", format!("revision {counter} does not hold what was sent"));
        }
        authors.push(index);
    }
    Ok(authors)
}

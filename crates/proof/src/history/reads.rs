//! Rules about what calls were shown.

use steadfast_core::Timestamp;

use crate::history::shelf::Shelf;
use crate::history::writes::sum;
use crate::history::{Action, Before, Call, EntryHistory, Seen, Told, Violation, broken};

/// Checks every answer.
pub(super) fn check(history: &EntryHistory, shelf: &Shelf<'_>) -> Result<(), Violation> {
    for call in &history.calls {
        let Some(ended) = call.ended else { continue };
        let window = Window { low: shelf.low(call.began), high: shelf.high(ended) };
        check_damage(history, call, ended)?;
        match (&call.action, &call.told) {
            (Action::Current, Told::State(seen)) => {
                check_shown("read", shelf, window, seen, true, call)?;
                if call.at_rest && shelf.get(seen.counter + 1).is_some() {
                    return broken("final", format!("there is a newer revision: {call:?}"));
                }
            }
            (_, Told::Conflict(seen)) => check_conflict(shelf, window, seen, call)?,
            (Action::ById(id), told) => {
                let is_there = shelf.get(id.counter).is_some_and(|found| found.id() == *id);
                match told {
                    Told::State(seen) if seen.id() == *id => {
                        check_shown("by-id", shelf, window.since_the_first(), seen, false, call)?;
                    }
                    Told::State(_) => return broken("by-id", format!("another one: {call:?}")),
                    Told::NoSuchRevision if is_there && window.covers(id.counter) => {
                        return broken("by-id", format!("it was seen before: {call:?}"));
                    }
                    Told::Absent if window.low > 0 => {
                        return broken("absent", format!("the entry was seen before: {call:?}"));
                    }
                    Told::Absent
                    | Told::NoSuchRevision
                    | Told::Nothing
                    | Told::Conflict(_)
                    | Told::Damaged(_)
                    | Told::NoSum
                    | Told::Refused => {}
                }
            }
            (Action::At(at), Told::State(_) | Told::Absent) => {
                check_at(shelf, window, *at, call)?;
            }
            (
                Action::Current | Action::Set { .. } | Action::Add { .. } | Action::Remove { .. },
                Told::Absent,
            ) => check_absent(shelf, window, call)?,
            (Action::Add { by, .. }, Told::NoSum) => check_no_sum(shelf, window, *by, call)?,
            (_, Told::NoSum) => return broken("number", format!("no increment: {call:?}")),
            _ => {}
        }
    }
    Ok(())
}

/// The counters at which the entry can have stood while a call was made.
#[derive(Clone, Copy)]
struct Window {
    low: usize,
    high: usize,
}

impl Window {
    fn since_the_first(self) -> Self {
        Self { low: 0, ..self }
    }

    fn covers(self, counter: u64) -> bool {
        usize::try_from(counter).is_ok_and(|counter| counter <= self.low)
    }

    fn has(self, counter: u64) -> bool {
        usize::try_from(counter).is_ok_and(|counter| (self.low..=self.high).contains(&counter))
    }
}

/// A state that was shown is a revision, byte for byte, and stood there at the time.
fn check_shown(
    rule: &'static str,
    shelf: &Shelf<'_>,
    window: Window,
    seen: &Seen,
    must_live: bool,
    call: &Call,
) -> Result<(), Violation> {
    let found = shelf.get(seen.counter);
    if found != Some(seen) {
        return broken(rule, format!("the revision is {found:?}: {call:?}"));
    }
    if must_live && !seen.is_live() {
        return broken(rule, format!("a deleted entry was shown: {call:?}"));
    }
    if !window.has(seen.counter) {
        let Window { low, high } = window;
        return broken(rule, format!("the entry stood at {low} to {high}: {call:?}"));
    }
    Ok(())
}

/// Rule `conflict`: what refused is real, current, and indeed in the way.
fn check_conflict(
    shelf: &Shelf<'_>,
    window: Window,
    seen: &Seen,
    call: &Call,
) -> Result<(), Violation> {
    check_shown("conflict", shelf, window, seen, false, call)?;
    let is_in_the_way = match &call.action {
        Action::Set { when: Before::Missing, .. } => seen.is_live(),
        Action::Set { when: Before::Matches(id), .. }
        | Action::Remove { matches: Some(id), .. } => seen.id() != *id,
        Action::Set { when: Before::Anything | Before::Exists, .. }
        | Action::Remove { matches: None, .. }
        | Action::Add { .. }
        | Action::Current
        | Action::ById(_)
        | Action::At(_) => false,
    };
    if is_in_the_way {
        return Ok(());
    }
    broken("conflict", format!("it was not in the way: {call:?}"))
}

/// Rule `absent`: there was a moment without a live entry; for a write that brings back deleted
/// ones, a moment before the first.
fn check_absent(shelf: &Shelf<'_>, window: Window, call: &Call) -> Result<(), Violation> {
    let Window { low, high } = window;
    let is_possible = match &call.action {
        Action::Set { .. } => low == 0,
        // It makes what is missing.
        Action::Add { .. } => false,
        Action::Remove { .. } | Action::Current | Action::ById(_) | Action::At(_) => {
            shelf.first_dead(low, high).is_some()
        }
    };
    if !is_possible {
        let evidence = format!("a live entry stood at {low} to {high}: {call:?}");
        return broken("absent", evidence);
    }
    if call.at_rest && !shelf.is_dead(shelf.revisions.len()) {
        return broken("final", format!("the last revision is live: {call:?}"));
    }
    Ok(())
}

/// Rule `number`: there was a moment at which the entry held what cannot be added to.
fn check_no_sum(shelf: &Shelf<'_>, window: Window, by: i64, call: &Call) -> Result<(), Violation> {
    let Window { low, high } = window;
    let state = |counter| u64::try_from(counter).ok().and_then(|counter| shelf.get(counter));
    if (low..=high).any(|counter| sum(state(counter), by).is_none()) {
        return Ok(());
    }
    broken("number", format!("numbers stood at {low} to {high}: {call:?}"))
}

/// Rule `at`: of the revisions that were there, the newest that is not younger than the time.
fn check_at(
    shelf: &Shelf<'_>,
    window: Window,
    at: Timestamp,
    call: &Call,
) -> Result<(), Violation> {
    let newest = shelf.revisions.partition_point(|revision| revision.updated_at <= at);
    let (low, high) = (newest.min(window.low), newest.min(window.high));
    match &call.told {
        Told::State(seen) => check_shown("at", shelf, Window { low, high }, seen, true, call),
        Told::Absent if shelf.first_dead(low, high).is_none() => {
            broken("absent", format!("a live entry stood at {low} to {high} then: {call:?}"))
        }
        Told::Absent
        | Told::Nothing
        | Told::NoSuchRevision
        | Told::Conflict(_)
        | Told::Damaged(_)
        | Told::NoSum
        | Told::Refused => Ok(()),
    }
}

/// Rule `corrupt`: damage is told only of damaged rows; an entry whose row is damaged is never
/// shown again, and never absent.
fn check_damage(history: &EntryHistory, call: &Call, ended: u64) -> Result<(), Violation> {
    if let Told::Damaged(row) = &call.told {
        let is_true = |damage: &super::Damage| damage.counter == *row && damage.at < ended;
        if !history.damage.iter().any(is_true) {
            return broken("corrupt", format!("that row is whole: {call:?}"));
        }
        return Ok(());
    }
    let tells = match &call.told {
        Told::State(_) | Told::Absent | Told::NoSuchRevision | Told::Conflict(_) | Told::NoSum => {
            true
        }
        Told::Nothing | Told::Damaged(_) | Told::Refused => false,
    };
    let is_damaged = |damage: &super::Damage| {
        let concerns_it = match (&call.action, damage.counter) {
            (_, None) => true,
            (Action::ById(id), Some(counter)) => id.counter == counter,
            _ => false,
        };
        concerns_it && damage.at < call.began
    };
    if tells && history.damage.iter().any(is_damaged) {
        return broken("corrupt", format!("a damaged row was read: {call:?}"));
    }
    Ok(())
}

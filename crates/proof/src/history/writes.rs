//! Rules about writes: what is there, what is not, how often, on what, and in which order.

use crate::history::shelf::Shelf;
use crate::history::{Action, Before, Call, EntryHistory, Repeats, Seen, Told, Violation, broken};

/// Checks every revision against its author, and every write against the revisions.
pub(super) fn check(
    history: &EntryHistory,
    shelf: &Shelf<'_>,
    repeats: Repeats,
) -> Result<(), Violation> {
    // Author and counter, so that the effects of one call are neighbours.
    let mut effects: Vec<(usize, u64)> = Vec::with_capacity(shelf.authors.len());
    let mut before: Option<&Seen> = None;
    for (revision, author) in shelf.revisions.iter().zip(&shelf.authors) {
        effects.push((*author, revision.counter));
        if let Some(call) = history.calls.get(*author) {
            check_effect(shelf, call, before, revision)?;
        }
        before = Some(revision);
    }
    effects.sort_unstable();
    for pair in effects.windows(2) {
        if let [(author, first), (other, second)] = pair
            && author == other
            && let Some(call) = history.calls.get(*author)
        {
            check_twice(call, *first, *second, repeats)?;
        }
    }
    check_changes(history, &effects, repeats)?;
    for (index, call) in history.calls.iter().enumerate() {
        let has_effect = || effects.binary_search_by_key(&index, |(author, _)| *author).is_ok();
        check_told(shelf, call, has_effect, repeats)?;
    }
    Ok(())
}

/// Rules `condition`, `order` and `derived`, for one revision.
fn check_effect(
    shelf: &Shelf<'_>,
    call: &Call,
    before: Option<&Seen>,
    revision: &Seen,
) -> Result<(), Violation> {
    let counter = revision.counter;
    let holds = match &call.action {
        Action::Set { when: Before::Anything, .. } | Action::Add { .. } => true,
        Action::Set { when: Before::Missing, .. } => !before.is_some_and(Seen::is_live),
        Action::Set { when: Before::Exists, .. } => before.is_some(),
        Action::Set { when: Before::Matches(id), .. } => before.map(Seen::id) == Some(*id),
        Action::Remove { matches, .. } => before
            .is_some_and(|before| before.is_live() && matches.is_none_or(|id| before.id() == id)),
        Action::Current | Action::ById(_) | Action::At(_) => false,
    };
    if !holds {
        return broken("condition", format!("revision {counter} stands on {before:?}: {call:?}"));
    }
    let low = shelf.low(call.began);
    if usize::try_from(counter).is_ok_and(|counter| counter <= low) {
        let evidence = format!("{low} was seen before the write of {counter} began: {call:?}");
        return broken("order", evidence);
    }
    if matches!(&call.action, Action::Set { change: Some(_), .. }) {
        let (old, new) = (before.map_or(0, number), number(revision));
        if new != old + 1 {
            return broken("derived", format!("revision {counter} holds {new} after {old}"));
        }
    }
    if let Action::Add { by, .. } = call.action {
        let sum = sum(before, by).map(|sum| sum.to_string());
        let holds = revision.content.as_ref().map(|content| content.value.as_str());
        if sum.is_none() || holds != sum.as_deref() {
            let evidence = format!("revision {counter} holds {holds:?} and not {sum:?}: {call:?}");
            return broken("derived", evidence);
        }
    }
    Ok(())
}

/// What an increment of this state makes; nothing if it may not be made.
pub(super) fn sum(before: Option<&Seen>, by: i64) -> Option<i64> {
    let content = before.and_then(|before| before.content.as_ref());
    let number = content.map_or(Some(0), |content| content.value.as_str().parse::<i64>().ok());
    number?.checked_add(by)
}

/// The count that a state holds, which every value of the workload starts with: 0 for none.
fn number(state: &Seen) -> u64 {
    let text = state.content.as_ref().map_or("", |content| content.value.as_str());
    count_in(text)
}

/// The first number in a value.
pub(crate) fn count_in(text: &str) -> u64 {
    let digits = text.bytes().skip_while(|byte| !byte.is_ascii_digit());
    let digits = digits.take_while(u8::is_ascii_digit);
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// Rule `once`, for two effects of one call.
fn check_twice(call: &Call, first: u64, second: u64, repeats: Repeats) -> Result<(), Violation> {
    let was_repeated = call.resent || call.duplicated;
    let names_its_base = match &call.action {
        Action::Set { when, .. } => matches!(when, Before::Matches(_)),
        Action::Add { .. } => false,
        Action::Remove { matches, .. } => matches.is_some(),
        Action::Current | Action::ById(_) | Action::At(_) => true,
    };
    let is_documented = repeats == Repeats::RecognisedWhileLast
        && was_repeated
        && !names_its_base
        && second > first + 1;
    if is_documented {
        return Ok(());
    }
    broken("once", format!("one write made revisions {first} and {second}: {call:?}"))
}

/// Rule `once`, over the attempts of a change: of these, one has an effect. Each attempt is a
/// write of its own, whose effects were counted before.
fn check_changes(
    history: &EntryHistory,
    effects: &[(usize, u64)],
    repeats: Repeats,
) -> Result<(), Violation> {
    let mut attempts: Vec<(u64, usize, u64)> = Vec::new();
    for (author, counter) in effects {
        let Some(call) = history.calls.get(*author) else { continue };
        let Action::Set { change: Some(change), .. } = call.action else { continue };
        if repeats == Repeats::AlwaysRecognised || !call.duplicated {
            attempts.push((change, *author, *counter));
        }
    }
    attempts.sort_unstable();
    for pair in attempts.windows(2) {
        if let [(change, attempt, first), (other, next, second)] = pair
            && change == other
            && attempt != next
        {
            let evidence = format!("change {change} made revisions {first} and {second}");
            return broken("once", evidence);
        }
    }
    Ok(())
}

/// Rules `acknowledged`, `refused` and `conflict`, for one write.
fn check_told(
    shelf: &Shelf<'_>,
    call: &Call,
    has_effect: impl Fn() -> bool,
    repeats: Repeats,
) -> Result<(), Violation> {
    let Some(tag) = call.action.tag() else { return Ok(()) };
    match &call.told {
        Told::Nothing => Ok(()),
        Told::State(seen) => {
            let is_before = matches!(call.action, Action::Remove { .. }) && seen.tag != tag;
            let own = seen.counter + u64::from(is_before);
            let is_there = shelf.get(own).is_some_and(|revision| revision.tag == tag);
            let is_same = shelf.get(seen.counter) == Some(seen);
            if is_there && is_same {
                return Ok(());
            }
            let found = (shelf.get(seen.counter), shelf.get(own));
            broken("acknowledged", format!("found {found:?} for {call:?}"))
        }
        Told::Conflict(seen) if seen.tag == tag => {
            broken("conflict", format!("a write was refused by itself: {call:?}"))
        }
        Told::Absent
        | Told::NoSuchRevision
        | Told::Conflict(_)
        | Told::Damaged(_)
        | Told::NoSum
        | Told::Refused => {
            let is_certain = repeats == Repeats::AlwaysRecognised || !call.duplicated;
            if is_certain && has_effect() {
                return broken("refused", format!("a refused write is there: {call:?}"));
            }
            Ok(())
        }
    }
}

//! The second judge: knows what clients asked and were told, and when, and nothing else.
//!
//! What an entry, a data store or an ordered entry certainly was during a call follows from the last
//! acknowledged write that ended before it, if no other write was under way from then on: see
//! [`stable`]. A write of unknown outcome may take effect at any later time.

use std::collections::BTreeMap;
use std::time::Duration;

use steadfast_core::platform::{
    EntryState, Get, History, ListedRevision, OrderedAction, PlatformError, RETENTION, Request,
    RevisionId, StoreChange, Which,
};
use steadfast_core::{BoardId, EntryId, EntryKey, Order, StoreId, Timestamp};

use crate::data::calls::{Ask, Told};

/// A call from its begin to its end, in the order of begins and ends.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) ask: Ask,
    pub(super) began: u64,
    pub(super) ended: u64,
    /// The time when it began and ended.
    pub(super) times: (Timestamp, Timestamp),
    pub(super) told: Told,
}

/// How long every revision is there under every history but that of the live service.
const CERTAIN_FOR: Duration = Duration::from_hours(1);

/// A write that happened, or may have: until when it may, and what came of it if that is known.
#[derive(Clone, Debug)]
struct Effect<T> {
    began: u64,
    ended: u64,
    left: Option<T>,
}

/// What the last write left that was over before a call, if no other can have changed it since.
fn stable<'a, T>(effects: &'a [Effect<T>], call: &Record) -> Option<&'a T> {
    let over = |effect: &&Effect<T>| effect.left.is_some() && effect.ended < call.began;
    let last = effects.iter().filter(over).max_by_key(|effect| effect.ended)?;
    let is_alone = effects.iter().all(|other| {
        std::ptr::eq(other, last) || other.ended < last.began || other.began > call.ended
    });
    last.left.as_ref().filter(|_| is_alone)
}

/// The history of everything, as clients know it.
#[derive(Default)]
struct Known {
    /// What each write left of its entry: a state, or nothing.
    entries: BTreeMap<EntryId, Vec<Effect<Option<EntryState>>>>,
    ordered: BTreeMap<EntryId, Vec<Effect<Option<i64>>>>,
    /// Since when a data store is deleted, or that it is not.
    stores: BTreeMap<StoreId, Vec<Effect<Option<Timestamp>>>>,
    /// When somebody may have asked for another history than the one of the name, at last.
    histories: BTreeMap<StoreId, Vec<(Timestamp, Option<History>)>>,
    /// Revisions that somebody may have removed, with when that began.
    removals: Vec<(RevisionId, u64)>,
}

/// Judges all calls of a run, in the order in which they ended.
pub(super) fn judge(records: &[Record]) -> Result<(), String> {
    let known = Known::of(records);
    check_identity(records)?;
    check_snapshots(records)?;
    for record in records {
        let check = known.check(record);
        check.map_err(|said| format!("{said}\n  in {record:?}"))?;
    }
    check_monotone(records)?;
    check_places(records)
}

/// A write's span: one that was refused has none, and one that is unknown never ends.
fn effect<T>(record: &Record, left: Option<T>) -> Option<Effect<T>> {
    if record.told.is_refusal() {
        return None;
    }
    let ended = if left.is_some() { record.ended } else { u64::MAX };
    Some(Effect { began: record.began, ended, left })
}

impl Known {
    fn of(records: &[Record]) -> Self {
        let mut known = Self::default();
        for record in records {
            match &record.ask {
                Ask::Entry(Request::Get(_)) => {}
                Ask::Entry(request) => {
                    let is_removal = matches!(request, Request::Remove(_));
                    let left = if let Told::Entry(state) = &record.told {
                        Some(Some(state.clone()).filter(|_| !is_removal))
                    } else {
                        None
                    };
                    let effects = known.entries.entry(request.entry().clone()).or_default();
                    effects.extend(effect(record, left));
                }
                Ask::Ordered(request) if request.action != OrderedAction::Get => {
                    let is_removal = request.action == OrderedAction::Remove;
                    let left = if let Told::Ordered(state) = &record.told {
                        Some(Some(state.value).filter(|_| !is_removal))
                    } else {
                        None
                    };
                    let effects = known.ordered.entry(request.entry.clone()).or_default();
                    effects.extend(effect(record, left));
                }
                Ask::Store(request) => {
                    let left = if let Told::Store(info) = &record.told {
                        Some(info.deleted_at)
                    } else {
                        None
                    };
                    if let StoreChange::Delete | StoreChange::Undelete = request.change {
                        let effects = known.stores.entry(request.store.clone()).or_default();
                        effects.extend(effect(record, left));
                    }
                    if let StoreChange::History(history) = request.change
                        && !record.told.is_refusal()
                    {
                        let histories = known.histories.entry(request.store.clone()).or_default();
                        histories.push((record.times.1, history));
                    }
                }
                Ask::RemoveRevision(request) if !record.told.is_refusal() => {
                    known.removals.push((request.revision.clone(), record.began));
                }
                Ask::RemoveRevision(_)
                | Ask::Revisions(_)
                | Ask::Entries(_)
                | Ask::Stores(_)
                | Ask::Snapshot(_)
                | Ask::Ordered(_)
                | Ask::Board(_)
                | Ask::Standing(_)
                | Ask::Sweep(_) => {}
            }
        }
        known
    }

    /// What an entry certainly is during a call, in a data store that was not deleted since.
    fn entry(&self, entry: &EntryId, call: &Record) -> Option<&Option<EntryState>> {
        let effects = self.entries.get(entry)?;
        let left = stable(effects, call)?;
        let began = effects.iter().filter(|effect| effect.ended < call.began);
        let began = began.max_by_key(|effect| effect.ended).map_or(0, |effect| effect.began);
        let deletions = self.stores.get(&entry.store).map(Vec::as_slice).unwrap_or_default();
        let is_apart = |it: &Effect<Option<Timestamp>>| it.ended < began || it.began > call.ended;
        deletions.iter().all(is_apart).then_some(left)
    }

    fn check(&self, record: &Record) -> Result<(), String> {
        if let Told::Failed(error) = &record.told {
            return self.check_failure(record, error);
        }
        if let Some(store) = store_of(&record.ask)
            && let Some(effects) = self.stores.get(store)
            && let Some(Some(deleted_at)) = stable(effects, record)
            && record.times.1 < deleted_at.saturating_add(RETENTION)
        {
            return Err("deleted: the data store was deleted, and answers".to_owned());
        }
        match (&record.ask, &record.told) {
            (
                Ask::Entry(Request::Get(Get { entry, which: Which::Current })),
                Told::Entry(state),
            ) => match self.entry(entry, record) {
                Some(certain) if certain.as_ref() != Some(state) => {
                    Err(format!("read: it certainly was {certain:?}"))
                }
                _ => Ok(()),
            },
            (Ask::Revisions(request), Told::Revisions(page)) => {
                self.check_revisions(record, request, &page.items, page.next)
            }
            (Ask::Entries(request), Told::Entries(page)) => {
                for entry in self.entries.keys().filter(|entry| entry.store == request.store) {
                    let place = (entry.scope.clone(), entry.key.clone());
                    let is_covered = request.after.as_ref().is_none_or(|after| place > *after)
                        && page.next.as_ref().is_none_or(|next| place <= *next)
                        && request.spans.iter().any(|it| it.covers(&entry.scope, &entry.key))
                        && entry.key.as_str().starts_with(&*request.key_prefix);
                    let is_live = matches!(self.entry(entry, record), Some(Some(_)));
                    let mut items = page.items.iter();
                    let is_listed = items.any(|it| it.scope == place.0 && it.key == place.1);
                    if is_covered && is_live && !is_listed {
                        return Err(format!("list: `{entry}` is missing"));
                    }
                }
                Ok(())
            }
            (Ask::Ordered(request), Told::Ordered(state))
                if request.action == OrderedAction::Get =>
            {
                let certain = self.ordered.get(&request.entry).and_then(|it| stable(it, record));
                match certain {
                    Some(value) if *value != Some(state.value) => {
                        Err(format!("ordered: it certainly held {value:?}"))
                    }
                    _ => Ok(()),
                }
            }
            (Ask::Board(request), Told::Board(page)) => {
                let items: Vec<_> =
                    page.items.iter().map(|it| (it.value, it.key.clone())).collect();
                self.check_board(record, request, &items, page.next.as_ref())
            }
            (_, _) => Ok(()),
        }
    }

    fn check_failure(&self, record: &Record, error: &PlatformError) -> Result<(), String> {
        match (&record.ask, error) {
            (
                Ask::Entry(Request::Get(Get { entry, which: Which::Current })),
                PlatformError::EntryNotFound { .. } | PlatformError::StoreNotFound { .. },
            ) => match self.entry(entry, record) {
                Some(Some(state)) => Err(format!("read: it certainly was {state:?}")),
                _ => Ok(()),
            },
            (Ask::Ordered(request), PlatformError::EntryNotFound { .. }) => {
                let certain = self.ordered.get(&request.entry).and_then(|it| stable(it, record));
                match certain {
                    Some(Some(value)) => Err(format!("ordered: it certainly held {value}")),
                    _ => Ok(()),
                }
            }
            (_, PlatformError::StoreDeleted { store }) => {
                let effects = self.stores.get(store);
                match effects.and_then(|effects| stable(effects, record)) {
                    Some(None) => Err("deleted: the data store was not".to_owned()),
                    None if effects.is_none() => Err("deleted: nobody asked for it".to_owned()),
                    Some(Some(_)) | None => Ok(()),
                }
            }
            (_, _) => Ok(()),
        }
    }

    /// An acknowledged revision is on the page that it belongs to, as long as no rule lets it go.
    fn check_revisions(
        &self,
        record: &Record,
        request: &steadfast_core::platform::ListRevisions,
        items: &[ListedRevision],
        next: Option<u64>,
    ) -> Result<(), String> {
        let effects = self.entries.get(&request.entry).map(Vec::as_slice).unwrap_or_default();
        let histories = self.histories.get(&request.entry.store);
        let histories = histories.map(Vec::as_slice).unwrap_or_default();
        let is_never = |it: History| histories.iter().all(|(_, history)| *history != Some(it));
        let is_every = histories.iter().all(|(_, history)| *history == Some(History::Every));
        let set_at = histories.iter().map(|(at, _)| *at).min();
        let deletions =
            self.stores.get(&request.entry.store).map(Vec::as_slice).unwrap_or_default();
        for state in effects
            .iter()
            .filter(|it| it.ended < record.began)
            .filter_map(|it| it.left.as_ref()?.as_ref())
        {
            let id = state.revision_id();
            let counter = state.revision.counter;
            let is_covered = |next: u64| match request.order {
                Order::Ascending => counter <= next,
                Order::Descending => counter >= next,
            };
            let is_beyond = |from: u64| match request.order {
                Order::Ascending => counter > from,
                Order::Descending => counter < from,
            };
            let is_asked = next.is_none_or(is_covered)
                && request.beyond.is_none_or(is_beyond)
                && request.not_before.is_none_or(|at| at <= state.updated_at)
                && request.not_after.is_none_or(|at| state.updated_at <= at);
            let age = record.times.1.saturating_since(state.updated_at);
            let is_kept = is_never(History::Hourly) && age < CERTAIN_FOR
                || is_every && age < RETENTION && set_at.is_some_and(|at| at < state.updated_at);
            let is_listed = items.iter().any(|item| item.id == id);
            let is_removed =
                self.removals.iter().any(|(removed, at)| *removed == id && *at < record.ended);
            if is_asked && is_kept && deletions.is_empty() && !is_listed && !is_removed {
                return Err(format!("history: it is missing: {state:?}"));
            }
        }
        Ok(())
    }

    fn check_board(
        &self,
        record: &Record,
        request: &steadfast_core::platform::ListOrdered,
        items: &[(i64, EntryKey)],
        next: Option<&(i64, EntryKey)>,
    ) -> Result<(), String> {
        let is_sorted = match request.order {
            Order::Ascending => items.is_sorted_by(|a, b| a < b),
            Order::Descending => items.is_sorted_by(|a, b| a > b),
        };
        if !is_sorted {
            return Err("board: the page is not in order".to_owned());
        }
        for (entry, effects) in
            self.ordered.iter().filter(|(it, _)| BoardId::of(it) == request.board)
        {
            let Some(certain) = stable(effects, record) else { continue };
            let listed = items.iter().find(|(_, key)| *key == entry.key).map(|(value, _)| *value);
            let is_covered = certain.is_some_and(|value| {
                let place = (value, entry.key.clone());
                let is_behind = |from: &(i64, EntryKey)| match request.order {
                    Order::Ascending => place > *from,
                    Order::Descending => place < *from,
                };
                (request.min..=request.max).contains(&value)
                    && request.beyond.as_ref().is_none_or(is_behind)
                    && next.is_none_or(|next| !is_behind(next))
            });
            if listed != certain.filter(|_| is_covered) {
                return Err(format!("board: `{entry}` certainly held {certain:?}, not {listed:?}"));
            }
        }
        Ok(())
    }
}

/// One revision is one state, written by one write, and holds what that was to write.
fn check_identity(records: &[Record]) -> Result<(), String> {
    let mut writes = BTreeMap::new();
    for record in records {
        if let Some(id) = record.ask.write_id() {
            writes.insert(id.tag(), &record.ask);
        }
    }
    let mut seen: BTreeMap<(EntryId, Timestamp, u64), &EntryState> = BTreeMap::new();
    let mut ordered: BTreeMap<(EntryId, u64), (u64, Timestamp)> = BTreeMap::new();
    for record in records {
        if let Told::Entry(state) = &record.told {
            let key = (state.entry.clone(), state.created_at, state.revision.counter);
            if let Some(other) = seen.insert(key, state).filter(|other| *other != state) {
                return Err(format!("identity: {other:?} is {state:?} as well"));
            }
            match writes.get(&state.revision.tag) {
                Some(Ask::Entry(Request::Set(set)))
                    if state.content.as_ref() != Some(&set.content) =>
                {
                    return Err(format!("content: {state:?} is not what was set: {set:?}"));
                }
                Some(_) => {}
                None => return Err(format!("identity: nobody wrote {state:?}")),
            }
        }
        if let Told::Ordered(state) = &record.told {
            let key = (state.entry.clone(), state.revision.counter);
            let this = (state.revision.tag, state.updated_at);
            if let Some((tag, at)) = ordered.insert(key, this)
                && tag != this.0
                && this.1.max(at).saturating_since(this.1.min(at)) < RETENTION
            {
                return Err(format!("identity: two writes made {state:?}"));
            }
        }
        check_pins(record, &seen, &writes)?;
    }
    Ok(())
}

/// What was restored is said to be kept for ever.
fn check_pins(
    record: &Record,
    seen: &BTreeMap<(EntryId, Timestamp, u64), &EntryState>,
    writes: &BTreeMap<u64, &Ask>,
) -> Result<(), String> {
    let (Ask::Revisions(request), Told::Revisions(page)) = (&record.ask, &record.told) else {
        return Ok(());
    };
    for item in &page.items {
        let Some(counter) = item.id.counter() else { continue };
        let key = (request.entry.clone(), item.created_at, counter);
        let Some(state) = seen.get(&key) else { continue };
        let author = writes.get(&state.revision.tag);
        let is_restore = matches!(author, Some(Ask::Entry(Request::Restore(_))));
        if is_restore && !item.is_pinned || item.id != state.revision_id() {
            return Err(format!("history: {item:?} is listed for {state:?}"));
        }
    }
    Ok(())
}

/// Reads of an entry that follow each other never go back.
fn check_monotone(records: &[Record]) -> Result<(), String> {
    let mut reads: BTreeMap<&EntryId, Vec<(u64, u64, &EntryState)>> = BTreeMap::new();
    for record in records {
        if let (Ask::Entry(Request::Get(get)), Told::Entry(state)) = (&record.ask, &record.told)
            && get.which == Which::Current
        {
            reads.entry(&get.entry).or_default().push((record.began, record.ended, state));
        }
    }
    for reads in reads.values() {
        for (began, _, state) in reads {
            let is_back =
                |it: &&(u64, u64, &EntryState)| it.1 < *began && it.2.updated_at > state.updated_at;
            if let Some((_, _, before)) = reads.iter().find(is_back) {
                return Err(format!("read: {state:?} was read after {before:?}"));
            }
        }
    }
    Ok(())
}

/// One snapshot a day.
fn check_snapshots(records: &[Record]) -> Result<(), String> {
    let mut days = BTreeMap::new();
    for record in records {
        let Told::Snapshot(snapshot) = &record.told else { continue };
        let day = snapshot.taken_at.utc_day();
        let before = days.insert(day, *snapshot);
        if let Some(before) = before
            && (before.taken_at != snapshot.taken_at || before.is_new && snapshot.is_new)
        {
            return Err(format!("snapshot: two of one day: {before:?}, {record:?}"));
        }
    }
    Ok(())
}

/// Places agree with each other: none is shared, and equals share their rank.
fn check_places(records: &[Record]) -> Result<(), String> {
    // Of each board, the last full list and whether anything was written since.
    let mut lists: BTreeMap<BoardId, (u64, Vec<(i64, EntryKey)>)> = BTreeMap::new();
    let mut written: BTreeMap<BoardId, u64> = BTreeMap::new();
    for record in records {
        if let Ask::Ordered(request) = &record.ask
            && request.action != OrderedAction::Get
            && !record.told.is_refusal()
        {
            let is_known = matches!(record.told, Told::Ordered(_));
            let last = written.entry(BoardId::of(&request.entry)).or_default();
            *last = (*last).max(if is_known { record.ended } else { u64::MAX });
        }
    }
    for record in records {
        if let (Ask::Board(request), Told::Board(page)) = (&record.ask, &record.told)
            && request.order == Order::Descending
            && request.beyond.is_none()
            && page.next.is_none()
            && (request.min, request.max) == (i64::MIN, i64::MAX)
        {
            let items = page.items.iter().map(|it| (it.value, it.key.clone())).collect();
            lists.insert(request.board.clone(), (record.began, items));
        }
    }
    for record in records {
        let (Ask::Standing(request), Told::Standing(found)) = (&record.ask, &record.told) else {
            continue;
        };
        let board = BoardId::of(&request.entry);
        let Some((listed, items)) = lists.get(&board) else { continue };
        let last = written.get(&board).copied().unwrap_or(0);
        if last > record.began || last > *listed || request.order != Order::Descending {
            continue;
        }
        let place = items.iter().position(|(_, key)| *key == request.entry.key);
        let rank = items.iter().position(|(value, _)| *value == found.place.value);
        let number = |place: Option<usize>| place.and_then(|it| u64::try_from(it + 1).ok());
        let is_right = number(place) == Some(found.place.position)
            && number(rank) == Some(found.place.rank)
            && u64::try_from(items.len()).ok() == Some(found.entry_count);
        if !is_right {
            return Err(format!("places: the board is {items:?}\n  in {record:?}"));
        }
    }
    Ok(())
}

/// The data store that a request reads or writes entries of.
fn store_of(ask: &Ask) -> Option<&StoreId> {
    match ask {
        Ask::Entry(request) => Some(&request.entry().store),
        Ask::RemoveRevision(request) => Some(&request.entry.store),
        Ask::Revisions(request) => Some(&request.entry.store),
        Ask::Entries(request) => Some(&request.store),
        Ask::Stores(_)
        | Ask::Store(_)
        | Ask::Snapshot(_)
        | Ask::Ordered(_)
        | Ask::Board(_)
        | Ask::Standing(_)
        | Ask::Sweep(_) => None,
    }
}

//! The oracle: keeps the full log of every batch, and checks each against it, and each answer.

use std::collections::{BTreeMap, BTreeSet};

use steadfast_core::platform::{Request, Rule, StoreChange};
use steadfast_core::row::{Birth, EntryBody, OrderedBody, StoreBody};
use steadfast_core::{
    Condition, EntryId, Found, Order, Revision, RowBody, RowKey, RowRange, StoreId, Timestamp,
    Write,
};
use steadfast_storage::Rows;

use crate::data::boards::BoardLog;
use crate::data::calls::{Ask, Call, Moment, Told};
use crate::data::disk::Applied;
use crate::data::log::{EntryLog, StoreLog, StoreVersion, Version, kept};

mod answers;
mod deletions;
mod lists;
mod ordered;
mod rest;

/// The tag of the row of a data store whose purge has begun.
const PURGE_TAG: u64 = 0;

/// What was broken, and how.
pub(super) type Check = Result<(), String>;

/// A write that was asked for, by the tag of its id.
struct Wish {
    ask: Ask,
    began: Moment,
    /// The batch that carried it out.
    done: Option<u64>,
    is_refused: bool,
}

pub(super) struct Oracle {
    entries: BTreeMap<EntryId, EntryLog>,
    stores: BTreeMap<StoreId, StoreLog>,
    boards: BoardLog,
    /// When snapshots were taken, with the batch and the revision.
    snapshots: Vec<(u64, Timestamp, Revision)>,
    wishes: BTreeMap<u64, Wish>,
    /// Revisions whose removal was asked for.
    removals: BTreeSet<(EntryId, u64)>,
    damaged: BTreeSet<RowKey>,
    applied_count: u64,
    is_on: bool,
    violation: Option<String>,
}

impl Oracle {
    pub(super) fn new(is_on: bool) -> Self {
        Self {
            entries: BTreeMap::new(),
            stores: BTreeMap::new(),
            boards: BoardLog::default(),
            snapshots: vec![],
            wishes: BTreeMap::new(),
            removals: BTreeSet::new(),
            damaged: BTreeSet::new(),
            applied_count: 0,
            is_on,
            violation: None,
        }
    }

    pub(super) fn applied_count(&self) -> u64 {
        self.applied_count
    }

    pub(super) fn violation(&self) -> Option<&String> {
        self.violation.as_ref()
    }

    pub(super) fn into_violation(self) -> Option<String> {
        self.violation
    }

    fn note(&mut self, check: Check) {
        if let Err(said) = check
            && self.violation.is_none()
        {
            self.violation = Some(said);
        }
    }

    /// Whether it still looks: what follows a violation follows from it.
    fn looks(&self) -> bool {
        self.is_on && self.violation.is_none()
    }

    pub(super) fn on_damage(&mut self, key: &RowKey) {
        if let RowKey::Entry(entry) | RowKey::Revision(entry, _) = key
            && let Some(log) = self.entries.get_mut(entry)
        {
            log.is_damaged = true;
        }
        self.damaged.insert(key.clone());
    }

    /// A call begins.
    pub(super) fn on_begin(&mut self, call: &Call) {
        if let Some(id) = call.ask.write_id() {
            let (ask, began) = (call.ask.clone(), call.began);
            self.wishes.insert(id.tag(), Wish { ask, began, done: None, is_refused: false });
        }
        if let Ask::RemoveRevision(request) = &call.ask
            && let Some(counter) = request.revision.counter()
        {
            self.removals.insert((request.entry.clone(), counter));
        }
    }

    /// A call was answered.
    pub(super) fn on_answer(&mut self, call: &Call, told: &Told, ended: Moment) {
        if !self.looks() {
            return;
        }
        if let Some(id) = call.ask.write_id()
            && told.is_refusal()
            && let Some(wish) = self.wishes.get_mut(&id.tag())
        {
            wish.is_refused = true;
            if let Some(seq) = wish.done {
                let said = format!("batch {seq} carried out what was refused: {call:?}: {told:?}");
                return self.note(Err(said));
            }
        }
        let check = self.check_answer(call, told, ended);
        self.note(
            check
                .map_err(|said| format!("{said}\n  told {told:?}\n  for {call:?}\n  at {ended:?}")),
        );
    }

    /// A batch was written.
    pub(super) fn on_apply(&mut self, seq: u64, applied: &Applied) {
        self.applied_count += 1;
        if !self.looks() {
            return;
        }
        let check = self.apply(seq, applied);
        self.note(check.map_err(|said| format!("{said}\n  in batch {seq}: {:?}", applied.batch)));
    }

    fn apply(&mut self, seq: u64, applied: &Applied) -> Check {
        let Applied { batch, stamped_at } = applied;
        for (key, condition) in &batch.conditions {
            self.check_condition(key, *condition)?;
        }
        for key in batch.writes.iter().map(Write::key) {
            let is_guarded = || batch.conditions.iter().any(|(guarded, _)| guarded == key);
            if !matches!(key, RowKey::Revision(..) | RowKey::Review(..)) && !is_guarded() {
                return Err(format!("a batch writes {key} whatever it finds"));
            }
            if let RowKey::Entry(entry) = key {
                let record = RowKey::Record(entry.clone());
                if !batch.conditions.iter().any(|(guarded, _)| *guarded == record) {
                    return Err(format!("a batch writes {key} whoever holds it"));
                }
            }
        }
        self.check_deletions(seq, applied)?;
        for write in &batch.writes {
            match write {
                Write::Put { key: RowKey::Entry(entry), revision, body: RowBody::Entry(body) } => {
                    self.put_entry(seq, applied, entry, *revision, body)?;
                }
                Write::Put {
                    key: RowKey::Revision(entry, counter),
                    revision,
                    body: RowBody::Revision(body),
                } => {
                    let (key, twin) = (RowKey::Entry(entry.clone()), RowBody::Entry(body.clone()));
                    let twin = Write::Put { key, revision: *revision, body: twin };
                    if *counter != revision.counter || !batch.writes.contains(&twin) {
                        return Err(format!("the history of `{entry}` is written alone"));
                    }
                }
                Write::Put { key: RowKey::Store(store), revision, body: RowBody::Store(body) } => {
                    self.put_store(seq, *stamped_at, store, *revision, body)?;
                }
                Write::Put { key: RowKey::Universe(_), revision, .. } => {
                    self.wished(seq, *revision, |ask| matches!(ask, Ask::Snapshot(_)))?;
                    let is_early = self
                        .snapshots
                        .last()
                        .is_some_and(|(_, last, _)| last.utc_day() >= stamped_at.utc_day());
                    if is_early {
                        return Err("two snapshots on one day".to_owned());
                    }
                    self.snapshots.push((seq, *stamped_at, *revision));
                }
                Write::Put {
                    key: RowKey::Ordered(entry),
                    revision,
                    body: RowBody::Ordered(body),
                } => {
                    self.put_ordered(seq, *stamped_at, entry, *revision, *body)?;
                }
                Write::Delete { key: RowKey::Ordered(entry) } => {
                    self.boards.purge(seq, *stamped_at, entry)?;
                }
                Write::Delete { .. } | Write::Put { .. } => {}
            }
        }
        Ok(())
    }

    fn check_condition(&self, key: &RowKey, condition: Condition) -> Check {
        let last = u64::MAX;
        let found = match key {
            RowKey::Entry(entry) => {
                let log = self.entries.get(entry);
                log.and_then(|log| log.standing(last)).map(|version| version.revision)
            }
            RowKey::Store(store) => self.store_at(store, last).map(|version| version.revision),
            RowKey::Universe(_) => self.snapshots.last().map(|(_, _, revision)| *revision),
            RowKey::Ordered(entry) => self.boards.revision(entry),
            // Nobody holds anything here.
            RowKey::Record(_) => None,
            RowKey::Revision(..)
            | RowKey::ApiKey(_)
            | RowKey::Review(..)
            | RowKey::Ends(_)
            | RowKey::Presence(_)
            | RowKey::Mail(..)
            | RowKey::Ledger(..) => return Ok(()),
        };
        let holds = match condition {
            Condition::Absent => found.is_none(),
            Condition::At(revision) => found == Some(revision),
        };
        let damaged = self.damaged.contains(key);
        if holds && !damaged {
            return Ok(());
        }
        Err(format!("a batch was written although {key} is at {found:?} and not {condition:?}"))
    }

    /// The write that a revision is of, which happens once and was asked for.
    fn wished(
        &mut self,
        seq: u64,
        revision: Revision,
        is_of: impl Fn(&Ask) -> bool,
    ) -> Result<(Ask, Moment), String> {
        let Some(wish) = self.wishes.get_mut(&revision.tag) else {
            return Err(format!("nobody asked for the write of {revision}"));
        };
        if !is_of(&wish.ask) {
            return Err(format!("{revision} was asked for by {:?}", wish.ask));
        }
        if wish.is_refused {
            return Err(format!("{revision} was refused before: {:?}", wish.ask));
        }
        if let Some(before) = wish.done.filter(|before| *before != seq) {
            return Err(format!("batch {before} has carried out {:?} already", wish.ask));
        }
        wish.done = Some(seq);
        Ok((wish.ask.clone(), wish.began))
    }

    fn put_entry(
        &mut self,
        seq: u64,
        applied: &Applied,
        entry: &EntryId,
        revision: Revision,
        body: &EntryBody,
    ) -> Check {
        let stamped_at = applied.stamped_at;
        let (ask, began) = self.wished(
            seq,
            revision,
            |ask| matches!(ask, Ask::Entry(request) if request.entry() == entry),
        )?;
        let key = RowKey::Revision(entry.clone(), revision.counter);
        let twin = Write::Put { key, revision, body: RowBody::Revision(body.clone()) };
        if !applied.batch.writes.contains(&twin) {
            return Err(format!("{revision} of `{entry}` has no row in the history"));
        }
        let store = entry.store.clone();
        if self.store_at(&store, u64::MAX).is_none()
            && !applied
                .batch
                .writes
                .iter()
                .any(|write| *write.key() == RowKey::Store(store.clone()))
        {
            return Err(format!("`{entry}` is written to no data store"));
        }
        let log = self.entries.entry(entry.clone()).or_insert_with(|| EntryLog::new(entry.clone()));
        let before = log.standing(u64::MAX).cloned();
        let before = before.as_ref();
        let expected = before.map_or(1, |before| before.revision.counter + 1);
        if revision.counter != expected {
            return Err(format!("HV1: `{entry}` goes to {revision}, and {expected} is next"));
        }
        if before.is_some_and(|before| before.stamped_at >= stamped_at) {
            return Err(format!("HV1: `{entry}` goes back in time with {revision}"));
        }
        let created_at = body.birth.time(stamped_at);
        let birth = before
            .filter(|before| !before.is_tombstone() || stamped_at < kept(before.stamped_at))
            .map(|before| before.created_at);
        if birth.is_some_and(|birth| birth != created_at) {
            return Err(format!("I-01: the birth of `{entry}` changes with {revision}"));
        }
        if let Birth::At(_) = body.birth
            && before.is_none_or(|before| before.created_at != created_at)
        {
            return Err(format!("I-01: the birth of `{entry}` is made up with {revision}"));
        }
        log.is_late |= began.now.utc_hour().plus(2) <= stamped_at.utc_hour();
        let content = body.content.clone();
        let (gone, removed, pinned) = (None, None, body.pinned);
        answers::check_content(&ask, log, before, content.as_deref(), pinned)?;
        let version =
            Version { revision, stamped_at, created_at, content, pinned, seq, gone, removed };
        log.row.push((seq, Some(log.versions.len())));
        log.versions.push(version);
        Ok(())
    }

    fn put_store(
        &mut self,
        seq: u64,
        stamped_at: Timestamp,
        store: &StoreId,
        revision: Revision,
        body: &StoreBody,
    ) -> Check {
        let before = self.store_at(store, u64::MAX).cloned();
        if let Some(before) = before.as_ref().filter(|_| revision.tag == PURGE_TAG) {
            return self.begin_purge(seq, stamped_at, store, revision, body, before);
        }
        let (ask, _) = self.wished(seq, revision, |ask| match ask {
            Ask::Entry(request) => request.entry().store == *store,
            Ask::Store(request) => request.store == *store,
            Ask::RemoveRevision(_)
            | Ask::Revisions(_)
            | Ask::Entries(_)
            | Ask::Stores(_)
            | Ask::Snapshot(_)
            | Ask::Ordered(_)
            | Ask::Board(_)
            | Ask::Standing(_)
            | Ask::Sweep(_) => false,
        })?;
        let expected = before.as_ref().map_or(1, |before| before.revision.counter + 1);
        if revision.counter != expected {
            return Err(format!("the row of `{store}` goes to {revision}, and {expected} is next"));
        }
        let created_at = body.birth.time(stamped_at);
        let deleted_at = body.deleted.map(|deleted| deleted.time(stamped_at));
        let version = StoreVersion {
            seq,
            revision,
            stamped_at,
            created_at,
            deleted_at,
            history: body.history,
            is_gone: false,
        };
        let is_right = match (&ask, &before) {
            (Ask::Store(request), Some(before)) => {
                let (deleted, history) = (before.deleted_at, before.history);
                let wanted = match request.change {
                    StoreChange::Look => return Err("a look writes".to_owned()),
                    StoreChange::Delete => (Some(deleted.unwrap_or(stamped_at)), history),
                    StoreChange::Undelete => (None, history),
                    StoreChange::History(history) => (deleted, history),
                };
                wanted == (deleted_at, body.history) && created_at == before.created_at
            }
            (Ask::Entry(_), None) => *body == StoreBody::NEW,
            _ => false,
        };
        if !is_right {
            return Err(format!("`{store}` becomes {version:?} by {ask:?}"));
        }
        let log = StoreLog { id: store.clone(), versions: vec![] };
        self.stores.entry(store.clone()).or_insert(log).versions.push(version);
        Ok(())
    }

    /// A purge writes the row once more, so that no late undeletion finds it as it was.
    fn begin_purge(
        &mut self,
        seq: u64,
        stamped_at: Timestamp,
        store: &StoreId,
        revision: Revision,
        body: &StoreBody,
        before: &StoreVersion,
    ) -> Check {
        let deleted = before.deleted_at.map(Birth::At);
        let same =
            StoreBody { birth: Birth::At(before.created_at), deleted, history: before.history };
        let is_next = revision.counter == before.revision.counter + 1;
        if !is_next || *body != same || !self.is_store_over(store, stamped_at) {
            return Err(format!(
                "the purge of `{store}` begins at {stamped_at:?} after {before:?}"
            ));
        }
        let version = StoreVersion { seq, revision, stamped_at, ..before.clone() };
        if let Some(log) = self.stores.get_mut(store) {
            log.versions.push(version);
        }
        Ok(())
    }

    fn put_ordered(
        &mut self,
        seq: u64,
        stamped_at: Timestamp,
        entry: &EntryId,
        revision: Revision,
        body: OrderedBody,
    ) -> Check {
        let (ask, began) = self.wished(
            seq,
            revision,
            |ask| matches!(ask, Ask::Ordered(request) if request.entry == *entry),
        )?;
        let Ask::Ordered(request) = ask else { return Ok(()) };
        self.boards.put(seq, stamped_at, &request, began, revision, body)
    }

    fn store_at(&self, store: &StoreId, seq: u64) -> Option<&StoreVersion> {
        self.stores.get(store).and_then(|log| log.at(seq))
    }

    /// The rule of an entry at a batch.
    fn rule(&self, store: &StoreId, seq: u64) -> Rule {
        let history = self.stores.get(store).map(|log| log.history(seq)).unwrap_or_default();
        let taken = self.snapshots.iter().take_while(|(taken, _, _)| *taken <= seq);
        Rule { history, snapshots: taken.map(|(_, at, _)| *at).collect() }
    }

    /// W1: the rows are what the log says.
    pub(super) fn check_rows(&mut self, rows: &Rows) {
        if self.looks() {
            let check = self.rows_are_those(rows);
            self.note(check);
        }
    }

    fn rows_are_those(&self, rows: &Rows) -> Check {
        let last = u64::MAX;
        for (id, log) in &self.entries {
            let found = rows.get(&RowKey::Entry(id.clone())).revision();
            let wanted = log.standing(last).map(|version| version.revision);
            if found != wanted {
                return Err(format!("W1: `{id}` is at {found:?} and was left at {wanted:?}"));
            }
            let (entry, order) = (id.clone(), Order::Ascending);
            let range = RowRange::Revisions { entry, order, beyond: None };
            let found = rows.scan(&range, usize::MAX).rows;
            let found = found.iter().filter_map(Found::revision);
            let wanted = log.versions.iter().filter(|version| version.gone.is_none());
            if !found.eq(wanted.map(|version| version.revision)) {
                return Err(format!("W1: the history of `{id}` is not what was left"));
            }
        }
        for (id, log) in &self.stores {
            let found = rows.get(&RowKey::Store(id.clone())).revision();
            let wanted = log.at(last).map(|version| version.revision);
            if found != wanted {
                return Err(format!("W1: `{id}` is at {found:?} and was left at {wanted:?}"));
            }
        }
        self.boards.check_rows(rows)
    }
}

/// The tag of a request on an entry.
fn tag_of(request: &Request) -> Option<u64> {
    request.write_id().map(steadfast_core::WriteId::tag)
}

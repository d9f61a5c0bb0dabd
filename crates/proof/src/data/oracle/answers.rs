//! Answers to requests on one entry, one data store or one universe.

use steadfast_core::platform::{
    EntryState, Get, PlatformError, Remove, Request, Restore, RevisionId, Set, Snapshot,
    StoreChange, StoreInfo, StoreRequest, When, Which,
};
use steadfast_core::row::Content;
use steadfast_core::{EntryId, StoreId, Timestamp};

use super::{Check, Oracle, tag_of};
use crate::data::calls::{Ask, Call, Moment, Told};
use crate::data::log::{EntryLog, Presence, Version};

/// How far ahead of the store's time a state may be asked for (V-22).
const AHEAD_MAX: std::time::Duration = std::time::Duration::from_mins(10);

/// The moments of a call: what it answers was right at one of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) began: Moment,
    pub(super) ended: Moment,
}

impl Span {
    pub(super) fn seqs(self) -> impl DoubleEndedIterator<Item = u64> + Clone {
        self.began.seq..=self.ended.seq
    }

    fn times(self) -> [Timestamp; 2] {
        [self.began.now, self.ended.now]
    }
}

/// What an entry is at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    StoreDeleted,
    NoStore,
    NoEntry,
    At(usize),
}

/// Whether what was written is what was asked for.
pub(super) fn check_content(
    ask: &Ask,
    log: &EntryLog,
    before: Option<&Version>,
    content: Option<&Content>,
    pinned: bool,
) -> Check {
    let Ask::Entry(request) = ask else { return Ok(()) };
    let live = before.filter(|before| !before.is_tombstone());
    let stands_at = |id: &RevisionId| before.is_some_and(|before| before.id() == *id);
    let matches = |id: &Option<RevisionId>| id.as_ref().is_none_or(stands_at);
    let is_right = match request {
        Request::Get(_) => false,
        Request::Set(set) => {
            let is_met = match &set.when {
                When::Always => true,
                When::Missing => live.is_none(),
                When::Exists => before.is_some(),
                When::Matches(id) => stands_at(id),
            };
            is_met && content == Some(&*set.content)
        }
        Request::Increment(increment) => {
            let base = live.map_or(Some(0), number_in);
            let sum = base.and_then(|base| base.checked_add(increment.by));
            sum.is_some() && sum == content.and_then(|content| content.value.as_str().parse().ok())
        }
        Request::Remove(remove) => live.is_some() && matches(&remove.matches) && content.is_none(),
        Request::Restore(restore) => {
            let source = log.version(log.find(&restore.revision));
            let source = source.and_then(|source| source.content.as_deref());
            before.is_some() && matches(&restore.matches) && source.is_some() && content == source
        }
    };
    let is_restore = matches!(request, Request::Restore(_));
    if is_right && pinned == is_restore {
        return Ok(());
    }
    Err(format!("W2: {content:?} (pinned: {pinned}) is written on {before:?} by {request:?}"))
}

/// The number that a version holds.
fn number_in(version: &Version) -> Option<i64> {
    version.content.as_ref().and_then(|content| content.value.as_str().parse().ok())
}

impl Oracle {
    pub(super) fn check_answer(&self, call: &Call, told: &Told, ended: Moment) -> Check {
        let span = Span { began: call.began, ended };
        match (&call.ask, told) {
            (_, Told::Failed(error)) => self.check_failure(call, error, span),
            (Ask::Entry(Request::Get(get)), Told::Entry(state)) => self.check_get(get, state, span),
            (Ask::Entry(request), Told::Entry(state)) => self.check_written(request, state, span),
            (Ask::RemoveRevision(request), Told::Entry(state)) => {
                let log = self.log(&request.entry)?;
                let found = log.version(log.find(&request.revision));
                let is_gone = found.and_then(|it| it.gone).is_some_and(|gone| gone <= ended.seq);
                let is_same = found.is_some_and(|it| it.state(&log.id) == *state);
                ensure(is_gone && is_same, || format!("W1: it was not removed: {found:?}"))
            }
            (Ask::Revisions(request), Told::Revisions(page)) => {
                self.check_revisions(request, page, span)
            }
            (Ask::Entries(request), Told::Entries(page)) => self.check_entries(request, page, span),
            (Ask::Stores(request), Told::Stores(page)) => self.check_stores(request, page, span),
            (Ask::Store(request), Told::Store(info)) => self.check_store(request, info, span),
            (Ask::Snapshot(request), Told::Snapshot(snapshot)) => {
                self.check_snapshot(request.write_id.tag(), *snapshot, span)
            }
            (Ask::Ordered(request), Told::Ordered(state)) => {
                self.check_ordered(request, state, span)
            }
            (Ask::Board(request), Told::Board(page)) => self.check_board(request, page, span),
            (Ask::Standing(request), Told::Standing(found)) => {
                self.check_standing(request, found, span)
            }
            (Ask::Sweep(_), Told::Swept(_)) => Ok(()),
            (_, _) => Err("the answer is to another question".to_owned()),
        }
    }

    pub(super) fn log(&self, entry: &EntryId) -> Result<&EntryLog, String> {
        self.entries.get(entry).ok_or_else(|| format!("nothing was ever written to `{entry}`"))
    }

    /// What an entry is at a moment.
    fn look(&self, entry: &EntryId, seq: u64, now: Timestamp) -> Look {
        let store = self.store_at(&entry.store, seq);
        if store.is_some_and(|store| store.deleted_at.is_some()) {
            return Look::StoreDeleted;
        }
        let log = self.entries.get(entry);
        match log.and_then(|log| log.unpurged(seq, now).and_then(|_| log.current(seq))) {
            Some(index) => Look::At(index),
            None if store.is_none() => Look::NoStore,
            None => Look::NoEntry,
        }
    }

    fn ever(&self, entry: &EntryId, span: Span, is_right: impl Fn(Look, u64) -> bool) -> bool {
        let mut seqs = span.seqs();
        seqs.any(|seq| span.times().iter().any(|now| is_right(self.look(entry, seq, *now), seq)))
    }

    fn check_get(&self, get: &Get, state: &EntryState, span: Span) -> Check {
        let log = self.log(&get.entry)?;
        let index = log.versions.iter().rposition(|version| version.state(&log.id) == *state);
        let Some(index) = index else { return Err("no such state was ever written".to_owned()) };
        let rule = |seq| self.rule(&get.entry.store, seq);
        let is_there = |seq| {
            log.is_damaged || log.presence(index, seq, span.began.now, &rule(seq)) != Presence::Gone
        };
        let live = |index| log.version(Some(index)).is_some_and(|version| !version.is_tombstone());
        let is_right = self.ever(&get.entry, span, |look, seq| match (&get.which, look) {
            (Which::Current, Look::At(current)) => current == index && live(index),
            (Which::Revision(id), Look::At(_)) => log.find(id) == Some(index) && is_there(seq),
            (Which::At(time), Look::At(current)) => {
                newest_at(log, current, *time) == Some(index) && live(index) && is_there(seq)
            }
            (_, Look::StoreDeleted | Look::NoStore | Look::NoEntry) => false,
        });
        ensure(is_right, || {
            format!(
                "it was not that at any moment; it is version {index} of {}",
                log.versions.len()
            )
        })
    }

    /// W1, W5: an acknowledged write is there, as it was acknowledged.
    fn check_written(&self, request: &Request, state: &EntryState, span: Span) -> Check {
        let log = self.log(request.entry())?;
        let tag = tag_of(request);
        let place = log.versions.iter().rposition(|it| Some(it.revision.tag) == tag);
        let version = log.version(place);
        let is_now = version.is_some_and(|it| span.began.seq < it.seq && it.seq <= span.ended.seq);
        let answered = match request {
            Request::Remove(_) => log.version(place.and_then(|place| place.checked_sub(1))),
            Request::Get(_) | Request::Set(_) | Request::Increment(_) | Request::Restore(_) => {
                version
            }
        };
        let is_same = answered.is_some_and(|it| it.state(&log.id) == *state);
        ensure(is_now && is_same, || format!("W1: what was acknowledged is {version:?}"))
    }

    fn check_store(&self, request: &StoreRequest, info: &StoreInfo, span: Span) -> Check {
        let is_done = match request.change {
            StoreChange::Look => true,
            StoreChange::Delete => info.deleted_at.is_some(),
            StoreChange::Undelete => info.deleted_at.is_none(),
            StoreChange::History(history) => info.history == history,
        };
        let mut seqs = span.seqs();
        let is_right =
            is_done && seqs.any(|seq| self.info(&request.store, seq).as_ref() == Some(info));
        ensure(is_right, || "the data store was not that".to_owned())
    }

    /// What a data store is at a batch.
    pub(super) fn info(&self, store: &StoreId, seq: u64) -> Option<StoreInfo> {
        let version = self.store_at(store, seq)?;
        Some(StoreInfo {
            store: store.clone(),
            created_at: version.created_at,
            updated_at: version.stamped_at,
            deleted_at: version.deleted_at,
            history: version.history,
        })
    }

    fn check_snapshot(&self, tag: u64, snapshot: Snapshot, span: Span) -> Check {
        let taken = self.snapshots.iter().rev().find(|(seq, _, _)| *seq <= span.ended.seq);
        let is_right = taken.is_some_and(|(_, at, revision)| {
            *at == snapshot.taken_at && (revision.tag == tag) == snapshot.is_new
        });
        ensure(is_right, || format!("W1: the last snapshot is {taken:?}"))
    }

    fn check_failure(&self, call: &Call, error: &PlatformError, span: Span) -> Check {
        use PlatformError as E;
        #[expect(clippy::wildcard_enum_match_arm, reason = "no other error is ever right here")]
        let is_right = match error {
            E::OutcomeUnknown { .. } => call.ask.write_id().is_some() && !call.is_calm,
            E::Unavailable { .. } | E::StoreFull { .. } => !call.is_calm,
            E::Busy { .. } | E::Contended { .. } | E::RowContended { .. } => true,
            E::Corrupt { row } => self.damaged.contains(row),
            E::StoreNotFound { store } => span.seqs().any(|seq| {
                let version = self.store_at(store, seq);
                let is_over = |at| crate::data::log::kept(at) <= span.ended.now;
                let is_manage = matches!(call.ask, Ask::Store(_));
                version.is_none_or(|it| is_manage && it.deleted_at.is_some_and(is_over))
            }),
            E::StoreDeleted { store } => span.seqs().any(|seq| {
                self.store_at(store, seq).is_some_and(|version| version.deleted_at.is_some())
            }),
            E::EntryNotFound { entry } => self.may_miss(call, entry, span),
            E::RevisionNotFound { .. } => self.may_miss_revision(call, span),
            E::RevisionIsCurrent { entry } => {
                let Ask::RemoveRevision(request) = &call.ask else { return Err(unfit()) };
                let log = self.log(entry)?;
                let index = log.find(&request.revision);
                self.ever(entry, span, |look, _| index.is_some_and(|it| look == Look::At(it)))
            }
            E::TimeOutOfRange => {
                let Ask::Entry(Request::Get(Get { which: Which::At(time), .. })) = &call.ask else {
                    return Err(unfit());
                };
                *time <= Timestamp::EPOCH || *time > span.began.now.saturating_add(AHEAD_MAX)
            }
            E::Exists { current } | E::Mismatch { current } => {
                let log = self.log(&current.entry)?;
                let is_it = |it: &Version| it.state(&log.id) == **current;
                in_the_way(&call.ask, current) && stood(log, span, is_it)
            }
            E::OrderedExists { current } => self.ordered_stood(current, span),
            E::NotInteger { entry } => {
                let is_none = |it: &Version| !it.is_tombstone() && number_in(it).is_none();
                stood(self.log(entry)?, span, is_none)
            }
            _ => false,
        };
        ensure(is_right, || "the error says what never was".to_owned())
    }

    fn may_miss(&self, call: &Call, entry: &EntryId, span: Span) -> bool {
        let is_live = |index| {
            let log = self.entries.get(entry);
            log.and_then(|log| log.version(Some(index))).is_some_and(|it| !it.is_tombstone())
        };
        match &call.ask {
            Ask::Ordered(_) | Ask::Standing(_) => span
                .seqs()
                .any(|seq| self.boards.at(entry, seq).is_none_or(|it| it.value.is_none())),
            Ask::Entry(Request::Get(Get { which: Which::At(time), .. })) => {
                let is_missing = self.ever(entry, span, |look, seq| match look {
                    Look::NoEntry => true,
                    Look::At(current) => self.may_miss_at(entry, seq, current, *time, span),
                    Look::StoreDeleted | Look::NoStore => false,
                });
                is_missing || self.entries.get(entry).is_some_and(|log| log.is_damaged)
            }
            Ask::Entry(Request::Get(Get { which: Which::Current, .. }) | Request::Remove(_)) => {
                self.ever(entry, span, |look, _| match look {
                    Look::NoEntry => true,
                    Look::At(index) => !is_live(index),
                    Look::StoreDeleted | Look::NoStore => false,
                })
            }
            Ask::Entry(_) | Ask::RemoveRevision(_) | Ask::Revisions(_) => {
                self.ever(entry, span, |look, _| look == Look::NoEntry)
            }
            Ask::Entries(_)
            | Ask::Stores(_)
            | Ask::Store(_)
            | Ask::Snapshot(_)
            | Ask::Board(_)
            | Ask::Sweep(_) => false,
        }
    }

    /// V-21: nothing was there at a time, or it is not certain any more what was.
    fn may_miss_at(
        &self,
        entry: &EntryId,
        seq: u64,
        current: usize,
        time: Timestamp,
        span: Span,
    ) -> bool {
        let Some(log) = self.entries.get(entry) else { return true };
        let Some(index) = newest_at(log, current, time) else { return true };
        let is_tombstone = log.version(Some(index)).is_none_or(Version::is_tombstone);
        let next = log.version(Some(index + 1)).filter(|_| index + 1 < current);
        let is_next_gone = next.and_then(|it| it.gone).is_some_and(|gone| gone <= span.ended.seq);
        let rule = self.rule(&entry.store, seq);
        let presence = log.presence(index, seq, span.ended.now, &rule);
        is_tombstone || is_next_gone || presence != Presence::Certain
    }

    fn may_miss_revision(&self, call: &Call, span: Span) -> bool {
        let (entry, id) = match &call.ask {
            Ask::Entry(Request::Get(Get { entry, which: Which::Revision(id) })) => (entry, id),
            Ask::Entry(Request::Restore(Restore { entry, revision, .. })) => (entry, revision),
            Ask::RemoveRevision(request) => (&request.entry, &request.revision),
            Ask::Entry(_)
            | Ask::Revisions(_)
            | Ask::Entries(_)
            | Ask::Stores(_)
            | Ask::Store(_)
            | Ask::Snapshot(_)
            | Ask::Ordered(_)
            | Ask::Board(_)
            | Ask::Standing(_)
            | Ask::Sweep(_) => return false,
        };
        let Some(log) = self.entries.get(entry) else { return false };
        let Some(index) = log.find(id) else { return true };
        let is_restore = matches!(call.ask, Ask::Entry(Request::Restore(_)));
        let is_tombstone = log.version(Some(index)).is_none_or(Version::is_tombstone);
        log.is_damaged
            || is_restore && is_tombstone
            || span.seqs().any(|seq| {
                let rule = self.rule(&entry.store, seq);
                log.presence(index, seq, span.ended.now, &rule) != Presence::Certain
            })
    }
}

/// The newest version that is not younger than a time.
fn newest_at(log: &EntryLog, current: usize, time: Timestamp) -> Option<usize> {
    let versions = log.versions.get(..=current)?;
    versions.iter().rposition(|version| version.stamped_at <= time)
}

/// Whether a state stood at a moment, in a data store that may have been deleted meanwhile: a write
/// that others overtook looks at its entry once more, and not at its data store.
fn stood(log: &EntryLog, span: Span, is_it: impl Fn(&Version) -> bool) -> bool {
    span.seqs().any(|seq| log.unpurged(seq, span.began.now).is_some_and(&is_it))
}

/// Whether a state stands in the way of a request.
fn in_the_way(ask: &Ask, current: &EntryState) -> bool {
    let Ask::Entry(request) = ask else { return false };
    match request {
        Request::Set(Set { when: When::Missing, .. }) => current.content.is_some(),
        Request::Set(Set { when: When::Matches(id), .. })
        | Request::Remove(Remove { matches: Some(id), .. })
        | Request::Restore(Restore { matches: Some(id), .. }) => current.revision_id() != *id,
        Request::Get(_)
        | Request::Set(_)
        | Request::Increment(_)
        | Request::Remove(_)
        | Request::Restore(_) => false,
    }
}

pub(super) fn ensure(is_right: bool, said: impl FnOnce() -> String) -> Check {
    if is_right { Ok(()) } else { Err(said()) }
}

fn unfit() -> String {
    "the error is to another question".to_owned()
}

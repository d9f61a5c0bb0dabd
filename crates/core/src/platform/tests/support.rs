//! A store played by hand: rows, and an execution that is led step by step.

use std::sync::Arc;

use crate::batch::{Batch, CommitOutcome, Committed, Condition, Refusal, Write};
use crate::id::{EntryId, EntryKey, Revision, Scope, StoreId, StoreName, UniverseId, WriteId};
use crate::json::JsonText;
use crate::outcome::Outcome;
use crate::platform::{
    EntryState, Execution, Get, Increment, Input, Permit, PlatformError, Remove, Request,
    RevisionId, Set, Settings, Step, When, Which,
};
use crate::row::{
    Birth, Content, EntryBody, Found, FoundHead, Head, HeadsReply, Metadata, ReadError, ReadReply,
    Reviewed, Row, RowBody, RowKey, RowRange, StoreBody,
};
use crate::time::{Timestamp, UtcHour};

/// The store's time in every reply that nothing else is said of.
pub(super) const NOW: i64 = 1_000_000;

/// The tag of the requests here.
pub(super) const OURS: u64 = 77;

pub(super) type Answer = Result<EntryState, PlatformError>;

pub(super) fn at(ticks: i64) -> Timestamp {
    Timestamp::from_ticks(ticks)
}

pub(super) fn entry() -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("Players") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted("u_1") }
}

pub(super) fn store_key() -> RowKey {
    RowKey::Store(entry().store)
}

pub(super) fn entry_key() -> RowKey {
    RowKey::Entry(entry())
}

pub(super) fn record_key() -> RowKey {
    RowKey::Record(entry())
}

/// The condition of every write of an entry that has no record.
pub(super) fn no_record() -> (RowKey, Condition) {
    (record_key(), Condition::Absent)
}

pub(super) fn history_key(counter: u64) -> RowKey {
    RowKey::Revision(entry(), counter)
}

pub(super) fn universe_key() -> RowKey {
    RowKey::Universe(UniverseId(1))
}

pub(super) fn review_key(hour: UtcHour) -> RowKey {
    RowKey::Review(hour, Reviewed::Entry(entry()))
}

pub(super) fn content(text: &str) -> Arc<Content> {
    let value = JsonText::trusted(format!("\"{text}\""));
    Arc::new(Content { value, user_ids: vec![], metadata: Metadata::empty() })
}

pub(super) fn rev(counter: u64, tag: u64) -> Revision {
    Revision { counter, tag }
}

/// The row of the store.
pub(super) fn store_row() -> Found {
    let (key, stamped_at) = (store_key(), at(1));
    let body = RowBody::Store(StoreBody { birth: Birth::ThisWrite, ..StoreBody::NEW });
    Found::Row(Row { key, revision: rev(1, 1), stamped_at, body })
}

/// One state of the entry, as it is stored: born at tick 10, its value tells its counter and tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    pub(super) counter: u64,
    pub(super) tag: u64,
    pub(super) at: i64,
    pub(super) is_deleted: bool,
}

pub(super) const BIRTH: i64 = 10;

pub(super) fn live(counter: u64, tag: u64, at: i64) -> Stored {
    Stored { counter, tag, at, is_deleted: false }
}

pub(super) fn deleted(counter: u64, tag: u64, at: i64) -> Stored {
    Stored { counter, tag, at, is_deleted: true }
}

impl Stored {
    pub(super) fn revision(self) -> Revision {
        rev(self.counter, self.tag)
    }

    pub(super) fn content(self) -> Option<Arc<Content>> {
        let of_others = || format!("{} {}", self.counter, self.tag);
        let text = if self.tag == OURS { "ours".to_owned() } else { of_others() };
        (!self.is_deleted).then(|| content(&text))
    }

    fn body(self) -> EntryBody {
        let birth = if self.at == BIRTH { Birth::ThisWrite } else { Birth::At(at(BIRTH)) };
        EntryBody { birth, content: self.content(), pinned: false, schema: None }
    }

    /// As the row of the entry.
    pub(super) fn row(self) -> Found {
        let (key, revision, stamped_at) = (entry_key(), self.revision(), at(self.at));
        Found::Row(Row { key, revision, stamped_at, body: RowBody::Entry(self.body()) })
    }

    /// As a row of its history.
    pub(super) fn history(self) -> Found {
        let (key, revision, stamped_at) = (history_key(self.counter), self.revision(), at(self.at));
        Found::Row(Row { key, revision, stamped_at, body: RowBody::Revision(self.body()) })
    }

    /// As a head of its history.
    pub(super) fn head(self) -> FoundHead {
        let Found::Row(row) = self.history() else { unreachable!("a row was made") };
        FoundHead::Head(Head::of_row(&row).unwrap())
    }

    pub(super) fn state(self) -> EntryState {
        EntryState {
            entry: entry(),
            revision: self.revision(),
            created_at: at(BIRTH),
            updated_at: at(self.at),
            content: self.content(),
            schema: None,
        }
    }

    pub(super) fn id(self) -> RevisionId {
        self.state().revision_id()
    }
}

pub(super) fn get(which: Which) -> Request {
    Request::Get(Get { entry: entry(), which })
}

pub(super) fn set(when: When) -> Request {
    set_with(when, Permit::ALL)
}

pub(super) fn set_with(when: When, permit: Permit) -> Request {
    let (entry, content, write_id) = (entry(), content("ours"), our_write());
    Request::Set(Set { entry, content, when, permit, write_id })
}

pub(super) fn increment(by: i64) -> Request {
    increment_with(by, Permit::ALL)
}

pub(super) fn increment_with(by: i64, permit: Permit) -> Request {
    let (user_ids, metadata) = (vec![], Metadata::empty());
    let (entry, write_id) = (entry(), our_write());
    Request::Increment(Increment { entry, by, user_ids, metadata, permit, write_id })
}

pub(super) fn remove(matches: Option<RevisionId>) -> Request {
    let write_id = our_write();
    Request::Remove(Remove { entry: entry(), matches, force: false, write_id })
}

/// The id of the requests here. Only its lower half is kept by a revision.
pub(super) fn our_write() -> WriteId {
    WriteId((5 << 64) | u128::from(OURS))
}

pub(super) fn unavailable() -> ReadError {
    ReadError::Unavailable { reason: "by hand".into() }
}

/// An execution between two steps.
#[derive(Debug)]
pub(super) struct Led {
    execution: Execution,
    step: Step,
}

impl Led {
    pub(super) fn start(request: Request) -> Self {
        Self::start_with(request, &Settings::default())
    }

    pub(super) fn start_with(request: Request, settings: &Settings) -> Self {
        let (execution, step) = Execution::start(request, settings);
        Self { execution, step }
    }

    /// A write whose first read found these rows of the entry and its store, and no record.
    #[track_caller]
    pub(super) fn planned(request: Request, entry: &Found, store: &Found) -> Self {
        let mut led = Self::start(request);
        assert_eq!(led.keys(), [entry_key(), store_key(), record_key()]);
        led.read([entry, store, &Found::Absent]);
        led
    }

    fn on(&mut self, input: Input) {
        self.step = self.execution.on(input);
    }

    /// The rows that it asks for.
    #[track_caller]
    pub(super) fn keys(&self) -> &[RowKey] {
        let Step::Read(keys) = &self.step else { panic!("no read: {:?}", self.step) };
        keys
    }

    /// The batch that it commits.
    #[track_caller]
    pub(super) fn batch(&self) -> &Batch {
        let Step::Commit(batch) = &self.step else { panic!("no commit: {:?}", self.step) };
        batch
    }

    /// The range whose heads it reads, without the sizes that nobody asked for.
    #[track_caller]
    pub(super) fn range(&self) -> (&RowRange, usize) {
        let Step::Heads(range, limit, false) = &self.step else {
            panic!("no heads: {:?}", self.step)
        };
        (range, *limit)
    }

    #[track_caller]
    pub(super) fn read<'a>(&mut self, rows: impl IntoIterator<Item = &'a Found>) {
        self.read_at(rows, at(NOW));
    }

    #[track_caller]
    pub(super) fn read_at<'a>(
        &mut self,
        rows: impl IntoIterator<Item = &'a Found>,
        now: Timestamp,
    ) {
        let rows: Vec<Found> = rows.into_iter().cloned().collect();
        assert_eq!(self.keys().len(), rows.len(), "the rows that were asked for");
        self.on(Input::Read(Ok(ReadReply { rows, now })));
    }

    #[track_caller]
    pub(super) fn read_fails(&mut self) {
        self.keys();
        self.on(Input::Read(Err(unavailable())));
    }

    #[track_caller]
    pub(super) fn heads(&mut self, heads: Vec<FoundHead>, more: bool) {
        self.range();
        self.on(Input::Heads(Ok(HeadsReply { heads, more })));
    }

    #[track_caller]
    pub(super) fn heads_fail(&mut self) {
        self.range();
        self.on(Input::Heads(Err(unavailable())));
    }

    #[track_caller]
    pub(super) fn outcome(&mut self, outcome: CommitOutcome) {
        self.batch();
        self.on(Input::Committed(outcome));
    }

    #[track_caller]
    pub(super) fn committed(&mut self, ticks: i64) {
        self.outcome(Outcome::Committed(Committed { stamped_at: at(ticks) }));
    }

    #[track_caller]
    pub(super) fn unknown(&mut self) {
        self.outcome(Outcome::Unknown);
    }

    /// Refuses the batch. A row for each of its conditions but the last, for there is no record.
    #[track_caller]
    pub(super) fn refused<'a>(&mut self, rows: impl IntoIterator<Item = &'a Found>) {
        self.refused_by(rows.into_iter().chain([&Found::Absent]));
    }

    /// Refuses the batch. A row for each of its conditions.
    #[track_caller]
    pub(super) fn refused_by<'a>(&mut self, rows: impl IntoIterator<Item = &'a Found>) {
        let rows: Vec<Found> = rows.into_iter().cloned().collect();
        assert_eq!(self.batch().conditions.len(), rows.len(), "a row for each condition");
        self.outcome(Outcome::Refused(Refusal::Conditions(rows)));
    }

    /// Whether it was answered.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.step, Step::Done(_))
    }

    /// The answer.
    #[track_caller]
    pub(super) fn answer(&self) -> Answer {
        let Step::Done(answer) = &self.step else { panic!("no answer: {:?}", self.step) };
        answer.clone()
    }

    #[track_caller]
    pub(super) fn error(&self) -> PlatformError {
        self.answer().expect_err("it was answered with success")
    }

    /// The entry's row as the batch writes it.
    #[track_caller]
    pub(super) fn written(&self) -> (Revision, EntryBody) {
        let mut rows = self.batch().writes.iter().filter(|write| *write.key() == entry_key());
        match (rows.next(), rows.next()) {
            (Some(Write::Put { revision, body: RowBody::Entry(body), .. }), None) => {
                (*revision, body.clone())
            }
            found => panic!("the batch writes {found:?}"),
        }
    }
}

#[track_caller]
pub(super) fn check_unknown(led: &Led) {
    assert_eq!(led.error(), PlatformError::OutcomeUnknown { write_id: our_write() });
}

//! A request that is led step by step.

use crate::batch::{Batch, CommitOutcome, Committed, Condition, Refusal, Write};
use crate::id::{Revision, StoreId, StoreName, UniverseId, WriteId};
use crate::outcome::Outcome;
use crate::platform::{
    Input, Machine, Operation, PlatformError, Settings, Snapshot, Step, StoreChange, StoreInfo,
    StoreRequest, TakeSnapshot,
};
use crate::row::{
    Birth, Found, ReadError, ReadReply, Row, RowBody, RowKey, StoreBody, UniverseBody,
};
use crate::time::Timestamp;

pub(super) const DAY: i64 = 86_400 * 10_000_000;

/// The store's time unless a test says otherwise: noon of a day.
pub(super) const NOW: i64 = 20_000 * DAY + DAY / 2;

/// The tag of the requests here.
pub(super) const OURS: u64 = 77;

pub(super) fn at(ticks: i64) -> Timestamp {
    Timestamp::from_ticks(ticks)
}

pub(super) fn store_id() -> StoreId {
    StoreId { universe: UniverseId(1), name: StoreName::trusted("Players") }
}

pub(super) fn store_key() -> RowKey {
    RowKey::Store(store_id())
}

pub(super) fn universe_key() -> RowKey {
    RowKey::Universe(UniverseId(1))
}

pub(super) fn rev(counter: u64, tag: u64) -> Revision {
    Revision { counter, tag }
}

pub(super) fn our_write() -> WriteId {
    WriteId((5 << 64) | u128::from(OURS))
}

pub(super) fn request(change: StoreChange) -> StoreRequest {
    StoreRequest { store: store_id(), change, write_id: our_write() }
}

pub(super) fn snapshot() -> TakeSnapshot {
    TakeSnapshot { universe: UniverseId(1), write_id: our_write() }
}

/// When the data stores here were created.
pub(super) const BIRTH: i64 = 10;

/// An active data store, by its last write.
pub(super) fn active(counter: u64, tag: u64, stamp: i64) -> Found {
    store_row(counter, tag, stamp, StoreBody { birth: Birth::At(at(BIRTH)), ..StoreBody::NEW })
}

/// A data store that this write deleted.
pub(super) fn deleted(counter: u64, tag: u64, stamp: i64) -> Found {
    let deleted = Some(Birth::ThisWrite);
    store_row(
        counter,
        tag,
        stamp,
        StoreBody { birth: Birth::At(at(BIRTH)), deleted, history: None },
    )
}

pub(super) fn store_row(counter: u64, tag: u64, stamp: i64, body: StoreBody) -> Found {
    let (key, revision) = (store_key(), rev(counter, tag));
    Found::Row(Row { key, revision, stamped_at: at(stamp), body: RowBody::Store(body) })
}

/// A universe whose last snapshot is this write.
pub(super) fn universe(counter: u64, tag: u64, stamp: i64, earlier: &[i64]) -> Found {
    let earlier_snapshots = earlier.iter().map(|stamp| at(*stamp)).collect();
    let body = RowBody::Universe(UniverseBody { earlier_snapshots });
    let (key, revision) = (universe_key(), rev(counter, tag));
    Found::Row(Row { key, revision, stamped_at: at(stamp), body })
}

/// What an active data store tells.
pub(super) fn info(stamp: i64) -> StoreInfo {
    StoreInfo {
        store: store_id(),
        created_at: at(BIRTH),
        updated_at: at(stamp),
        deleted_at: None,
        history: None,
    }
}

pub(super) fn taken(is_new: bool, stamp: i64) -> Snapshot {
    Snapshot { is_new, taken_at: at(stamp) }
}

/// A request between two steps.
pub(super) struct Led<O: Operation> {
    machine: O::Machine,
    step: Step<O::Answer>,
    now: i64,
}

impl<O: Operation<Answer: Clone + std::fmt::Debug>> Led<O> {
    /// A request whose first read finds this row.
    #[track_caller]
    pub(super) fn start(request: O, found: &Found) -> Self {
        Self::start_at(NOW, request, found)
    }

    #[track_caller]
    pub(super) fn start_at(now: i64, request: O, found: &Found) -> Self {
        let mut led = Self { now, ..Self::unread(request) };
        led.read(found);
        led
    }

    /// A request that has read nothing yet.
    pub(super) fn unread(request: O) -> Self {
        let (machine, step) = request.start(&Settings::default());
        Self { machine, step, now: NOW }
    }

    fn on(&mut self, input: Input) {
        self.step = self.machine.on(input);
    }

    #[track_caller]
    fn check_reads(&self) {
        let Step::Read(keys) = &self.step else { panic!("no read: {:?}", self.step) };
        assert!([vec![store_key()], vec![universe_key()]].contains(keys), "{keys:?}");
    }

    #[track_caller]
    pub(super) fn read(&mut self, found: &Found) {
        self.check_reads();
        let reply = ReadReply { rows: vec![found.clone()], now: at(self.now) };
        self.on(Input::Read(Ok(reply)));
    }

    #[track_caller]
    pub(super) fn read_fails(&mut self) {
        self.check_reads();
        self.on(Input::Read(Err(ReadError::Unavailable { reason: "by hand".into() })));
    }

    #[track_caller]
    pub(super) fn batch(&self) -> &Batch {
        let Step::Commit(batch) = &self.step else { panic!("no commit: {:?}", self.step) };
        batch
    }

    /// The one row that the batch writes, and under which condition.
    #[track_caller]
    pub(super) fn written(&self) -> (Condition, Revision, RowBody) {
        let Batch { conditions, writes } = self.batch();
        match (conditions.as_slice(), writes.as_slice()) {
            ([(of, condition)], [Write::Put { key, revision, body }]) if of == key => {
                (*condition, *revision, body.clone())
            }
            found => panic!("the batch is {found:?}"),
        }
    }

    #[track_caller]
    pub(super) fn outcome(&mut self, outcome: CommitOutcome) {
        self.batch();
        self.on(Input::Committed(outcome));
    }

    #[track_caller]
    pub(super) fn committed(&mut self, stamp: i64) {
        self.outcome(Outcome::Committed(Committed { stamped_at: at(stamp) }));
    }

    #[track_caller]
    pub(super) fn unknown(&mut self) {
        self.outcome(Outcome::Unknown);
    }

    /// Refuses the batch because the row is another.
    #[track_caller]
    pub(super) fn refused(&mut self, found: &Found) {
        self.outcome(Outcome::Refused(Refusal::Conditions(vec![found.clone()])));
    }

    #[track_caller]
    pub(super) fn answer(&self) -> Result<O::Answer, PlatformError> {
        let Step::Done(answer) = &self.step else { panic!("no answer: {:?}", self.step) };
        answer.clone()
    }

    #[track_caller]
    pub(super) fn check_unknown(&self) {
        let wanted = PlatformError::OutcomeUnknown { write_id: our_write() };
        assert_eq!(self.answer().expect_err("it was answered"), wanted);
    }
}

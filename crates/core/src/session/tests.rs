//! Facts about what a stored record says of the writes of a session, and about settings and spills.

mod plan;

use std::sync::Arc;
use std::time::Duration;

use crate::id::{EntryId, EntryKey, OpeningId, Revision, Scope, ServerId, SessionId, StoreId};
use crate::id::{StoreName, UniverseId, WriteId};
use crate::json::JsonText;
use crate::platform::{EntryBase, EntryHead, StoreBase};
use crate::record::{
    End, Fence, How, Lease, LeaseMode, RECORD_FORMAT, RecordBase, RecordBody, RecordCommand,
    RecordData, RecordView, StoredRecord, Usage,
};
use crate::row::{Birth, Content, Metadata};
use crate::session::{
    Known, SessionSettings, Settled, Spill, SpillFate, Unsettled, WriteKind, settle,
};
use crate::time::{Monotonic, Timestamp};

const ME: SessionId = SessionId(1);
const OTHER: SessionId = SessionId(2);

fn entry() -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("Players") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted("u_1") }
}

fn revision(counter: u64) -> Revision {
    Revision { counter, tag: 100 + counter }
}

fn fence(counter: u64, session: SessionId) -> Fence {
    Fence { counter, session }
}

fn body(fence: Fence, save_seq: u64, write: u128) -> RecordBody {
    let (server, mode, since) = (ServerId(9), LeaseMode::Presence, Birth::ThisWrite);
    let lease = Some(Lease { server, session: fence.session, mode, since });
    let write_id = WriteId(write);
    let (format, schema, usage) = (RECORD_FORMAT, 0, Usage::default());
    RecordBody { format, schema, lease, fence, save_seq, write_id, usage }
}

fn entry_base(counter: u64) -> EntryBase {
    let (created_at, updated_at) = (Timestamp::EPOCH, Timestamp::EPOCH);
    let head = EntryHead { revision: revision(counter), created_at, updated_at, is_live: true };
    EntryBase { entry: Some(head), row: Some(revision(counter)), store: StoreBase::Unread }
}

fn content() -> Arc<Content> {
    let value = JsonText::trusted("1");
    Arc::new(Content { value, user_ids: vec![], metadata: Metadata::empty() })
}

fn view(record: Option<(u64, RecordBody)>, ends: &[End]) -> RecordView {
    let record = record.map(|(counter, body)| {
        let (revision, stamped_at) = (revision(counter), Timestamp::EPOCH);
        StoredRecord { revision, stamped_at, body }
    });
    RecordView {
        entry: entry(),
        record,
        data: Some(RecordData { base: entry_base(5), content: Some(content()) }),
        ends: Some(ends.into()),
        holder: None,
        now: Timestamp::EPOCH,
        started_at: Timestamp::EPOCH,
        opening: OpeningId(1),
    }
}

/// A session at fence 3 and save 7, in the record's revision 10, with two writes that are not
/// settled.
struct Mine {
    base: RecordBase,
    body: RecordBody,
    unsettled: Vec<Unsettled>,
    sent: Vec<u64>,
}

impl Mine {
    fn new() -> Self {
        let write = |write_id, kind, contains| Unsettled {
            write_id: WriteId(write_id),
            kind,
            contains,
            ledger: 0,
            command: Arc::new(RecordCommand::Check(vec![])),
            sent_at: Monotonic::default(),
        };
        Self {
            base: RecordBase { record: Some(revision(10)), entry: entry_base(5) },
            body: body(fence(3, ME), 7, 70),
            unsettled: vec![write(71, WriteKind::Save, 1), write(72, WriteKind::Release, 2)],
            sent: vec![68, 69],
        }
    }

    fn settle(&self, view: &RecordView) -> Settled {
        let Self { base, body, unsettled, sent } = self;
        settle(view, Known { session: ME, base, body, unsettled, sent })
    }
}

#[test]
fn w4_an_unsettled_write_that_stands_in_the_record_was_committed() {
    let mine = Mine::new();
    let saved = view(Some((11, body(fence(3, ME), 8, 71))), &[]);
    assert_eq!(mine.settle(&saved), Settled::Committed(0));
    let released = RecordBody { lease: None, ..body(fence(4, ME), 8, 72) };
    assert_eq!(mine.settle(&view(Some((11, released)), &[])), Settled::Committed(1));
}

#[test]
fn w4_a_record_at_the_base_has_none_of_the_writes_so_far() {
    let mine = Mine::new();
    assert_eq!(mine.settle(&view(Some((10, mine.body.clone())), &[])), Settled::Base);
}

#[test]
fn a_store_behind_the_base_lost_acknowledged_writes() {
    let mine = Mine::new();
    let behind = view(Some((9, body(fence(3, ME), 6, 60))), &[]);
    assert_eq!(mine.settle(&behind), Settled::WentBack);
    // Behind an adoption, the same session had an earlier fence.
    let before_adoption = view(Some((9, body(fence(2, ME), 7, 60))), &[]);
    assert_eq!(mine.settle(&before_adoption), Settled::WentBack);
    // It went back, and a copy of an earlier write arrived after all: ahead of the base or beside it.
    for counter in [10, 11] {
        let mut revived = view(Some((counter, body(fence(3, ME), counter - 3, 69))), &[]);
        if let Some(record) = &mut revived.record {
            record.revision.tag = 69;
        }
        assert_eq!(mine.settle(&revived), Settled::WentBack);
    }
    // Behind the first grant there is nothing at all.
    assert_eq!(mine.settle(&view(None, &[])), Settled::Forgotten);
}

#[test]
fn l10_a_write_under_this_fence_that_was_never_sent_cannot_be() {
    let mine = Mine::new();
    let foreign = view(Some((11, body(fence(3, ME), 8, 99))), &[]);
    assert!(matches!(mine.settle(&foreign), Settled::Impossible(_)));
    // At the base's place in the count, and another write.
    let mut replaced = view(Some((10, body(fence(3, ME), 7, 99))), &[]);
    replaced.record.as_mut().unwrap().revision.tag = 5;
    assert!(matches!(mine.settle(&replaced), Settled::Impossible(_)));
    let unknown = RecordBody { format: RECORD_FORMAT + 1, ..mine.body.clone() };
    assert!(matches!(mine.settle(&view(Some((10, unknown)), &[])), Settled::Impossible(_)));
}

#[test]
fn w5_an_end_that_names_the_session_says_what_was_committed() {
    let mine = Mine::new();
    let end = |write, how| End { fence: fence(3, ME), save_seq: 8, write_id: WriteId(write), how };
    let taken = |end| view(Some((12, body(fence(4, OTHER), 8, 80))), &[end]);
    for (write, committed) in [(71, Some(0)), (72, Some(1)), (70, None)] {
        let settled = mine.settle(&taken(end(write, How::Taken)));
        assert_eq!(settled, Settled::Ended { how: How::Taken, committed });
    }
    let released = mine.settle(&taken(end(72, How::Released)));
    assert_eq!(released, Settled::Ended { how: How::Released, committed: Some(1) });
}

#[test]
fn w5_ends_that_do_not_name_the_session_tell_nothing() {
    let mine = Mine::new();
    let other =
        End { fence: fence(9, OTHER), save_seq: 9, write_id: WriteId(71), how: How::Released };
    let record = Some((40, body(fence(12, OTHER), 20, 90)));
    assert_eq!(mine.settle(&view(record.clone(), &[other])), Settled::Forgotten);
    // An earlier grant of the same session says nothing about this one.
    let earlier = End { fence: fence(1, ME), ..other };
    assert_eq!(mine.settle(&view(record, &[earlier])), Settled::Forgotten);
}

#[test]
fn w5_a_fence_that_this_session_never_had_tells_nothing_even_with_its_lease() {
    let mine = Mine::new();
    // Beyond its own fence, and at it but moved there by another: neither is behind it.
    let lease = mine.body.lease;
    for fence in [fence(5, ME), fence(3, OTHER)] {
        let moved = RecordBody { lease, ..body(fence, 9, 99) };
        assert_eq!(mine.settle(&view(Some((12, moved)), &[])), Settled::Forgotten, "{fence:?}");
    }
}

#[test]
fn an_entry_that_was_deleted_under_the_record_closes_its_session() {
    let mine = Mine::new();
    let mut gone = view(Some((10, mine.body.clone())), &[]);
    gone.data = Some(RecordData { base: entry_base(6), content: None });
    assert_eq!(mine.settle(&gone), Settled::Deleted);
    gone.data = Some(RecordData { base: entry_base(6), content: Some(content()) });
    assert!(matches!(mine.settle(&gone), Settled::Impossible(_)));
}

#[test]
fn a_spill_is_put_again_on_its_base_only() {
    let (base, stored_at) = (Some(revision(10)), vec![revision(11)]);
    let spill = Spill {
        entry: entry(),
        base,
        stored_at,
        schema: 0,
        content: content(),
        settled: vec![],
        undo_after: None,
    };
    assert_eq!(spill.fate(Some(revision(10))), SpillFate::Taken);
    assert_eq!(spill.fate(Some(revision(11))), SpillFate::Stored);
    assert_eq!(spill.fate(Some(revision(12))), SpillFate::Stale);
    assert_eq!(spill.fate(Some(Revision { counter: 10, tag: 7 })), SpillFate::Stale);
    assert_eq!(spill.fate(None), SpillFate::Stale);
}

#[track_caller]
fn check_refused(change: impl FnOnce(&mut SessionSettings), named: &str) {
    let mut settings = SessionSettings::default();
    change(&mut settings);
    let error = settings.check().unwrap_err();
    assert!(error.to_string().contains(named), "{error}");
}

#[test]
fn settings_that_do_not_fit_are_refused_with_every_problem() {
    assert_eq!(SessionSettings::default().check(), Ok(()));
    check_refused(|it| it.presence_timeout = Duration::from_secs(8), "two renewals");
    check_refused(|it| it.margin = Duration::ZERO, "margin");
    check_refused(|it| it.poll_every = Duration::ZERO, "poll");
    check_refused(|it| it.autosave_in_flight_max = 0, "no save");
    check_refused(|it| it.resend_every = it.call_deadline, "sent again");
    check_refused(|it| it.watch = Duration::from_millis(3_500), "watch");
    check_refused(|it| it.mode = LeaseMode::Unknown(7), "unknown");
    let timeout = |seconds| LeaseMode::Timeout(Duration::from_secs(seconds));
    check_refused(|it| it.mode = timeout(120), "twice the autosave");
    let fits = SessionSettings { mode: timeout(121), ..SessionSettings::default() };
    assert_eq!(fits.check(), Ok(()));
    let mut settings = SessionSettings::default();
    (settings.margin, settings.poll_every) = (Duration::ZERO, Duration::ZERO);
    assert_eq!(settings.check().unwrap_err().problems.len(), 2);
}

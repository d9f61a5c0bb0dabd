//! Single facts about the rows of records and mail: what their writes depend on, and nothing else.

use std::sync::Arc;

use steadfast_core::record::{
    ENDS_MAX, End, Fence, How, Lease, LeaseMode, MailBody, MailKind, RECORD_FORMAT, RecordBody,
    Usage, push_end,
};
use steadfast_core::row::Birth;
use steadfast_core::{
    Batch, Condition, EntryId, Found, Outcome, Refusal, Revision, RowBody, RowKey, RowRange,
    ServerId, SessionId, Write, WriteId,
};

use crate::backend::Backend;
use crate::conformance::BackendHarness;
use crate::conformance::samples::{
    after, commit, content_of, entry, entry_in, must_commit, read, read_one, scan, state_rows,
    write_batch,
};

/// Opens the backend again, if what it holds survives that.
pub(super) fn reopened<H: BackendHarness>(harness: &mut H, backend: H::Backend) -> H::Backend {
    if backend.capabilities().durable { harness.reopen(backend) } else { backend }
}

/// The record as the write with this number leaves it: held by the session of that number.
fn held(write: u64) -> RecordBody {
    let session = SessionId(u128::from(write));
    RecordBody {
        format: RECORD_FORMAT,
        schema: 0,
        lease: Some(Lease {
            server: ServerId(7),
            session,
            mode: LeaseMode::Presence,
            since: Birth::ThisWrite,
        }),
        fence: Fence { counter: write, session },
        save_seq: 0,
        write_id: WriteId(u128::from(write)),
        usage: Usage::default(),
    }
}

/// A write of a record that must stand at `base`.
fn record_batch(id: &EntryId, base: Option<Revision>, write: u64) -> Batch {
    let key = RowKey::Record(id.clone());
    let condition = base.map_or(Condition::Absent, Condition::At);
    let (revision, body) = (after(base, write), RowBody::Record(held(write)));
    let writes = vec![Write::Put { key: key.clone(), revision, body }];
    Batch { conditions: vec![(key, condition)], writes }
}

#[track_caller]
fn refused(backend: &dyn Backend, batch: &Batch) {
    let keys: Vec<RowKey> = batch.conditions.iter().map(|(key, _)| key.clone()).collect();
    let before = read(backend, &keys);
    let outcome = commit(backend, batch);
    assert_eq!(outcome, Outcome::Refused(Refusal::Conditions(before.clone())));
    assert_eq!(read(backend, &keys), before, "a refused batch wrote something");
}

/// Whoever shows another revision than the stored one writes nothing of the record, its entry or
/// its ends; the rows in the refusal say who has it. Also when it is the first one.
pub fn a_record_is_written_only_at_its_revision<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let id = entry("k");
    refused(&backend, &record_batch(&id, Some(after(None, 1)), 2));
    must_commit(&backend, &record_batch(&id, None, 1));
    refused(&backend, &record_batch(&id, None, 2));
    must_commit(&backend, &record_batch(&id, Some(after(None, 1)), 2));
    let backend = reopened(&mut harness, backend);

    let second = after(Some(after(None, 1)), 2);
    for base in [None, Some(after(None, 1)), Some(Revision { tag: 3, ..second })] {
        let mut late = record_batch(&id, base, 9);
        late.writes.extend(state_rows(&id, after(None, 9), Some(&content_of(9))));
        let (key, ends) = (RowKey::Ends(id.clone()), RowBody::Ends(Arc::default()));
        late.writes.push(Write::Put { key, revision: after(None, 9), body: ends });
        refused(&backend, &late);
        let others = [RowKey::Entry(id.clone()), RowKey::Revision(id.clone(), 1)];
        assert_eq!(read(&backend, &others), [Found::Absent, Found::Absent]);
        assert_eq!(read_one(&backend, &RowKey::Ends(id.clone())), Found::Absent);
    }
    let Found::Row(row) = read_one(&backend, &RowKey::Record(id)) else { panic!("it is gone") };
    let RowBody::Record(body) = row.body else { panic!("another family") };
    assert_eq!((row.revision, body.fence), (second, held(2).fence));
    let since = body.lease.map(|lease| lease.since.time(row.stamped_at));
    assert_eq!(since, Some(row.stamped_at), "it was granted by this very write");
}

/// A grant writes the record's row alone: the entry keeps its revision, so that who reads it sees
/// no write, and the two rows of one name are conditions of their own.
pub fn a_grant_leaves_the_entry_as_it_is<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let id = entry("k");
    must_commit(&backend, &write_batch(&id, None, 1));
    let entry_key = RowKey::Entry(id.clone());
    let before = read_one(&backend, &entry_key);
    must_commit(&backend, &record_batch(&id, None, 2));
    assert_eq!(read_one(&backend, &entry_key), before);
    // A save: both must stand where they did, in either order of the conditions.
    for (write, turned) in [(3, false), (4, true)] {
        let base = after(None, 2);
        let base = (3..write).fold(base, |base, write| after(Some(base), write));
        let entry_base = (3..write).fold(after(None, 1), |base, write| after(Some(base), write));
        let mut save = write_batch(&id, Some(entry_base), write);
        let record = record_batch(&id, Some(base), write);
        save.conditions.extend(record.conditions);
        save.writes.extend(record.writes);
        if turned {
            save.conditions.reverse();
            save.writes.reverse();
        }
        must_commit(&backend, &save);
        refused(&backend, &save);
    }
    let backend = reopened(&mut harness, backend);
    let found = read(&backend, &[entry_key, RowKey::Record(id)]);
    let counters: Vec<_> =
        found.iter().map(|found| found.revision().map(|at| at.counter)).collect();
    assert_eq!(counters, [Some(3), Some(3)]);
}

/// The last sixteen, oldest first.
pub fn ends_come_back_in_their_order<H: BackendHarness>() {
    let mut harness = H::new();
    let mut backend = harness.open();
    let key = RowKey::Ends(entry("k"));
    let mut ends: Arc<[End]> = Arc::default();
    for number in 0..u64::try_from(ENDS_MAX).unwrap_or(0) + 4 {
        let how = How::ALL.into_iter().cycle().nth(usize::try_from(number).unwrap_or(0));
        let how = how.expect("a cycle has no end");
        let fence = Fence { counter: number, session: SessionId(u128::MAX - u128::from(number)) };
        let write_id = WriteId(u128::from(number) << 64);
        ends = push_end(&ends, End { fence, save_seq: number * 3, write_id, how });
        let (key, body) = (key.clone(), RowBody::Ends(Arc::clone(&ends)));
        let put = Write::Put { key, revision: after(None, number), body };
        must_commit(&backend, &Batch { conditions: vec![], writes: vec![put] });
        if number == 15 {
            backend = reopened(&mut harness, backend);
        }
        let Found::Row(row) = read_one(&backend, &RowKey::Ends(entry("k"))) else {
            panic!("the ends are gone")
        };
        assert_eq!(row.body, RowBody::Ends(Arc::clone(&ends)));
    }
    assert_eq!(ends.len(), ENDS_MAX);
    assert_eq!(ends.first().map(|end| end.fence.counter), Some(4));
}

fn mail(server: ServerId, id: &EntryId, counter: u64) -> Write {
    let fence = Fence { counter, session: SessionId(1) };
    let body = MailBody { waiter: ServerId(99), fence, kind: MailKind::HandOff };
    let key = RowKey::Mail(server, id.clone());
    Write::Put { key, revision: after(None, counter), body: RowBody::Mail(body) }
}

/// Neighbouring servers, and names that sort before and behind those of others, do not mix.
pub fn mail_is_listed_for_its_server_only<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let servers = [0, 1, 255, 256, u128::MAX - 1, u128::MAX].map(ServerId);
    let [first, second, third] =
        [entry_in("A", "global", "k"), entry_in("A", "global", "l"), entry_in("B", "", "")];
    let about = [&first, &second, &third];
    let writes = servers.iter().flat_map(|server| about.map(|id| mail(*server, id, 1)));
    must_commit(&backend, &Batch { conditions: vec![], writes: writes.collect() });
    let taken = RowKey::Mail(ServerId(255), second.clone());
    let delete = Write::Delete { key: taken.clone() };
    must_commit(&backend, &Batch { conditions: vec![], writes: vec![delete] });
    let backend = reopened(&mut harness, backend);
    for server in servers {
        let all = about.into_iter().map(|id| RowKey::Mail(server, id.clone()));
        let expected: Vec<RowKey> = all.filter(|key| *key != taken).collect();
        let reply = scan(&backend, &RowRange::Mail { server, after: None }, 10);
        let keys: Vec<RowKey> = reply.rows.iter().map(key_of).collect();
        assert_eq!((keys, reply.more), (expected.clone(), false));
        let after = Some(first.clone());
        let reply = scan(&backend, &RowRange::Mail { server, after }, 1);
        assert_eq!(
            reply.rows.iter().map(key_of).collect::<Vec<_>>(),
            expected.into_iter().skip(1).take(1).collect::<Vec<_>>()
        );
    }
}

fn key_of(found: &Found) -> RowKey {
    match found {
        Found::Row(row) => row.key.clone(),
        Found::Absent | Found::Corrupt(_) => panic!("not a row: {found:?}"),
    }
}

/// Mail that came in the meantime stays.
pub fn mail_that_was_replaced_is_not_deleted_by_who_handled_the_earlier<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let (server, id) = (ServerId(1), entry("k"));
    let key = RowKey::Mail(server, id.clone());
    let put = |counter| Batch { conditions: vec![], writes: vec![mail(server, &id, counter)] };
    let delete = |tag| Batch {
        conditions: vec![(key.clone(), Condition::At(after(None, tag)))],
        writes: vec![Write::Delete { key: key.clone() }],
    };
    must_commit(&backend, &put(1));
    must_commit(&backend, &put(2));
    refused(&backend, &delete(1));
    assert_eq!(read_one(&backend, &key).revision(), Some(after(None, 2)));
    must_commit(&backend, &delete(2));
    assert_eq!(read_one(&backend, &key), Found::Absent);
    refused(&backend, &delete(2));
    assert!(scan(&backend, &RowRange::Mail { server, after: None }, 10).rows.is_empty());
}

//! Writes beside game servers: an entry whose record one holds is written by nobody else.
//!
//! The rows of records are put by hand. The facts pass without a word where that cannot be done.

use std::sync::Arc;

use steadfast_core::platform::{
    EntryState, Permit, PlatformError, Remove, Request, Restore, Set, When, Which,
};
use steadfast_core::record::{
    Fence, How, Lease, LeaseMode, MailBody, MailKind, RECORD_FORMAT, RecordBody, Usage,
};
use steadfast_core::row::Birth;
use steadfast_core::{
    Batch, EntryId, ErrorKind, Found, Revision, Row, RowBody, RowKey, ServerId, SessionId,
    Timestamp, Write, WriteId,
};

use super::requests::{chain, current, execute, get, increment, remove, set, write_id};
use crate::backend::Backend;
use crate::conformance::PlatformHarness;
use crate::conformance::samples::{content_of, entry, must_commit, read_one};
use crate::fault::Fault;
use crate::platform::{Answer, Platform};

const HOLDER: ServerId = ServerId(11);

/// More calls than a request makes.
const MANY: usize = 64;

/// A platform with an entry that was written twice, and the rows beneath it.
struct Scene<H: PlatformHarness> {
    harness: H,
    platform: Arc<dyn Platform>,
    backend: Arc<dyn Backend>,
    id: EntryId,
    first: EntryState,
    record_writes: u64,
}

impl<H: PlatformHarness> Scene<H> {
    /// Nothing if this implementation lets nobody at its rows.
    fn new() -> Option<Self> {
        let mut harness = H::new();
        let backend = harness.backend()?;
        let (platform, id) = (harness.platform(), entry("k"));
        let first = execute(&*platform, set(&id, 1, When::Always)).expect("nothing fails here");
        execute(&*platform, set(&id, 2, When::Always)).expect("nothing fails here");
        Some(Self { harness, platform, backend, id, first, record_writes: 0 })
    }

    /// Writes the record's row, as a grant or a release does. Returns when that was.
    fn put_record(&mut self, mode: Option<LeaseMode>) -> Timestamp {
        self.record_writes += 1;
        let counter = self.record_writes;
        let fence = Fence { counter, session: SessionId(12) };
        let lease = mode.map(|mode| {
            let (server, session) = (HOLDER, fence.session);
            Lease { server, session, mode, since: Birth::ThisWrite }
        });
        let (format, schema, save_seq, write_id) = (RECORD_FORMAT, 0, 7, WriteId(counter.into()));
        let usage = Usage::default();
        let body = RecordBody { format, schema, lease, fence, save_seq, write_id, usage };
        let (key, revision) = (self.record_key(), Revision { counter, tag: counter });
        let put = Write::Put { key, revision, body: RowBody::Record(body) };
        must_commit(&*self.backend, &Batch { conditions: vec![], writes: vec![put] })
    }

    fn record_key(&self) -> RowKey {
        RowKey::Record(self.id.clone())
    }

    #[track_caller]
    fn record(&self) -> (Revision, RecordBody) {
        let row = self.row(&self.record_key());
        let RowBody::Record(body) = row.body else { panic!("{row:?} is no record") };
        (row.revision, body)
    }

    #[track_caller]
    fn row(&self, key: &RowKey) -> Row {
        let found = read_one(&*self.backend, key);
        let Found::Row(row) = found else { panic!("{key}: {found:?}") };
        row
    }

    fn execute(&self, request: Request) -> Answer {
        execute(&*self.platform, request)
    }

    /// Each kind of write of the entry. An increment is refused before anybody asks what it holds.
    fn writes(&self) -> Vec<Request> {
        let current = current(&*self.platform, &self.id).expect("it was written").revision_id();
        vec![
            set(&self.id, 11, When::Always),
            set(&self.id, 12, When::Matches(current.clone())),
            remove(&self.id, 13, None),
            remove(&self.id, 14, Some(current)),
            self.restore(15, Permit::ALL),
        ]
    }

    fn restore(&self, write: u64, permit: Permit) -> Request {
        let (entry, revision, matches) = (self.id.clone(), self.first.revision_id(), None);
        Request::Restore(Restore { entry, revision, matches, permit, write_id: write_id(write) })
    }

    /// What a holder since this time refuses writes with.
    fn leased(&self, since: Timestamp) -> PlatformError {
        PlatformError::Leased { entry: self.id.clone(), server: HOLDER, since }
    }

    #[track_caller]
    fn check(&self, writes: &[u64]) {
        let chain = chain(&*self.platform, &self.id);
        let tags: Vec<u64> = chain.iter().map(|revision| revision.tag).collect();
        assert_eq!(tags, writes);
    }
}

/// Whatever the lease counts by: reads go on, and writes are told whom to ask.
pub fn a_held_entry_refuses_each_write_and_names_its_holder<H: PlatformHarness>() {
    let timeout = LeaseMode::Timeout(std::time::Duration::from_secs(1));
    for mode in [LeaseMode::Presence, timeout, LeaseMode::Unknown(9)] {
        let Some(mut scene) = Scene::<H>::new() else { return };
        let since = scene.put_record(Some(mode));
        let before = scene.record();
        for request in scene.writes() {
            assert_eq!(scene.execute(request), Err(scene.leased(since)), "{mode:?}");
        }
        scene.check(&[1, 2]);
        let old = scene.execute(get(&scene.id, Which::Revision(scene.first.revision_id())));
        assert_eq!(old, Ok(scene.first.clone()));
        assert_eq!(scene.record(), before);
    }
}

/// A number is not counted up either, nor does an entry come into being that somebody holds.
pub fn a_held_entry_is_not_made_by_anybody_else<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new() else { return };
    scene.id = entry("n");
    let since = scene.put_record(Some(LeaseMode::Presence));
    for request in [increment(&scene.id, 21, 1), set(&scene.id, 22, When::Missing)] {
        assert_eq!(scene.execute(request), Err(scene.leased(since)));
    }
    assert_eq!(current(&*scene.platform, &scene.id), None);
}

/// A record that nobody holds is left as it is.
pub fn an_entry_that_was_let_go_takes_each_write<H: PlatformHarness>() {
    for index in 0..5 {
        let Some(mut scene) = Scene::<H>::new() else { return };
        scene.put_record(Some(LeaseMode::Presence));
        scene.put_record(None);
        let before = scene.record();
        let request = scene.writes().swap_remove(index);
        let answer = scene.execute(request.clone());
        assert!(answer.is_ok(), "{request:?}: {answer:?}");
        assert_eq!(scene.record(), before);
    }
}

/// A write that was sent again is recognised before anybody asks who holds the entry by now.
pub fn a_write_that_happened_is_recognised_while_the_entry_is_held<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new() else { return };
    let before = current(&*scene.platform, &scene.id).expect("it was written").revision_id();
    let request = set(&scene.id, 3, When::Matches(before));
    let first = scene.execute(request.clone());
    assert!(first.is_ok(), "{first:?}");
    scene.put_record(Some(LeaseMode::Presence));
    assert_eq!(scene.execute(request), first);
    scene.check(&[1, 2, 3]);
}

/// A batch that was planned while nobody held the entry is refused once somebody does.
pub fn a_write_held_back_is_refused_by_a_grant<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new() else { return };
    scene.put_record(None);
    if !scene.harness.inject(&[Some(Fault::LateApply); MANY], &[]) {
        return;
    }
    let answer = scene.execute(set(&scene.id, 3, When::Always));
    scene.harness.heal();
    let kind = answer.as_ref().err().map(PlatformError::kind);
    assert_eq!(kind, Some(ErrorKind::OutcomeUnknown), "{answer:?}");
    let since = scene.put_record(Some(LeaseMode::Presence));
    scene.harness.release();
    scene.check(&[1, 2]);
    // Sent again, it is told so for certain.
    let again = scene.execute(set(&scene.id, 3, When::Always));
    assert_eq!(again, Err(scene.leased(since)));
}

/// An administrator's write goes through, and leaves nothing that the holder could still save on.
pub fn a_forced_write_takes_the_record_and_tells_its_holder<H: PlatformHarness>() {
    for kind in 0..3 {
        let Some(mut scene) = Scene::<H>::new() else { return };
        let (entry, content, when) = (scene.id.clone(), content_of(3), When::Always);
        let (permit, write_id) = (Permit::FORCE, write_id(3));
        let request = match kind {
            0 => scene.restore(3, permit),
            // A client over HTTP has no call for the others.
            _ if !scene.harness.checks_permits() => return,
            1 => Request::Set(Set { entry, content, when, permit, write_id }),
            _ => Request::Remove(Remove { entry, matches: None, force: true, write_id }),
        };
        scene.put_record(Some(LeaseMode::Presence));
        let (revision, before) = scene.record();
        let answer = scene.execute(request);
        assert!(answer.is_ok(), "{answer:?}");
        let (moved, after) = scene.record();
        assert_eq!(moved.counter, revision.counter + 1);
        assert_eq!((after.lease, after.fence.counter), (None, before.fence.counter + 1));
        assert_ne!(after.fence.session, before.fence.session);
        assert_eq!((after.save_seq, after.schema), (before.save_seq, before.schema));
        let RowBody::Ends(ends) = scene.row(&RowKey::Ends(scene.id.clone())).body else {
            panic!("the ends of its grants")
        };
        let end = ends.last().expect("the grant has ended");
        assert_eq!((end.fence, end.how), (before.fence, How::Edited));
        assert_eq!((end.save_seq, end.write_id), (before.save_seq, before.write_id));
        let mail = scene.row(&RowKey::Mail(HOLDER, scene.id.clone())).body;
        let (waiter, fence, kind) = (HOLDER, before.fence, MailKind::Revoked);
        assert_eq!(mail, RowBody::Mail(MailBody { waiter, fence, kind }));
        // It is an entry like any other again.
        let answer = scene.execute(set(&scene.id, 4, When::Always));
        assert!(answer.is_ok(), "{answer:?}");
    }
}

/// What nobody holds needs no force, and nothing of its record changes.
pub fn a_forced_write_of_what_nobody_holds_is_a_write_like_any_other<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new() else { return };
    let answer = scene.execute(scene.restore(3, Permit::FORCE));
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(read_one(&*scene.backend, &scene.record_key()), Found::Absent);
    scene.put_record(None);
    let before = scene.record();
    let answer = scene.execute(scene.restore(4, Permit::FORCE));
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(scene.record(), before);
}

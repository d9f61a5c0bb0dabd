//! One fault at a time. The codes are those of the fault list in the reliability contract.

use std::sync::Arc;

use steadfast_core::{
    Batch, CommitOutcome, EntryId, Found, Order, Outcome, ReadError, Refusal, Revision, RowKey,
    RowRange,
};

use crate::backend::Backend;
use crate::conformance::BackendHarness;
use crate::conformance::samples::{
    after, ask, commit, entry, history, must_commit, read_one, write_batch,
};
use crate::fault::{Fault, FaultyBackend};

/// An engine that fails on demand, with one entry that was written once.
struct Scene<H: BackendHarness> {
    harness: H,
    backend: FaultyBackend<Arc<H::Backend>>,
    id: EntryId,
    base: Option<Revision>,
}

impl<H: BackendHarness> Scene<H> {
    fn new() -> Self {
        let mut harness = H::new();
        let backend = FaultyBackend::new(Arc::new(harness.open()));
        let id = entry("k");
        must_commit(&backend, &write_batch(&id, None, 1));
        Self { harness, backend, id, base: Some(after(None, 1)) }
    }

    fn write(&self, base: Option<Revision>, write: u64) -> Batch {
        write_batch(&self.id, base, write)
    }

    #[track_caller]
    fn fail(&self, batch: &Batch, fault: Fault) -> CommitOutcome {
        self.backend.plan_commits([Some(fault)]);
        let outcome = commit(&self.backend, batch);
        assert_eq!(self.backend.forget_plans(), 0, "the fault was planned and did not happen");
        outcome
    }

    /// Checks what is stored, now and after a reopening: the writes with these numbers, in order.
    #[track_caller]
    fn check(mut self, writes: &[u64]) {
        check_stored(&self.backend, &self.id, writes);
        if !self.backend.capabilities().durable {
            return;
        }
        let backend = Arc::clone(self.backend.inner());
        drop(self.backend);
        let backend = Arc::into_inner(backend).expect("every request was answered");
        let backend = self.harness.reopen(backend);
        check_stored(&backend, &self.id, writes);
    }
}

#[track_caller]
fn check_stored(backend: &dyn Backend, id: &EntryId, writes: &[u64]) {
    let chain: Vec<Revision> =
        (1..).zip(writes).map(|(counter, tag)| Revision { counter, tag: *tag }).collect();
    assert_eq!(history(backend, id), chain);
    let current = read_one(backend, &RowKey::Entry(id.clone()));
    assert_eq!(current.revision(), chain.last().copied(), "{current:?}");
}

/// S1: nothing is written, then or later.
pub fn an_error_before_means_that_nothing_was_written<H: BackendHarness>() {
    let scene = Scene::<H>::new();
    let outcome = scene.fail(&scene.write(scene.base, 2), Fault::ErrorBefore);
    assert!(matches!(outcome, Outcome::Refused(Refusal::Unavailable { .. })), "{outcome:?}");
    check_stored(&scene.backend, &scene.id, &[1]);
    must_commit(&scene.backend, &scene.write(scene.base, 3));
    scene.check(&[1, 3]);
}

/// S2: the batch is there, and sending it again is refused by itself.
pub fn a_batch_applied_without_an_answer_is_there<H: BackendHarness>() {
    let scene = Scene::<H>::new();
    let batch = scene.write(scene.base, 2);
    assert_eq!(scene.fail(&batch, Fault::AppliedThenUnknown), Outcome::Unknown);
    let again = commit(&scene.backend, &batch);
    let Outcome::Refused(Refusal::Conditions(rows)) = again else { panic!("{again:?}") };
    let current = rows.first().and_then(Found::revision);
    assert_eq!(current, Some(after(scene.base, 2)), "the refusal shows the write itself");
    scene.check(&[1, 2]);
}

/// The batch is nowhere, and sending it again writes it.
pub fn a_batch_lost_without_an_answer_can_be_sent_again<H: BackendHarness>() {
    let scene = Scene::<H>::new();
    let batch = scene.write(scene.base, 2);
    assert_eq!(scene.fail(&batch, Fault::LostThenUnknown), Outcome::Unknown);
    check_stored(&scene.backend, &scene.id, &[1]);
    must_commit(&scene.backend, &batch);
    scene.check(&[1, 2]);
}

/// S3: its condition does not hold any more, so it is never written.
pub fn a_late_batch_is_refused_by_a_newer_writer<H: BackendHarness>() {
    let scene = Scene::<H>::new();
    let late = scene.write(scene.base, 2);
    assert_eq!(scene.fail(&late, Fault::LateApply), Outcome::Unknown);
    must_commit(&scene.backend, &scene.write(scene.base, 3));
    let outcomes = scene.backend.release();
    let [Outcome::Refused(Refusal::Conditions(rows))] = outcomes.as_slice() else {
        panic!("{outcomes:?}")
    };
    assert_eq!(rows.first().and_then(Found::revision), Some(after(scene.base, 3)));
    scene.check(&[1, 3]);
}

/// S3 without a newer writer: it is written late, once.
pub fn a_late_batch_is_written_when_nobody_came_in_between<H: BackendHarness>() {
    let scene = Scene::<H>::new();
    let late = scene.write(scene.base, 2);
    assert_eq!(scene.fail(&late, Fault::LateApply), Outcome::Unknown);
    check_stored(&scene.backend, &scene.id, &[1]);
    let outcomes = scene.backend.release();
    assert!(matches!(outcomes.as_slice(), [Outcome::Committed(_)]), "{outcomes:?}");
    scene.check(&[1, 2]);
}

/// S9: nothing is written, everything can be read, and later writes go through.
pub fn a_full_store_can_be_read_and_later_written<H: BackendHarness>() {
    let scene = Scene::<H>::new();
    let batch = scene.write(scene.base, 2);
    let outcome = scene.fail(&batch, Fault::Full);
    assert!(matches!(outcome, Outcome::Refused(Refusal::Exhausted { .. })), "{outcome:?}");
    check_stored(&scene.backend, &scene.id, &[1]);
    must_commit(&scene.backend, &batch);
    scene.check(&[1, 2]);
}

/// Nobody may take a store that does not answer for an empty one.
pub fn a_failed_read_is_an_error_and_not_absence<H: BackendHarness>() {
    let scene = Scene::<H>::new();
    let (backend, key) = (&scene.backend, RowKey::Entry(scene.id.clone()));
    backend.plan_reads([true, true, true]);
    let reply = ask(|done| backend.read(vec![key.clone()], done));
    assert!(matches!(reply, Err(ReadError::Unavailable { .. })), "{reply:?}");
    let range =
        RowRange::Revisions { entry: scene.id.clone(), order: Order::Descending, beyond: None };
    let reply = ask(|done| backend.scan(range.clone(), 10, done));
    assert!(matches!(reply, Err(ReadError::Unavailable { .. })), "{reply:?}");
    let reply = ask(|done| backend.heads(range, 10, true, done));
    assert!(matches!(reply, Err(ReadError::Unavailable { .. })), "{reply:?}");
    assert_eq!(read_one(backend, &key).revision(), scene.base);
    scene.check(&[1]);
}

//! Commands of whoever holds no record: counted as those of game servers are, and writes until their
//! outcome is certain.

use std::sync::Arc;

use steadfast_core::platform::PlatformError;
use steadfast_core::record::{
    RecordAnswer, RecordCommand, RecordRefusal, RecordReply, RecordWrite, Written,
};
use steadfast_core::{Monotonic, Outcome, WriteId};
use steadfast_storage::{Done, Records};

use crate::answer::submit;
use crate::diagnostics::Monitor;
use crate::driver::bus;
use crate::signals::StoreEvent;
use crate::steadfast::Steadfast;

/// How often a write without a certain answer is sent again: it counts once.
const RESENDS_MAX: u32 = 3;

/// Why a record was not written.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// Nothing was written.
    Store(PlatformError),
    /// It may be written or not.
    OutcomeUnknown { write_id: WriteId },
}

/// Sends one copy of a command, and counts it. What its answer says is told on also when nobody waits
/// for it any more.
pub(crate) async fn send(db: &Steadfast, command: Arc<RecordCommand>) -> Option<RecordAnswer> {
    let (records, sessions) = (db.records(), db.sessions());
    let (monitor, clock) = (Arc::clone(&sessions.monitor), sessions.clock.clone());
    let asker = monitor.asked(&command, clock.now().mono);
    let answer = submit(|done: Done<RecordAnswer>| {
        let sent = Arc::clone(&command);
        let seen = Done::new(move |answer| {
            let now = clock.now().mono;
            monitor.answered(asker, &answer, now);
            pass_on(&monitor, &sent, &answer, now);
            done.complete(answer);
        });
        records.submit(command, seen);
    });
    answer.await
}

/// Tells of what was done to operations: the store's own events, and whoever holds the record.
fn pass_on(monitor: &Monitor, command: &RecordCommand, answer: &RecordAnswer, now: Monotonic) {
    if let RecordCommand::Queue(queue) = command
        && let Ok(RecordReply::Queued(Outcome::Committed(queued))) = answer
    {
        if queued.is_new {
            let (entry, operation) = (queue.entry.clone(), queue.id.clone());
            let kind = queue.kind.clone();
            monitor.tell(StoreEvent::OperationQueued { entry, operation, kind }, now);
            monitor.notify();
        }
        queued.holder.into_iter().for_each(|holder| bus::post_work(&queue.entry, holder));
    }
    if let RecordCommand::Judge(judge) = command
        && let Ok(RecordReply::Judged(Outcome::Committed(judged))) = answer
    {
        judged.holder.into_iter().for_each(|holder| bus::post_work(&judge.entry, holder));
    }
}

/// Writes a record. Nothing if it was refused because the record is another one by now.
pub(crate) async fn commit(
    db: &Steadfast,
    write: RecordWrite,
) -> Result<Option<Written>, CommitError> {
    let write_id = write.write_id;
    let command = Arc::new(RecordCommand::Write(Box::new(write)));
    let mut may_be_written = false;
    for _ in 0..=RESENDS_MAX {
        let outcome = match send(db, Arc::clone(&command)).await {
            Some(Ok(RecordReply::Written(outcome))) => outcome,
            Some(Ok(other)) => unreachable!("a write was answered by {other:?}"),
            Some(Err(PlatformError::OutcomeUnknown { .. })) | None => Outcome::Unknown,
            Some(Err(error)) if !may_be_written => return Err(CommitError::Store(error)),
            Some(Err(_)) => Outcome::Unknown,
        };
        match outcome {
            Outcome::Committed(written) => return Ok(Some(written)),
            Outcome::Unknown => may_be_written = true,
            Outcome::Refused(RecordRefusal::Moved(view)) => {
                let stored = view.record.as_ref().map(|record| record.body.write_id);
                return match view.base() {
                    // An earlier copy was committed, and nobody wrote since.
                    Some(base) if stored == Some(write_id) => {
                        db.sessions().monitor.found_committed(&command);
                        let stamped_at = view.record.map_or(view.now, |it| it.stamped_at);
                        Ok(Some(Written { base, stamped_at, inbox: None }))
                    }
                    Some(_) | None if may_be_written => {
                        Err(CommitError::OutcomeUnknown { write_id })
                    }
                    Some(_) | None => Ok(None),
                };
            }
            // It says of this copy that it was not written, and nothing of an earlier one.
            Outcome::Refused(_) if may_be_written => {}
            Outcome::Refused(refusal) => return Err(CommitError::Store(store_error(refusal))),
        }
    }
    Err(CommitError::OutcomeUnknown { write_id })
}

fn store_error(refusal: RecordRefusal) -> PlatformError {
    match refusal {
        RecordRefusal::Exhausted { reason } => PlatformError::StoreFull { reason },
        RecordRefusal::Unavailable { reason } => PlatformError::Unavailable { reason },
        RecordRefusal::Invalid(error) => PlatformError::Rejected(error),
        RecordRefusal::Moved(view) => PlatformError::Contended { entry: view.entry, attempts: 1 },
    }
}

/// Nobody answers: the store ended.
pub(crate) fn ended() -> PlatformError {
    PlatformError::Unavailable { reason: "the store ended".into() }
}

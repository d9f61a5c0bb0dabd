//! Answers of the library in the words of the wire.

use serde_json::value::RawValue;
use steadfast::operator::{
    Change, Changed, Compacted, DeadLetter, Ended, EntryState, Fence, LeaseInfo, LedgerInfo,
    ListedRevision, LogLine, PendingOperation, QueuedOperation, ReceiptBody, RecordInfo,
    ServerInfo, SessionInfo, Taken,
};
use steadfast_core::operation::{OperationStatus, ReceiptState, Receipted, Verdict};
use steadfast_core::record::{End, How, LeaseMode};
use steadfast_core::{OperationId, SessionId, Timestamp, Value};
use steadfast_open_cloud::time;

use crate::operator::wire;

fn at(time: Timestamp) -> String {
    time::v2_json(time)
}

/// Text that was checked to be JSON before it was stored. What is damaged was found out earlier.
fn raw(text: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(text.to_owned()).ok()
}

fn raw_value(value: &Value) -> Option<Box<RawValue>> {
    raw(value.to_json().as_str())
}

pub(super) fn fence(fence: Fence) -> String {
    format!("{}.{}", fence.counter, fence.session)
}

/// Reads what [`fence`] writes.
pub(super) fn parse_fence(text: &str) -> Option<Fence> {
    let (counter, session) = text.split_once('.')?;
    let is_number = !counter.is_empty() && counter.bytes().all(|byte| byte.is_ascii_digit());
    let counter = is_number.then(|| counter.parse().ok()).flatten()?;
    Some(Fence { counter, session: SessionId::parse(session)? })
}

pub(super) fn record(info: &RecordInfo) -> wire::Record {
    wire::Record {
        entry: info.entry.to_string(),
        state: info.state.as_ref().map(state),
        schema: info.schema,
        lease: info.lease.as_ref().map(lease),
        fence: info.fence.map(fence),
        save_count: info.save_seq,
        touched_at: info.touched_at.map(at),
        last_login: info.usage.last_login.map(at),
        play_time_ms: info.usage.play_time_ms(),
        ends: info.ends.iter().map(end).collect(),
        ledger: ledger(info.ledger),
        time: at(info.now),
    }
}

fn state(state: &EntryState) -> wire::State {
    let content = state.content.as_ref();
    let users = content.map(|content| content.user_ids.iter().map(ToString::to_string).collect());
    wire::State {
        revision: state.revision_id().to_string(),
        created_at: at(state.created_at),
        updated_at: at(state.updated_at),
        deleted: content.is_none(),
        users: users.unwrap_or_default(),
        attributes: content.and_then(|content| raw(content.metadata.as_str())),
        value: content.and_then(|content| raw(content.value.as_str())),
    }
}

fn lease(lease: &LeaseInfo) -> wire::Lease {
    wire::Lease {
        server: lease.server.to_string(),
        address: lease.address.to_string(),
        liveness: lease.liveness.name().to_owned(),
        session: lease.session.to_string(),
        mode: match lease.mode {
            LeaseMode::Presence => "presence".to_owned(),
            LeaseMode::Timeout(lasts) => format!("timeout {} ms", lasts.as_millis()),
            LeaseMode::Unknown(mode) => format!("unknown {mode}"),
        },
        since: at(lease.since),
        fence: fence(lease.fence),
    }
}

fn end(end: &End) -> wire::End {
    let how = match end.how {
        How::Released => "released",
        How::Taken => "taken",
        How::Stolen => "stolen",
        How::Edited => "edited",
    };
    wire::End { fence: fence(end.fence), save_count: end.save_seq, how: how.to_owned() }
}

fn ledger(ledger: LedgerInfo) -> wire::Ledger {
    let LedgerInfo { pending, full, kept, permanent, dead, size, horizon, is_damaged } = ledger;
    let (horizon, damaged) = (horizon.map(at), is_damaged);
    wire::Ledger { pending, full, kept, permanent, dead, size, horizon, damaged }
}

pub(super) fn revision(listed: &ListedRevision) -> wire::Revision {
    wire::Revision {
        revision: listed.id.to_string(),
        updated_at: at(listed.updated_at),
        deleted: listed.is_deleted,
        pinned: listed.is_pinned,
        schema: listed.schema,
        value_size: listed.value_size.map(|size| u64::try_from(size).unwrap_or(u64::MAX)),
    }
}

pub(super) fn differences(changes: &[Change]) -> Vec<wire::Difference> {
    let shown = changes.iter().map(|change| wire::Difference {
        path: change.path.to_string(),
        before: change.old.as_ref().and_then(raw_value),
        after: change.new.as_ref().and_then(raw_value),
    });
    shown.collect()
}

pub(super) fn changed(changed: &Changed) -> wire::Done {
    wire::Done::Changed(wire::Changed {
        entry: changed.entry.to_string(),
        before: changed.before.as_ref().map(ToString::to_string),
        after: changed.after.as_ref().map(ToString::to_string),
        differences: differences(&changed.differences),
        schema: changed.schema,
        holder: changed.holder.as_ref().map(lease),
        dry_run: changed.is_dry_run,
    })
}

pub(super) fn queued(queued: &QueuedOperation) -> wire::Done {
    wire::Done::Queued(wire::Queued {
        id: queued.id.to_string(),
        state: state_of(&queued.receipt).to_owned(),
        new: queued.is_new,
        holder: queued.holder.map(|server| server.to_string()),
        dry_run: queued.is_dry_run,
    })
}

pub(super) fn ended(ended: &Ended) -> wire::Done {
    wire::Done::Ended(wire::Ended {
        id: ended.id.to_string(),
        holder: ended.holder.map(|server| server.to_string()),
        dry_run: ended.is_dry_run,
    })
}

pub(super) fn taken(taken: &Taken) -> wire::Done {
    let (server, fence) = (taken.server.to_string(), fence(taken.fence));
    wire::Done::Taken(wire::Taken { server, fence, dry_run: taken.is_dry_run })
}

pub(super) fn compacted(compacted: &Compacted) -> wire::Done {
    wire::Done::Compacted(wire::Compacted {
        before: ledger(compacted.before),
        after: ledger(compacted.after),
        dry_run: compacted.is_dry_run,
    })
}

fn state_of(receipt: &ReceiptBody) -> &'static str {
    receipt.status().map_or("pending", OperationStatus::name)
}

pub(super) fn pending(operation: &PendingOperation) -> wire::Operation {
    let PendingOperation { seq, queued_at, body, tries } = operation;
    wire::Operation {
        id: body.id.to_string(),
        state: "pending".to_owned(),
        kind: Some(body.kind.to_string()),
        issued_at: at(body.issued_at),
        permanent: body.is_permanent,
        seq: Some(*seq),
        queued_at: Some(at(*queued_at)),
        tries: Some(tries.count),
        error: tries.last_error.as_ref().map(ToString::to_string),
        verdict: body.verdict.as_ref().map(|verdict| match verdict {
            Verdict::Cancel(_) => "cancel".to_owned(),
            Verdict::Fail(_) => "fail".to_owned(),
        }),
        schema: Some(body.schema),
        replaces: body.replaces.as_ref().map(ToString::to_string),
        payload: raw(body.payload.as_str()),
        ..wire::Operation::default()
    }
}

pub(super) fn receipt(id: &OperationId, body: &ReceiptBody) -> wire::Operation {
    let mut shown = wire::Operation {
        id: id.to_string(),
        state: state_of(body).to_owned(),
        issued_at: at(body.issued_at),
        permanent: body.is_permanent,
        code: body.failure().map(|code| code.name().to_owned()),
        ..wire::Operation::default()
    };
    match &body.state {
        ReceiptState::Pending { seq, tries } => {
            shown.seq = Some(*seq);
            shown.tries = Some(tries.count);
            shown.error = tries.last_error.as_ref().map(ToString::to_string);
        }
        ReceiptState::Kept { .. } => {}
        ReceiptState::Full(Receipted { kind, result, error, tries, .. }) => {
            shown.kind = Some(kind.to_string());
            shown.tries = Some(*tries);
            shown.result = result.as_ref().and_then(|result| raw(result.as_str()));
            shown.error = error.as_ref().map(ToString::to_string);
        }
    }
    shown
}

pub(super) fn letter(letter: &DeadLetter) -> wire::Operation {
    let body = &letter.body;
    wire::Operation {
        id: letter.id.to_string(),
        state: OperationStatus::Failed.name().to_owned(),
        kind: Some(body.kind.to_string()),
        issued_at: at(body.issued_at),
        permanent: body.is_permanent,
        tries: Some(body.tries),
        error: Some(body.error.to_string()),
        code: Some(body.death.code().name().to_owned()),
        schema: Some(body.schema),
        payload_size: Some(body.payload_size),
        payload: body.payload.as_ref().and_then(|payload| raw(payload.as_str())),
        died_at: Some(at(letter.died_at)),
        requeued_as: body.requeued_as.as_ref().map(ToString::to_string),
        ..wire::Operation::default()
    }
}

pub(super) fn session(session: &SessionInfo) -> wire::Session {
    wire::Session {
        scope: session.entry.scope.to_string(),
        key: session.entry.key.to_string(),
        lease: lease(&session.lease),
        save_count: session.save_seq,
        touched_at: at(session.touched_at),
    }
}

pub(super) fn server(server: &ServerInfo) -> wire::Server {
    wire::Server {
        server: server.server.to_string(),
        address: server.address.to_string(),
        liveness: server.liveness.name().to_owned(),
        renewed_at: at(server.renewed_at),
        home: server.is_home,
    }
}

pub(super) fn log_line(line: LogLine) -> wire::LogLine {
    wire::LogLine {
        at: at(line.at),
        ended_at: line.ended_at.map(at),
        operator: line.operator,
        reason: line.reason,
        action: line.action,
        store: line.store,
        scope: line.scope,
        key: line.key,
        detail: line.detail,
        state: line.state.name().to_owned(),
        code: line.code,
        error: line.error,
        before: line.before.map(|id| id.to_string()),
        after: line.after.map(|id| id.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_read_as_it_is_shown() {
        let seven = Fence { counter: 7, session: SessionId(255) };
        assert_eq!(parse_fence(&fence(seven)), Some(seven));
        let session = "0".repeat(32);
        for wrong in ["", "7", "7.", ".", "7.x", &format!("+7.{session}"), &format!(".{session}")] {
            assert_eq!(parse_fence(wrong), None, "{wrong}");
        }
        // One more than fits.
        assert_eq!(parse_fence(&format!("18446744073709551616.{session}")), None);
    }
}

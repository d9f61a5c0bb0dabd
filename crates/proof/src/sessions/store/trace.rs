//! Batches as the trace shows them.

use steadfast_core::operation::{LedgerBody, LedgerKey, OperationStatus};
use steadfast_core::record::PresenceState;
use steadfast_core::{Batch, RowBody, RowKey, Timestamp, Write};
use steadfast_sim::EventLine;

use super::super::witness::{Author, Marker};

fn number(author: Author) -> i64 {
    match author {
        Author::Process(process) => i64::try_from(process).unwrap_or(i64::MAX),
        Author::Operator => -1,
    }
}

/// A batch for the trace.
pub(super) fn describe(line: &mut EventLine<'_>, author: Author, batch: &Batch) {
    line.signed("author", number(author));
    for write in &batch.writes {
        describe_write(line, write);
    }
}

fn describe_write(line: &mut EventLine<'_>, write: &Write) {
    let Write::Put { key, revision, body } = write else {
        if let RowKey::Ledger(_, LedgerKey::Receipt(id)) = write.key() {
            line.text("forgets", id.as_str());
        } else {
            line.flag("deletes", true);
        }
        return;
    };
    match (key, body) {
        (RowKey::Record(entry), RowBody::Record(body)) => {
            line.text("record", entry.key.as_str()).number("at", revision.counter);
            line.number("fence", body.fence.counter).flag("held", body.lease.is_some());
        }
        (RowKey::Entry(entry), RowBody::Entry(body)) => {
            let marker = body.content.as_ref().and_then(|content| Marker::stored_in(content));
            line.text("entry", entry.key.as_str());
            line.number("count", marker.map_or(0, |marker| marker.count));
            line.flag("live", marker.is_some());
        }
        (RowKey::Presence(_), RowBody::Presence(body)) => {
            let is_alive = body.state == PresenceState::Alive;
            line.flag("alive", is_alive).number("at", revision.counter);
        }
        (RowKey::Mail(_, entry), _) => {
            line.text("mail", entry.key.as_str());
        }
        (RowKey::Ledger(_, LedgerKey::Receipt(id)), RowBody::Ledger(LedgerBody::Receipt(body))) => {
            line.text("receipt", id.as_str());
            line.text("status", body.status().map_or("waits", OperationStatus::name));
        }
        (RowKey::Ledger(_, LedgerKey::Head), RowBody::Ledger(LedgerBody::Head(head))) => {
            line.number("full", u64::from(head.full_count));
            line.signed("horizon", head.horizon.map_or(0, Timestamp::ticks));
        }
        (_, _) => {}
    }
}

//! What the traffic between servers and store shows by itself: in which order things are sent, and
//! why writes are refused.

use steadfast_core::game_server::{Outgoing, Priority};
use steadfast_core::operation::LedgerBody;
use steadfast_core::record::RecordCommand;
use steadfast_core::row::Row;
use steadfast_core::{Batch, Found, RowBody, RowKey, Write};

use super::{Checked, SessionOracle};
use crate::sessions::witness::Author;

impl SessionOracle {
    /// B2: of what a server sends at once, what ends a session goes before operations and autosaves.
    pub(super) fn on_sends(process: usize, commands: &[Outgoing]) -> Checked {
        let is_late =
            |it: &Outgoing| matches!(it.priority, Priority::Operation | Priority::Autosave);
        let Some(first) = commands.iter().position(is_late) else { return Ok(()) };
        let ends = |it: &&Outgoing| matches!(&*it.command, RecordCommand::Write(write) if write.body.lease.is_none());
        match commands.iter().skip(first).find(ends) {
            None => Ok(()),
            Some(it) => Err(format!(
                "B2: process {process} sends the end of a session as {:?}, behind others",
                it.priority
            )),
        }
    }

    /// DO7: a write of a record is refused only because somebody else wrote it, or an operator judged
    /// an operation that it ends: then it is planned again where the rows are, and nobody hears of it.
    pub(super) fn on_refused(&self, author: Author, batch: &Batch, rows: &[Found]) -> Checked {
        let is_record = |write: &Write| matches!(write.key(), RowKey::Record(_));
        let Author::Process(process) = author else { return Ok(()) };
        if !batch.writes.iter().any(is_record) || self.has_lost {
            return Ok(());
        }
        let broken = batch.conditions.iter().zip(rows);
        let mut broken = broken.filter(|((_, condition), found)| !condition.holds(found));
        if broken.any(|((key, _), found)| !matches!(key, RowKey::Ledger(..)) || is_judged(found)) {
            return Ok(());
        }
        Err(format!("DO7: a write of process {process} was refused because of the ledger alone"))
    }
}

/// Whether an operation waits there that an operator has judged.
fn is_judged(found: &Found) -> bool {
    matches!(found, Found::Row(Row { body: RowBody::Ledger(LedgerBody::Pending(pending)), .. })
        if pending.verdict.is_some())
}

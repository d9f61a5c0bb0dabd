//! A session's part in a transaction over several sessions.
//!
//! ```text
//!            ┌─ its write is the record's last ──► what was given is there
//!   Out ─────┤
//!            └─ it never will be ──► Returned: what was taken is back
//! ```
//!
//! While it is out, the session is not saved and not released by itself: its data is stored with that
//! of the others, or not at all. What the store says of its own record settles it, as with any other
//! write; a part that was returned because another session was lost may still turn out to be stored.

use std::sync::Arc;

use crate::document::{Cancel, Document, Portions};
use crate::game_server::Ticket;
use crate::id::{ServerId, WriteId};
use crate::path::Path;
use crate::record::{Data, RecordBody, RecordWrite};
use crate::row::Content;
use crate::session::Session;
use crate::value::Value;

/// What a transaction did to a session's data.
#[derive(Debug)]
pub(crate) struct Part {
    /// The transaction.
    pub(crate) joint: Ticket,
    portions: Portions,
    before: Value,
    after: Value,
    /// What is stored.
    content: Arc<Content>,
    /// How many changes are stored with it.
    pub(crate) contains: u64,
    /// How many changes of the ledger are.
    pub(crate) ledger: u64,
    /// Whether what was taken is back.
    pub(crate) is_returned: bool,
}

impl Session {
    /// Whether its data is stored with that of other sessions, or not at all.
    pub(crate) fn is_joined(&self) -> bool {
        self.joint.as_ref().is_some_and(|part| !part.is_returned)
    }

    /// Takes part in a transaction that makes this of its data. What is taken is gone at once.
    ///
    /// # Errors
    /// The document cannot hold the value; nothing is changed then.
    pub(crate) fn join(
        &mut self,
        joint: Ticket,
        after: &Value,
    ) -> Result<(), crate::document::EditError> {
        let before = self.document.snapshot_value();
        replace(self.document.as_mut(), after)?;
        let content = self.content();
        // A type may write what it was given in its own way.
        let after = self.document.snapshot_value();
        let portions = Portions::between(&before, &after);
        // Where a type cannot be without what is taken, what is given shows at once too: it is stored
        // with the rest or not at all, and cannot leave the record before.
        show(self.document.as_mut(), &portions.taken_from(&before), &after);
        self.change_count += 1;
        let (contains, ledger, is_returned) = (self.change_count, self.ledger_count, false);
        let part = Part { joint, portions, before, after, content, contains, ledger, is_returned };
        self.joint = Some(Box::new(part));
        Ok(())
    }

    /// Undoes [`join`](Self::join) before anything was sent.
    pub(crate) fn unjoin(&mut self) {
        if let Some(part) = self.joint.take() {
            show(self.document.as_mut(), &part.before, &part.before);
        }
    }

    /// The write that stores its part.
    pub(crate) fn plan_joint(&self, write_id: WriteId, server: ServerId) -> Option<RecordWrite> {
        let part = self.joint.as_ref().filter(|part| !part.is_returned)?;
        if self.server() != Some(server) || self.must_look || self.must_move_fence() {
            return None;
        }
        let RecordBody { format, schema, lease, fence, save_seq, .. } = self.body;
        let save_seq = save_seq + 1;
        let body = RecordBody { format, schema, lease, fence, save_seq, write_id };
        let data = Data::Put { content: Arc::clone(&part.content), pinned: true };
        let ledger = self.ledger_write_until(&self.operations, part.ledger);
        let (entry, base) = (self.entry.clone(), self.base);
        let (end, revoked, inbox_max) = (None, None, None);
        Some(RecordWrite { entry, base, write_id, body, data, end, revoked, ledger, inbox_max })
    }

    /// Its part is stored: what was given is there.
    pub(crate) fn complete_joint(&mut self) {
        let Some(part) = self.joint.take() else { return };
        let is_untouched = self.change_count == part.contains && !part.is_returned;
        let next = if is_untouched {
            part.after.clone()
        } else {
            let now = self.document.snapshot_value();
            let now = if part.is_returned { part.portions.taken_from(&now) } else { now };
            part.portions.given_to(&now)
        };
        show(self.document.as_mut(), &next, &part.after);
    }

    /// Its part is not stored, or nobody knows: what was taken is back.
    pub(crate) fn return_joint(&mut self) {
        let Some(part) = self.joint.as_mut().filter(|part| !part.is_returned) else { return };
        part.is_returned = true;
        let back = part.portions.returned_to(&self.document.snapshot_value());
        show(self.document.as_mut(), &back, &part.before);
        self.change_count += 1;
    }
}

fn replace(document: &mut dyn Document, value: &Value) -> Result<(), crate::document::EditError> {
    let replaced = document.edit_value(&mut |draft| {
        draft.set(Path::root(), value.clone()).map(drop).map_err(Cancel::from)
    });
    replaced.map(drop)
}

/// Has a document hold a value. One that its type cannot hold, because of what was edited meanwhile,
/// gives way to another that it once held.
fn show(document: &mut dyn Document, value: &Value, known: &Value) {
    if document.put_value(value.clone()).is_err() {
        drop(document.put_value(known.clone()));
    }
}

//! What a batch writes, by what it means for records.

use std::sync::Arc;

use steadfast_core::record::{End, MailBody, PresenceBody, RecordBody};
use steadfast_core::row::EntryBody;
use steadfast_core::{Batch, EntryId, Revision, RowBody, RowKey, ServerId, Write};

/// The rows of a batch that the oracle follows. There is at most one of each.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    pub(super) presence: Option<(ServerId, Revision, &'a PresenceBody)>,
    pub(super) record: Option<(&'a EntryId, Revision, &'a RecordBody)>,
    pub(super) entry: Option<(&'a EntryId, Revision, &'a EntryBody)>,
    pub(super) ends: Option<&'a Arc<[End]>>,
    pub(super) mail: Option<(ServerId, &'a EntryId, Revision, MailBody)>,
    pub(super) read_mail: Option<(ServerId, &'a EntryId)>,
    /// A row that must not go, and does.
    pub(super) gone: Option<&'a RowKey>,
}

impl<'a> Parts<'a> {
    /// Of a batch.
    pub(super) fn of(batch: &'a Batch) -> Self {
        let mut parts = Self::default();
        for write in &batch.writes {
            match write {
                Write::Put { key, revision, body } => parts.put(key, *revision, body),
                Write::Delete { key } => parts.delete(key),
            }
        }
        parts
    }

    fn put(&mut self, key: &'a RowKey, revision: Revision, body: &'a RowBody) {
        match (key, body) {
            (RowKey::Presence(server), RowBody::Presence(body)) => {
                self.presence = Some((*server, revision, body));
            }
            (RowKey::Record(entry), RowBody::Record(body)) => {
                self.record = Some((entry, revision, body));
            }
            (RowKey::Entry(entry), RowBody::Entry(body)) => {
                self.entry = Some((entry, revision, body));
            }
            (RowKey::Ends(_), RowBody::Ends(ends)) => self.ends = Some(ends),
            (RowKey::Mail(server, entry), RowBody::Mail(body)) => {
                self.mail = Some((*server, entry, revision, *body));
            }
            // History, data stores, reviews: judged by the scenario `data`.
            (_, _) => {}
        }
    }

    fn delete(&mut self, key: &'a RowKey) {
        match key {
            RowKey::Mail(server, entry) => self.read_mail = Some((*server, entry)),
            RowKey::Entry(_) | RowKey::Record(_) | RowKey::Ends(_) | RowKey::Presence(_) => {
                self.gone = Some(key);
            }
            RowKey::Store(_)
            | RowKey::Revision(..)
            | RowKey::ApiKey(_)
            | RowKey::Universe(_)
            | RowKey::Ordered(_)
            | RowKey::Review(..)
            | RowKey::Ledger(..) => {}
        }
    }
}

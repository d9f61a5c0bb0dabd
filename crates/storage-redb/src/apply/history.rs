//! Changes of the chain of a history.

use redb::ReadableTable;
use steadfast_core::row::Birth;
use steadfast_core::{Revision, Timestamp};

use super::{Apply, Before, INLINE_SIZE_MAX};
use crate::bytes::Family;
use crate::encode::entry::{Current, Pointer, State};
use crate::encode::index::Kind;
use crate::encode::keys::{revision_key, revision_prefix};
use crate::encode::revision::Link;
use crate::engine::{EngineError, Source};
use crate::prepare::NewState;

/// The older counter of a revision row, and where its value is.
type LinkFields = (Option<u64>, Option<Pointer>);

impl Apply<'_, '_> {
    pub(super) fn put_revision(
        &mut self,
        entry_key: &[u8],
        counter: u64,
        new: &NewState,
        stamp: Timestamp,
    ) -> Result<(), EngineError> {
        let before = self.before(entry_key)?;
        let state = self.put_content(entry_key, new, INLINE_SIZE_MAX, stamp)?;
        let mut newest = before.newest_revision;
        let replaced = self.link(entry_key, counter, &state, &mut newest)?;
        self.set_head(entry_key, before, newest, replaced.as_slice())
    }

    pub(super) fn mark_revision(
        &mut self,
        entry_key: &[u8],
        counter: u64,
        stamp: Timestamp,
    ) -> Result<(), EngineError> {
        let revision = Revision { counter, tag: 0 };
        let (birth, pinned, schema, content) = (Birth::ThisWrite, false, None, None);
        let lost = NewState { revision, birth, pinned, schema, content };
        self.put_revision(entry_key, counter, &lost, stamp)?;
        // No bytes are no record: it is damaged for every reader, and so is what lies behind it.
        self.tables.insert(Family::Revisions, &revision_key(entry_key, counter), &[])
    }

    /// Removes revision rows. Those that follow each other in the chain leave one gap, which is
    /// closed once.
    pub(super) fn delete_revisions(
        &mut self,
        entry_key: &[u8],
        mut counters: Vec<u64>,
    ) -> Result<(), EngineError> {
        counters.sort_unstable_by(|a, b| b.cmp(a));
        let before = self.before(entry_key)?;
        let (mut newest, mut pointers) = (before.newest_revision, Vec::new());
        let mut rest = counters.into_iter().peekable();
        while let Some(first) = rest.next() {
            let mut last = first;
            let mut removed = self.remove_link(entry_key, first)?;
            while let Some((Some(older), pointer)) = removed
                && rest.next_if_eq(&older).is_some()
            {
                pointers.extend(pointer);
                last = older;
                removed = self.remove_link(entry_key, older)?;
            }
            pointers.extend(removed.and_then(|(_, pointer)| pointer));
            let older = match removed {
                Some((older, _)) => older,
                None => self.first_revision(&revision_key(entry_key, last), entry_key)?,
            };
            if newest == Some(first) {
                newest = older;
            } else {
                self.relink_newer(entry_key, first, Some(first), older)?;
            }
        }
        self.set_head(entry_key, before, newest, &pointers)
    }

    fn remove_link(
        &mut self,
        entry_key: &[u8],
        counter: u64,
    ) -> Result<Option<LinkFields>, EngineError> {
        let key = revision_key(entry_key, counter);
        let removed = self.decoded_link(&key)?;
        self.tables.remove(Family::Revisions, &key)?;
        Ok(removed)
    }

    /// Updates the entry's record after its history changed without it.
    fn set_head(
        &mut self,
        entry_key: &[u8],
        before: Before,
        newest: Option<u64>,
        replaced: &[Pointer],
    ) -> Result<(), EngineError> {
        let mut loses_twin = false;
        for &old in replaced {
            if before.pointer == Some(old) {
                loses_twin = true;
            } else {
                self.free(old)?;
            }
        }
        if newest == before.newest_revision && !loses_twin {
            return Ok(());
        }
        let table = self.tables.table(Family::Current)?;
        let record = table.get(entry_key)?.map(|record| record.value().to_vec());
        if record.is_none() && before.is_indexed {
            // Only the index knows the entry: a head without it would make it look absent.
            return Ok(());
        }
        let Ok(current) =
            record.as_deref().map_or(Ok(Current::default()), |old| Current::decode(entry_key, old))
        else {
            // The record is damaged and stays so: only a write of the entry itself replaces it.
            return Ok(());
        };
        let entry = current.entry.map(|(state, shared)| (state, shared && !loses_twin));
        if entry.is_none() && newest.is_none() {
            self.tables.remove(Family::Current, entry_key)?;
            self.tables.remove(Family::Index, &Kind::Entry.key(entry_key))?;
            return Ok(());
        }
        let changed = Current { newest_revision: newest, entry };
        self.tables.insert(Family::Current, entry_key, &changed.encode(entry_key))?;
        if !before.is_indexed {
            self.put_index(&Kind::Entry.key(entry_key), 0)?;
        }
        Ok(())
    }

    /// The older counter and the pointer of a revision row that can be read.
    fn decoded_link(&self, key: &[u8]) -> Result<Option<LinkFields>, EngineError> {
        let record = self.tables.table(Family::Revisions)?.get(key)?;
        let link = record.as_ref().and_then(|record| Link::decode(key, record.value()).ok());
        Ok(link.map(|link| (link.older, link.state.pointer())))
    }

    /// Writes a revision row into the chain. Returns the pointer of the row it replaces.
    pub(super) fn link(
        &mut self,
        entry_key: &[u8],
        counter: u64,
        state: &State<'_>,
        newest: &mut Option<u64>,
    ) -> Result<Option<Pointer>, EngineError> {
        let key = revision_key(entry_key, counter);
        let (mut older, mut replaced) = (*newest, None);
        if newest.is_some_and(|newest| newest >= counter) {
            if let Some((next, pointer)) = self.decoded_link(&key)? {
                (older, replaced) = (next, pointer);
            } else {
                let mut behind = key.clone();
                behind.push(0);
                older = self.first_revision(&behind, entry_key)?;
                self.relink_newer(entry_key, counter, older, Some(counter))?;
            }
        } else {
            *newest = Some(counter);
        }
        let link = Link { older, state: *state };
        self.tables.insert(Family::Revisions, &key, &link.encode(&key))?;
        Ok(replaced)
    }

    /// Makes the closest newer revision row, if it points to `from`, point to `to`.
    fn relink_newer(
        &mut self,
        entry_key: &[u8],
        counter: u64,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<(), EngineError> {
        let (start, end) = (revision_prefix(entry_key), revision_key(entry_key, counter));
        let newer = {
            let table = self.tables.table(Family::Revisions)?;
            let item = table.range::<&[u8]>(&start[..]..&end[..])?.next_back().transpose()?;
            item.map(|(key, record)| (key.value().to_vec(), record.value().to_vec()))
        };
        let Some((key, record)) = newer else { return Ok(()) };
        match Link::decode(&key, &record) {
            Ok(link) if link.older == from => {
                let link = Link { older: to, ..link };
                self.tables.insert(Family::Revisions, &key, &link.encode(&key))
            }
            // It already says so, or it is damaged and answers for itself.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

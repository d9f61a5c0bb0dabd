//! The sessions of a server by handle and by record.

use std::collections::BTreeMap;

use crate::game_server::SessionHandle;
use crate::id::EntryId;
use crate::session::Session;

/// Sessions that are not over.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Option<Box<Session>>>,
    free: Vec<usize>,
    by_entry: BTreeMap<EntryId, usize>,
}

impl Table {
    pub(super) fn insert(&mut self, session: Box<Session>) -> SessionHandle {
        let (id, entry) = (session.id, session.entry.clone());
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let place = self.slots.get_mut(slot).expect("the slot was made or is free");
        assert!(place.is_none(), "a free slot is empty");
        *place = Some(session);
        let earlier = self.by_entry.insert(entry, slot);
        assert!(earlier.is_none(), "a server has one session of a record");
        SessionHandle { slot, id }
    }

    pub(super) fn remove(&mut self, handle: SessionHandle) -> Option<Box<Session>> {
        self.get(handle)?;
        let session = self.slots.get_mut(handle.slot)?.take()?;
        self.free.push(handle.slot);
        self.by_entry.remove(&session.entry);
        Some(session)
    }

    pub(super) fn get(&self, handle: SessionHandle) -> Option<&Session> {
        let session = self.slots.get(handle.slot)?.as_deref()?;
        (session.id == handle.id).then_some(session)
    }

    pub(super) fn get_mut(&mut self, handle: SessionHandle) -> Option<&mut Session> {
        let session = self.slots.get_mut(handle.slot)?.as_deref_mut()?;
        (session.id == handle.id).then_some(session)
    }

    pub(super) fn find(&self, entry: &EntryId) -> Option<SessionHandle> {
        let slot = *self.by_entry.get(entry)?;
        let session = self.slots.get(slot)?.as_deref()?;
        Some(SessionHandle { slot, id: session.id })
    }

    /// The session in a slot.
    pub(super) fn at(&self, slot: usize) -> Option<SessionHandle> {
        let session = self.slots.get(slot)?.as_deref()?;
        Some(SessionHandle { slot, id: session.id })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SessionHandle, &Session)> {
        self.slots.iter().enumerate().filter_map(|(slot, session)| {
            let session = session.as_deref()?;
            Some((SessionHandle { slot, id: session.id }, session))
        })
    }

    pub(super) fn handles(&self) -> Vec<SessionHandle> {
        self.iter().map(|(handle, _)| handle).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_entry.is_empty()
    }
}

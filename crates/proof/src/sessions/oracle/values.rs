//! What is written over what.

use steadfast_core::{EntryId, Revision, SessionId};

use super::parts::Parts;
use super::records::Change;
use super::schemas;
use super::{Checked, Gone, Held, SessionOracle, Spilled, Stroke, Value};
use crate::sessions::witness::{Author, Marker};

/// A value as a batch writes it.
#[derive(Clone, Copy, Debug)]
struct Put {
    revision: Revision,
    is_live: bool,
    marker: Option<Marker>,
    version: u32,
    stamp: Option<u32>,
}

impl SessionOracle {
    /// Data stores write an entry whose record nobody holds.
    pub(super) fn on_value_alone(&mut self, key: usize, parts: &Parts<'_>) -> Checked {
        let Some(put) = self.put_of(key, parts)? else { return Ok(()) };
        if let Some(lease) = self.at(key).lease() {
            return Err(format!(
                "L1: {} was written beside the lease of {}",
                put.revision, lease.session
            ));
        }
        self.place(key, put, None);
        Ok(())
    }

    /// The value that goes with a write of a record.
    pub(super) fn write_value(
        &mut self,
        stroke: Stroke,
        key: usize,
        change: Change,
        session: Option<usize>,
        parts: &Parts<'_>,
    ) -> Checked {
        let Some(put) = self.put_of(key, parts)? else { return Ok(()) };
        let (Author::Process(_), Some(session)) = (stroke.author, session) else {
            self.place(key, put, None);
            return Ok(());
        };
        let span = match change {
            Change::Grant(_) => self.check_default(key, session, put)?,
            Change::Save | Change::Release | Change::Adopt(_) | Change::Seize => {
                self.check_derived(key, session, put)?
            }
        };
        self.place(key, put, span);
        if let Some(marker) = put.marker {
            let held = self.held_mut(session);
            held.saved = Some(held.saved.map_or(marker.count, |saved| saved.max(marker.count)));
        }
        Ok(())
    }

    fn put_of(&self, key: usize, parts: &Parts<'_>) -> Checked<Option<Put>> {
        let Some((entry, revision, body)) = parts.entry else { return Ok(None) };
        let state = self.at(key);
        if *entry != state.entry {
            return Err(format!("W2: one batch writes {} and {entry}", state.entry));
        }
        let expected = state.value.map_or(1, |value| value.revision.counter + 1);
        if revision.counter != expected {
            return Err(format!("W2: value {revision} was written, not {expected}"));
        }
        let marker = body.content.as_deref().map(Marker::stored_in);
        if marker == Some(None) {
            return Err(format!("V5: value {revision} is none that a session can hold"));
        }
        schemas::check_kept(parts)?;
        let (version, stamp) = schemas::versions_of(body.content.as_deref())?;
        let (marker, is_live) = (marker.flatten(), body.content.is_some());
        Ok(Some(Put { revision, is_live, marker, version, stamp }))
    }

    fn place(&mut self, key: usize, put: Put, span: Option<usize>) {
        let Put { revision, is_live, marker, version, stamp } = put;
        let state = self.at_mut(key);
        // What comes from nowhere is a root.
        let root = |marker| state.lineage.begin(marker, None);
        let span = span.or_else(|| marker.map(root));
        state.value = Some(Value { revision, is_live, marker, version, stamp, span });
    }

    /// W9: what a grant writes is a default where nothing is, a spill on exactly its base, or what
    /// stands there as later code has it.
    fn check_default(&self, key: usize, session: usize, put: Put) -> Checked<Option<usize>> {
        let (state, held) = (self.at(key), self.held(session));
        let marker = put.marker.ok_or("W10: a grant deleted the entry")?;
        if let Some(spilled) = self.spill_of(held, marker) {
            return Ok(Some(spilled.span));
        }
        match state.value {
            Some(value)
                if value.is_live && value.marker == Some(marker) && value.version < put.version =>
            {
                Ok(value.span)
            }
            Some(value) if value.is_live => {
                Err(format!("W9: a grant put {marker:?} over {:?}", value.marker))
            }
            Some(_) | None => Ok(None),
        }
    }

    /// W2, W10: what a session stores is what it held, and grew from what was stored.
    fn check_derived(&self, key: usize, session: usize, put: Put) -> Checked<Option<usize>> {
        let (state, held) = (self.at(key), self.held(session));
        if put.marker.is_none() && held.is_deleting {
            return Ok(None);
        }
        let marker = put.marker.ok_or("W10: a session deleted the entry")?;
        let before = state.value;
        let was_there = held.granted.map(|value| value.revision);
        if before.is_none_or(|before| !before.is_live)
            && before.map(|before| before.revision) != was_there
        {
            return Err(format!("W10: {marker:?} brought a deleted entry back"));
        }
        // Nobody was told yet what the session began with.
        let Some(span) = held.span else { return Ok(state.lineage.find(marker)) };
        if !state.lineage.holds(span, marker) {
            let last = state.lineage.last(span);
            return Err(format!("W2: session {} stored {marker:?}, it held {last:?}", held.id));
        }
        let stored = before.filter(|before| before.is_live).and_then(|before| before.marker);
        if let Some(stored) = stored
            && !state.lineage.grew(span, marker, stored)
        {
            return Err(format!(
                "W2: session {} put {marker:?} over {stored:?}, from which it did \
                not grow",
                held.id
            ));
        }
        Ok(Some(span))
    }

    /// W3: whoever lets go has stored everything, and was asked to.
    pub(super) fn check_release(&self, stroke: Stroke, key: usize) -> Checked {
        let state = self.at(key);
        let Some(held) = state.holder.map(|holder| self.held(holder)) else { return Ok(()) };
        let Some(span) = held.span.filter(|_| !held.is_over) else { return Ok(()) };
        let latest = state.lineage.last(span);
        let stored = state.value.filter(|value| value.is_live).and_then(|value| value.marker);
        let is_default = stored.is_none() && latest.is_some_and(|latest| latest.count == 0);
        let is_deleted = stored.is_none() && held.is_deleting;
        if stored != latest && !is_default && !is_deleted {
            return Err(format!(
                "W3: session {} let go of {stored:?}, it held {latest:?}",
                held.id
            ));
        }
        let is_closing = match stroke.author {
            Author::Process(process) => self.process(process).is_closing,
            Author::Operator => false,
        };
        if held.is_asked_to_go || is_closing {
            return Ok(());
        }
        Err(format!("L7: session {} let go, and nobody had asked it to", held.id))
    }

    /// A spill with these bytes that fits the record as it was before the grant.
    pub(super) fn spill_of(&self, held: &Held, marker: Marker) -> Option<Spilled> {
        let mut spills = self.at(held.key).spills.iter().rev();
        spills.find(|it| (it.base, it.marker) == (held.granted_over, marker)).copied()
    }

    /// A session changed what it holds.
    pub(super) fn on_edited(
        &mut self,
        process: usize,
        session: SessionId,
        marker: Marker,
    ) -> Checked {
        let held = self.session(process, session)?;
        let (key, span, is_over, gone) = (held.key, held.span, held.is_over, held.gone);
        let span = span.ok_or("W2: a session was edited before it was opened")?;
        if is_over || gone == Some(Gone::Released) {
            return Err(format!("W3: session {session} took an edit after it had let go"));
        }
        let state = self.at_mut(key);
        if !state.lineage.push(span, marker) {
            let last = state.lineage.last(span);
            return Err(format!("W2: {last:?} was edited to {marker:?}"));
        }
        Ok(())
    }

    /// A player saw this after an opening.
    pub(super) fn on_saw(&mut self, process: usize, entry: &EntryId, marker: Marker) -> Checked {
        let key = self.key(entry);
        let known = self.process(process).sessions.iter().map(|(_, session)| self.held(*session));
        let mut spans = known.filter(|held| held.key == key).filter_map(|held| held.span);
        if spans.any(|span| self.at(key).lineage.holds(span, marker)) {
            return Ok(());
        }
        Err(format!("W2: process {process} showed {marker:?} of {entry}, which it never held"))
    }
}

//! The black-box judge: what players asked for, were told and saw, against what stands at the end.
//!
//! It knows no lease, fence or save. A value says by its marker which edits it holds in which order,
//! so what was acknowledged and what was seen later either grew from each other or did not.
//!
//! | rule | what must hold |
//! |---|---|
//! | `lost` | who asks to open a record sees all that was acknowledged before he asked |
//! | `mixed` | what is seen was held by a session, written by an operator, or is the default |
//! | `fork` | of two acknowledged markers of a record, one grew from the other |
//! | `refused` | what was certainly not saved is never seen |
//! | `revived` | nothing from before a deletion or a forced write is seen after it |
//! | `closed` | a session that was asked to let go takes no edit |
//! | `silent` | a close leaves no session without a word |
//! | `copy` | nobody is told that a copy of it runs, for there are none |
//! | `twice` | no operation is applied twice |
//! | `unasked` | no operation is applied that nobody queued |
//! | `payload` | nobody is told that two payloads are queued under one id |
//! | `ends` | all are told the same end of an operation |
//! | `forgotten` | what was said to be applied before a record is opened is seen in it |
//! | `final` | the rows at the end hold all that was acknowledged |
//!
//! Writes of operators and losses that the store reports begin another *generation* of a record: what
//! sessions from before it are told is no evidence any more, as it may speak of what is gone.

mod heard;
mod lineage;
mod operations;
mod record;

use std::collections::{BTreeMap, BTreeSet};

use steadfast_core::game_server::Ticket;
use steadfast_core::session::{LossReason, SaveError, SessionEvent};
use steadfast_core::{
    Batch, EntryId, Found, OperationId, Revision, Row, RowBody, RowKey, SessionId, Write,
};
use steadfast_storage::Rows;

pub(super) use lineage::Lineage;

use record::{Branch, Key, Terms};

use super::witness::{Author, Marker, Queueing};

/// A broken rule, told with what led to it.
type Verdict<T = ()> = Result<T, String>;

/// A session.
#[derive(Clone, Debug)]
struct Sitting {
    key: usize,
    span: usize,
    /// The generation of its record when it was asked for.
    generation: u64,
    is_let_go: bool,
    is_over: bool,
    /// Operations that it must show.
    required: BTreeSet<u32>,
}

/// What a ticket is for.
#[derive(Clone, Debug)]
enum Asked {
    Open { key: usize, terms: Terms, applied: BTreeSet<u32> },
    Save { session: SessionId, marker: Marker, is_release: bool },
    Queue(Queueing),
    Await(usize, OperationId),
    Transact(Vec<(SessionId, Marker)>),
    Close,
}

/// What players saw.
#[derive(Debug)]
pub(super) struct SessionHistory {
    keys: Vec<Key>,
    key_of: BTreeMap<EntryId, usize>,
    sittings: BTreeMap<(usize, SessionId), Sitting>,
    asked: BTreeMap<(usize, Ticket), Asked>,
    has_lost: bool,
    violation: Option<String>,
    is_asleep: bool,
}

impl SessionHistory {
    /// Nothing was seen yet. Without a judge's seat nothing ever is.
    pub(super) fn new(sits: bool) -> Self {
        Self {
            keys: Vec::new(),
            key_of: BTreeMap::new(),
            sittings: BTreeMap::new(),
            asked: BTreeMap::new(),
            has_lost: false,
            violation: None,
            is_asleep: !sits,
        }
    }

    /// The first broken rule.
    pub(super) fn verdict(self) -> Option<String> {
        self.violation
    }

    /// Everything has come to rest, with these rows.
    pub(super) fn at_rest(&mut self, rows: &Rows) {
        let entries: Vec<(EntryId, usize)> =
            self.key_of.iter().map(|(entry, key)| (entry.clone(), *key)).collect();
        for (entry, key) in entries {
            let found = rows.get(&RowKey::Entry(entry));
            self.note(|this| this.on_end(key, &found));
        }
    }

    /// Keeps the first broken rule; what follows from it says nothing.
    fn note(&mut self, rule: impl FnOnce(&mut Self) -> Verdict) {
        if self.is_asleep {
            return;
        }
        if let Err(evidence) = rule(self) {
            self.violation = Some(evidence);
            self.is_asleep = true;
        }
    }

    fn key(&mut self, entry: &EntryId) -> usize {
        if let Some(key) = self.key_of.get(entry) {
            return *key;
        }
        self.keys.push(Key { name: entry.to_string(), ..Key::default() });
        self.key_of.insert(entry.clone(), self.keys.len() - 1);
        self.keys.len() - 1
    }

    fn at(&mut self, key: usize) -> &mut Key {
        self.keys.get_mut(key).expect("keys are never forgotten")
    }

    fn sitting(&mut self, process: usize, session: SessionId) -> Verdict<&mut Sitting> {
        self.sittings
            .get_mut(&(process, session))
            .ok_or_else(|| format!("`mixed`: session {session} of process {process} never began"))
    }

    fn on_asked(&mut self, process: usize, ticket: Ticket, asked: Asked) -> Verdict {
        if let Asked::Save { session, is_release: true, .. } = &asked {
            self.sitting(process, *session)?.is_let_go = true;
        }
        if let Asked::Queue(queueing) = &asked {
            let key = self.key(&queueing.entry);
            self.at(key).operations.asks(queueing);
        }
        self.asked.insert((process, ticket), asked);
        Ok(())
    }

    fn on_opened(
        &mut self,
        process: usize,
        ticket: Ticket,
        session: SessionId,
        marker: Option<Marker>,
    ) -> Verdict {
        let Some(Asked::Open { key, terms, applied }) = self.asked.remove(&(process, ticket))
        else {
            return Err(format!("`mixed`: process {process} opened what nobody asked for"));
        };
        let state = self.at(key);
        let Some(marker) = marker else {
            return Err(format!("`mixed`: {} holds what nobody wrote", state.name));
        };
        let is_of_now = terms.generation == state.terms.generation;
        let terms = terms.as_far_as(state.terms);
        // A default may be that of before a deletion in between or that of after it.
        let is_known = is_of_now || marker.count > 0;
        let parent = state.check(marker, terms)?.filter(|_| is_known);
        // What began with the default belongs to the record as it is now.
        let generation = parent.and_then(|parent| state.branches.get(parent));
        let generation = generation.map_or(state.terms.generation, |branch| branch.generation);
        let span = state.begin(marker, parent, generation);
        let generation = terms.generation;
        let is_of_now = generation == self.at(key).terms.generation;
        let required = if is_of_now { applied } else { BTreeSet::new() };
        let (is_let_go, is_over) = (false, false);
        let sitting = Sitting { key, span, generation, is_let_go, is_over, required };
        self.sittings.insert((process, session), sitting);
        Ok(())
    }

    fn on_edited(&mut self, process: usize, session: SessionId, marker: Marker) -> Verdict {
        let Sitting { key, span, is_let_go, is_over, .. } = *self.sitting(process, session)?;
        let state = self.at(key);
        if is_let_go || is_over {
            let name = &state.name;
            return Err(format!(
                "`closed`: {name} was edited by session {session} of process \
                {process} after it was let go"
            ));
        }
        if !state.lineage.push(span, marker) {
            let last = state.lineage.last(span);
            let name = &state.name;
            return Err(format!("`mixed`: {name} was edited to {marker:?}, it held {last:?}"));
        }
        Ok(())
    }

    fn on_settled(
        &mut self,
        process: usize,
        ticket: Ticket,
        result: &Result<Revision, SaveError>,
    ) -> Verdict {
        let asked = self.asked.remove(&(process, ticket));
        if let (Some(Asked::Transact(shares)), Ok(_)) = (&asked, result) {
            let mut shares = shares.iter();
            return shares.try_for_each(|(session, marker)| {
                self.acknowledge(process, *session, Some(*marker))
            });
        }
        let Some(Asked::Save { session, marker, is_release }) = asked else { return Ok(()) };
        match result {
            Ok(_) => self.acknowledge(process, session, Some(marker)),
            // A release may be lost although there was nothing to save.
            Err(SaveError::LeaseLost) if !is_release => {
                let Sitting { key, span, .. } = *self.sitting(process, session)?;
                let first = self.at(key).lineage.first(span);
                if let Some(branch) = self.at(key).branches.get_mut(span)
                    && first.is_some_and(|first| first.count < marker.count)
                {
                    let cut = branch.cut.map_or(marker.count, |cut| cut.min(marker.count));
                    branch.cut = (!branch.may_return).then_some(cut);
                }
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    /// This is durable, or what the session holds now.
    fn acknowledge(
        &mut self,
        process: usize,
        session: SessionId,
        marker: Option<Marker>,
    ) -> Verdict {
        let Sitting { key, span, generation, .. } = *self.sitting(process, session)?;
        let state = self.at(key);
        let Some(marker) = marker.or_else(|| state.lineage.last(span)) else { return Ok(()) };
        if generation != state.terms.generation || marker.count == 0 {
            return Ok(());
        }
        let Some(required) = state.terms.required else {
            state.terms.required = Some(marker);
            return Ok(());
        };
        if state.lineage.grew(span, marker, required) {
            state.terms.required = Some(marker);
            return Ok(());
        }
        let known = state.lineage.find(required);
        if known.is_some_and(|known| state.lineage.grew(known, required, marker)) {
            return Ok(());
        }
        let name = &state.name;
        Err(format!(
            "`fork`: {name}: {marker:?} was acknowledged to session {session} of process \
            {process}, and {required:?} before; neither grew from the other"
        ))
    }

    fn on_session(&mut self, process: usize, session: SessionId, event: &SessionEvent) -> Verdict {
        match event {
            SessionEvent::Released => {
                self.sitting(process, session)?.is_over = true;
                self.acknowledge(process, session, None)
            }
            SessionEvent::Lost { reason: LossReason::Impossible(found), .. } if !self.has_lost => {
                Err(format!("`copy`: session {session} of process {process} ended: {found}"))
            }
            SessionEvent::Lost { reason, spill } => {
                let sitting = self.sitting(process, session)?;
                sitting.is_over = true;
                let Sitting { key, span, .. } = *sitting;
                if *reason == LossReason::Closed
                    && let Some(branch) = self.at(key).branches.get_mut(span)
                {
                    *branch = Branch { cut: None, may_return: true, ..*branch };
                }
                let is_saved = spill.is_none() && *reason != LossReason::Deleted;
                if is_saved { self.acknowledge(process, session, None) } else { Ok(()) }
            }
            SessionEvent::OperationEnded(settlement) => {
                let key = self.sitting(process, session)?.key;
                self.at(key).operations.ends(settlement.id(), settlement.status)
            }
            SessionEvent::State(_)
            | SessionEvent::OperationRun { .. }
            | SessionEvent::OperationRetried { .. }
            | SessionEvent::Saved { .. }
            | SessionEvent::SaveFailed(_)
            | SessionEvent::WentBack
            | SessionEvent::HandOffRequested { .. }
            | SessionEvent::SchemaAhead { .. }
            | SessionEvent::SpillStale => Ok(()),
        }
    }

    fn on_closed(&mut self, process: usize, ticket: Ticket) -> Verdict {
        self.asked.remove(&(process, ticket));
        let all = (process, SessionId(0))..=(process, SessionId(u128::MAX));
        match self.sittings.range(all).find(|(_, sitting)| !sitting.is_over) {
            None => Ok(()),
            Some(((_, session), _)) => {
                Err(format!("`silent`: process {process} closed and said nothing of {session}"))
            }
        }
    }

    fn on_operator(&mut self, key: usize, content: Option<Marker>) {
        let state = self.at(key);
        let generation = state.terms.generation + 1;
        state.terms = Terms { generation, floor: generation, required: None };
        if content.is_none() {
            state.operations.void();
        }
        if let Some(marker) = content {
            state.terms.required = (marker.count > 0).then_some(marker);
            state.begin(marker, None, generation);
        }
    }

    fn on_written(&mut self, author: Author, batch: &Batch) {
        for write in &batch.writes {
            let Write::Put { key, revision, body } = write else { continue };
            if let RowKey::Record(entry) = key {
                let key = self.key(entry);
                self.at(key).latest.0 = Some(*revision);
            } else if let (RowKey::Entry(entry), RowBody::Entry(body)) = (key, body) {
                let key = self.key(entry);
                self.at(key).latest.1 = Some(*revision);
                // A deletion that was asked for ends what was.
                let is_deleted = body.content.is_none() && self.at(key).operations.is_void();
                if author == Author::Operator || is_deleted {
                    self.on_operator(key, body.content.as_deref().and_then(Marker::stored_in));
                }
            }
        }
    }

    /// The store says what it lost.
    fn on_rewound(&mut self, rows: &Rows) {
        for state in &mut self.keys {
            state.operations.void();
        }
        for (entry, key) in &self.key_of {
            let record = rows.get(&RowKey::Record(entry.clone())).revision();
            let value = rows.get(&RowKey::Entry(entry.clone())).revision();
            let Some(state) = self.keys.get_mut(*key) else { continue };
            if state.latest == (record, value) {
                continue;
            }
            self.has_lost = true;
            state.latest = (record, value);
            let generation = state.terms.generation + 1;
            state.terms = Terms { generation, floor: 0, required: None };
            for branch in &mut state.branches {
                branch.cut = None;
            }
        }
    }

    fn on_saw(&mut self, process: usize, entry: &EntryId, marker: Marker) -> Verdict {
        let key = self.key(entry);
        let state = self.at(key);
        if marker.count == 0 || state.lineage.find(marker).is_some() {
            return Ok(());
        }
        let name = &state.name;
        Err(format!("`mixed`: {name}: process {process} showed {marker:?}, which nobody wrote"))
    }

    fn on_end(&mut self, key: usize, found: &Found) -> Verdict {
        let state = self.at(key);
        let terms = state.terms;
        let content = match found {
            Found::Row(Row { body: RowBody::Entry(body), .. }) => body.content.as_deref(),
            Found::Row(_) | Found::Absent | Found::Corrupt(_) => None,
        };
        let checked = match (content.map(Marker::stored_in), terms.required) {
            (None, None) => Ok(()),
            (None, Some(required)) => Err(format!("{} has nothing for {required:?}", state.name)),
            (Some(None), _) => Err(format!("{} holds what nobody wrote", state.name)),
            (Some(Some(marker)), _) => state.check(marker, terms).map(drop),
        };
        let operations = state.operations.rest(content);
        checked.map_err(|evidence| format!("`final`: {evidence}")).and(operations)
    }
}

#[cfg(test)]
mod tests;

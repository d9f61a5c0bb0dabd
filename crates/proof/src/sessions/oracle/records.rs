//! Who may write a record, and when it changes hands.

use std::sync::Arc;
use std::time::Duration;

use steadfast_core::record::{End, How, Lease, LeaseMode, PresenceState, RecordBody, push_end};
use steadfast_core::row::Birth;
use steadfast_core::{Batch, Condition, Monotonic, Revision, RowKey};

use super::parts::Parts;
use super::{Checked, Gone, Held, Logged, Record, SessionOracle, Stroke};
use crate::sessions::witness::Author;

/// The last late message has arrived after this.
const LATE_MAX: Duration = Duration::from_secs(130);

/// What a write does to a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is given to a session.
    Grant(Lease),
    /// It stays.
    Save,
    /// Its holder lets go, or its server does for a session that it does not have.
    Release,
    /// Its holder goes on under another id of its server.
    Adopt(Lease),
    /// An operator takes it away.
    Seize,
}

impl SessionOracle {
    /// Every condition of a batch held when it was written.
    pub(super) fn check_conditions(&self, batch: &Batch) -> Checked {
        for (key, condition) in &batch.conditions {
            let (code, found) = match key {
                RowKey::Record(entry) => {
                    let key = self.key_of.get(entry).map(|key| self.at(*key));
                    let record = key.and_then(|key| key.record.as_ref());
                    ("L1, L3", record.map(|record| record.revision))
                }
                RowKey::Entry(entry) => {
                    let key = self.key_of.get(entry).map(|key| self.at(*key));
                    ("W2, W9", key.and_then(|key| key.value).map(|value| value.revision))
                }
                RowKey::Presence(server) => {
                    let row = self.servers.get(server).and_then(|server| server.row);
                    ("L8", row.map(|row| row.revision))
                }
                RowKey::Mail(server, entry) => {
                    let key = self.key_of.get(entry);
                    let letter = key.and_then(|key| self.mail.get(&(*server, *key)));
                    ("Z1", letter.map(|letter| letter.revision))
                }
                RowKey::Store(_)
                | RowKey::Revision(..)
                | RowKey::ApiKey(_)
                | RowKey::Universe(_)
                | RowKey::Ordered(_)
                | RowKey::Review(..)
                | RowKey::Ends(_) => continue,
                RowKey::Ledger(entry, name) => {
                    let key = self.key_of.get(entry).map(|key| self.at(*key));
                    ("DO5", key.and_then(|key| key.ledger.revision(name)))
                }
            };
            let holds = match condition {
                Condition::Absent => found.is_none(),
                Condition::At(revision) => found == Some(*revision),
            };
            if !holds {
                return Err(format!("{code}: {condition:?} was let pass of {key} at {found:?}"));
            }
        }
        Ok(())
    }

    /// A record, its value, or both were written.
    pub(super) fn on_record(
        &mut self,
        stroke: Stroke,
        batch: &Batch,
        parts: &Parts<'_>,
    ) -> Checked {
        let named = parts.record.map(|(entry, ..)| entry);
        let Some(entry) = named.or(parts.entry.map(|(entry, ..)| entry)) else { return Ok(()) };
        let key = self.key(entry);
        let checked = match parts.record {
            None => self.on_value_alone(key, parts),
            Some((_, revision, body)) => self.on_body(stroke, key, (revision, body), batch, parts),
        };
        let checked = checked.and_then(|()| self.check_shape(stroke, key));
        checked.map_err(|evidence| {
            let Some(Record { revision, body, .. }) = &self.at(key).record else {
                return format!("{evidence}; {entry} was never held");
            };
            let lease = body.lease.map(|lease| (lease.server, lease.session));
            format!("{evidence}; {entry} stands at {revision}, {:?}, lease {lease:?}", body.fence)
        })
    }

    fn on_body(
        &mut self,
        stroke: Stroke,
        key: usize,
        (revision, body): (Revision, &RecordBody),
        batch: &Batch,
        parts: &Parts<'_>,
    ) -> Checked {
        let before = self.at(key).record.as_ref().map(|record| record.revision);
        let expected = before.map_or(1, |before| before.counter + 1);
        if revision.counter != expected || revision.tag != body.write_id.tag() {
            let write_id = body.write_id;
            return Err(format!("W2: {revision} was written by {write_id}, not {expected}"));
        }
        if let Author::Process(_) = stroke.author
            && !batch.conditions.iter().any(|(key, _)| matches!(key, RowKey::Record(_)))
        {
            return Err(format!("L1: {revision} was written whatever stood there"));
        }
        self.check_version(stroke, key, body)?;
        let change = self.classify(stroke, key, body)?;
        self.check_fence(key, change, body)?;
        self.check_end(stroke, key, change, body, parts)?;
        let displaced = self.at(key).holder;
        if let Change::Grant(lease) = change {
            self.grant(stroke, key, lease, before)?;
        }
        let session = match change {
            Change::Grant(lease) => self.session_of.get(&lease.session).copied(),
            Change::Save | Change::Release | Change::Adopt(_) => displaced,
            Change::Seize => None,
        };
        self.write_value(stroke, key, change, session, parts)?;
        if change == Change::Release {
            self.check_release(stroke, key)?;
        }
        self.settle(stroke, key, change, (revision, body), session, parts);
        Ok(())
    }

    /// What the write is, by who made it and what it makes of lease and fence.
    fn classify(&self, stroke: Stroke, key: usize, body: &RecordBody) -> Checked<Change> {
        let Some(before) = &self.at(key).record else {
            return match (stroke.author, body.lease) {
                (Author::Process(_), Some(lease)) if body.fence.counter == 1 => {
                    Ok(Change::Grant(lease))
                }
                (Author::Operator, None) if body.fence.counter == 1 => Ok(Change::Seize),
                (Author::Process(_) | Author::Operator, _) => {
                    Err(format!("L3: {:?} begins a record that nobody held", body.fence))
                }
            };
        };
        let (old, new) = (&before.body, body);
        if new.fence == old.fence {
            return self.under_fence(stroke, key, before, new);
        }
        // Who knows of later fences that the store lost steps over them.
        let may_leap = stroke.author != Author::Operator && !self.at(key).lost.is_empty();
        let is_next = new.fence.counter == old.fence.counter + 1;
        let is_leap = may_leap && new.fence.counter > old.fence.counter;
        if !(is_next || is_leap) {
            let is_late = new.fence.counter <= old.fence.counter;
            let code = if is_late { "L1, L4" } else { "L3" };
            return Err(format!(
                "{code}: a write under {:?} came after {:?}",
                new.fence, old.fence
            ));
        }
        match (stroke.author, old.lease, new.lease) {
            (Author::Operator, _, None) => Ok(Change::Seize),
            (Author::Operator, _, Some(_)) => Err("L3: an operator took a lease".to_owned()),
            (Author::Process(process), Some(lease), None) if self.owns(process, lease.server) => {
                Ok(Change::Release)
            }
            (Author::Process(_), Some(_), None) => {
                Err("L1: a lease was released by who does not hold it".to_owned())
            }
            (Author::Process(_), None, None) => Err("L4: a free record was released".to_owned()),
            (Author::Process(process), old, Some(lease)) => {
                if !self.owns(process, lease.server) {
                    return Err(format!("L8: a grant to {}, which never lived", lease.server));
                }
                if lease.session != new.fence.session {
                    let fence = new.fence;
                    return Err(format!("L3: a grant to {} under {fence:?}", lease.session));
                }
                let is_same = old.is_some_and(|old| old.session == lease.session);
                Ok(if is_same { Change::Adopt(lease) } else { Change::Grant(lease) })
            }
        }
    }

    /// A write that leaves the fence where it is.
    fn under_fence(
        &self,
        stroke: Stroke,
        key: usize,
        before: &Record,
        new: &RecordBody,
    ) -> Checked<Change> {
        let old = &before.body;
        let Some(lease) = old.lease else {
            return Err(format!("L1, L4: a free record was written under {:?}", old.fence));
        };
        let Some(holder) = self.at(key).holder.map(|holder| self.held(holder)) else {
            return Err(format!("L1: a lease of {}, which was never granted", lease.session));
        };
        if stroke.author != Author::Process(holder.process) {
            return Err(format!(
                "L1, L10: written under {:?}, which is that of process {}",
                old.fence, holder.process
            ));
        }
        // A grant begins with its own write, which the saves after it date.
        let since = Birth::At(lease.since.time(before.stamped_at));
        let is_dated = |new: Lease| new.since == since || holder.is_rewound;
        let is_kept = |new: Lease| Lease { since: lease.since, ..new } == lease && is_dated(new);
        if !new.lease.is_some_and(is_kept) {
            return Err(format!("L3: the lease became {:?} under one fence", new.lease));
        }
        let follows =
            new.save_seq == old.save_seq + 1 || (holder.is_rewound && new.save_seq > old.save_seq);
        if !follows {
            return Err(format!("L10: save {} came after {}", new.save_seq, old.save_seq));
        }
        Ok(Change::Save)
    }

    /// L5: no fence is there twice, except by a copy of the write that moved it, after a loss.
    fn check_fence(&mut self, key: usize, change: Change, body: &RecordBody) -> Checked {
        let (Change::Grant(_) | Change::Adopt(_)) = change else { return Ok(()) };
        let known = self.at_mut(key).fences.entry(body.fence).or_insert(body.write_id);
        if *known == body.write_id {
            return Ok(());
        }
        Err(format!("L5: {:?} was granted by {known} already", body.fence))
    }

    /// The end of a grant is written down as it was, by the write that ends it.
    fn check_end(
        &mut self,
        stroke: Stroke,
        key: usize,
        change: Change,
        body: &RecordBody,
        parts: &Parts<'_>,
    ) -> Checked {
        let state = self.at(key);
        let (Some(record), Some(lease)) = (&state.record, state.lease()) else { return Ok(()) };
        let old = &record.body;
        let last = parts.ends.and_then(|ends| ends.last()).copied();
        let how = last.map(|end| end.how);
        let (save_seq, write_id) = match change {
            Change::Save | Change::Adopt(_) => return Ok(()),
            Change::Release => (body.save_seq, body.write_id),
            Change::Grant(_) | Change::Seize => (old.save_seq, old.write_id),
        };
        let fits = match change {
            Change::Release => how == Some(How::Released),
            Change::Seize => matches!(how, Some(How::Stolen | How::Edited)),
            Change::Grant(_) => matches!(how, Some(How::Taken | How::Stolen | How::Released)),
            Change::Save | Change::Adopt(_) => true,
        };
        let end = last.map(|last| End { fence: old.fence, save_seq, write_id, how: last.how });
        if !fits || end != last {
            return Err(format!("W5: the end of {:?} was written down as {last:?}", old.fence));
        }
        let ends = end.map(|end| push_end(&state.ends, end));
        if ends.as_ref() != parts.ends {
            return Err(format!("W5: the ends became {:?}", parts.ends));
        }
        if let Change::Grant(_) = change
            && how != Some(How::Stolen)
        {
            self.check_due(stroke, key, lease)?;
        }
        Ok(())
    }

    /// L7: whoever lives, renews and is connected keeps what it holds.
    fn check_due(&self, stroke: Stroke, key: usize, lease: Lease) -> Checked {
        let Author::Process(process) = stroke.author else { return Ok(()) };
        let state = self.at(key);
        if self.owns(process, lease.server) {
            // It is asked for what it holds itself: no session of it may have the record.
            let mut active = self.process(process).active.iter();
            return if active.any(|(active, _)| Some(*active) == state.holder) {
                Err(format!("L7: taken from session {} of the same process", lease.session))
            } else {
                Ok(())
            };
        }
        let row = self.servers.get(&lease.server).and_then(|server| server.row);
        let lives = row.is_some_and(|row| {
            row.state == PresenceState::Alive && (row.home.is_none() || row.home == self.opening)
        });
        let Some(record) = &state.record else { return Ok(()) };
        let ran_out = match lease.mode {
            LeaseMode::Presence | LeaseMode::Unknown(_) => false,
            LeaseMode::Timeout(timeout) => {
                let passed = record.written_at.map(|at| stroke.now.saturating_since(at));
                stroke.stamped_at.saturating_since(record.stamped_at) > timeout
                    || passed.is_none_or(|passed| passed > timeout)
            }
        };
        if self.is_revived(stroke.now, lease) {
            return Ok(());
        }
        if lives && !ran_out {
            return Err(format!(
                "L7: taken from session {} of server {}, which is alive: {row:?}",
                lease.session, lease.server
            ));
        }
        if let Some(holder) = state.holder {
            self.check_no_belief(stroke.now, holder)?;
        }
        Ok(())
    }

    /// Whether who has it was dead a while ago, before the store lost that: a grant that was planned
    /// then may still come, and who has it cannot know before it looks.
    fn is_revived(&self, now: Monotonic, lease: Lease) -> bool {
        let revived_at = self.servers.get(&lease.server).and_then(|server| server.revived_at);
        revived_at.is_some_and(|at| now.saturating_since(at) < LATE_MAX)
    }

    /// A session gets the record.
    fn grant(
        &mut self,
        stroke: Stroke,
        key: usize,
        lease: Lease,
        granted_over: Option<Revision>,
    ) -> Checked {
        let Author::Process(process) = stroke.author else { return Ok(()) };
        if !self.owns(process, lease.server) {
            return Err(format!("L8: a grant to {}, which never lived", lease.server));
        }
        if let Some(known) = self.session_of.get(&lease.session) {
            let held = self.held_mut(*known);
            if (held.key, held.process) != (key, process) {
                return Err(format!("L5: session {} was granted twice", lease.session));
            }
            held.gone = None;
            return Ok(());
        }
        self.sessions.push(Held::new(lease.session, key, process, granted_over));
        self.session_of.insert(lease.session, self.sessions.len() - 1);
        Ok(())
    }

    /// Books what was found to be right.
    fn settle(
        &mut self,
        stroke: Stroke,
        key: usize,
        change: Change,
        (revision, body): (Revision, &RecordBody),
        session: Option<usize>,
        parts: &Parts<'_>,
    ) {
        let how = parts.ends.and_then(|ends| ends.last()).map(|end| end.how);
        let before = self.at(key).lease();
        let is_revived = before.is_some_and(|lease| self.is_revived(stroke.now, lease));
        let state = self.at_mut(key);
        let marker = state.value.and_then(|value| value.marker);
        let is_release = change == Change::Release;
        state.log.push(Logged { tag: revision.tag, session, marker, is_release });
        let (stamped_at, written_at) = (stroke.stamped_at, Some(stroke.now));
        state.record = Some(Record { revision, stamped_at, body: body.clone(), written_at });
        if let Some(ends) = parts.ends {
            state.ends = Arc::clone(ends);
        }
        let (value, before) = (state.value, state.holder);
        let (holder, gone) = match change {
            Change::Save | Change::Adopt(_) => return,
            Change::Release => (None, Gone::Released),
            Change::Seize => (None, Gone::Edited),
            Change::Grant(_) if how == Some(How::Stolen) => (session, Gone::Stolen),
            Change::Grant(_) if is_revived => (session, Gone::Forgotten),
            Change::Grant(_) => (session, Gone::Taken),
        };
        state.holder = holder;
        if let Some(before) = before.filter(|before| Some(*before) != holder) {
            self.held_mut(before).gone = Some(gone);
        }
        if let Some(holder) = holder {
            self.held_mut(holder).granted = value;
        }
    }
}

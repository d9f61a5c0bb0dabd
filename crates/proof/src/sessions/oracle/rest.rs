//! What stands after a loss, and when all has come to rest.

use std::sync::Arc;
use std::time::Duration;

use steadfast_core::game_server::GameServer;
use steadfast_core::record::{PresenceBody, PresenceState, RecordBody};
use steadfast_core::{Found, Monotonic, Now, Revision, Row, RowBody, RowKey, ServerId, SessionId};
use steadfast_storage::Rows;

use super::schemas::versions_of;
use super::{Checked, Gone, Key, Letter, PresenceRow, Record, SessionOracle, Value};
use crate::sessions::history::Lineage;
use crate::sessions::witness::Marker;

/// How old mail to a living server may grow.
const MAIL_AGE_MAX: Duration = Duration::from_secs(10);

/// A process that lives when all has come to rest.
#[derive(Clone, Debug)]
pub(super) struct Living {
    pub(super) process: usize,
    pub(super) server: ServerId,
    pub(super) sessions: Vec<SessionId>,
}

impl SessionOracle {
    /// Everything has come to rest: these are all processes that live, and these the rows. A record
    /// that a dead process held may still name it, until somebody asks for it.
    pub(in super::super) fn at_rest<'a>(
        &mut self,
        now: Now,
        rows: &Rows,
        servers: impl IntoIterator<Item = (usize, &'a GameServer)>,
    ) {
        let living = servers.into_iter().map(|(process, server)| {
            let sessions = server.sessions().map(|(handle, _)| handle.id).collect();
            Living { process, server: server.id(), sessions }
        });
        let living: Vec<Living> = living.collect();
        self.note(|this| this.on_rest(now.mono, rows, &living));
    }

    /// Z2: what a process sent while the store answered nothing. Each session and opening, and the
    /// presence, the mail and one comparison of records beside them, may send once in
    /// `resend_every`: that is the multiple of what they send otherwise.
    pub(in super::super) fn sent_in_outage(
        &mut self,
        process: usize,
        lasted: Duration,
        lanes: u64,
        sent: u64,
    ) {
        let every = self.settings.resend_every.max(Duration::from_millis(1));
        let turns = u64::try_from(lasted.as_nanos() / every.as_nanos()).unwrap_or(u64::MAX);
        let most = turns.saturating_add(3).saturating_mul(lanes.saturating_add(3));
        self.note(|_| {
            if sent <= most {
                return Ok(());
            }
            Err(format!(
                "Z2: process {process} sent {sent} commands in an outage of {lasted:?}, \
                at most {most} are due to {lanes} sessions and openings"
            ))
        });
    }

    pub(super) fn on_rest(&self, now: Monotonic, rows: &Rows, living: &[Living]) -> Checked {
        self.check_rows(rows)?;
        for ((process, ticket), pending) in &self.pending {
            let age = now.saturating_since(pending.asked_at);
            if age > self.patience(&pending.purpose) {
                let purpose = &pending.purpose;
                return Err(format!(
                    "Z1, W4: {ticket:?} of process {process} has no answer for \
                    {age:?}, {purpose:?}"
                ));
            }
        }
        for ((server, key), letter) in &self.mail {
            let age = now.saturating_since(letter.put_at);
            if age > MAIL_AGE_MAX && living.iter().any(|it| it.server == *server) {
                let entry = &self.at(*key).entry;
                return Err(format!("Z1: mail to {server} about {entry} is {age:?} old"));
            }
        }
        for (index, key) in self.keys.iter().enumerate() {
            self.check_free(key, living)?;
            self.check_promises(index)?;
            key.ledger.check_rows(&key.entry, rows)?;
        }
        self.check_returned()
    }

    /// W1: what stands in the store is what was written last.
    fn check_rows(&self, rows: &Rows) -> Checked {
        for key in &self.keys {
            let record = rows.get(&RowKey::Record(key.entry.clone())).revision();
            let known = key.record.as_ref().map(|record| record.revision);
            let value = rows.get(&RowKey::Entry(key.entry.clone())).revision();
            if (record, value) != (known, key.value.map(|value| value.revision)) {
                let entry = &key.entry;
                return Err(format!(
                    "W1: {entry} stands at {record:?} and {value:?}, not {known:?} \
                    and {:?}",
                    key.value
                ));
            }
        }
        Ok(())
    }

    /// L6, L9: a record is free, can be taken, or is held by a session that its server has.
    fn check_free(&self, key: &Key, living: &[Living]) -> Checked {
        let Some(lease) = key.lease() else { return Ok(()) };
        let Some(server) = self.servers.get(&lease.server) else {
            return Err(format!(
                "L9: {} is held by {}, which never lived",
                key.entry, lease.server
            ));
        };
        let Some(holder) = living.iter().find(|it| it.process == server.process) else {
            return Ok(());
        };
        let is_dead = server.row.is_none_or(|row| row.state == PresenceState::Dead);
        let has = holder.sessions.contains(&lease.session);
        if has && holder.server == lease.server || is_dead && holder.server != lease.server {
            return Ok(());
        }
        Err(format!(
            "L6, L9: {} is held by session {} of {}, of which process {} knows nothing",
            key.entry, lease.session, lease.server, server.process
        ))
    }

    /// A fail-over lost what came after these rows.
    pub(super) fn on_rewound(&mut self, now: Monotonic, rows: &Rows) {
        self.has_lost = true;
        let whole = self.whole_transactions();
        for key in 0..self.keys.len() {
            self.rewind_key(key, rows);
            let entry = self.at(key).entry.clone();
            self.at_mut(key).ledger.rewind(now, &entry, rows);
        }
        self.note_lost_transactions(now, &whole);
        for (id, server) in &mut self.servers {
            let Found::Row(row) = rows.get(&RowKey::Presence(*id)) else {
                server.row = None;
                continue;
            };
            if let Row { revision, stamped_at, body: RowBody::Presence(body), .. } = row
                && server.row.is_none_or(|row| row.revision != revision)
            {
                let PresenceBody { state, seq, home, .. } = body;
                let was_dead = server.row.is_some_and(|row| row.state == PresenceState::Dead);
                if was_dead && state == PresenceState::Alive {
                    server.revived_at = Some(now);
                }
                let written_at = None;
                server.row =
                    Some(PresenceRow { revision, state, seq, home, stamped_at, written_at });
            }
        }
        let before = std::mem::take(&mut self.mail);
        for row in rows.iter() {
            let RowKey::Mail(server, entry) = &row.key else { continue };
            let place = (*server, self.key(entry));
            let known = before.get(&place).filter(|letter| letter.revision == row.revision);
            let letter = Letter { revision: row.revision, put_at: now };
            self.mail.insert(place, known.copied().unwrap_or(letter));
        }
        for process in &mut self.processes {
            let is_dead = |id: &ServerId| {
                let row = self.servers.get(id).and_then(|server| server.row);
                row.is_none_or(|row| row.state == PresenceState::Dead)
            };
            process.declared_dead = process.declared_dead.filter(is_dead);
        }
    }

    fn rewind_key(&mut self, key: usize, rows: &Rows) {
        let entry = self.at(key).entry.clone();
        let record = rows.get(&RowKey::Record(entry.clone()));
        let value = rows.get(&RowKey::Entry(entry.clone()));
        let state = self.at(key);
        let known = state.record.as_ref().map(|record| record.revision);
        if (record.revision(), value.revision()) == (known, state.value.map(|value| value.revision))
        {
            return;
        }
        let ends = match rows.get(&RowKey::Ends(entry)) {
            Found::Row(Row { body: RowBody::Ends(ends), .. }) => ends,
            Found::Row(_) | Found::Absent | Found::Corrupt(_) => Arc::default(),
        };
        let state = self.at_mut(key);
        state.value = value_of(&state.lineage, &value);
        state.ends = ends;
        let kept = record.revision().map_or(0, |revision| revision.counter);
        forget(state, kept, record.revision());
        state.record = record_of(&record);
        let holder = state.lease().and_then(|lease| self.session_of.get(&lease.session).copied());
        self.at_mut(key).holder = holder;
        for (index, held) in self.sessions.iter_mut().enumerate() {
            if held.key != key {
                continue;
            }
            held.is_rewound = true;
            held.saved = None;
            if Some(index) == holder {
                held.gone = None;
            } else if held.gone.is_none() {
                held.gone = Some(Gone::Forgotten);
            }
        }
    }
}

/// Puts aside what was written after a revision and is lost.
fn forget(state: &mut Key, kept: u64, revision: Option<Revision>) {
    while let Some(last) = state.log.last().copied() {
        let counter = u64::try_from(state.log.len()).expect("an address has at most 64 bits");
        if counter < kept || Some(Revision { counter, tag: last.tag }) == revision {
            break;
        }
        state.log.pop();
        state.lost.push((counter, last));
    }
}

fn record_of(found: &Found) -> Option<Record> {
    let Found::Row(Row { revision, stamped_at, body: RowBody::Record(body), .. }) = found else {
        return None;
    };
    let (revision, stamped_at, body): (_, _, RecordBody) = (*revision, *stamped_at, body.clone());
    Some(Record { revision, stamped_at, body, written_at: None })
}

fn value_of(lineage: &Lineage, found: &Found) -> Option<Value> {
    let Found::Row(Row { revision, body: RowBody::Entry(body), .. }) = found else { return None };
    let marker = body.content.as_deref().and_then(Marker::stored_in);
    let span = marker.and_then(|marker| lineage.find(marker));
    // What is kept was judged when it was written.
    let (version, stamp) = versions_of(body.content.as_deref()).unwrap_or_default();
    let (revision, is_live) = (*revision, body.content.is_some());
    Some(Value { revision, is_live, marker, version, stamp, span })
}

//! Servers, their deaths, and mail.

use std::time::Duration;

use steadfast_core::record::{MailBody, MailKind, PresenceBody, PresenceState};
use steadfast_core::{EntryId, Monotonic, Revision, ServerId};

use super::{Checked, Letter, PresenceRow, Server, SessionOracle, Stroke};
use crate::sessions::witness::Author;

impl SessionOracle {
    /// The presence of a server was written.
    pub(super) fn on_presence(
        &mut self,
        stroke: Stroke,
        id: ServerId,
        revision: Revision,
        body: &PresenceBody,
    ) -> Checked {
        let Author::Process(process) = stroke.author else {
            return Err(format!("L8: an operator wrote the presence of {id}"));
        };
        let known = self.servers.get(&id).copied();
        match known.and_then(|server| server.row.map(|row| (server, row))) {
            None => check_creation(id, known, revision, body, process)?,
            Some((server, row)) => self.check_renewal(stroke, id, server, row, revision, body)?,
        }
        let row = PresenceRow {
            revision,
            state: body.state,
            seq: body.seq,
            home: body.home,
            stamped_at: stroke.stamped_at,
            written_at: Some(stroke.now),
        };
        let made = Server { process, created: revision.tag, row: None, revived_at: None };
        self.servers.entry(id).or_insert(made).row = Some(row);
        Ok(())
    }

    fn check_renewal(
        &mut self,
        stroke: Stroke,
        id: ServerId,
        server: Server,
        row: PresenceRow,
        revision: Revision,
        body: &PresenceBody,
    ) -> Checked {
        let is_own = stroke.author == Author::Process(server.process);
        if row.state == PresenceState::Dead {
            return Err(format!("L8: {id} was written after its death, {:?}", body.state));
        }
        if revision.counter != row.revision.counter + 1 || body.home != row.home {
            return Err(format!("L8: {revision} of {id} was written over {}", row.revision));
        }
        match (body.state, is_own) {
            (PresenceState::Alive, true) if body.seq > row.seq => Ok(()),
            (PresenceState::Alive, true) => {
                Err(format!("L8: {id} renewed from {} to {}", row.seq, body.seq))
            }
            (PresenceState::Alive, false) => Err(format!("L8: another renewed {id}")),
            (PresenceState::Dead, true) => Ok(()),
            (PresenceState::Dead, false) => self.check_death(stroke, id, server, row),
        }
    }

    /// Somebody else declares a server dead.
    fn check_death(
        &mut self,
        stroke: Stroke,
        id: ServerId,
        server: Server,
        row: PresenceRow,
    ) -> Checked {
        if row.home.is_some() {
            // It lives as long as its opening, and nobody need declare anything.
            if row.home != self.opening {
                return Ok(());
            }
            return Err(format!("L8: {id}, at home in this opening, was declared dead"));
        }
        self.check_expiry(stroke, id, row)?;
        self.check_outage(stroke, id)?;
        // An id that a fail-over made the process give up, revived by a late creation, is nobody's.
        let state = self.processes.get(server.process).filter(|state| state.id == Some(id));
        let lasting = state.and_then(|state| state.until);
        if let Some(until) = lasting
            && let Some(left) = self.lasts(stroke.now, server.process, until)
        {
            return Err(format!(
                "L2, L8: {id} was declared dead, and process {} believes in it for {left:?} more",
                server.process
            ));
        }
        self.process_mut(server.process).declared_dead = Some(id);
        Ok(())
    }

    /// It is due: by the store's time, and by a watch in which nothing was renewed.
    fn check_expiry(&self, stroke: Stroke, id: ServerId, row: PresenceRow) -> Checked {
        let (timeout, watch) = (self.settings.presence_timeout, self.settings.watch);
        let Some(renewed_at) = row.written_at else { return Ok(()) };
        let passed = stroke.now.saturating_since(renewed_at);
        if passed < nearly(watch) {
            return Err(format!("L7, L8: {id} was declared dead {passed:?} after a renewal"));
        }
        let clock = &self.store_clock;
        if clock.gained().max(clock.lost()) > self.settings.margin {
            return Ok(());
        }
        let by_stamps = stroke.stamped_at.saturating_since(row.stamped_at);
        if passed.max(by_stamps) < nearly(timeout) {
            return Err(format!("L7, L8: {id} was declared dead {by_stamps:?} after a renewal"));
        }
        let open_for = stroke.now.saturating_since(self.opened_at);
        if renewed_at < self.opened_at && open_for < nearly(timeout) {
            return Err(format!("L8: {id} was declared dead {open_for:?} after an opening"));
        }
        Ok(())
    }

    /// An outage kills nobody: who declares watched a store that answered.
    fn check_outage(&self, stroke: Stroke, id: ServerId) -> Checked {
        let (Author::Process(process), Some(ended)) = (stroke.author, self.outage.ended) else {
            return Ok(());
        };
        let settings = &self.settings;
        let shortest = settings.call_deadline + settings.poll_every * 2 + Duration::from_secs(1);
        let lasted = ended.saturating_since(self.outage.began);
        let since = stroke.now.saturating_since(ended);
        let (gone, back) = self.process(process).gap;
        let was_away = gone < ended && back > self.outage.began;
        if lasted < shortest || since >= nearly(settings.watch) || was_away {
            return Ok(());
        }
        Err(format!("L8: {id} was declared dead {since:?} after an outage of {lasted:?}"))
    }

    /// Somebody put mail.
    pub(super) fn on_mail(
        &mut self,
        now: Monotonic,
        server: ServerId,
        entry: &EntryId,
        revision: Revision,
        body: MailBody,
    ) {
        let key = self.key(entry);
        self.mail.insert((server, key), Letter { revision, put_at: now });
        if body.kind != MailKind::Operation
            && let Some(session) = self.session_of.get(&body.fence.session).copied()
        {
            self.held_mut(session).is_asked_to_go = true;
        }
    }
}

/// A row comes into being once, for an id of its own.
fn check_creation(
    id: ServerId,
    known: Option<Server>,
    revision: Revision,
    body: &PresenceBody,
    process: usize,
) -> Checked {
    let is_first = revision.counter == 1 && body.state == PresenceState::Alive;
    // A late copy of the creation itself may come again after the store lost it.
    let is_again =
        known.is_none_or(|server| (server.created, server.process) == (revision.tag, process));
    if is_first && is_again {
        return Ok(());
    }
    Err(format!("L8: {revision}, {:?}, was written for {id}, which has no row", body.state))
}

/// A time less what clocks within their bounds may make of it.
fn nearly(time: Duration) -> Duration {
    time.saturating_sub(time / 20)
}

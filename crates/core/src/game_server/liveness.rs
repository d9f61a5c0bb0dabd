//! Whether the server is alive, and what that means for its sessions.

use std::sync::Arc;

use crate::game_server::calls::Owner;
use crate::game_server::{Effects, Event, GameServer, Priority, ServerEvent, SessionHandle};
use crate::id::WriteId;
use crate::outcome::Outcome;
use crate::platform::PlatformError;
use crate::presence::{Change, mail_of};
use crate::record::{
    CHECKED_MAX, LeaseMode, PresenceOutcome, PresenceRefusal, PresenceState, RecordCommand,
    StoredRecord,
};
use crate::session::SessionState;
use crate::time::Monotonic;

impl GameServer {
    pub(super) fn on_presence(
        &mut self,
        now: Monotonic,
        write_id: WriteId,
        command: &RecordCommand,
        outcome: &PresenceOutcome,
        out: &mut Effects,
    ) {
        let is_end = matches!(command, RecordCommand::WritePresence { body, .. }
            if body.state == PresenceState::Dead);
        let change = if is_end && outcome.clone().committed().is_some() {
            self.presence.on_end_committed()
        } else {
            let settings = Arc::clone(&self.settings);
            self.presence.on_outcome(now, write_id, outcome, &settings, &mut self.rng)
        };
        self.on_change(now, &change, out);
        match outcome {
            // It was committed by an earlier copy, whose answer had the mail.
            Outcome::Refused(PresenceRefusal::Moved(Some(_))) if self.presence.is_live(now) => {
                let command = Arc::new(RecordCommand::ReadMail { server: self.presence.id() });
                self.send(now, Owner::Mail, Priority::Presence, command, out);
            }
            Outcome::Refused(_) | Outcome::Committed(_) | Outcome::Unknown => {
                self.on_mail(now, mail_of(outcome), out);
            }
        }
    }

    /// What the presence became.
    pub(super) fn on_change(&mut self, now: Monotonic, change: &Change, out: &mut Effects) {
        match change {
            Change::Nothing => {}
            Change::Live => {
                self.stretch += 1;
                self.live_since = now;
                out.events.push(Event::Server(ServerEvent::Live(self.presence.id())));
                self.compare_all(now, out);
                self.kick_openings(now, out);
            }
            Change::Dead(before) => {
                out.events.push(Event::Server(ServerEvent::Dead(*before)));
                self.suspend_all(out);
                self.poll_presence_soon(now, out);
            }
            Change::WentBack => {
                out.events.push(Event::Server(ServerEvent::WentBack));
                self.suspend_all(out);
                self.poll_presence_soon(now, out);
            }
            Change::Copied => self.stop(now, out),
            Change::Ended => self.on_ended(out),
        }
    }

    /// Sends what the presence needs at once.
    pub(super) fn poll_presence_soon(&mut self, now: Monotonic, out: &mut Effects) {
        let command = self.presence.command(now, &Arc::clone(&self.settings), &mut self.rng);
        if let Some(command) = command {
            let write_id = command.write_id().expect("a presence that begins anew is written");
            self.send(now, Owner::Presence(write_id), Priority::Presence, Arc::new(command), out);
        }
    }

    /// Every session that cannot show that nobody has its record is suspended.
    pub(super) fn suspend_all(&mut self, out: &mut Effects) {
        for handle in self.table.handles() {
            let Some(session) = self.table.get_mut(handle) else { continue };
            if matches!(session.mode(), LeaseMode::Timeout(_)) {
                continue;
            }
            session.is_compared = false;
            if session.state == SessionState::Active {
                self.set_state(handle, SessionState::Suspended, out);
            }
        }
    }

    /// Time has passed: whoever cannot believe any more does not.
    pub(super) fn expire_beliefs(
        &mut self,
        now: Monotonic,
        handle: SessionHandle,
        out: &mut Effects,
    ) {
        if self.presence.doubts(now) {
            out.events.push(Event::Server(ServerEvent::Doubtful));
            self.suspend_all(out);
        }
        let is_doubtful = !self.presence.is_live(now);
        if let Some(session) = self.table.get_mut(handle)
            && session.state == SessionState::Active
            && session.is_in_doubt(now, is_doubtful)
        {
            session.is_compared = false;
            if matches!(session.mode(), LeaseMode::Timeout(_)) {
                // Only a write can show that nobody took it.
                session.autosave_at = Some(now);
            }
            self.set_state(handle, SessionState::Suspended, out);
        }
    }

    /// The server is live anew: each session is looked at before it is active again.
    pub(super) fn compare_all(&mut self, now: Monotonic, out: &mut Effects) {
        let me = self.presence.id();
        let mut compared = Vec::new();
        for handle in self.table.handles() {
            let Some(session) = self.table.get_mut(handle) else { continue };
            session.retry_at = None;
            if session.server() != Some(me) {
                self.step_session(now, handle, out);
            } else if !session.is_compared {
                compared.push(handle);
            }
        }
        for handles in compared.chunks(CHECKED_MAX) {
            self.check_again(now, self.stretch, handles.to_vec(), out);
        }
    }

    /// Compares the records of sessions, as long as the server is live without a break.
    pub(super) fn check_again(
        &mut self,
        now: Monotonic,
        stretch: u64,
        mut handles: Vec<SessionHandle>,
        out: &mut Effects,
    ) {
        handles.retain(|handle| self.table.get(*handle).is_some());
        if stretch != self.stretch || !self.presence.is_live(now) || handles.is_empty() {
            return;
        }
        let entry = |handle: &SessionHandle| self.table.get(*handle).map(|it| it.entry.clone());
        let entries = handles.iter().filter_map(entry).collect();
        let command = Arc::new(RecordCommand::Check(entries));
        self.send(now, Owner::Check(stretch, handles), Priority::Presence, command, out);
    }

    pub(super) fn on_checked(
        &mut self,
        now: Monotonic,
        stretch: u64,
        handles: &[SessionHandle],
        found: &[Result<Option<StoredRecord>, PlatformError>],
        out: &mut Effects,
    ) {
        if stretch != self.stretch || !self.presence.is_live(now) {
            return;
        }
        for (handle, found) in handles.iter().zip(found) {
            let Some(session) = self.table.get_mut(*handle) else { continue };
            let revision = found.as_ref().ok().and_then(|it| it.as_ref()).map(|it| it.revision);
            if revision == session.base.record {
                session.is_compared = true;
                self.resume(now, *handle, out);
            } else {
                session.must_look = true;
                session.retry_at = None;
            }
            self.step_session(now, *handle, out);
        }
    }
}

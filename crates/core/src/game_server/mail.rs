//! Mail, and leases that name this server without a session that knows of them.
//!
//! Mail is a hint: each piece names the fence that it is about, and means nothing under any other.
//! A server that is asked for a record that it does not have lets go of it all the same: else a
//! grant whose opening was given up would hold the record for as long as the server lives.

use std::sync::Arc;

use crate::game_server::calls::Owner;
use crate::game_server::{
    Effects, GameServer, Hint, HintKind, Priority, SessionHandle, finish, tell,
};
use crate::id::EntryId;
use crate::planted::Flaw;
use crate::platform::{EntryBase, StoreBase};
use crate::record::{
    Data, End, Fence, How, Mail, MailBody, MailKind, RecordAnswer, RecordBase, RecordBody,
    RecordCommand, RecordReply, RecordView, RecordWrite, With,
};
use crate::session::{SessionEvent, SessionState};
use crate::time::{Monotonic, Now};

impl GameServer {
    pub(super) fn on_mail(&mut self, now: Monotonic, mail: &[Mail], out: &mut Effects) {
        for mail in mail {
            let is_handled = match mail.body.kind {
                MailKind::HandOff => self.on_hand_off(now, &mail.entry, mail.body, out),
                MailKind::Revoked => self.on_revoked(now, &mail.entry, mail.body, out),
                MailKind::Operation => true,
            };
            // Later mail stands in the place of earlier: what asked for a hand-off, and is not
            // followed, may have told of an operation before.
            self.on_work(now, &mail.entry, out);
            if is_handled {
                let (server, entry, at) = (self.presence.id(), mail.entry.clone(), mail.revision);
                let command = Arc::new(RecordCommand::DeleteMail { server, entry, at });
                self.send(now, Owner::Nobody, Priority::Open, command, out);
            }
        }
    }

    /// A message of another game server. It says no more than the mail or the record itself, a
    /// little earlier.
    pub fn on_hint(&mut self, now: Now, hint: &Hint, out: &mut Effects) {
        let now = self.tick(now, out);
        if hint.to == self.presence.id() {
            match hint.what {
                HintKind::Mail(body) => match body.kind {
                    MailKind::HandOff => drop(self.on_hand_off(now, &hint.entry, body, out)),
                    MailKind::Revoked => drop(self.on_revoked(now, &hint.entry, body, out)),
                    MailKind::Operation => self.on_work(now, &hint.entry, out),
                },
                HintKind::Free => {
                    if let Some(ticket) = self.opening_of.get(&hint.entry).copied() {
                        self.hurry_opening(now, ticket, out);
                    }
                }
            }
        }
        finish(out);
    }

    /// Somebody waits for a record. True if the mail may go.
    fn on_hand_off(
        &mut self,
        now: Monotonic,
        entry: &EntryId,
        mail: MailBody,
        out: &mut Effects,
    ) -> bool {
        let releases = self.settings.release_on_hand_off;
        let any_fence = self.flaws.has(Flaw::HandOffWithoutFence);
        let Some(handle) = self.table.find(entry) else {
            if self.is_opening(entry) {
                // Whether the lease is that of the opening is known when it is over.
                return false;
            }
            if !self.flaws.has(Flaw::NoOrphanRelease) {
                self.release_orphan(now, entry.clone(), out);
            }
            return true;
        };
        let Some(session) = self.table.get_mut(handle) else { return true };
        if session.fence() != mail.fence && !any_fence {
            return true;
        }
        if session.state() != SessionState::Releasing {
            session.waiter = Some(mail.waiter);
            let event = SessionEvent::HandOffRequested { waiter: mail.waiter };
            tell(handle, entry, event, out);
            if releases {
                self.begin_release(now, handle, out);
            }
        }
        true
    }

    /// A lease was taken away. The record itself must say so: mail may be late.
    fn on_revoked(
        &mut self,
        now: Monotonic,
        entry: &EntryId,
        mail: MailBody,
        out: &mut Effects,
    ) -> bool {
        let Some(handle) = self.table.find(entry) else { return true };
        let Some(session) = self.table.get_mut(handle) else { return true };
        if session.fence() != mail.fence {
            return true;
        }
        session.is_compared = false;
        session.must_look = true;
        session.retry_at = None;
        if session.state() == SessionState::Active {
            self.set_state(handle, SessionState::Suspended, out);
        }
        self.step_session(now, handle, out);
        true
    }

    /// A session's record was read, because something about it was in doubt.
    pub(super) fn on_session_read(
        &mut self,
        now: Monotonic,
        sent_at: Monotonic,
        handle: SessionHandle,
        view: &RecordView,
        out: &mut Effects,
    ) {
        if let Some(session) = self.table.get_mut(handle) {
            session.call = None;
        }
        self.on_session_view(now, sent_at, handle, view, out);
    }

    /// Looks whether a record names this server although no session of it has it, and releases it.
    pub(super) fn release_orphan(&mut self, now: Monotonic, entry: EntryId, out: &mut Effects) {
        if !self.orphans.insert(entry.clone()) {
            return;
        }
        let command =
            Arc::new(RecordCommand::Read { entry: entry.clone(), with: With::DataIfFree });
        self.send(now, Owner::Orphan(entry), Priority::Release, command, out);
    }

    /// What came of looking at an orphan, or of releasing it. Whatever fails is tried again when the
    /// next one asks for the record.
    pub(super) fn on_orphan(
        &mut self,
        now: Monotonic,
        entry: &EntryId,
        answer: RecordAnswer,
        out: &mut Effects,
    ) {
        let Ok(RecordReply::Read(view)) = answer else {
            self.orphans.remove(entry);
            return;
        };
        let is_known = self.table.find(entry).is_some() || self.is_opening(entry);
        let write = if is_known { None } else { self.orphan_release(&view) };
        match write {
            None => {
                self.orphans.remove(entry);
            }
            Some(write) => {
                let command = Arc::new(RecordCommand::Write(Box::new(write)));
                self.send(now, Owner::Orphan(entry.clone()), Priority::Release, command, out);
            }
        }
    }

    /// The release of a lease that names this server.
    fn orphan_release(&mut self, view: &RecordView) -> Option<RecordWrite> {
        let record = view.record.as_ref()?;
        let lease = record.body.lease.filter(|lease| lease.server == self.presence.id())?;
        let write_id = self.new_write_id();
        let RecordBody { fence, save_seq, .. } = record.body;
        let save_seq = save_seq + 1;
        let next = Fence { counter: fence.counter + 1, session: lease.session };
        let lease = None;
        let body = RecordBody { lease, fence: next, save_seq, write_id, ..record.body.clone() };
        let end = Some(End { fence, save_seq, write_id, how: How::Released });
        // Nothing of the entry is written, and nothing of it need be known.
        let entry = EntryBase { entry: None, row: None, store: StoreBase::Unread };
        let base = RecordBase { record: Some(record.revision), entry };
        let (entry, data) = (view.entry.clone(), Data::Keep);
        Some(RecordWrite { end, ..RecordWrite::new(entry, base, body, data) })
    }
}

//! What some run must meet: every row of the protocol's tables, as it shows in batches, answers and
//! events. A world in which one of them never happens no longer attacks it.

use steadfast_core::game_server::{Event, Outgoing, ServerEvent};
use steadfast_core::record::{
    ENDS_MAX, How, Lease, MailKind, PresenceBody, PresenceRefusal, PresenceState, RecordAnswer,
    RecordBody, RecordCommand, RecordRefusal, RecordReply, RecordView, RecordWrite,
};
use steadfast_core::session::{LossReason, OpenError, SaveError, SessionEvent, SessionState};
use steadfast_core::{Batch, Found, OpeningId, Outcome, Row, RowBody, RowKey, Write};
use steadfast_sim::Totals;
use steadfast_storage::Rows;

use super::process::Process;
use super::witness::Author;

macro_rules! marks {
    ($($mark:ident: $name:literal,)*) => {
        /// Something that some run must meet.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Mark {
            $(#[doc = $name] $mark,)*
        }

        impl Mark {
            const ALL: &[(Self, &'static str)] = &[$((Self::$mark, $name),)*];
        }
    };
}

marks! {
    Lagged: "an opening read from a copy that was behind",
    LateWritten: "a batch was written after its caller had given up",
    LateRefused: "a batch was refused after its caller had given up",
    CrashWrote: "a batch was written by a store that ended",
    LostCommits: "a fail-over lost acknowledged commits",
    LostRenewals: "a power cut lost renewals",
    KilledWithSessions: "a process was killed with sessions",
    RenewalCommitted: "presence: a renewal was committed",
    RenewalUnknown: "presence: what became of a renewal was unknown",
    RenewalWasOwn: "presence: a renewal was refused by an earlier copy of itself",
    RenewalFoundDead: "presence: a renewal found its server dead",
    RenewalFoundNothing: "presence: a renewal found no row",
    StoreWentBack: "presence: the store had lost renewals",
    Doubtful: "presence: a server could not renew in time",
    NewId: "presence: a server went on under another id",
    DeathDeclared: "verdict: a server was declared dead",
    EndedInOrder: "verdict: a server ended its own presence",
    TakenFromDead: "verdict: a record of a dead server was taken",
    TakenFromEarlierHome: "verdict: a record of an earlier opening's server was taken",
    OwnId: "verdict: a server took a record that named it and that it did not hold",
    HandOffAsked: "verdict: a hand-off was asked for",
    GrantFirst: "write: a record was granted that had never been held",
    GrantFree: "write: a free record was granted",
    GrantTaken: "write: a record was taken",
    GrantStolen: "write: a record was stolen",
    TimeoutTaken: "write: a lease with a timeout ran out",
    Saved: "write: a save",
    SavedUnchanged: "write: a save of what was not changed",
    Released: "write: a release",
    Adopted: "write: a record was adopted",
    SeizedByOperator: "write: an operator wrote a leased record",
    WrittenUnleased: "write: an operator wrote a free record",
    Deleted: "write: an operator deleted an entry",
    Orphan: "write: a server released a record that it did not hold",
    EndsFull: "write: the oldest end of a grant was left out",
    SettledOwn: "settlement: a write was refused by itself",
    SettledOther: "settlement: another write of the session was found committed",
    SettledEnds: "settlement: the ends told what became of a grant",
    SettledForgotten: "settlement: the ends said nothing of a grant",
    SettledTombstone: "settlement: the entry was deleted",
    SettledWentBack: "settlement: the store had lost writes of a session",
    WriteUnknown: "settlement: what became of a write was unknown",
    Suspended: "session: suspended",
    ActiveAgain: "session: active again",
    Releasing: "session: a release was planned",
    LeaseLost: "session: the lease was lost",
    LostTaken: "session: lost to a server that declared this one dead",
    LostStolen: "session: lost to a thief",
    LostEdited: "session: lost to an operator",
    LostClosed: "session: not saved when its process closed",
    HandedOff: "session: a hand-off was requested of it",
    OpenTimedOut: "opening: the holder did not let go in time",
    OpenUnknown: "opening: the store did not tell in time",
    OpenTwice: "opening: it was open in the same server",
    OpenInvalid: "opening: what the record holds was refused",
    OpenCancelled: "opening: it was given up",
    OpenClosed: "opening: the server was closing",
    CheckpointDone: "receipt: a checkpoint was acknowledged",
    CheckpointUnknown: "receipt: a checkpoint was unknown at its deadline",
    CheckpointLost: "receipt: a checkpoint was not saved for certain",
    StaleMail: "mail: it was about an earlier fence",
    RevokedMail: "mail: a lease was revoked",
    SpillTaken: "spill: it was taken",
    SpillStored: "spill: it was stored already",
    SpillNotTaken: "spill: it was not what the session began with",
    SpillStale: "spill: it was stale",
    Closed: "close: every session was released or reported",
}

/// What was met.
#[derive(Debug)]
pub(super) struct Marks {
    met: Vec<bool>,
    pub(super) counts: Counts,
}

/// What is counted over a run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) commits: u64,
    pub(super) renewals: u64,
    pub(super) grants: u64,
    pub(super) takeovers: u64,
    pub(super) steals: u64,
    pub(super) adoptions: u64,
    pub(super) releases: u64,
    pub(super) saves: u64,
    pub(super) deaths: u64,
}

/// What a record's write finds.
#[derive(Debug)]
pub(super) struct Before {
    record: Option<RecordBody>,
    holder: Option<PresenceBody>,
}

impl Marks {
    pub(super) fn new() -> Self {
        Self { met: vec![false; Mark::ALL.len()], counts: Counts::default() }
    }

    /// Notes what happened.
    pub(super) fn meet(&mut self, mark: Mark) {
        let index = Mark::ALL.iter().position(|(other, _)| *other == mark);
        if let Some(met) = index.and_then(|index| self.met.get_mut(index)) {
            *met = true;
        }
    }

    /// Notes what happened, if it did.
    pub(super) fn meet_if(&mut self, mark: Mark, happened: bool) {
        if happened {
            self.meet(mark);
        }
    }

    pub(super) fn into_totals(self, totals: &mut Totals) {
        for ((_, name), met) in Mark::ALL.iter().zip(&self.met) {
            totals.sometimes(name, *met);
        }
        let Counts { commits, renewals, grants, takeovers, steals, adoptions, .. } = self.counts;
        for (name, count) in [
            ("commits", commits),
            ("commits besides renewals", commits - renewals),
            ("grants", grants),
            ("takeovers", takeovers),
            ("steals", steals),
            ("adoptions", adoptions),
            ("releases", self.counts.releases),
            ("saves", self.counts.saves),
            ("declared deaths", self.counts.deaths),
        ] {
            totals.add(name, count);
        }
    }

    /// What stands where a batch is about to write a record.
    pub(super) fn look(rows: &Rows, batch: &Batch) -> Option<Before> {
        let key = batch.writes.iter().find_map(|write| match write {
            Write::Put { key: key @ RowKey::Record(_), .. } => Some(key),
            Write::Put { .. } | Write::Delete { .. } => None,
        })?;
        let record = match rows.get(key) {
            Found::Row(Row { body: RowBody::Record(body), .. }) => Some(body),
            Found::Row(_) | Found::Absent | Found::Corrupt(_) => None,
        };
        let lease = record.as_ref().and_then(|record| record.lease);
        let holder = lease.and_then(|lease| match rows.get(&RowKey::Presence(lease.server)) {
            Found::Row(Row { body: RowBody::Presence(body), .. }) => Some(body),
            Found::Row(_) | Found::Absent | Found::Corrupt(_) => None,
        });
        Some(Before { record, holder })
    }

    /// A batch was written.
    pub(super) fn commit(
        &mut self,
        author: Author,
        batch: &Batch,
        before: Option<&Before>,
        opening: OpeningId,
    ) {
        self.counts.commits += 1;
        let mut how = None;
        let mut has_value = false;
        for write in &batch.writes {
            let Write::Put { body, .. } = write else { continue };
            match body {
                RowBody::Presence(body) => self.presence(batch, body),
                RowBody::Ends(ends) => {
                    how = ends.last().map(|end| end.how);
                    self.meet_if(Mark::EndsFull, ends.len() == ENDS_MAX);
                }
                RowBody::Mail(mail) => {
                    self.meet_if(Mark::HandOffAsked, mail.kind == MailKind::HandOff);
                }
                RowBody::Entry(body) => {
                    has_value = true;
                    self.meet_if(Mark::Deleted, body.is_tombstone());
                }
                RowBody::Record(_)
                | RowBody::Store(_)
                | RowBody::Revision(_)
                | RowBody::ApiKey(_)
                | RowBody::Universe(_)
                | RowBody::Ordered(_)
                | RowBody::Review => {}
            }
        }
        let after = batch.writes.iter().find_map(|write| match write {
            Write::Put { body: RowBody::Record(body), .. } => Some(body),
            Write::Put { .. } | Write::Delete { .. } => None,
        });
        if let (Some(after), Some(before)) = (after, before) {
            self.record(author, before, after, how, opening);
            let kept = before.record.as_ref().is_some_and(|before| before.fence == after.fence);
            self.meet_if(Mark::SavedUnchanged, kept && !has_value);
        }
    }

    fn presence(&mut self, batch: &Batch, body: &PresenceBody) {
        let is_first = batch
            .conditions
            .iter()
            .any(|(_, condition)| *condition == steadfast_core::Condition::Absent);
        match body.state {
            PresenceState::Alive => self.counts.renewals += u64::from(!is_first),
            PresenceState::Dead => self.counts.deaths += 1,
        }
    }

    fn record(
        &mut self,
        author: Author,
        before: &Before,
        after: &RecordBody,
        how: Option<How>,
        opening: OpeningId,
    ) {
        let old = before.record.as_ref().and_then(|record| record.lease);
        match (old, after.lease) {
            (None, Some(_)) => {
                self.counts.grants += 1;
                let is_first = before.record.is_none();
                self.meet(if is_first { Mark::GrantFirst } else { Mark::GrantFree });
            }
            (Some(old), Some(new)) if old.session == new.session => {
                let is_adopted = old.server != new.server;
                self.counts.adoptions += u64::from(is_adopted);
                self.counts.saves += u64::from(!is_adopted);
                self.meet(if is_adopted { Mark::Adopted } else { Mark::Saved });
            }
            (Some(old), Some(new)) => self.displaced(before, old, new, how, opening),
            (Some(_), None) => match author {
                Author::Process(_) => {
                    self.counts.releases += 1;
                    self.meet(Mark::Released);
                }
                Author::Operator => self.meet(Mark::SeizedByOperator),
            },
            (None, None) => self.meet(Mark::WrittenUnleased),
        }
    }

    /// A record was granted that another session held.
    fn displaced(
        &mut self,
        before: &Before,
        old: Lease,
        new: Lease,
        how: Option<How>,
        opening: OpeningId,
    ) {
        self.counts.grants += 1;
        if how == Some(How::Stolen) {
            self.counts.steals += 1;
            return self.meet(Mark::GrantStolen);
        }
        self.counts.takeovers += 1;
        self.meet(Mark::GrantTaken);
        if old.server == new.server {
            return self.meet(Mark::OwnId);
        }
        match &before.holder {
            // Rows of servers are removed after a day: no run lasts so long.
            None => {}
            Some(holder) if holder.state == PresenceState::Dead => self.meet(Mark::TakenFromDead),
            Some(holder) if holder.home.is_some_and(|home| home != opening) => {
                self.meet(Mark::TakenFromEarlierHome);
            }
            Some(_) => self.meet(Mark::TimeoutTaken),
        }
    }

    /// A game server is about to send a command.
    pub(super) fn sent(&mut self, outgoing: &Outgoing, process: &Process) {
        match &*outgoing.command {
            RecordCommand::Write(write) if write.body.lease.is_none() => {
                let session = write.end.map(|end| end.fence.session);
                let is_known = process.plays.iter().any(|play| Some(play.handle.id) == session);
                self.meet_if(Mark::Orphan, !is_known);
            }
            RecordCommand::WritePresence { server, body, .. }
                if body.state == PresenceState::Dead =>
            {
                let is_own = *server == process.server.id();
                self.meet(if is_own { Mark::EndedInOrder } else { Mark::DeathDeclared });
            }
            RecordCommand::Read { .. }
            | RecordCommand::Check(_)
            | RecordCommand::Write(_)
            | RecordCommand::WritePresence { .. }
            | RecordCommand::ReadMail { .. }
            | RecordCommand::PutMail { .. }
            | RecordCommand::DeleteMail { .. } => {}
        }
    }

    /// An answer arrives at a game server.
    pub(super) fn answer(
        &mut self,
        process: &Process,
        command: &RecordCommand,
        answer: &RecordAnswer,
    ) {
        let Ok(reply) = answer else { return };
        match (command, reply) {
            (
                RecordCommand::WritePresence { base: Some(_), write_id, .. },
                RecordReply::Presence(outcome),
            ) => match outcome {
                Outcome::Committed(renewed) => {
                    self.meet(Mark::RenewalCommitted);
                    for mail in &renewed.mail {
                        self.mail(process, mail);
                    }
                }
                Outcome::Unknown => self.meet(Mark::RenewalUnknown),
                Outcome::Refused(PresenceRefusal::Moved(None)) => {
                    self.meet(Mark::RenewalFoundNothing);
                }
                Outcome::Refused(PresenceRefusal::Moved(Some(stored))) => {
                    let is_dead = stored.body.state == PresenceState::Dead;
                    self.meet_if(Mark::RenewalFoundDead, is_dead);
                    let is_own = stored.revision.tag == write_id.tag();
                    self.meet_if(Mark::RenewalWasOwn, is_own && !is_dead);
                }
                Outcome::Refused(PresenceRefusal::Store(_)) => {}
            },
            (RecordCommand::Write(write), RecordReply::Written(outcome)) => match outcome {
                Outcome::Unknown => self.meet(Mark::WriteUnknown),
                Outcome::Refused(RecordRefusal::Moved(view)) => self.settled(write, view),
                Outcome::Committed(_)
                | Outcome::Refused(
                    RecordRefusal::Exhausted { .. }
                    | RecordRefusal::Unavailable { .. }
                    | RecordRefusal::Invalid(_),
                ) => {}
            },
            (_, RecordReply::Mail(mail)) => {
                for mail in mail {
                    self.mail(process, mail);
                }
            }
            (_, _) => {}
        }
    }

    fn mail(&mut self, process: &Process, mail: &steadfast_core::record::Mail) {
        self.meet_if(Mark::RevokedMail, mail.body.kind == MailKind::Revoked);
        let held =
            process.server.find(&mail.entry).and_then(|handle| process.server.session(handle));
        let is_stale = held.is_some_and(|session| session.fence() != mail.body.fence);
        self.meet_if(Mark::StaleMail, is_stale);
    }

    /// A write was refused, and the stored rows say why.
    fn settled(&mut self, write: &RecordWrite, view: &RecordView) {
        let Some(record) = &view.record else { return };
        let mine = write.end.map_or(write.body.fence, |end| end.fence);
        if record.body.write_id == write.write_id {
            return self.meet(Mark::SettledOwn);
        }
        if record.body.fence == mine {
            return self.meet(Mark::SettledOther);
        }
        let named = view.end_of(|end| end.fence.session == mine.session);
        self.meet(if named.is_some() { Mark::SettledEnds } else { Mark::SettledForgotten });
        let is_deleted = view.data.as_ref().is_some_and(|data| data.content.is_none());
        self.meet_if(Mark::SettledTombstone, is_deleted);
    }

    /// A game server tells something.
    pub(super) fn told(&mut self, event: &Event) {
        match event {
            Event::Opened { .. } => {}
            Event::OpenFailed { error, .. } => {
                if let Some(mark) = of_open_error(error) {
                    self.meet(mark);
                }
            }
            Event::Settled { result, .. } => match result {
                Ok(_) => self.meet(Mark::CheckpointDone),
                Err(SaveError::OutcomeUnknown { .. }) => self.meet(Mark::CheckpointUnknown),
                Err(SaveError::LeaseLost) => self.meet(Mark::CheckpointLost),
                Err(_) => {}
            },
            Event::Session { event, .. } => self.session(event),
            Event::Server(event) => match event {
                ServerEvent::Live(_) | ServerEvent::Stopped => {}
                ServerEvent::Doubtful => self.meet(Mark::Doubtful),
                ServerEvent::Dead(_) => self.meet(Mark::NewId),
                ServerEvent::WentBack => self.meet(Mark::StoreWentBack),
            },
            Event::Closed { .. } => self.meet(Mark::Closed),
        }
    }

    fn session(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::State(SessionState::Active) => self.meet(Mark::ActiveAgain),
            SessionEvent::State(SessionState::Suspended) => self.meet(Mark::Suspended),
            SessionEvent::State(SessionState::Releasing) => self.meet(Mark::Releasing),
            SessionEvent::State(SessionState::LeaseLost) => self.meet(Mark::LeaseLost),
            SessionEvent::WentBack => self.meet(Mark::SettledWentBack),
            SessionEvent::HandOffRequested { .. } => self.meet(Mark::HandedOff),
            SessionEvent::SpillStale => self.meet(Mark::SpillStale),
            SessionEvent::Lost { reason, .. } => match reason {
                LossReason::Taken => self.meet(Mark::LostTaken),
                LossReason::Stolen => self.meet(Mark::LostStolen),
                LossReason::Edited => self.meet(Mark::LostEdited),
                LossReason::Closed => self.meet(Mark::LostClosed),
                LossReason::Forgotten | LossReason::Deleted | LossReason::Impossible(_) => {}
            },
            SessionEvent::State(SessionState::Released)
            | SessionEvent::Saved { .. }
            | SessionEvent::SaveFailed(_)
            | SessionEvent::Released => {}
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the rest say nothing about the protocol, nor will what is added"
)]
fn of_open_error(error: &OpenError) -> Option<Mark> {
    match error {
        OpenError::AlreadyOpen { .. } => Some(Mark::OpenTwice),
        OpenError::LockTimeout { .. } => Some(Mark::OpenTimedOut),
        OpenError::OutcomeUnknown { .. } => Some(Mark::OpenUnknown),
        OpenError::InvalidData { .. } => Some(Mark::OpenInvalid),
        OpenError::Cancelled { .. } => Some(Mark::OpenCancelled),
        OpenError::Closed => Some(Mark::OpenClosed),
        _ => None,
    }
}

//! What some run must meet: every row of the protocol's tables, as it shows in batches, answers and
//! events. A world in which one of them never happens no longer attacks it.

mod list;
mod operations;
mod schemas;

use steadfast_core::game_server::{Event, Outgoing, ServerEvent};
use steadfast_core::operation::ReceiptBody;
use steadfast_core::record::{
    ENDS_MAX, How, Lease, MailKind, PresenceBody, PresenceRefusal, PresenceState, RecordAnswer,
    RecordBody, RecordCommand, RecordRefusal, RecordReply, RecordView, RecordWrite,
};
use steadfast_core::session::{
    LossReason, OpenError, QueueError, SaveError, SessionEvent, SessionState,
};
use steadfast_core::{Batch, Found, OpeningId, Outcome, Row, RowBody, RowKey, Write};
use steadfast_sim::Totals;
use steadfast_storage::Rows;

pub(super) use list::Mark;

use super::process::Process;
use super::witness::Author;

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
                    let is_by_session = matches!(author, Author::Process(_));
                    self.meet_if(Mark::Deleted, body.is_tombstone() && !is_by_session);
                    self.meet_if(Mark::DeletedBySession, body.is_tombstone() && is_by_session);
                }
                RowBody::Ledger(body) => self.ledger(body),
                RowBody::Record(_)
                | RowBody::Store(_)
                | RowBody::Revision(_)
                | RowBody::ApiKey(_)
                | RowBody::Universe(_)
                | RowBody::Ordered(_)
                | RowBody::Review => {}
            }
        }
        self.forgotten(batch);
        let after = batch.writes.iter().find_map(|write| match write {
            Write::Put { body: RowBody::Record(body), .. } => Some(body),
            Write::Put { .. } | Write::Delete { .. } => None,
        });
        if let (Some(after), Some(before)) = (after, before) {
            self.record(author, before, after, how, opening);
            self.migrated(batch, before, after);
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
        if let RecordCommand::Write(write) = &*outgoing.command
            && write.ledger.is_some()
        {
            self.sends_again(write, process);
        }
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
            | RecordCommand::WriteAll(_)
            | RecordCommand::WritePresence { .. }
            | RecordCommand::ReadMail { .. }
            | RecordCommand::PutMail { .. }
            | RecordCommand::DeleteMail { .. }
            | RecordCommand::Queue(_)
            | RecordCommand::Judge(_)
            | RecordCommand::ReadInbox { .. }
            | RecordCommand::ReadOperation { .. }
            | RecordCommand::ReadReceipts { .. }
            | RecordCommand::ReadDeadLetters { .. } => {}
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
            (_, RecordReply::WrittenAll(outcome)) => {
                self.meet_if(Mark::JointUnknown, matches!(outcome, Outcome::Unknown));
            }
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
            Event::OpenFailed { error, .. } => {
                if let Some(mark) = of_open_error(error) {
                    self.meet(mark);
                }
                if let OpenError::Data { error, .. } = error {
                    self.not_loaded(error);
                }
            }
            Event::Settled { result, .. } => match result {
                Ok(_) => self.meet(Mark::CheckpointDone),
                Err(SaveError::OutcomeUnknown { .. }) => self.meet(Mark::CheckpointUnknown),
                Err(SaveError::LeaseLost) => self.meet(Mark::CheckpointLost),
                Err(_) => {}
            },
            Event::Queued { result: Ok(queued), .. } => self.queued(Ok(queued)),
            Event::Queued { result: Err(QueueError::Refused(refusal)), .. } => {
                self.queued(Err(refusal));
            }
            Event::Opened { .. } | Event::Queued { result: Err(_), .. } => {}
            Event::Operation { result, .. } => {
                if let Ok(view) = result {
                    let status = view.receipt.as_ref().and_then(ReceiptBody::status);
                    let is_ended = status.is_some();
                    self.meet(if is_ended { Mark::AwaitedEnd } else { Mark::AwaitedInVain });
                }
            }
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
            SessionEvent::SchemaAhead { .. } => self.meet(Mark::PassedThrough),
            SessionEvent::OperationRetried { .. } => self.meet(Mark::Retried),
            SessionEvent::SaveFailed(SaveError::Refused { .. }) => self.meet(Mark::HookRefused),
            SessionEvent::Lost { reason, spill } => {
                let has_ends = spill.as_ref().is_some_and(|spill| !spill.settled.is_empty());
                self.meet_if(Mark::SpillWithOperations, has_ends);
                self.lost(reason);
            }
            SessionEvent::State(SessionState::Released)
            | SessionEvent::Saved { .. }
            | SessionEvent::SaveFailed(_)
            | SessionEvent::OperationRun { .. }
            | SessionEvent::OperationEnded(_)
            | SessionEvent::Released => {}
        }
    }

    fn lost(&mut self, reason: &LossReason) {
        match reason {
            LossReason::Taken => self.meet(Mark::LostTaken),
            LossReason::Stolen => self.meet(Mark::LostStolen),
            LossReason::Edited => self.meet(Mark::LostEdited),
            LossReason::Closed => self.meet(Mark::LostClosed),
            LossReason::HookPanicked => self.meet(Mark::HookPanicked),
            LossReason::Forgotten | LossReason::Deleted | LossReason::Impossible(_) => {}
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
        OpenError::Data { .. } => Some(Mark::OpenInvalid),
        OpenError::Cancelled { .. } => Some(Mark::OpenCancelled),
        OpenError::Closed => Some(Mark::OpenClosed),
        _ => None,
    }
}
